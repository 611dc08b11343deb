"""Prometheus metrics: every name, label and bucket, and how a record becomes numbers.

Label values come from closed sets only (names in the config, task labels, failure classes): a client can't make series.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, TypeVar, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from gateway.core.money import NANO_PER_USD
from gateway.core.plan import Attempt, Record
from gateway.core.usage import Usage
from gateway.observe.config_state import ConfigState

CONTENT_TYPE = CONTENT_TYPE_LATEST
NONE = "none"
BATCH = 256
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)
_OVERHEAD_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1)
_TOKEN_KINDS = tuple(name for name in Usage._fields if name != "source")

Metric = TypeVar("Metric", Counter, Histogram)
Sums = defaultdict[tuple[Counter, tuple[str, ...]], float]


class Metrics:
    """An observer with its own registry; `render` gives the exposition text."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, that nobody graphs
        self.registry = registry = CollectorRegistry()
        self._children: dict[tuple[Any, tuple[str, ...]], Any] = {}
        by_task = ("route", "task", "model")
        self._requests = Counter(
            "gateway_requests", "Requests by outcome.", (*by_task, "outcome", "status"), registry=registry
        )
        self._running = 0
        self._ended: list[Record] = []
        self.config = ConfigState("", 0.0)
        registry.register(self.config)
        self._waiting = Gauge(
            "gateway_requests_waiting",
            "Requests that wait for their turn.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._queued = Counter(
            "gateway_requests_queued", "Requests that had to wait for their turn.", registry=registry
        )
        self._overloaded = Counter(
            "gateway_requests_overloaded",
            "Requests turned away because the worker was full.",
            ("reason",),
            registry=registry,
        )
        in_flight = Gauge("gateway_requests_in_flight", "Requests being served.", registry=registry)
        in_flight.set_function(lambda: self._running)
        self._duration = Histogram(
            "gateway_request_duration_seconds",
            "From the request's head to the answer's last byte.",
            (*by_task, "stream"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._first_token = Histogram(
            "gateway_time_to_first_token_seconds",
            "From the request's head to the first content of a stream.",
            by_task,
            buckets=_SECONDS,
            registry=registry,
        )
        self._overhead = Histogram(
            "gateway_overhead_seconds",
            "Time before the first attempt: reading, checking, classifying and routing.",
            buckets=_OVERHEAD_SECONDS,
            registry=registry,
        )
        self._attempts = Counter(
            "gateway_attempts",
            "Upstream calls; class is the failure class, or ok.",
            ("model", "provider", "kind", "class"),
            registry=registry,
        )
        self._fallbacks = Counter(
            "gateway_fallbacks",
            "Moves from one model to the next, and the failure class that caused them.",
            ("from_model", "to_model", "class"),
            registry=registry,
        )
        self._tokens = Counter("gateway_tokens", "Tokens by kind.", ("model", "task", "kind"), registry=registry)
        self._cost = Counter("gateway_cost_usd", "Cost of answered requests in USD.", by_task, registry=registry)
        self._unpriced = Counter(
            "gateway_unpriced_requests", "Answers of a model that has no price.", ("model",), registry=registry
        )
        self._usage_estimated = Counter(
            "gateway_usage_estimated", "Answers whose usage the vendor did not report.", ("model",), registry=registry
        )

    def on_queued(self) -> None:
        self._queued.inc()
        self._waiting.inc()

    def on_dequeued(self) -> None:
        self._waiting.dec()

    def on_overloaded(self, reason: str) -> None:
        self._overloaded.labels(reason).inc()

    def on_start(self, record: Record) -> None:
        self._running += 1

    def on_dispatch(self, record: Record) -> None:
        """Nothing is counted here."""

    def on_end(self, record: Record) -> None:
        self._running -= 1
        self._ended.append(record)
        if len(self._ended) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Count the records that have ended since the last time. In batches, since one record counted while its request
        is being answered costs several times what it costs in a row: nothing of this code is in the processor's
        caches then, and each series would be looked up and locked anew."""
        records, self._ended = self._ended, []
        sums: Sums = defaultdict(float)
        for record in records:
            self._count(record, sums)
        for (counter, labels), amount in sums.items():
            self._child(counter, labels).inc(amount)

    def _count(self, record: Record, sums: Sums) -> None:
        attempts = record.attempts
        route = record.plan.trace.route if record.plan else NONE
        task = record.label.task if record.label else NONE
        model = attempts[-1].candidate.model if attempts else NONE
        sums[self._requests, (route, task, model, record.outcome, str(record.http_status))] += 1
        if not attempts:
            return
        by_task = (route, task, model)
        if record.ended is not None:
            stream = "true" if record.stream else "false"
            self._child(self._duration, (*by_task, stream)).observe(record.ended - record.started)
        self._overhead.observe(attempts[0].started - record.started)
        if record.stream and record.first_token is not None:
            self._child(self._first_token, by_task).observe(record.first_token - record.started)
        previous: Attempt | None = None
        for attempt in attempts:
            self._count_attempt(attempt, previous, sums)
            if attempt.usage is not None:
                self._count_usage(attempt, attempt.usage, task, sums)
            previous = attempt
        if record.cost_nano_usd is not None:
            sums[self._cost, by_task] += record.cost_nano_usd / NANO_PER_USD

    def _child(self, metric: Metric, labels: tuple[str, ...]) -> Metric:
        """The series of `labels`. Kept here: the library checks and joins the labels anew at every look-up."""
        child = self._children.get((metric, labels))
        if child is None:
            child = self._children[metric, labels] = metric.labels(*labels)
        return cast(Metric, child)

    def _count_attempt(self, attempt: Attempt, previous: Attempt | None, sums: Sums) -> None:
        candidate = attempt.candidate
        failure = "ok" if attempt.failure is None else attempt.failure.cls.value
        sums[self._attempts, (candidate.model, candidate.provider, attempt.kind, failure)] += 1
        if previous is not None and previous.failure is not None and previous.candidate.model != candidate.model:
            sums[self._fallbacks, (previous.candidate.model, candidate.model, previous.failure.cls.value)] += 1

    def _count_usage(self, attempt: Attempt, usage: Usage, task: str, sums: Sums) -> None:
        model = attempt.candidate.model
        for kind, count in zip(_TOKEN_KINDS, usage, strict=False):
            if count:
                sums[self._tokens, (model, task, kind)] += cast(int, count)
        if usage.source == "estimated":
            sums[self._usage_estimated, (model,)] += 1
        if attempt.cost_nano_usd is None:
            sums[self._unpriced, (model,)] += 1

    def render(self) -> bytes:
        self.flush()
        return generate_latest(self.registry)
