"""Sums that wait to be added to the totals: many records come to few additions."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict

from gateway.observe.names import Metric
from gateway.observe.totals import Labels, Series, Totals


class Pending:
    """Filled while records are counted, then given to the totals at once. Not for several threads."""

    __slots__ = ("_cells", "_sums")

    def __init__(self) -> None:
        self._sums: defaultdict[Series, float] = defaultdict(float)
        self._cells: dict[Series, list[float]] = {}

    def add(self, metric: Metric, labels: Labels, amount: float = 1) -> None:
        self._sums[metric, labels] += amount

    def observe(self, metric: Metric, labels: Labels, value: float) -> None:
        """One more value of a histogram. Its cells are the buckets, +Inf, and the sum."""
        cells = self._cells.get((metric, labels))
        if cells is None:
            cells = self._cells[metric, labels] = [0.0] * (len(metric.buckets) + 2)
        cells[bisect_left(metric.buckets, value)] += 1
        cells[-1] += value

    def give(self, totals: Totals) -> None:
        for series, amount in self._sums.items():
            totals.add(series, (amount,))
        for series, cells in self._cells.items():
            totals.add(series, cells)
