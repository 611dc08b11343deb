"""The health board: what was learned of every model at every key, for all requests of a process.

It outlives the config: what is known of a name stays known as long as the name is configured. Only what a new config
may have put right (keys, access, retired models) is looked at anew.
"""

from __future__ import annotations

import logging

from gateway.config.snapshot import Snapshot
from gateway.core.clock import Clock
from gateway.core.errors import Failure, FailureClass
from gateway.core.health import BreakerView, Unwell
from gateway.core.plan import Candidate
from gateway.execute.budget import Budget
from gateway.execute.lane import Lane
from gateway.execute.pace import Pace
from gateway.execute.timings import Timings

NEEDS_SOMEBODY = frozenset(
    {FailureClass.CREDENTIAL, FailureClass.MODEL_ACCESS, FailureClass.MODEL_GONE, FailureClass.QUOTA}
)
"""Classes that pass only when a person does something."""
PUT_RIGHT_BY_CONFIG = frozenset({"upstream_auth", "model_gone"})

log = logging.getLogger("gateway.execute")


class HealthBoard:
    """Implements core.health.Health, and what deciding asks (decide.Lookout). Belongs to one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lanes: dict[str, tuple[Lane, ...]] = {}
        self._by_name: dict[tuple[str, str, str], Lane] = {}
        self._troubled: dict[Lane, None] = {}
        self._paces: dict[tuple[str, bool], Pace] = {}
        self._budgets: dict[str, Budget] = {}
        self._hedge_budgets: dict[str, Budget] = {}
        self._timings: dict[tuple[str, str, bool], Timings] = {}

    def adopt(self, snapshot: Snapshot) -> None:
        """Know the names of a config, and forget all others."""
        before, self._by_name = self._by_name, {}
        self._lanes = {}
        rules = snapshot.breakers
        now = self._clock.monotonic()
        for model in snapshot.models.values():
            lanes = []
            for key in snapshot.providers[model.provider].keys:
                name = (model.provider, model.name, key.name)
                lane = before.get(name) or Lane(*name, rules, self._on_change)
                lane.breaker.rules = rules
                if lane.breaker.reason in PUT_RIGHT_BY_CONFIG:
                    lane.breaker.close(now)
                self._by_name[name] = lane
                lanes.append(lane)
            self._lanes[model.name] = tuple(lanes)
        self._troubled = {lane: None for lane in self._by_name.values() if lane.breaker.reason}
        self._budgets = {name: self._budgets.get(name) or Budget(snapshot.retry.budget) for name in snapshot.providers}
        for budget in self._budgets.values():
            budget.share = snapshot.retry.budget
        self._hedge_budgets = {
            route.name: self._hedge_budgets.get(route.name) or Budget(route.hedge.max_extra, saved=0.0)
            for route in snapshot.routes
            if route.hedge is not None
        }
        self._timings = {key: timings for key, timings in self._timings.items() if key[0] in snapshot.models}
        self._paces = {
            (name, stream): self._paces.get((name, stream)) or Pace()
            for name in snapshot.models
            for stream in (False, True)
        }

    def forget(self) -> None:
        """Everybody is well again, as far as we know."""
        now = self._clock.monotonic()
        for lane in tuple(self._troubled):
            lane.breaker.close(now)
        self._troubled.clear()

    def reached(self, provider: str, failure: Failure | None) -> None:
        """A probe found the provider there, so that who waits for it may try at once; or it did not (`failure`)."""
        now = self._clock.monotonic()
        for lane in self._by_name.values():
            if lane.provider != provider:
                continue
            if failure is None:
                lane.breaker.end_wait(now)
            elif lane.breaker.failed(failure, lane.breaker.opened, now):
                lane.tell(lane, failure)

    def lanes(self, model: str) -> tuple[Lane, ...]:
        return self._lanes[model]

    def all_lanes(self) -> tuple[Lane, ...]:
        return tuple(self._by_name.values())

    def opened_elsewhere(self, lane: Lane) -> None:
        """Another process has opened its breaker, and so was this one."""
        self._troubled[lane] = None
        log.info("breaker opened elsewhere", extra={**_names(lane), "reason": lane.breaker.reason})

    def closed_elsewhere(self, lane: Lane) -> None:
        self._troubled.pop(lane, None)
        log.info("breaker closed elsewhere", extra=_names(lane))

    def budget(self, provider: str) -> Budget:
        """What the provider may be asked again."""
        return self._budgets[provider]

    def hedge_budget(self, route: str, share: float) -> Budget:
        """What the route may ask twice."""
        budget = self._hedge_budgets.get(route)
        if budget is None:
            budget = self._hedge_budgets[route] = Budget(share, saved=0.0)
        budget.share = share
        return budget

    def timings(self, model: str, task: str, stream: bool) -> Timings:
        key = (model, task, stream)
        found = self._timings.get(key)
        if found is None:
            found = self._timings[key] = Timings()
        return found

    def pace_of(self, model: str, stream: bool) -> Pace:
        return self._paces[model, stream]

    def well(self, candidate: Candidate) -> bool:
        return self.unwell(candidate.model) is None

    def spare_key(self, candidate: Candidate, used: frozenset[str]) -> bool:
        now = self._clock.monotonic()
        lanes = self._lanes.get(candidate.model, ())
        return any(lane.key not in used and lane.breaker.available(now) for lane in lanes)

    def may_retry(self, provider: str) -> bool:
        budget = self._budgets.get(provider)
        return budget is None or budget.withdraw()

    @property
    def troubled(self) -> bool:
        return bool(self._troubled)

    def unwell(self, model: str) -> Unwell | None:
        now = self._clock.monotonic()
        return unwell(self._lanes.get(model, ()), now)

    def pace(self, model: str, stream: bool) -> float:
        pace = self._paces.get((model, stream))
        return 0.0 if pace is None else pace.seconds(self._clock.monotonic())

    def view(self) -> tuple[BreakerView, ...]:
        """Every breaker, by provider, model and key."""
        now = self._clock.monotonic()
        return tuple(self._by_name[name].view(now) for name in sorted(self._by_name))

    def _on_change(self, lane: Lane, failure: Failure | None) -> None:
        """A breaker opened or closed. One of a name that is configured no more is nobody's concern."""
        if self._by_name.get((lane.provider, lane.model, lane.key)) is not lane:
            return
        if failure is None:
            self._troubled.pop(lane, None)
            log.info("breaker closed", extra=_names(lane))
            return
        self._troubled[lane] = None
        told = {**_names(lane), "class": failure.cls.value, "reason": failure.reason}
        told["seconds"] = round(lane.breaker.until - self._clock.monotonic(), 1)
        if failure.cls in NEEDS_SOMEBODY or failure.reason == "tls_error":
            log.error("breaker opened, and somebody has to look", extra={**told, "alert": True})
        else:
            log.warning("breaker opened", extra=told)
        if failure.cls is FailureClass.CREDENTIAL:
            self._refuse_key(lane)

    def _refuse_key(self, refused: Lane) -> None:
        """A key that is refused is refused for every model."""
        now = self._clock.monotonic()
        for lane in self._by_name.values():
            same = lane.provider == refused.provider and lane.key == refused.key
            if same and lane is not refused:
                lane.breaker.open(refused.breaker.reason, refused.breaker.until - now, now)
                self._troubled[lane] = None


def unwell(lanes: tuple[Lane, ...], now: float) -> Unwell | None:
    """None while one of the lanes may be used, else why the one that is back first may not."""
    first: Lane | None = None
    for lane in lanes:
        if lane.breaker.available(now):
            return None
        if first is None or lane.breaker.until < first.breaker.until:
            first = lane
    return None if first is None else Unwell(first.breaker.reason, max(0.0, first.breaker.until - now))


def _names(lane: Lane) -> dict[str, object]:
    return {"provider": lane.provider, "model": lane.model, "key": lane.key}
