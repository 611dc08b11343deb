"""Entries, records, journals and stores for the ledger's tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from gateway.config.snapshot import Redis, Secret
from gateway.core.errors import Failure, FailureClass
from gateway.core.label import Label, Signals
from gateway.core.plan import Attempt, Candidate, Plan, Record, RouteTrace, Timeouts
from gateway.core.usage import Usage
from gateway.ledger.entry import Entry
from gateway.ledger.journal import Journal
from gateway.ledger.redis_client import open_client
from gateway.ledger.redis_store import RedisStore
from gateway.ledger.rollup import HOUR
from gateway.ledger.sqlite_store import FILE, SqliteStore
from gateway.ledger.store import Batch, Store
from tests.redis_server import RedisServer

NOON = 1_764_072_000.0
"""2025-11-25 12:00 UTC."""

GPT, OPUS = Candidate("gpt", "openai"), Candidate("opus", "anthropic")
KEEP = {"keep_records_s": 30 * 86_400.0, "keep_hours_s": 35 * 86_400.0, "keep_days_s": 400 * 86_400.0}


class FixedClock:
    def __init__(self, at: float = NOON) -> None:
        self.now = at
        self.ticks = 100.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.ticks


def open_sqlite(folder: Path, max_records: int = 1000) -> SqliteStore:
    return SqliteStore(folder / FILE, max_records=max_records, **KEEP)


def open_redis(server: RedisServer, max_records: int = 1000) -> RedisStore:
    return RedisStore(open_client(Redis(Secret(server.url))), "sy", max_records=max_records, **KEEP)


def plan_of(*candidates: Candidate) -> Plan:
    return Plan(candidates, frozenset(), Timeouts(), 3, RouteTrace("auto", "default"))


SIGNALS = Signals(
    chars=40, input_tokens=10, turns=1, tools=1, tool_results=0, images=0, audio=0, documents=0, json_schema=False,
    computer=False, code_fences=2, script="latin", needs=frozenset({"tools"}),
)  # fmt: skip


def record_of(request_id: str = "req_1", **changes: Any) -> Record:
    """An answered request: one candidate failed, the next answered."""
    record = Record(request_id, NOON, 10.0, True, principal="web", team="shop", asked_for="auto", config="abc")
    record.signals = SIGNALS
    record.label = Label("coding", 0.91, frozenset({"agentic_tools"}), 0.4, (), "text-1-x")
    record.plan = plan_of(GPT, OPUS)
    failure = Failure(FailureClass.RATE_LIMIT, "rate_limited", "slow down", 429)
    record.attempts = [
        Attempt(GPT, "first", 10.001, ended=10.101, status=429, failure=failure, bytes_received=80),
        Attempt(
            OPUS, "fallback", 10.102, ended=11.5, first_token=10.402, status=200, bytes_received=900,
            usage=Usage(input=12, cache_read=3, output=20, reasoning=5), cost_nano_usd=700_000, price_version="p1",
        ),
    ]  # fmt: skip
    record.ended, record.first_token = 11.5, 10.402
    record.outcome, record.http_status, record.finish_reason = "ok", 200, "stop"
    record.usage, record.cost_nano_usd = record.attempts[1].usage, 700_000
    record.costs, record.baselines = {"final": 700_000}, (("gpt", 900_000), ("free", None))
    for name, value in changes.items():
        setattr(record, name, value)
    return record


def entry(request_id: str, at: float = NOON, **changes: Any) -> Entry:
    made: Entry = {
        "v": 1, "kind": "request", "id": request_id, "at": at, "key": "web", "team": None, "route": "default",
        "task": "coding", "model": "gpt", "provider": "openai", "outcome": "ok", "status": 200, "stream": False,
        "duration_s": 0.5, "attempts": [{"model": "gpt", "usage": {"input": 10}}], "cost_nano_usd": 1000,
        "costs_nano_usd": {"final": 1000}, "usage": {"input": 10, "output": 5, "source": "reported"},
    }  # fmt: skip
    return made | changes


def begin(request_id: str) -> Entry:
    return {
        "kind": "begin", "id": request_id, "at": NOON, "key": "web", "team": None, "route": "default", "task": "coding",
        "model": "gpt", "provider": "openai", "stream": False, "input_tokens_estimated": 7,
    }  # fmt: skip


def batch(segment: str, start: int, end: int, entries: Sequence[Entry]) -> Batch:
    return Batch(segment, start, end, entries, [orjson.dumps(one) for one in entries])


def journal_in(folder: Path, name: str = "boot-0", **options: Any) -> Journal:
    return Journal(folder, name, FixedClock(), **{"max_bytes": 10_000_000, **options})


def counted(store: Store) -> dict[str, int]:
    """All counters of the hour of NOON, whatever their dimensions."""
    total: dict[str, int] = {}
    for _, counters in store.sums(HOUR, int(NOON), int(NOON) + HOUR):
        for name, value in counters.items():
            total[name] = total.get(name, 0) + value
    return total
