"""How long a model takes for a kind of task: the last thousand times, and the quantile after which one is late."""

from __future__ import annotations

from math import sqrt

KEPT = 1024
LEAST = 30
_RANKED_EVERY = 32
_DOUBT = 2.0
"""How far below the quantile's own rank we look, in standard errors: with so few samples the true quantile lies above
with a probability of 98 %. Looking too early costs a call that the budget bounds; too late, and nobody is helped: where
one in twenty is slow, the bare 95th percentile is as often as not one of the slow ones."""


class Timings:
    """Seconds to the first content of one (model, task)."""

    __slots__ = ("_count", "_kept", "_ranked", "_ranked_at")

    def __init__(self) -> None:
        self._kept: list[float] = []
        self._count = 0
        self._ranked: list[float] = []
        self._ranked_at = 0

    def add(self, seconds: float) -> None:
        if len(self._kept) < KEPT:
            self._kept.append(seconds)
        else:
            self._kept[self._count % KEPT] = seconds
        self._count += 1

    def quantile(self, share: float) -> float | None:
        """None while too few are known."""
        if self._count < LEAST:
            return None
        if not self._ranked or self._count - self._ranked_at >= _RANKED_EVERY:
            self._ranked = sorted(self._kept)
            self._ranked_at = self._count
        count = len(self._ranked)
        rank = count * share - _DOUBT * sqrt(count * share * (1.0 - share))
        return self._ranked[min(count - 1, max(0, int(rank)))]
