"""From the journal into a store, each line once, whatever dies in between."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.ledger.journal import Journal
from gateway.ledger.lines import encode_line
from gateway.ledger.shipper import Shipper, number_of
from gateway.ledger.store import Batch, Store, StoreUnavailable
from tests.ledger.conftest import OpenStore
from tests.ledger.making import FixedClock, begin, counted, entry, journal_in, open_redis, open_sqlite
from tests.redis_server import RedisServer


def test_what_a_living_worker_writes_is_shipped_and_kept(store: Store, tmp_path: Path) -> None:
    journal, shipper = journal_in(tmp_path / "j"), Shipper(tmp_path / "j", store)
    journal.append(begin("a"))
    assert shipper.ship().entries == 0
    journal.append(entry("a"))
    journal.append(begin("b"))
    assert shipper.ship().entries == 1
    assert shipper.ship().entries == 0
    assert counted(store)["requests"] == 1
    assert shipper.waiting_bytes() == 0
    assert len(list((tmp_path / "j").glob("*.journal"))) == 1


@pytest.mark.fault(35)
def test_what_a_dead_worker_had_begun_is_lost_and_told_so_once(open_store: OpenStore, tmp_path: Path) -> None:
    folder = tmp_path / "j"
    journal = journal_in(folder)
    for line in (begin("a"), begin("b"), entry("a"), begin("c")):
        journal.append(line)
    assert Shipper(folder, open_store()).ship().lost == 0
    journal.close()
    done = Shipper(folder, open_store()).ship()
    assert (done.entries, done.lost) == (2, 2)
    store = open_store()
    found = counted(store)
    assert (found["requests"], found["outcome:ok"], found["outcome:lost"], found["unpriced"]) == (3, 1, 2, 2)
    lost = store.find("b")
    assert lost is not None
    assert (lost["outcome"], lost["cost_nano_usd"], lost["input_tokens_estimated"]) == ("lost", None, 7)
    assert list(folder.glob("*.journal")) == []


def test_a_request_may_end_in_a_later_segment(open_store: OpenStore, tmp_path: Path) -> None:
    folder = tmp_path / "j"
    journal, shipper = journal_in(folder, max_bytes=40_000), Shipper(folder, open_store())
    journal.append(begin("long"))
    for number in range(40):
        journal.append(entry(f"r{number}"))
        shipper.ship()
    [carried] = folder.glob("*.begun")
    assert b'"long"' in carried.read_bytes(), "its segment is gone, and what it had begun is kept"
    assert len(list(folder.glob("*.journal"))) == 1
    shipper = Shipper(folder, open_store())
    shipper.ship()
    journal.append(entry("long"))
    shipper.ship()
    assert not carried.exists()
    journal.close()
    assert Shipper(folder, open_store()).ship().lost == 0
    assert counted(open_store())["requests"] == 41


def test_a_writer_that_goes_on_to_the_next_segment_is_not_dead(store: Store, tmp_path: Path) -> None:
    """The moment between: the old segment is let go, after the shipper has listed it as the newest."""
    folder = tmp_path / "j"
    old = journal_in(folder)
    old.append(begin("a"))
    shipper = Shipper(folder, store)
    listed = shipper._paths()
    following = folder / listed[0].name.replace("000001", "000002")
    following.write_bytes(encode_line(entry("a")))
    old.close()
    paths = iter([listed])
    everything = shipper._paths
    shipper._paths = lambda: next(paths, None) or everything()  # type: ignore[method-assign]
    assert shipper.ship().lost == 0


@pytest.mark.parametrize("junk", [b"\x00" * 500 + b"\n", b"deadbeef {}\n", b"half a line", b"\n\n\n"])
def test_corrupt_lines_cost_only_themselves(store: Store, tmp_path: Path, junk: bytes) -> None:
    folder = tmp_path / "j"
    journal = journal_in(folder)
    journal.append(entry("a"))
    [path] = folder.glob("*.journal")
    with path.open("ab") as opened:
        opened.write(junk)
        opened.write(b"\n" + encode_line(entry("b")))
    journal.close()
    done = Shipper(folder, store).ship()
    assert done.entries == 2
    assert done.corrupt == (0 if junk == b"\n\n\n" else 1)
    assert counted(store)["requests"] == 2


def test_a_torn_last_line_waits_while_its_writer_lives(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "j"
    journal, shipper = journal_in(folder), Shipper(folder, store)
    journal.append(entry("a"))
    [path] = folder.glob("*.journal")
    line = encode_line(entry("b"))
    with path.open("ab") as opened:
        opened.write(line[:100])
        opened.flush()
        assert shipper.ship().entries == 1
        opened.write(line[100:])
    assert shipper.ship() == type(shipper.ship())(entries=1)


def test_a_clock_that_steps_back_kills_nobody(store: Store, tmp_path: Path) -> None:
    """Segments are in the order of their numbers: the newest may bear the older time."""
    folder, clock = tmp_path / "j", FixedClock()
    journal = Journal(folder, "boot-0", clock, max_bytes=40_000)
    shipper = Shipper(folder, store)
    journal.append(begin("open"))
    for number in range(20):
        journal.append(entry(f"a{number}"))
    clock.now -= 50
    clock.ticks += 10
    for number in range(20):
        journal.append(entry(f"b{number}"))
    by_name = sorted(folder.glob("*.journal"))
    assert [number_of(path) for path in by_name] != list(range(1, len(by_name) + 1)), "the names are out of order"
    assert shipper.ship().lost == 0
    journal.append(entry("open"))
    journal.append(entry("last"))
    assert shipper.ship().lost == 0
    for name in ("open", "last", "a0", "b0"):
        kept = store.find(name)
        assert kept is not None
        assert kept["outcome"] == "ok"


def test_a_line_that_no_store_takes_keeps_no_other_out(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "j"
    journal, shipper = journal_in(folder), Shipper(folder, store)
    journal.append(entry("a"))
    journal.append(entry("huge", cost_nano_usd=10**18, usage={"input": 10**18}))
    journal.append(entry("half", attempts=None))
    journal.append({"kind": "from the future", "id": "x"})
    journal.append(entry("b"))
    done = shipper.ship()
    assert (done.entries, done.corrupt) == (2, 3)
    assert counted(store)["requests"] == 2
    assert store.find("b") is not None
    journal.append(entry("c"))
    assert shipper.ship().entries == 1


def test_beginnings_without_an_end_pin_no_segment(store: Store, tmp_path: Path) -> None:
    """Ends that were dropped while the journal was full: once the store is back, there is room again, every time."""
    folder = tmp_path / "j"
    clock = FixedClock()
    journal = Journal(folder, "boot-0", clock, max_bytes=60_000)
    shipper = Shipper(folder, store)
    for episode in range(10):
        journal.append(begin(f"pinned{episode}"))
        for number in range(200):
            journal.append(entry(f"e{episode}-{number}"))
        shipper.ship()
        clock.ticks += 5
        assert journal.append(entry(f"again{episode}"))
    journal.close()
    assert shipper.ship().lost == 10


def test_a_segment_that_can_not_be_read_holds_up_nobody_else(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "j"
    journal = journal_in(folder)
    (folder / "0000000000000-zz-0-000001.journal").mkdir(parents=True)
    journal.append(entry("a"))
    with pytest.raises(OSError, match="directory"):
        Shipper(folder, store).ship()
    assert counted(store)["requests"] == 1


def test_positions_that_were_lost_count_nothing_twice(redis_here: RedisServer, tmp_path: Path) -> None:
    folder = tmp_path / "j"
    store = open_redis(redis_here)
    journal = journal_in(folder)
    journal.append(entry("a"))
    Shipper(folder, store).ship()
    with redis_here.client() as client:
        client.delete("{sy}:ledger:positions")
    journal.append(entry("b"))
    Shipper(folder, store).ship()
    assert counted(store)["requests"] == 2
    store.close()


class DiesSometimes:
    """A store whose keeper is killed before or after it takes a batch in, as the plan says."""

    def __init__(self, store: Store, plan: list[str]) -> None:
        self._store = store
        self._plan = plan

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def append(self, batch: Batch) -> None:
        fate = self._plan.pop() if self._plan else "well"
        if fate == "before":
            raise StoreUnavailable("killed before")
        self._store.append(batch)
        if fate == "after":
            raise StoreUnavailable("killed after")

    def forget(self, segment: str) -> None:
        if self._plan and self._plan.pop() == "before":
            raise StoreUnavailable("killed at the end")
        self._store.forget(segment)


STEPS = st.lists(st.sampled_from(["begin", "end", "ship", "die", "torn"]), min_size=5, max_size=60)
FATES = st.lists(st.sampled_from(["well", "before", "after"]), max_size=30)


@given(steps=STEPS, fates=FATES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_workers_and_keepers_die_each_end_counts_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], fates: list[str]
) -> None:
    """Workers begin, end and die; keepers die at any batch. Afterwards: every end once, every other beginning lost."""
    root = tmp_path_factory.mktemp("ship")
    folder = root / "j"
    workers = 0
    journal = journal_in(folder, "w0-0", max_bytes=16_000)
    begun: list[str] = []
    mine: list[str] = []
    ended: list[str] = []
    for number, step in enumerate(steps):
        if step == "begin":
            if journal.append(begin(f"r{number}")):
                begun.append(f"r{number}")
                mine.append(f"r{number}")
        elif step == "end":
            request = mine.pop() if mine else f"r{number}"
            if journal.append(entry(request)):
                ended.append(request)
        elif step == "torn" and list(folder.glob("*.journal")):
            journal.close()
            with max(folder.glob("*.journal")).open("ab") as opened:
                opened.write(b"0000 torn")
        if step in ("die", "torn"):
            journal.close()
            workers += 1
            mine.clear()
            journal = journal_in(folder, f"w{workers}-0", max_bytes=16_000)
        if step == "ship":
            ship(root, fates)
    journal.close()
    for _ in range(len(fates)):
        ship(root, fates)
    ship(root, [])
    store = open_sqlite(root)
    found = counted(store)
    lost = set(begun) - set(ended)
    assert found.get("outcome:ok", 0) == len(ended)
    assert found.get("outcome:lost", 0) == len(lost)
    for name in ended:
        kept = store.find(name)
        assert kept is not None
        assert kept["outcome"] == "ok"
    assert not list(folder.glob("*.journal")) or os.listdir(folder) == []
    store.close()


def ship(root: Path, fates: list[str]) -> None:
    """One pass by a keeper that was just started."""
    store = open_sqlite(root)
    try:
        Shipper(root / "j", DiesSometimes(store, fates)).ship()  # type: ignore[arg-type]
    except StoreUnavailable:
        if fates:
            fates.pop()
    finally:
        store.close()
