"""Records as OTLP metrics of the GenAI conventions: histograms that go on for as long as the process lives."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

from gateway.core.plan import Attempt, Record
from gateway.observe import otel_names as names
from gateway.observe.otel_spans import FactsOf, attributes, provider_name

Attributes = tuple[tuple[str, str], ...]
Histogram = tuple[str, str, str, tuple[float, ...]]


class OtelMetrics:
    """Not for several threads. `since` is when counting began, in nanoseconds since the epoch."""

    def __init__(self, facts: FactsOf, since: int) -> None:
        self._facts = facts
        self._since = since
        self._cells: dict[tuple[Histogram, Attributes], list[float]] = {}

    def count(self, records: Iterable[Record]) -> None:
        for record in records:
            for attempt in record.attempts:
                self._count_attempt(record, attempt)

    def collect(self, now: int) -> list[Metric]:
        """Everything since the beginning (cumulative)."""
        metrics: dict[str, Metric] = {}
        for (histogram, known), cells in self._cells.items():
            name, unit, help, bounds = histogram
            metric = metrics.get(name)
            if metric is None:
                metric = metrics[name] = Metric(name=name, unit=unit, description=help)
                metric.histogram.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
            metric.histogram.data_points.add(
                attributes=attributes(dict(known)),
                start_time_unix_nano=self._since,
                time_unix_nano=now,
                count=int(sum(cells[:-1])),
                sum=cells[-1],
                bucket_counts=[int(cell) for cell in cells[:-1]],
                explicit_bounds=bounds,
            )
        return list(metrics.values())

    def _count_attempt(self, record: Record, attempt: Attempt) -> None:
        vendor, upstream_id = self._facts(attempt.candidate.model)
        about: Attributes = (
            (names.OPERATION, names.CHAT),
            (names.PROVIDER, provider_name(vendor)),
            (names.REQUEST_MODEL, upstream_id),
            (names.TASK, record.label.task if record.label else ""),
        )
        failed = () if attempt.failure is None else ((names.ERROR_TYPE, attempt.failure.cls.value),)
        if attempt.ended is not None:
            self._observe(names.DURATION, (*about, *failed), attempt.ended - attempt.started)
        if record.stream and attempt.first_token is not None:
            self._observe(names.FIRST_TOKEN, about, attempt.first_token - attempt.started)
        if attempt.usage is not None:
            for kind, tokens in (
                (names.INPUT, attempt.usage.prompt_total),
                (names.OUTPUT, attempt.usage.completion_total),
            ):
                self._observe(names.USAGE, (*about, (names.TOKEN_TYPE, kind)), tokens)

    def _observe(self, histogram: Histogram, known: Attributes, value: float) -> None:
        bounds = histogram[3]
        cells = self._cells.get((histogram, known))
        if cells is None:
            cells = self._cells[histogram, known] = [0.0] * (len(bounds) + 2)
        cells[bisect_left(bounds, value)] += 1
        cells[-1] += value
