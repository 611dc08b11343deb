"""Totals as the Prometheus client library wants them: a custom collector, from which it writes the text.

The library's own metrics are not what is counted with: in its multiprocess mode gauges can't be read from elsewhere, a
histogram takes values one by one, and a process that was killed leaves a file of its own behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from gateway.observe.names import METRICS, Metric
from gateway.observe.totals import Series

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
Sums = Mapping[Series, Sequence[float]]


class Exposition(Collector):
    """`merged` gives the sums over all processes."""

    def __init__(self, merged: Callable[[], Sums]) -> None:
        self._merged = merged
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def text(self) -> bytes:
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Family]:
        by_metric: dict[Metric, list[tuple[tuple[str, ...], Sequence[float]]]] = {metric: [] for metric in METRICS}
        for (metric, labels), values in self._merged().items():
            by_metric[metric].append((labels, values))
        for metric, found in by_metric.items():
            yield _family(metric, sorted(found))


def _family(metric: Metric, found: Iterable[tuple[tuple[str, ...], Sequence[float]]]) -> Family:
    if metric.type == "counter":
        counter = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, values in found:
            counter.add_metric(labels, values[0])
        return counter
    if metric.type == "gauge":
        gauge = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, values in found:
            gauge.add_metric(labels, values[0])
        return gauge
    histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    bounds = [*(str(float(bound)) for bound in metric.buckets), "+Inf"]
    for labels, values in found:
        histogram.add_metric(labels, list(zip(bounds, _cumulated(values), strict=True)), values[-1])
    return histogram


def _cumulated(cells: Sequence[float]) -> list[float]:
    """Buckets as the format wants them: each includes the smaller ones. The last cell is the sum."""
    running = 0.0
    counts = []
    for count in cells[:-1]:
        running += count
        counts.append(running)
    return counts
