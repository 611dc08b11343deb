"""What both stores keep to. Each test runs against SQLite and against a real redis-server."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.ledger.rollup import DAY, HOUR, Dimensions, quantile
from gateway.ledger.store import Moved, Store, StoreUnavailable
from tests.ledger.conftest import OpenStore
from tests.ledger.making import NOON, batch, counted, entry, open_redis, open_sqlite
from tests.redis_server import RedisServer


def test_a_batch_is_taken_in_with_its_position(store: Store) -> None:
    assert store.position("s") == 0
    store.append(batch("s", 0, 50, (entry("a"), entry("b", model="opus", cost_nano_usd=None, costs_nano_usd={}))))
    assert store.position("s") == 50
    found = counted(store)
    assert found["requests"] == 2
    assert found["cost"] == found["cost:final"] == 1000
    assert found["unpriced"] == 1
    assert found["tokens:input"] == 20
    assert store.find("a") == entry("a")
    assert store.find("nobody") is None


def test_a_batch_that_comes_twice_counts_once(open_store: OpenStore) -> None:
    taken = batch("s", 0, 50, (entry("a"),))
    first, second = open_store(), open_store()
    first.append(taken)
    with pytest.raises(Moved):
        second.append(taken)
    with pytest.raises(Moved):
        second.append(batch("s", 10, 60, (entry("b"),)))
    assert counted(second)["requests"] == 1
    assert second.find("b") is None
    second.append(batch("s", 50, 60, (entry("b"),)))
    assert counted(first)["requests"] == 2


def test_a_forgotten_segment_starts_anew(store: Store) -> None:
    store.append(batch("s", 0, 50, ()))
    store.forget("s")
    store.forget("never seen")
    assert store.position("s") == 0


def test_sums_stand_under_their_hour_day_and_dimensions(store: Store) -> None:
    entries = (entry("a"), entry("b", at=NOON + 3599), entry("c", at=NOON + 3600, team="x"), entry("d", at=NOON + DAY))
    store.append(batch("s", 0, 9, entries))
    found = store.sums(HOUR, int(NOON), int(NOON) + 2 * HOUR)
    hours = {(key.start, key.dimensions.team): bag["requests"] for key, bag in found}
    assert hours == {(NOON, "none"): 2, (NOON + HOUR, "x"): 1}
    midnight = int(NOON) - 12 * HOUR
    days = [(key.start, bag["requests"]) for key, bag in store.sums(DAY, midnight, midnight + 2 * DAY)]
    assert sorted(days) == [(midnight, 1), (midnight, 2), (midnight + DAY, 1)]
    [only] = [key.dimensions for key, _ in store.sums(HOUR, int(NOON) + HOUR, int(NOON) + 2 * HOUR)]
    assert only == Dimensions("coding", "default", "gpt", "web", "x")


def test_feedback_stands_with_its_request_and_in_the_sums(store: Store) -> None:
    given = {"kind": "feedback", "id": "a", "at": NOON + 5, "score": 0.25, "label": "wrong", "task": "coding"}
    store.append(batch("s", 0, 9, (entry("a"), given)))
    found = store.find("a")
    assert found is not None
    assert found["feedback"] == [given]
    assert counted(store)["feedback_score"] == 250


def test_latencies_can_be_read_from_the_sums(store: Store) -> None:
    store.append(batch("s", 0, 9, tuple(entry(f"r{n}", duration_s=n / 100) for n in range(1, 101))))
    found = counted(store)
    for share, wanted in ((0.5, 0.5), (0.95, 0.95), (0.0, 0.01), (1.0, 1.0)):
        assert quantile(found, "ms", share) == pytest.approx(wanted, rel=0.06)
    assert quantile({}, "ms", 0.5) is None


def test_what_is_too_old_goes(store: Store) -> None:
    store.append(batch("s", 0, 9, (entry("old", at=NOON - 31 * DAY), entry("new"))))
    store.trim(NOON)
    assert store.find("new") is not None
    if not type(store).__name__.startswith("Redis"):  # Redis keeps an entry by when it came in
        assert store.find("old") is None
    assert counted(store)["requests"] == 1


def test_no_more_records_than_were_asked_for(tmp_path: Path, redis_here: RedisServer) -> None:
    sqlite, shared = open_sqlite(tmp_path, max_records=10), open_redis(redis_here, max_records=10)
    for store in (sqlite, shared):
        for start in range(0, 2000, 100):
            entries = tuple(entry(f"r{n}", at=NOON + n) for n in range(start, start + 100))
            store.append(batch("s", start, start + 100, entries))
        store.trim(NOON + 2000)
        assert store.find("r1999") is not None
        assert store.find("r0") is None
    with redis_here.client() as client:
        assert client.xlen("{sy}:ledger:entries") <= 200  # Redis trims by whole nodes
    sqlite.close()
    shared.close()


def test_every_redis_key_expires_or_is_bounded(redis_here: RedisServer) -> None:
    store = open_redis(redis_here)
    given = {"kind": "feedback", "id": "a", "at": NOON, "score": 1, "task": "coding"}
    store.append(batch("s", 0, 9, (entry("a"), given)))
    with redis_here.client() as client:
        forever = {key for key in client.keys("*") if client.ttl(key) == -1}
        assert all(key.startswith(b"{sy}:ledger:") for key in client.keys("*"))
    assert forever == {b"{sy}:ledger:entries", b"{sy}:ledger:positions"}, "trimmed by number, and one field a segment"
    store.close()


@pytest.mark.parametrize("key", ["entries", f"sums:hour:{int(NOON)}", "positions"])
def test_a_wrong_type_under_our_key_is_told_and_nothing_is_half_written(redis_here: RedisServer, key: str) -> None:
    store, key = open_redis(redis_here), f"{{sy}}:ledger:{key}"
    with redis_here.client() as client:
        client.set(key, "mine")
        with pytest.raises(StoreUnavailable, match="WRONGTYPE"):
            store.append(batch("s", 0, 9, (entry("a"),)))
        assert client.keys("*") == [key.encode()]
        client.delete(key)
    store.append(batch("s", 0, 9, (entry("a"),)))
    assert counted(store)["requests"] == 1
    store.close()


def test_a_file_that_is_no_ledger(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_text("not a database, and longer than a header would be" * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        open_sqlite(tmp_path)
