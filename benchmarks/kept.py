"""What a ledger holds, read past its own code: straight from the tables of SQLite and the keys of Redis."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

HOUR = 3600


@dataclass(frozen=True, slots=True)
class Kept:
    """Entries by request id, how many ids stand more than once, and the hourly sums of requests and cost."""

    entries: dict[str, dict[str, Any]]
    twice: int
    summed_requests: int
    summed_cost: int


def kept_in_sqlite(path: Path) -> Kept:
    with sqlite3.connect(path) as db:
        entries = [json.loads(row[0]) for row in db.execute("SELECT entry FROM requests")]

        def summed(counter: str) -> int:
            row = db.execute("SELECT sum(value) FROM sums WHERE grain = ? AND counter = ?", (HOUR, counter)).fetchone()
            return row[0] or 0

        return _kept(entries, summed("requests"), summed("cost"))


def kept_in_redis(url: str, prefix: str = "switchyard") -> Kept:
    with redis.Redis.from_url(url) as client:
        entries = [json.loads(fields[b"entry"]) for _, fields in client.xrange(f"{{{prefix}}}:ledger:entries")]
        sums = {"requests": 0, "cost": 0}
        for key in client.scan_iter(f"{{{prefix}}}:ledger:sums:hour:*"):
            for field, value in client.hgetall(key).items():
                counter = json.loads(field)[-1]
                if counter in sums:
                    sums[counter] += int(value)
        return _kept(entries, sums["requests"], sums["cost"])


def _kept(entries: list[dict[str, Any]], requests: int, cost: int) -> Kept:
    by_id = {entry["id"]: entry for entry in entries}
    return Kept(by_id, len(entries) - len(by_id), requests, cost)
