"""A Snapshot without some of its providers: who takes over on each route and for each pinned model, at what price, and
what is lost. Pure: the day whose prices count is handed in.

A provider that vanishes refuses connections, lets them hang, or knows neither key nor model any more; the gateway moves
on for all of these alike, so that the chain, `fallback_on` and `max_attempts` decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from gateway.config.lint import lacks
from gateway.config.snapshot import DEFAULT_FALLBACK_ON, Model, Route, Snapshot
from gateway.core.errors import FailureClass
from gateway.core.money import Price, cost_nano_usd, price_on
from gateway.core.usage import Usage

Verdict = Literal["untouched", "loses a spare", "falls back", "dies"]
Kind = Literal["route", "pinned"]

VANISHED = (FailureClass.TRANSIENT, FailureClass.TIMEOUT)
"""As what a provider that is gone shows itself."""


@dataclass(frozen=True, slots=True)
class Typical:
    """The request whose cost is compared."""

    input: int = 2000
    output: int = 500

    @property
    def usage(self) -> Usage:
        return Usage(input=self.input, output=self.output, source="estimated")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one model asks for a typical request: nano-USD per million tokens in and out, and nano-USD for all of it."""

    input: int
    output: int
    request: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of one route, or of the requests that name one model.

    `chain` are the models that may serve it, in the order in which they are asked; `passed_over` are members that the
    route's own conditions leave out. `before` and `after` answer, `spares` stand behind `after`. `why` says it in words
    where it dies. `typical` is the request of the costs; a cost is None where a model has no price. `losses` are what
    `after` has less of than `before`.
    """

    kind: Kind
    name: str
    verdict: Verdict
    chain: tuple[str, ...]
    passed_over: tuple[str, ...]
    typical: Typical
    before: str | None = None
    after: str | None = None
    spares: tuple[str, ...] = ()
    cost_before: Cost | None = None
    cost_after: Cost | None = None
    losses: tuple[str, ...] = ()
    why: str = ""
    expected: bool = False
    """It dies because nothing was ever set to stand in for it: a pinned model without `fallbacks`."""
    shares: bool = False
    """Its members share the requests out (`prefer: weights` or `fastest`): `before` has the largest share, or is merely
    the first of the chain."""


@dataclass(frozen=True, slots=True)
class Drill:
    """One exercise: these providers are gone."""

    without: tuple[str, ...]
    outcomes: tuple[Outcome, ...]

    def count(self, verdict: Verdict, kind: Kind = "route") -> int:
        return sum(outcome.verdict == verdict and outcome.kind == kind for outcome in self.outcomes)

    def fails(self, strict: bool) -> bool:
        """Whether anything dies; pinned models that nobody ever gave a fallback count only if `strict`."""
        return any(outcome.verdict == "dies" and (strict or not outcome.expected) for outcome in self.outcomes)


def drill(snapshot: Snapshot, without: Sequence[str], typical: Typical, day: date) -> Drill:
    """Every route in its order, then every model of the catalogue."""
    gone = frozenset(without)
    outcomes = [_route(route, gone, snapshot, typical, day) for route in snapshot.routes]
    outcomes += [_pinned(model, gone, snapshot, typical, day) for model in snapshot.models.values()]
    return Drill(tuple(without), tuple(outcomes))


def each_provider(snapshot: Snapshot, typical: Typical, day: date) -> tuple[Drill, ...]:
    """One drill per provider, each of them gone alone."""
    return tuple(drill(snapshot, (name,), typical, day) for name in snapshot.providers)


def fit_members(route: Route, snapshot: Snapshot) -> tuple[str, ...]:
    """The members of a chain that its own conditions and constraints let serve."""
    models = snapshot.models
    return tuple(name for name in route.chain if not any(lacks(models[name], route, snapshot)))


def _route(route: Route, gone: frozenset[str], snapshot: Snapshot, typical: Typical, day: date) -> Outcome:
    least = route.when.input_tokens.over if route.when and route.when.input_tokens else None
    if least is not None and least >= typical.input:
        typical = Typical(int(least) + 1, typical.output)
    chain = fit_members(route, snapshot)
    if route.prefer == "cheapest":
        chain = tuple(sorted(chain, key=lambda name: _rank(_cost(snapshot.models[name], typical, day))))
    elif route.prefer == "weights":
        weights = dict(route.weights)
        chain = tuple(sorted(chain, key=lambda name: -weights[name]))
    passed_over = tuple(name for name in route.chain if name not in chain)
    outcome = _judge(
        _Chain("route", route.name, chain, passed_over, route.fallback_on, route.max_attempts),
        gone,
        snapshot,
        typical,
        day,
    )
    return replace(outcome, shares=route.prefer in ("weights", "fastest"))


def _pinned(model: Model, gone: frozenset[str], snapshot: Snapshot, typical: Typical, day: date) -> Outcome:
    chain = (model.name, *model.fallbacks)
    return _judge(
        _Chain("pinned", model.name, chain, (), DEFAULT_FALLBACK_ON, snapshot.max_attempts),
        gone,
        snapshot,
        typical,
        day,
    )


@dataclass(frozen=True, slots=True)
class _Chain:
    kind: Kind
    name: str
    members: tuple[str, ...]
    passed_over: tuple[str, ...]
    fallback_on: frozenset[FailureClass]
    max_attempts: int


def _judge(chain: _Chain, gone: frozenset[str], snapshot: Snapshot, typical: Typical, day: date) -> Outcome:
    models = snapshot.models
    members = chain.members
    left = tuple(name for name in members if models[name].provider not in gone)
    dead = Outcome(chain.kind, chain.name, "dies", members, chain.passed_over, typical)
    if not members:
        return replace(dead, why=_why_dead(chain, left))
    before = members[0]
    dead = replace(dead, before=before, cost_before=_cost(models[before], typical, day))
    why = _why_dead(chain, left)
    if why:
        return replace(dead, why=why, expected=chain.kind == "pinned" and len(members) == 1)
    return replace(
        dead,
        verdict="untouched" if left == members else "loses a spare" if left[0] == before else "falls back",
        after=left[0],
        spares=left[1:],
        cost_after=_cost(models[left[0]], typical, day),
        losses=tuple(_losses(models[before], models[left[0]], snapshot)),
    )


def _why_dead(chain: _Chain, left: tuple[str, ...]) -> str:
    """Empty where the first that is left is reached."""
    if not chain.members:
        return "no member of its chain may serve it"
    if not left:
        if chain.kind == "pinned" and len(chain.members) == 1:
            return "it has no fallbacks"
        return "nobody else is in its chain"
    asked_in_vain = chain.members.index(left[0])
    if not asked_in_vain:
        return ""
    missing = [cls.value for cls in VANISHED if cls not in chain.fallback_on]
    if missing:
        return f"fallback_on leaves out {' and '.join(missing)}"
    if asked_in_vain >= chain.max_attempts:
        return f"max_attempts {chain.max_attempts} is used up before {left[0]}"
    return ""


def _cost(model: Model, typical: Typical, day: date) -> Cost | None:
    price: Price | None = price_on(model.prices, day)
    if price is None:
        return None
    rates = price.rates_for(typical.input)
    return Cost(rates.input, rates.output, cost_nano_usd(typical.usage, price))


def _rank(cost: Cost | None) -> float:
    return float("inf") if cost is None else cost.request


def _losses(before: Model, after: Model, snapshot: Snapshot) -> Iterator[str]:
    abilities = sorted(before.target.capabilities - after.target.capabilities)
    if abilities:
        yield f"no {', '.join(abilities)}"
    old, new = before.target.context_window, after.target.context_window
    if new is not None and (old is None or new < old):
        yield f"context {short(old) if old else 'unknown'} to {short(new)}"
    for word in ("region", "retention"):
        had, has = (getattr(snapshot.providers[model.provider], word) for model in (before, after))
        if had != has:
            yield f"{word} {had or 'unstated'} to {has or 'unstated'}"
    if before.tier and after.tier and before.tier != after.tier:
        yield f"tier {before.tier} to {after.tier}"


def short(tokens: int) -> str:
    """200000 -> 200k, 1048576 -> 1.05M."""
    if tokens >= 1_000_000:
        return f"{tokens / 1e6:.3g}M"
    return f"{tokens / 1e3:.4g}k" if tokens >= 1000 else str(tokens)
