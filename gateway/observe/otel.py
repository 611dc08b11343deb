"""Records to an OpenTelemetry collector over OTLP/HTTP: an observer that can neither block nor fail a request.

`on_end` puts the record into a bounded queue and returns. A thread of its own turns batches into spans and metrics and
posts them; what finds no place, or is not taken, is dropped and counted.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import httpx
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from gateway.core.clock import Clock
from gateway.core.plan import Record
from gateway.observe import otel_names as names
from gateway.observe.otel_metrics import OtelMetrics
from gateway.observe.otel_spans import NANOS, FactsOf, all_spans, attributes

QUEUE = 4096
BATCH = 512
TIMEOUT_S = 5.0
RETRY_S = (0.5, 2.0)
_RETRYABLE = frozenset({429, 502, 503, 504})

Reason = Literal["queue_full", "not_taken"]

log = logging.getLogger("gateway.observe")


@dataclass(frozen=True, slots=True)
class Collector:
    """Where the data goes. `endpoint` is the base: /v1/traces and /v1/metrics come after it. `interval_s` is how often
    metrics go; spans go once a second at most."""

    endpoint: str
    headers: Mapping[str, str]
    service_name: str
    instance: str
    version: str
    interval_s: float = 15.0


class OtelExporter:
    """An observer. `facts` tells what a catalogue name stands for; `on_drop` is told of records that were lost, from
    any thread."""

    def __init__(
        self, collector: Collector, facts: FactsOf, clock: Clock, on_drop: Callable[[Reason, int], None]
    ) -> None:
        self._collector = collector
        self._facts = facts
        self._clock = clock
        self._on_drop = on_drop
        self._queue: deque[Record] = deque()
        self._metrics = OtelMetrics(facts, int(clock.time() * NANOS))
        self._resource = Resource(
            attributes=attributes(
                {
                    names.SERVICE_NAME: collector.service_name,
                    names.SERVICE_VERSION: collector.version,
                    names.SERVICE_INSTANCE: collector.instance,
                }
            )
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="otel", daemon=True)
        self._thread.start()

    def on_start(self, record: Record) -> None:
        """Nothing is known yet."""

    def on_dispatch(self, record: Record) -> None:
        """Nothing is known yet."""

    def on_end(self, record: Record) -> None:
        if len(self._queue) >= QUEUE:
            self._on_drop("queue_full", 1)
        else:
            self._queue.append(record)

    def close(self, timeout_s: float = 2 * TIMEOUT_S) -> None:
        """Send what waits. Blocks for so long at most."""
        self._stop.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        metrics_due = self._clock.monotonic() + self._collector.interval_s
        with httpx.Client(timeout=TIMEOUT_S, headers=dict(self._collector.headers), trust_env=False) as client:
            while True:
                stopping = self._stop.wait(1.0)
                while self._queue:
                    self._send_batch(client)
                if stopping or self._clock.monotonic() >= metrics_due:
                    metrics_due = self._clock.monotonic() + self._collector.interval_s
                    self._send_metrics(client)
                if stopping:
                    return

    def _send_batch(self, client: httpx.Client) -> None:
        records = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
        try:
            self._metrics.count(records)
            request = ExportTraceServiceRequest()
            resource = request.resource_spans.add(resource=self._resource)
            scope = resource.scope_spans.add(scope=self._scope)
            scope.spans.extend(all_spans(records, self._facts))
            refused = 0
            if scope.spans:
                body = self._post(client, "/v1/traces", request)
                refused = ExportTraceServiceResponse.FromString(body).partial_success.rejected_spans
            if refused:
                log.warning("the OpenTelemetry collector refused spans", extra={"spans": refused})
        except Exception as error:  # noqa: BLE001  # whatever it was: the records are lost, the thread goes on
            self._on_drop("not_taken", len(records))
            log.warning("records were not sent to the OpenTelemetry collector", extra=_reason(error, len(records)))

    def _send_metrics(self, client: httpx.Client) -> None:
        try:
            request = ExportMetricsServiceRequest()
            resource = request.resource_metrics.add(resource=self._resource)
            scope = resource.scope_metrics.add(scope=self._scope)
            scope.metrics.extend(self._metrics.collect(int(self._clock.time() * NANOS)))
            if scope.metrics:
                ExportMetricsServiceResponse.FromString(self._post(client, "/v1/metrics", request))
        except Exception as error:  # noqa: BLE001  # the next time sends the same sums and more
            log.warning("metrics were not sent to the OpenTelemetry collector", extra=_reason(error, 0))

    @property
    def _scope(self) -> InstrumentationScope:
        return InstrumentationScope(name=names.SCOPE, version=self._collector.version)

    def _post(self, client: httpx.Client, path: str, request: Any) -> bytes:
        """Raises httpx.HTTPError when it is not taken, after a few tries where that makes sense."""
        body = request.SerializeToString()
        for wait in (*RETRY_S, None):
            try:
                answer = client.post(
                    self._collector.endpoint + path, content=body, headers={"content-type": "application/x-protobuf"}
                )
                if answer.status_code not in _RETRYABLE or wait is None:
                    return answer.raise_for_status().content
            except httpx.TransportError:
                if wait is None:
                    raise
            if self._stop.wait(wait):
                break
        raise httpx.TransportError("the gateway is shutting down")


def _reason(error: Exception, count: int) -> dict[str, object]:
    return {"reason": f"{type(error).__name__}: {error}"[:300], "records": count}
