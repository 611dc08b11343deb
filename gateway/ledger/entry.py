"""A record as the ledger keeps it: plain JSON, without any text of the request or its answer.

This is the shape that `gateway usage --request` shows and that the Redis stream carries (docs/ledger.md). Times are
seconds, money is nano-USD; what is empty is left out.
"""

from __future__ import annotations

from typing import Any

from gateway.core.label import Signals
from gateway.core.plan import NONE, Attempt, Record
from gateway.core.usage import Usage

Entry = dict[str, Any]

VERSION = 1
_KINDS = Usage._fields[:-1]
_FACTS = Signals._fields[2:-1]
"""All but the first two, which say how long the text is, and the last, which is a set."""


def entry_of(record: Record) -> Entry:
    """The entry of a request that has ended."""
    label, plan, signals, attempts = record.label, record.plan, record.signals, record.attempts
    final = record.final
    started = record.started
    ended = record.ended or started
    entry: Entry = {
        "v": VERSION,
        "kind": "request",
        "id": record.request_id,
        "at": record.created,
        "config": record.config,
        "key": record.principal,
        "team": record.team,
        "asked_for": record.asked_for[:256],
        "route": plan.trace.route if plan else NONE,
        "task": label.task if label else NONE,
        "model": final.candidate.model if final else NONE,
        "provider": final.candidate.provider if final else NONE,
        "stream": record.stream,
        "outcome": record.outcome,
        "status": record.http_status,
        "duration_s": _exact(ended - started),
        "attempts": [_attempt(attempt, started) for attempt in attempts],
        "cost_nano_usd": record.cost_nano_usd,
    }
    if attempts:
        entry["overhead_s"] = _exact(attempts[0].started - started)
    if record.first_token is not None:
        entry["first_token_s"] = _exact(record.first_token - started)
    if label is not None:
        entry["confidence"] = round(label.confidence, 4)
        entry["classifier"] = label.version
        if label.flags:
            entry["flags"] = sorted(label.flags)
        if label.difficulty is not None:
            entry["difficulty"] = round(label.difficulty, 4)
    if signals is not None:
        entry["input_tokens_estimated"] = signals.input_tokens
        entry["signals"] = _signals(signals)
    if record.usage is not None:
        entry["usage"] = _usage(record.usage)
    if record.costs:
        entry["costs_nano_usd"] = record.costs
    if record.baselines:
        entry["baselines_nano_usd"] = dict(record.baselines)
    if record.tags:
        entry["tags"] = sorted(record.tags)
    if record.quality:
        entry["quality"] = record.quality
    if record.finish_reason is not None:
        entry["finish_reason"] = record.finish_reason
    if record.error_code is not None:
        entry["error_code"] = record.error_code
    return entry


def begin_of(record: Record) -> Entry:
    """What is written before the first upstream call: if the process dies, this is all that is known of the request."""
    label, plan, signals = record.label, record.plan, record.signals
    return {
        "kind": "begin",
        "id": record.request_id,
        "at": record.created,
        "config": record.config,
        "key": record.principal,
        "team": record.team,
        "route": plan.trace.route if plan else NONE,
        "task": label.task if label else NONE,
        "model": plan.candidates[0].model if plan else NONE,
        "provider": plan.candidates[0].provider if plan else NONE,
        "stream": record.stream,
        "input_tokens_estimated": signals.input_tokens if signals else 0,
    }


def lost_entry(begin: Entry) -> Entry:
    """The entry of a request whose process died before it had ended: what it cost is not known."""
    return {
        **begin,
        "v": VERSION,
        "kind": "request",
        "outcome": "lost",
        "status": 0,
        "attempts": [],
        "cost_nano_usd": None,
        "error_code": "worker_died",
    }


def _attempt(attempt: Attempt, started: float) -> Entry:
    candidate, failure = attempt.candidate, attempt.failure
    entry: Entry = {
        "model": candidate.model,
        "provider": candidate.provider,
        "kind": attempt.kind,
        "start_s": _exact(attempt.started - started),
        "bytes": attempt.bytes_received,
        "cost_nano_usd": attempt.cost_nano_usd,
    }
    if attempt.ended is not None:
        entry["duration_s"] = _exact(attempt.ended - attempt.started)
    if attempt.first_token is not None:
        entry["first_token_s"] = _exact(attempt.first_token - attempt.started)
    if attempt.status is not None:
        entry["status"] = attempt.status
    if failure is not None:
        entry["class"] = failure.cls.value
        entry["reason"] = failure.reason
    if attempt.usage is not None:
        entry["usage"] = _usage(attempt.usage)
    if attempt.service_tier is not None:
        entry["service_tier"] = attempt.service_tier
    if attempt.price_version is not None:
        entry["price_version"] = attempt.price_version
    if attempt.key is not None:
        entry["key"] = attempt.key
    if attempt.cancelled:
        entry["cancelled"] = True
    return entry


def _usage(usage: Usage) -> Entry:
    entry: Entry = {kind: count for kind, count in zip(_KINDS, usage, strict=False) if count}
    entry["source"] = usage.source
    return entry


def _signals(signals: Signals) -> Entry:
    facts: Entry = {name: value for name, value in zip(_FACTS, signals[2:-1], strict=False) if value}
    if signals.needs:
        facts["needs"] = sorted(signals.needs)
    return facts


def _exact(seconds: float) -> float:
    """To the microsecond; `round` goes by way of the decimal text, and takes three times as long."""
    return int(seconds * 1_000_000 + 0.5) / 1_000_000
