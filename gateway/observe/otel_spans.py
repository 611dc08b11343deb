"""Records as OTLP spans: one for the request, and one below it for each attempt. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from gateway.core.money import NANO_PER_USD
from gateway.core.plan import Attempt, Record
from gateway.core.usage import Usage
from gateway.observe import otel_names as names

NANOS = 1_000_000_000
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_SAMPLED = 1

Value = str | int | float | bool | tuple[str, ...]


FactsOf = Callable[[str], tuple[str, str]]
"""What a catalogue name stands for: the vendor's row, and its id for the model."""


class Parent(NamedTuple):
    trace_id: bytes
    span_id: bytes
    sampled: bool


def parent_of(traceparent: str | None) -> Parent | None:
    """A W3C `traceparent`; None where there is none, or none that makes sense."""
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if found is None or traceparent is None or traceparent.startswith("ff"):
        return None
    trace_id, span_id = bytes.fromhex(found[1]), bytes.fromhex(found[2])
    if not any(trace_id) or not any(span_id):
        return None
    return Parent(trace_id, span_id, bool(int(found[3], 16) & _SAMPLED))


def spans_of(record: Record, facts: FactsOf) -> list[Span]:
    """Ids come of the request's id, so that they need no chance. Where the client's trace is not sampled: none."""
    parent = parent_of(record.traceparent)
    if parent is not None and not parent.sampled:
        return []
    trace_id = parent.trace_id if parent else _digest(record.request_id, "trace", 16)
    root_id = _digest(record.request_id, "request", 8)
    spans = [_request_span(record, trace_id, root_id, parent)]
    for index, attempt in enumerate(record.attempts):
        span_id = _digest(record.request_id, f"attempt {index}", 8)
        spans.append(_attempt_span(record, attempt, facts, trace_id, span_id, root_id))
    return spans


def _request_span(record: Record, trace_id: bytes, span_id: bytes, parent: Parent | None) -> Span:
    final = record.final
    label = record.label
    values: dict[str, Value | None] = {
        names.OPERATION: names.CHAT,
        names.REQUEST_ID: record.request_id,
        names.ASKED_FOR: record.asked_for[:200],
        names.KEY: record.principal,
        names.TEAM: record.team,
        names.ROUTE: record.plan.trace.route if record.plan else None,
        names.MODEL: final.candidate.model if final else None,
        names.TASK: label.task if label else None,
        names.CONFIDENCE: label.confidence if label else None,
        names.OUTCOME: record.outcome,
        names.STREAM: record.stream,
        names.STATUS_CODE: record.http_status,
        names.CONFIG: record.config,
        names.COST: None if record.cost_nano_usd is None else record.cost_nano_usd / NANO_PER_USD,
        names.FINISH_REASONS: (record.finish_reason,) if record.finish_reason else None,
        names.ERROR_TYPE: (record.error_code or record.outcome) if record.outcome != "ok" else None,
    }
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent.span_id if parent else b"",
        name=f"{names.CHAT} {final.candidate.model}" if final else names.CHAT,
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=_at(record, record.started),
        end_time_unix_nano=_at(record, record.ended),
        attributes=attributes(values),
        status=_status(failed=record.outcome in ("error", "rejected")),
    )


def _attempt_span(
    record: Record, attempt: Attempt, facts: FactsOf, trace_id: bytes, span_id: bytes, parent_id: bytes
) -> Span:
    vendor, upstream_id = facts(attempt.candidate.model)
    failure = attempt.failure
    values: dict[str, Value | None] = {
        names.OPERATION: names.CHAT,
        names.PROVIDER: provider_name(vendor),
        names.REQUEST_MODEL: upstream_id,
        names.MODEL: attempt.candidate.model,
        names.ATTEMPT_KIND: attempt.kind,
        names.STATUS_CODE: attempt.status,
        names.COST: None if attempt.cost_nano_usd is None else attempt.cost_nano_usd / NANO_PER_USD,
        names.ERROR_TYPE: failure.cls.value if failure else None,
        names.FAILURE_REASON: failure.reason if failure else None,
    }
    if attempt.usage is not None:
        values |= _usage(attempt.usage)
    span = Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent_id,
        name=f"{names.CHAT} {upstream_id}",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=_at(record, attempt.started),
        end_time_unix_nano=_at(record, attempt.ended if attempt.ended is not None else record.ended),
        attributes=attributes(values),
        status=_status(failed=failure is not None),
    )
    if record.stream and attempt.first_token is not None:
        span.events.add(name=names.FIRST_TOKEN_EVENT, time_unix_nano=_at(record, attempt.first_token))
    return span


def _usage(usage: Usage) -> dict[str, Value | None]:
    return {
        names.INPUT_TOKENS: usage.prompt_total,
        names.OUTPUT_TOKENS: usage.completion_total,
        names.CACHE_READ_TOKENS: usage.cache_read + usage.cache_read_audio,
        names.CACHE_WRITE_TOKENS: usage.cache_write_5m + usage.cache_write_1h,
        names.USAGE_SOURCE: usage.source,
    }


def provider_name(vendor: str) -> str:
    return dict(names.PROVIDERS).get(vendor, vendor)


def attributes(values: Mapping[str, Value | None]) -> list[KeyValue]:
    """Without what is not known."""
    return [KeyValue(key=key, value=_any(value)) for key, value in values.items() if value not in (None, "")]


def _any(value: Value | None) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case tuple():
            return AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=each) for each in value]))
        case _:
            return AnyValue(string_value=str(value))


def _status(*, failed: bool) -> Status:
    return Status(code=Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_UNSET)


def _at(record: Record, monotonic: float | None) -> int:
    """A monotonic time of the record as nanoseconds since the epoch."""
    moment = record.started if monotonic is None else monotonic
    return int((record.created + (moment - record.started)) * NANOS)


def _digest(request_id: str, what: str, size: int) -> bytes:
    return hashlib.blake2b(f"{what} {request_id}".encode(), digest_size=size).digest()


def all_spans(records: Iterable[Record], facts: FactsOf) -> list[Span]:
    return [span for record in records for span in spans_of(record, facts)]
