"""How fast a model answers of late: an average that jumps up at once and comes down slowly, so that one who begins to
stall is passed by soon. Unasked it fades, so that one who was slow is looked at again."""

from __future__ import annotations

from math import exp

FADES_OVER_S = 30.0


class Pace:
    """Peak-sensitive moving average (peak EWMA) of one model's times."""

    __slots__ = ("_asked", "_measured", "_seconds")

    def __init__(self) -> None:
        self._seconds = 0.0
        self._asked = 0.0
        self._measured = 0.0

    def asked(self, now: float) -> None:
        """A request was sent: until it has told something, others need not find out the same."""
        self._asked = now

    def measured(self, seconds: float, now: float) -> None:
        if seconds >= self._seconds:
            self._seconds = seconds
        else:
            weight = exp((self._measured - now) / FADES_OVER_S)
            self._seconds = self._seconds * weight + seconds * (1.0 - weight)
        self._measured = now

    def at_least(self, seconds: float, now: float) -> None:
        """It had not answered after `seconds`, when we stopped waiting."""
        if seconds > self._seconds:
            self.measured(seconds, now)

    def seconds(self, now: float) -> float:
        """0.0 while nothing was measured."""
        return self._seconds * exp((max(self._asked, self._measured) - now) / FADES_OVER_S)
