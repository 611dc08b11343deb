"""What a decision looks like as response headers, in the bytes that ASGI wants."""

from __future__ import annotations

from functools import lru_cache

from gateway.core import headers as names
from gateway.core.money import format_usd
from gateway.core.plan import Candidate, Record, cost_of

RawHeaders = list[tuple[bytes, bytes]]

REQUEST_ID = names.REQUEST_ID.encode()
HOPS = names.HOPS.encode()
INCLUDE_COST = names.INCLUDE_COST.encode()
TRACEPARENT = names.TRACEPARENT.encode()
_GATEWAY_REQUEST_ID = names.GATEWAY_REQUEST_ID.encode()
_MODEL = names.MODEL.encode()
_PROVIDER = names.PROVIDER.encode()
_ROUTE = names.ROUTE.encode()
_TASK = names.TASK.encode()
_CONFIDENCE = names.CONFIDENCE.encode()
_ATTEMPTS = names.ATTEMPTS.encode()
_COST_USD = names.COST_USD.encode()
_WARNINGS = names.WARNINGS.encode()
_CONFIG = names.CONFIG.encode()

MAX_HOPS = 5
MAX_WARNINGS_CHARS = 2000

JSON = (b"content-type", b"application/json")
EVENT_STREAM = (b"content-type", b"text/event-stream; charset=utf-8")
NO_CACHE = (b"cache-control", b"no-cache")
NO_PROXY_BUFFER = (b"x-accel-buffering", b"no")


def decision_headers(record: Record) -> RawHeaders:
    """What was decided for a request, as far as it is known yet. Cost is left out while it is unknown (streams)."""
    label, plan, attempts = record.label, record.plan, record.attempts
    last = record.final
    headers: RawHeaders = [
        (_GATEWAY_REQUEST_ID, record.request_id.encode()),
        *_repeating(
            record.config,
            label and (label.task, label.flags, round(label.confidence, 2)),
            plan and plan.trace.route,
            last and last.candidate,
            len(attempts),
        ),
    ]
    if last is not None:
        if last.warnings or (plan and plan.warnings):
            warnings = (*last.warnings, *plan.warnings) if plan else last.warnings
            headers.append((_WARNINGS, _printable("; ".join(warnings))))
        if not record.stream:
            cost = cost_of(attempts)
            if cost is not None:
                headers.append((_COST_USD, format_usd(cost).encode()))
    return headers


@lru_cache(maxsize=1024)
def _repeating(
    config: str,
    label: tuple[str, frozenset[str], float] | None,
    route: str | None,
    candidate: Candidate | None,
    attempts: int,
) -> tuple[tuple[bytes, bytes], ...]:
    """The headers that many requests have in common, encoded once."""
    headers: RawHeaders = [(_CONFIG, config.encode())]
    if label is not None:
        task, flags, confidence = label
        headers.append((_TASK, "+".join((task, *sorted(flags))).encode()))
        headers.append((_CONFIDENCE, f"{confidence:.2f}".encode()))
    if route is not None:
        headers.append((_ROUTE, route.encode("utf-8", "replace")))
    if candidate is not None:
        headers.append((_MODEL, candidate.model.encode("utf-8", "replace")))
        headers.append((_PROVIDER, candidate.provider.encode("utf-8", "replace")))
        headers.append((_ATTEMPTS, str(attempts).encode()))
    return tuple(headers)


def _printable(text: str) -> bytes:
    """A header value: ASCII without control characters, bounded."""
    clean = "".join(char if " " <= char <= "~" else "?" for char in text[:MAX_WARNINGS_CHARS])
    return clean.encode("ascii")
