"""One key's use of one model: its breaker and what is under way there. An attempt holds a Ticket on its lane, and
returns it with what came of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from gateway.config.snapshot import Breakers
from gateway.core.errors import Failure
from gateway.core.health import BreakerView
from gateway.core.session import affinity
from gateway.execute.breaker import Breaker, says_nothing

Told = Callable[["Lane", Failure | None], None]


class Lane:
    """`tell` is called when the breaker opened (with the failure that did it) or closed (with None)."""

    __slots__ = ("breaker", "in_flight", "key", "model", "provider", "served", "tell")

    def __init__(self, provider: str, model: str, key: str, rules: Breakers, tell: Told) -> None:
        self.provider = provider
        self.model = model
        self.key = key
        self.breaker = Breaker(rules)
        self.tell = tell
        self.in_flight = 0
        self.served = 0

    def enter(self, now: float) -> Ticket:
        self.in_flight += 1
        self.served += 1
        breaker = self.breaker
        tries = False
        if breaker.reason:
            tries = breaker.begin(now)
            if not breaker.reason:
                self.tell(self, None)
        return Ticket(self, breaker.opened, tries)

    def view(self, now: float) -> BreakerView:
        breaker = self.breaker
        state = breaker.state(now)
        if state == "closed":
            return BreakerView(self.provider, self.model, self.key, state)
        left = max(0.0, breaker.until - now)
        return BreakerView(self.provider, self.model, self.key, state, round(left, 3), breaker.reason)


class Ticket:
    """An attempt's hold on its lane. `spoke` may come once; then exactly one of `end` and `drop` counts."""

    __slots__ = ("_opened", "_returned", "_tries", "lane")

    def __init__(self, lane: Lane, opened: int, tries: bool) -> None:
        self.lane = lane
        self._opened = opened
        self._tries = tries
        self._returned = False

    def spoke(self, now: float) -> None:
        """The first content is there: enough to know that the model is back."""
        lane = self.lane
        if lane.breaker.reason and lane.breaker.succeeded(self._opened, now):
            lane.tell(lane, None)

    def end(self, failure: Failure | None, now: float) -> None:
        if self._returned:
            return
        lane, breaker = self.lane, self.lane.breaker
        self._give_back()
        if failure is None:
            if breaker.succeeded(self._opened, now):
                lane.tell(lane, None)
        elif breaker.failed(failure, self._opened, now):
            lane.tell(lane, failure)
        elif self._tries and says_nothing(failure):
            breaker.gave_up(self._opened)

    def drop(self) -> None:
        """The attempt was ended by us, and says nothing."""
        if self._returned:
            return
        self._give_back()
        if self._tries:
            self.lane.breaker.gave_up(self._opened)

    def _give_back(self) -> None:
        self._returned = True
        self.lane.in_flight -= 1


def choose(lanes: Sequence[Lane], session: bytes | None, spent: Collection[str], now: float) -> Lane:
    """The lane for the next attempt: of those that may be used, the one that the session belongs to, else the one with
    the least under way, in turn. Keys that this request need not try again, and then lanes that are closed off, only
    when there is nothing else."""
    if len(lanes) == 1:
        return lanes[0]
    fresh = [lane for lane in lanes if lane.key not in spent] or lanes
    well = [lane for lane in fresh if lane.breaker.available(now)]
    if not well:
        return min(fresh, key=lambda lane: lane.breaker.until)
    if session is not None:
        return max(well, key=lambda lane: affinity(session, lane.key))
    return min(well, key=lambda lane: (lane.in_flight, lane.served))
