"""What routing decided (Plan, RouteTrace) and what execution did with it (Attempt, Record).

Values that are made for each request are named tuples: as immutable as a frozen dataclass, and made in a quarter of
its time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from gateway.core.errors import Failure, FailureClass
from gateway.core.label import Label, Signals
from gateway.core.usage import Usage

AttemptKind = Literal["first", "retry", "fallback", "hedge", "shadow", "probe"]
"""Why an attempt was made."""

CostKind = Literal["final", "failed", "hedge", "shadow", "probe"]
"""What money bought: the answer that the client got; attempts that gave none; losers of a race; calls of our own."""

NONE = "none"
"""What a record and its sums say where there was no route, task, model, provider or caller."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `connect`: TCP and TLS. `pool`: waiting for a free connection. `first_token`: request sent until a
    stream's first content. `answer`: request sent until a non-streamed answer is whole; both are per attempt. `idle`:
    gap between two stream events. `total`: all attempts together, to the last byte."""

    connect: float = 5.0
    pool: float = 5.0
    first_token: float = 60.0
    answer: float = 300.0
    idle: float = 60.0
    total: float = 600.0


@dataclass(frozen=True, slots=True)
class Hedge:
    """When a late candidate gets company: after the `quantile` of its own times, or after `after_s` where that is
    given. `max_extra` is the share of a route's requests that may be asked twice, in requests of the first's price."""

    quantile: float = 0.95
    after_s: float | None = None
    max_extra: float = 0.05


class Candidate(NamedTuple):
    """One model that may serve the request, by its catalogue name."""

    model: str
    provider: str


class Rejection(NamedTuple):
    """A candidate that a constraint removed, and why."""

    name: str
    reason: str


class Mismatch(NamedTuple):
    """The first condition of a rule that did not hold: what was found, what was wanted. Put into words only when
    somebody reads it: most requests pass several rules by."""

    rule: str
    condition: str
    found: Any
    wanted: Any

    @property
    def reason(self) -> str:
        wanted = " or ".join(sorted(self.wanted)) if isinstance(self.wanted, frozenset) else str(self.wanted)
        match self.condition:
            case "has":
                return f"has no {wanted}"
            case "tags":
                return f"has no tag {wanted}"
            case "model":
                return f"model asked for is not {wanted}"
            case "task":
                found = " + ".join((self.found.task, *sorted(self.found.flags)))
            case _:
                number = isinstance(self.found, (int, float))
                found = "unknown" if self.found is None else str(round(self.found, 3) if number else self.found)
        return f"{self.condition} is {found}, not {wanted}"


class RouteTrace(NamedTuple):
    """Why a plan is what it is: data, so that it can be shown and replayed. `put_back` are candidates that are tried
    after all others, because their breaker is open."""

    asked_for: str
    route: str
    matched: tuple[str, ...] = ()
    rules_rejected: tuple[Mismatch, ...] = ()
    candidates_rejected: tuple[Rejection, ...] = ()
    put_back: tuple[Rejection, ...] = ()


class Plan(NamedTuple):
    """Candidates in order, and the limits under which they may be tried.

    `on_context_window` and `on_content_policy` are who comes next after a failure of that class; None: the rest of the
    candidates. `session` stands for the conversation that the request is part of, where the route keeps it in one
    place. `warnings` are for the client. With `hedge` a candidate that is late gets another beside it.
    """

    candidates: tuple[Candidate, ...]
    fallback_on: frozenset[FailureClass]
    timeouts: Timeouts
    max_attempts: int
    trace: RouteTrace
    on_context_window: tuple[Candidate, ...] | None = None
    on_content_policy: tuple[Candidate, ...] | None = None
    session: bytes | None = None
    warnings: tuple[str, ...] = ()
    hedge: Hedge | None = None


@dataclass(slots=True)
class Attempt:
    """One call to one candidate, filled in while it runs. Times are monotonic seconds; cost is nano-USD.

    `kind` is why it was made: "first", "retry" for the same again, "fallback" for the next, "hedge" for one that runs
    beside another. `key` is the name of the credential where a provider has several. `service_tier` is the one that
    the vendor reports; `price_version` names the price that the cost was taken from. `cancelled`: we ended it, because
    another was faster or the client had gone.
    """

    candidate: Candidate
    kind: AttemptKind
    started: float
    ended: float | None = None
    first_token: float | None = None
    status: int | None = None
    failure: Failure | None = None
    usage: Usage | None = None
    cost_nano_usd: int | None = None
    service_tier: str | None = None
    price_version: str | None = None
    bytes_received: int = 0
    warnings: tuple[str, ...] = ()
    key: str | None = None
    cancelled: bool = False


def costs_of(attempts: list[Attempt]) -> dict[CostKind, int]:
    """Nano-USD by what it bought; attempts without a price are left out. The last attempt that was neither cancelled
    for another nor a call of our own is the one that the client has."""
    costs: dict[CostKind, int] = {}
    final = answering(attempts)
    for attempt in attempts:
        if attempt.cost_nano_usd:
            kind = bought(attempt, final)
            costs[kind] = costs.get(kind, 0) + attempt.cost_nano_usd
    return costs


def answering(attempts: list[Attempt]) -> Attempt | None:
    """The attempt whose answer, or whose failure, the client was given."""
    if len(attempts) == 1:
        return attempts[0]
    for attempt in reversed(attempts):
        if attempt.first_token is not None and not attempt.cancelled and attempt.kind not in ("shadow", "probe"):
            return attempt
    for attempt in reversed(attempts):
        if attempt.kind not in ("shadow", "probe") and not attempt.cancelled:
            return attempt
    return attempts[-1] if attempts else None


def bought(attempt: Attempt, final: Attempt | None) -> CostKind:
    """What the money of an attempt went for, beside the one that the client was given."""
    if attempt.kind == "shadow" or attempt.kind == "probe":
        return attempt.kind
    if attempt is final:
        return "final"
    return "hedge" if attempt.cancelled else "failed"


def cost_of(attempts: list[Attempt]) -> int | None:
    """Nano-USD of all attempts that used anything; None while there is none, or where one of them is unpriced."""
    total: int | None = None
    for attempt in attempts:
        if attempt.usage is not None:
            if attempt.cost_nano_usd is None:
                return None
            total = attempt.cost_nano_usd + (total or 0)
    return total


@dataclass(slots=True)
class Record:
    """Everything known of one request, as it goes to observers when the request has ended.

    `outcome` is "ok", "error", "client_gone" or "rejected". `created` is epoch seconds, the other times are monotonic
    seconds; `ended` is when the last byte was handed to the server. `principal`, `team` and `tags` are the caller's;
    `asked_for` is the `model` of the request. `cost_nano_usd` is the cost of all attempts, None while any of them is
    unpriced; `costs` has it by what it bought. `baselines` are the models named in the config and what the tokens of
    `usage` would have cost there, None for an unpriced one. `quality` are the defects that the answer itself shows
    (core.quality). `hops` is how many gateways the request had passed before this one; `tell_cost` whether
    its sender wants the cost inside the answer's `usage`; `traceparent` is the client's header of that name.
    """

    request_id: str
    created: float
    started: float
    stream: bool
    principal: str = ""
    team: str | None = None
    tags: frozenset[str] = frozenset()
    asked_for: str = ""
    config: str = ""
    signals: Signals | None = None
    label: Label | None = None
    plan: Plan | None = None
    attempts: list[Attempt] = field(default_factory=list)
    ended: float | None = None
    first_token: float | None = None
    outcome: str = "error"
    http_status: int = 0
    finish_reason: str | None = None
    usage: Usage | None = None
    cost_nano_usd: int | None = None
    costs: dict[CostKind, int] = field(default_factory=dict)
    baselines: tuple[tuple[str, int | None], ...] = ()
    quality: tuple[str, ...] = ()
    error_code: str | None = None
    hops: int = 0
    tell_cost: bool = False
    traceparent: str | None = None

    @property
    def final(self) -> Attempt | None:
        return answering(self.attempts)
