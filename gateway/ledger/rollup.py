"""What an entry adds to the hourly and daily sums. Pure.

A sum is a bag of whole-number counters under five dimensions, so that adding is all that a store must be able to do,
in any order and from several machines. Latencies are counted in buckets that grow by a tenth: a quantile read from
them is within five per cent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gateway.core.plan import NONE
from gateway.ledger.entry import Entry

HOUR = 3600
DAY = 86_400
GRAINS = (HOUR, DAY)
GROWTH = 1.1
_LOG_GROWTH = math.log(GROWTH)
DURATION = "ms"
TO_FIRST = "ttft"
MOST = 10**15
"""Beyond any single request: a million dollars, in nano-USD."""
SCORE_UNIT = 1000
"""Feedback scores are summed up as thousandths."""


class Dimensions(NamedTuple):
    task: str
    route: str
    model: str
    key: str
    team: str


class SumKey(NamedTuple):
    """`grain` is HOUR or DAY in seconds; `start` is the epoch second at which the hour or day (UTC) begins."""

    grain: int
    start: int
    dimensions: Dimensions


Sums = dict[SumKey, dict[str, int]]


def add_up(entries: Iterable[Entry]) -> Sums:
    """The sums of a batch: entries of requests, and of feedback whose request is known. Days are made of hours."""
    hours: Sums = {}
    for entry in entries:
        at = int(entry["at"])
        bag = hours.setdefault(SumKey(HOUR, at - at % HOUR, dimensions_of(entry)), {})
        add(bag, _bounded(counters_of(entry)))
    days: Sums = {}
    for key, bag in hours.items():
        add(days.setdefault(SumKey(DAY, key.start - key.start % DAY, key.dimensions), {}), bag)
    return hours | days


def add(into: dict[str, int], counters: Mapping[str, int]) -> None:
    for name, amount in counters.items():
        into[name] = into.get(name, 0) + amount


def _bounded(counters: dict[str, int]) -> dict[str, int]:
    """Raises ValueError for what no request comes to: a store's sums have 64 bits."""
    if any(type(amount) is not int or not -MOST < amount < MOST for amount in counters.values()):
        raise ValueError("a counter is out of bounds")
    return counters


def dimensions_of(entry: Entry) -> Dimensions:
    return Dimensions(
        entry.get("task") or NONE,
        entry.get("route") or NONE,
        entry.get("model") or NONE,
        entry.get("key") or NONE,
        entry.get("team") or NONE,
    )


def counters_of(entry: Entry) -> dict[str, int]:
    """Counter names: docs/ledger.md."""
    if entry["kind"] == "feedback":
        counters = {"feedback": 1}
        if entry.get("score") is not None:
            counters["feedback_scored"] = 1
            counters["feedback_score"] = round(entry["score"] * SCORE_UNIT)
        return counters
    counters = {"requests": 1, f"outcome:{entry['outcome']}": 1}
    attempts = entry["attempts"]
    if attempts:
        counters["attempts"] = len(attempts)
        if len({attempt["model"] for attempt in attempts}) > 1:
            counters["fell_back"] = 1
    if entry.get("stream"):
        counters["streams"] = 1
    for kind, count in entry.get("usage", {}).items():
        if kind != "source":
            counters[f"tokens:{kind}"] = count
    if entry.get("usage", {}).get("source") == "estimated":
        counters["estimated"] = 1
    counters |= _money(entry)
    for defect in entry.get("quality", ()):
        counters[f"defect:{defect}"] = 1
    if entry["outcome"] == "ok":
        counters[f"{DURATION}:{bucket_of(entry['duration_s'])}"] = 1
        if "first_token_s" in entry and entry.get("stream"):
            counters[f"{TO_FIRST}:{bucket_of(entry['first_token_s'])}"] = 1
    return counters


def _money(entry: Entry) -> dict[str, int]:
    """Cost by what it bought, and beside each baseline the cost of the very requests that have it: a request whose own
    cost is unknown takes no part in the comparison."""
    cost = entry["cost_nano_usd"]
    used = any("usage" in attempt for attempt in entry["attempts"])
    counters: dict[str, int] = {}
    if cost is None:
        if used or entry["outcome"] == "lost":
            counters["unpriced"] = 1
    else:
        counters["cost"] = cost
    for kind, amount in entry.get("costs_nano_usd", {}).items():
        counters[f"cost:{kind}"] = amount
    for model, baseline in entry.get("baselines_nano_usd", {}).items():
        if baseline is not None and cost is not None:
            counters[f"baseline:{model}"] = baseline
            counters[f"beside:{model}"] = cost
    return counters


def bucket_of(seconds: float) -> int:
    """The latency bucket: bucket n holds milliseconds in (GROWTH ** (n - 1), GROWTH ** n]."""
    milliseconds = seconds * 1000
    return 0 if milliseconds <= 1 else math.ceil(math.log(milliseconds) / _LOG_GROWTH - 1e-9)


def quantile(counters: Mapping[str, int], sketch: str, share: float) -> float | None:
    """Seconds below which `share` of the sketch's values lie (the middle of the bucket), or None without any."""
    prefix = f"{sketch}:"
    buckets = sorted((int(name[len(prefix) :]), count) for name, count in counters.items() if name.startswith(prefix))
    total = sum(count for _, count in buckets)
    if not total:
        return None
    rank = share * (total - 1)
    passed = 0
    for bucket, count in buckets:
        passed += count
        if passed > rank:
            return float(GROWTH ** (bucket - 0.5)) / 1000
    return None
