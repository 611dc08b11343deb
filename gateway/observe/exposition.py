"""Totals as Prometheus text (exposition format 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gateway.observe.names import METRICS, Metric
from gateway.observe.totals import Series

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


class Exposition:
    """Writes the text. What stands before each value is remembered: a scrape has thousands of lines, all of them the
    same as last time but for their numbers."""

    def __init__(self) -> None:
        self._fronts: dict[Series, tuple[str, ...]] = {}

    def text(self, totals: Mapping[Series, Sequence[float]]) -> bytes:
        by_metric: dict[Metric, list[Series]] = {metric: [] for metric in METRICS}
        for series in totals:
            by_metric[series[0]].append(series)
        lines: list[str] = []
        for metric, found in by_metric.items():
            lines.append(f"# HELP {metric.name} {_escaped_help(metric.help)}\n# TYPE {metric.name} {metric.type}\n")
            for series in sorted(found, key=_labels):
                fronts = self._fronts.get(series)
                if fronts is None:
                    fronts = self._fronts[series] = tuple(_fronts(series))
                values: Iterable[float] = totals[series]
                if metric.type == "histogram":
                    values = _cumulated(totals[series])
                lines += [f"{front} {value!r}\n" for front, value in zip(fronts, values, strict=True)]
        return "".join(lines).encode()


def _labels(series: Series) -> tuple[str, ...]:
    return series[1]


def _cumulated(cells: Sequence[float]) -> list[float]:
    """Buckets as the format wants them (each includes the smaller ones), then the count, then the sum."""
    running = 0.0
    values = []
    for count in cells[:-1]:
        running += count
        values.append(running)
    return [*values, running, cells[-1]]


def _fronts(series: Series) -> Iterable[str]:
    metric, labels = series
    pairs = [f'{name}="{value.translate(_ESCAPES)}"' for name, value in zip(metric.labels, labels, strict=True)]
    plain = f"{{{','.join(pairs)}}}" if pairs else ""
    if metric.type != "histogram":
        yield f"{metric.name}{plain}"
        return
    for bound in (*metric.buckets, None):
        edge = "+Inf" if bound is None else repr(float(bound))
        joined = ",".join([*pairs, f'le="{edge}"'])
        yield f"{metric.name}_bucket{{{joined}}}"
    yield f"{metric.name}_count{plain}"
    yield f"{metric.name}_sum{plain}"


def _escaped_help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
