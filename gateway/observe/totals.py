"""What a process has counted, by series: in memory, and where several processes serve together also in a slot file.

The only place where values are kept. Threads may write; each write is short and under one lock.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Lock

from gateway.observe.names import METRICS, OTHER, Metric
from gateway.observe.slot_file import SUFFIX, SlotFile, is_running, read_content

Labels = tuple[str, ...]
Series = tuple[Metric, Labels]

MAX_SERIES = 5_000
"""Per metric. Labels come from closed sets, so this is reached by nothing but a config of hundreds of names: what
comes after it is counted under `other`."""

_SEPARATOR = "\x1f"
_DIGEST = hashlib.sha256(repr([(m.name, m.type, m.labels, m.buckets) for m in METRICS]).encode()).digest()[:8]
_BY_NAME = {metric.name: metric for metric in METRICS}
_GONE = math.nan

log = logging.getLogger("gateway.observe")


class _Cell:
    __slots__ = ("position", "values")

    def __init__(self, values: list[float], position: int | None) -> None:
        self.values = values
        self.position = position


class Totals:
    """`folder` and `slot` say where the numbers are shared; without a folder they are this process's own.

    A histogram's values are the counts of its buckets, +Inf included and not cumulated, and the sum of what was seen.
    """

    def __init__(self, folder: Path | None = None, slot: str = "0") -> None:
        self.slot = slot
        self._folder = folder
        self._lock = Lock()
        self._cells: dict[Series, _Cell] = {}
        self._series_of: dict[Metric, int] = dict.fromkeys(METRICS, 0)
        self._known_keys: dict[bytes, Series | None] = {}
        self._file: SlotFile | None = None
        if folder is not None:
            try:
                self._file = SlotFile(folder / f"{slot}{SUFFIX}", _DIGEST, os.getpid())
            except OSError as error:
                log.error("metrics are this process's own: no file for them", extra={"reason": str(error)})
            else:
                self._take_over(self._file)
        for metric in METRICS:
            if not metric.labels and metric.type != "gauge":
                self.add((metric, ()), _zeros(metric))

    def add(self, series: Series, amounts: Sequence[float]) -> None:
        with self._lock:
            cell = self._cell(series)
            values = cell.values
            for index, amount in enumerate(amounts):
                values[index] += amount
            self._write(cell)

    def put(self, series: Series, value: float) -> None:
        """Set a gauge."""
        with self._lock:
            cell = self._cell(series)
            if cell.values[0] != value:
                cell.values[0] = float(value)
                self._write(cell)

    def drop(self, series: Series) -> None:
        """Show a gauge no longer."""
        if series in self._cells:
            self.put(series, _GONE)

    def merged(self) -> dict[Series, list[float]]:
        """The sums over all processes. Gauges of a process that is gone don't count."""
        sums = {series: list(cell.values) for series, cell in list(self._cells.items())}
        for series, values, alive in self._others():
            metric = series[0]
            mine = sums.get(series)
            if metric.type == "gauge":
                if not alive or math.isnan(values[0]):
                    continue
                if mine is None or math.isnan(mine[0]):
                    sums[series] = list(values)
                else:
                    mine[0] = _MERGES[metric.merge](mine[0], values[0])
            elif mine is None:
                sums[series] = list(values)
            else:
                for index, value in enumerate(values):
                    mine[index] += value
        return {series: values for series, values in sums.items() if not math.isnan(values[0])}

    def _cell(self, series: Series) -> _Cell:
        cell = self._cells.get(series)
        if cell is None:
            metric = series[0]
            if self._series_of[metric] >= MAX_SERIES:
                series = (metric, (OTHER,) * len(metric.labels))
                if series in self._cells:
                    return self._cells[series]
            self._series_of[metric] += 1
            cell = self._cells[series] = _Cell(_zeros(metric), None)
            if self._file is not None:
                try:
                    cell.position = self._file.place(_key_of(series), cell.values)
                except OSError as error:
                    # Counted on in memory: this process shows it, the others don't.
                    log.error("no room for a metric in its file", extra={"metric": metric.name, "reason": str(error)})
        return cell

    def _write(self, cell: _Cell) -> None:
        if cell.position is not None and self._file is not None:
            self._file.write(cell.position, cell.values)

    def _take_over(self, file: SlotFile) -> None:
        """Go on from what the slot's last process had counted; its gauges are over."""
        for entry in file.entries:
            series = self._series(entry.key, len(entry.values))
            if series is not None:
                cell = self._cells[series] = _Cell(list(entry.values), entry.position)
                self._series_of[series[0]] += 1
                if series[0].type == "gauge":
                    cell.values[0] = _GONE
                elif not all(map(math.isfinite, cell.values)):
                    cell.values = _zeros(series[0])
                else:
                    continue
                self._write(cell)

    def _others(self) -> Iterator[tuple[Series, Sequence[float], bool]]:
        if self._folder is None:
            return
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            if path.stem == self.slot and self._file is not None:
                continue
            try:
                content = read_content(path.read_bytes(), _DIGEST)
            except OSError:
                continue
            if content is None:
                continue
            alive = is_running(content.process_id)
            for key, _, values in content.entries:
                series = self._series(key, len(values))
                if series is not None:
                    yield series, values, alive

    def _series(self, key: bytes, count: int) -> Series | None:
        """A key's series; None where no metric of ours has it. Remembered: a scrape asks for thousands."""
        if key not in self._known_keys:
            name, *labels = key.decode("utf-8", "replace").split(_SEPARATOR)
            metric = _BY_NAME.get(name)
            fits = metric is not None and len(labels) == len(metric.labels) and count == len(_zeros(metric))
            self._known_keys[key] = (metric, tuple(labels)) if fits and metric is not None else None
        return self._known_keys[key]


_MERGES: dict[str, Callable[[float, float], float]] = {"sum": lambda a, b: a + b, "max": max, "min": min}


def _key_of(series: Series) -> bytes:
    return _SEPARATOR.join((series[0].name, *series[1])).encode()


def _zeros(metric: Metric) -> list[float]:
    return [0.0] * (len(metric.buckets) + 2 if metric.type == "histogram" else 1)
