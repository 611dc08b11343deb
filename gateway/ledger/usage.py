"""Reports: the sums of a span of time, grouped as asked for, and what can be said of them. Pure over a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.ledger.rollup import DAY, DURATION, HOUR, SCORE_UNIT, TO_FIRST, SumKey, add, quantile
from gateway.ledger.store import Store

HOURLY_UP_TO_S = 2 * DAY
"""A longer span is read from daily sums, and begins at midnight UTC."""

GROUPS: Mapping[str, Callable[[SumKey], str]] = {
    "task": lambda key: key.dimensions.task,
    "route": lambda key: key.dimensions.route,
    "model": lambda key: key.dimensions.model,
    "key": lambda key: key.dimensions.key,
    "team": lambda key: key.dimensions.team,
    "day": lambda key: datetime.fromtimestamp(key.start, UTC).strftime("%Y-%m-%d"),
    "hour": lambda key: datetime.fromtimestamp(key.start, UTC).strftime("%Y-%m-%dT%H:00Z"),
}
FILTERS = ("task", "route", "model", "key", "team")


@dataclass(frozen=True, slots=True)
class Query:
    """`since` and `until` are epoch seconds, `until` excluded. `by` are names of GROUPS; `only` holds values that a
    filter's dimension must have."""

    since: int
    until: int
    by: tuple[str, ...] = ("task",)
    only: tuple[tuple[str, str], ...] = ()

    @property
    def grain(self) -> int:
        wants_hours = "hour" in self.by or ("day" not in self.by and self.until - self.since <= HOURLY_UP_TO_S)
        return HOUR if wants_hours else DAY


@dataclass(frozen=True, slots=True)
class Line:
    """One group. Counters are the sums' own (docs/ledger.md); money is nano-USD, times are seconds."""

    group: tuple[str, ...]
    counters: Mapping[str, int]

    @property
    def requests(self) -> int:
        return self.counters.get("requests", 0)

    @property
    def errors(self) -> int:
        """Requests that ended in an error of ours or of a provider, or with their worker."""
        return self.counters.get("outcome:error", 0) + self.counters.get("outcome:lost", 0)

    @property
    def error_share(self) -> float:
        return self.errors / self.requests if self.requests else 0.0

    @property
    def input_tokens(self) -> int:
        kinds = ("input", "input_audio", "cache_read", "cache_read_audio", "cache_write_5m", "cache_write_1h")
        return sum(self.counters.get(f"tokens:{kind}", 0) for kind in kinds)

    @property
    def cached_tokens(self) -> int:
        return self.counters.get("tokens:cache_read", 0) + self.counters.get("tokens:cache_read_audio", 0)

    @property
    def output_tokens(self) -> int:
        return sum(self.counters.get(f"tokens:{kind}", 0) for kind in ("output", "reasoning", "output_audio"))

    @property
    def cost(self) -> int:
        return self.counters.get("cost", 0)

    @property
    def unpriced(self) -> int:
        return self.counters.get("unpriced", 0)

    @property
    def wasted(self) -> int:
        """Of the cost, what bought no answer that a client got."""
        return sum(amount for name, amount in self.counters.items() if name in _WASTE)

    @property
    def baselines(self) -> Mapping[str, int]:
        return _named(self.counters, "baseline:")

    @property
    def savings(self) -> Mapping[str, int]:
        """Against each baseline, over the requests that it is known for; net of retries, failures and hedges."""
        beside = _named(self.counters, "beside:")
        return {model: amount - beside.get(model, 0) for model, amount in self.baselines.items()}

    @property
    def defects(self) -> Mapping[str, int]:
        return _named(self.counters, "defect:")

    @property
    def score(self) -> float | None:
        """The mean of the feedback's scores."""
        scored = self.counters.get("feedback_scored", 0)
        return self.counters.get("feedback_score", 0) / SCORE_UNIT / scored if scored else None

    def duration(self, share: float) -> float | None:
        return quantile(self.counters, DURATION, share)

    def first_token(self, share: float) -> float | None:
        return quantile(self.counters, TO_FIRST, share)


_WASTE = frozenset({"cost:failed", "cost:hedge"})


@dataclass(frozen=True, slots=True)
class Report:
    """`since` is where the sums that were read begin: at an hour or, for a long span, at midnight UTC."""

    by: tuple[str, ...]
    since: int
    until: int
    lines: tuple[Line, ...]
    total: Line = field(default_factory=lambda: Line((), {}))


def report(store: Store, query: Query) -> Report:
    """Raises StoreUnavailable."""
    grain = query.grain
    since = query.since - query.since % grain
    groups: dict[tuple[str, ...], dict[str, int]] = {}
    total: dict[str, int] = {}
    for key, counters in store.sums(grain, since, query.until):
        if all(getattr(key.dimensions, name) == value for name, value in query.only):
            group = tuple(GROUPS[name](key) for name in query.by)
            add(groups.setdefault(group, {}), counters)
            add(total, counters)
    lines = [Line(group, counters) for group, counters in groups.items()]
    return Report(query.by, since, query.until, _ordered(lines, query.by), Line((), total))


def _ordered(lines: Iterable[Line], by: Sequence[str]) -> tuple[Line, ...]:
    """Days and hours in time's order; else what costs most first."""
    if by and by[0] in ("day", "hour"):
        return tuple(sorted(lines, key=lambda line: (line.group[0], -line.cost, line.group)))
    return tuple(sorted(lines, key=lambda line: (-line.cost, -line.requests, line.group)))


def _named(counters: Mapping[str, int], prefix: str) -> dict[str, int]:
    return {name[len(prefix) :]: value for name, value in counters.items() if name.startswith(prefix)}
