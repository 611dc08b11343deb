"""The keeper against stores that go away, hang, refuse and come back."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config.snapshot import Ledger, Redis, Secret
from gateway.ledger.keeper import Keeper, run_keeper
from gateway.ledger.redis_client import open_client
from gateway.ledger.redis_store import RedisStore
from gateway.ledger.store import Store, StoreUnavailable
from tests.ledger.making import KEEP, FixedClock, batch, counted, entry, journal_in, open_sqlite
from tests.redis_server import PROGRAM, RedisServer, redis_server, sentinel_for
from tests.running import snapshot_of, until

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="redis-server is not installed: apt-get install redis-server")


class Gauges:
    def __init__(self) -> None:
        self.states: list[tuple[bool, float, int]] = []
        self.counts = [0, 0, 0]

    def shipped(self, entries: int, lost: int, corrupt: int) -> None:
        self.counts = [a + b for a, b in zip(self.counts, (entries, lost, corrupt), strict=True)]

    def state(self, *, up: bool, lag_s: float, waiting_bytes: int) -> None:
        self.states.append((up, lag_s, waiting_bytes))


def keeper_of(folder: Path, opens: Callable[[], Store], clock: FixedClock, gauges: Gauges) -> Keeper:
    return Keeper(folder, opens, clock, sync_s=1.0, gauges=gauges)


def quick(server: RedisServer, **options: object) -> RedisStore:
    """A store whose client gives up soon, so that the tests need not wait."""
    client = open_client(Redis(Secret(server.url)))
    client.connection_pool.connection_kwargs.update(socket_timeout=0.2, socket_connect_timeout=0.2, **options)
    return RedisStore(client, "sy", max_records=1000, **KEEP)


def test_redis_away_for_an_hour_loses_nothing(tmp_path: Path) -> None:
    clock, gauges = FixedClock(), Gauges()
    journal = journal_in(tmp_path / "j")
    with redis_server(tmp_path / "redis") as server:
        keeper = keeper_of(tmp_path / "j", lambda: quick(server), clock, gauges)
        journal.append(entry("before"))
        keeper.turn()
        server.stop()
        for minute in range(60):
            journal.append(entry(f"away{minute}"))
            clock.ticks += 60
            assert keeper.turn() <= 5.0
        up, lag, waiting = gauges.states[-1]
        assert (up, lag) == (False, 3600)
        assert waiting > 60 * 100
        server.start()
        keeper.turn()
        assert gauges.states[-1] == (True, 0.0, 0)
        assert gauges.counts == [61, 0, 0]
        assert counted(quick(server))["requests"] == 61


def test_redis_killed_in_the_middle_of_writes_counts_each_once(tmp_path: Path) -> None:
    """Killed at random moments while a thread ships: what it had taken in but not confirmed is not sent twice."""
    journal = journal_in(tmp_path / "j")
    stop = threading.Event()
    with redis_server(tmp_path / "redis") as server:
        keeper = keeper_of(tmp_path / "j", lambda: quick(server), FixedClock(), Gauges())

        def ship() -> None:
            while not stop.is_set():
                keeper.turn()

        thread = threading.Thread(target=ship)
        thread.start()
        for number in range(3000):
            journal.append(entry(f"r{number}"))
            if number % 600 == 599:
                server.stop()
                server.start()
        stop.set()
        thread.join(20)
        keeper.turn()
        keeper.turn()
        assert counted(quick(server))["requests"] == 3000
        with server.client() as client:
            assert client.xlen("{sy}:ledger:entries") >= 1000


def test_a_redis_that_hangs_is_given_up_after_its_timeout(tmp_path: Path) -> None:
    clock, gauges = FixedClock(), Gauges()
    journal_in(tmp_path / "j").append(entry("a"))
    with redis_server(tmp_path / "redis") as server:
        keeper = keeper_of(tmp_path / "j", lambda: quick(server), clock, gauges)
        server.send(signal.SIGSTOP)
        assert keeper.turn() > 0.25
        assert not gauges.states[-1][0]
        server.send(signal.SIGCONT)
        keeper.turn()
        assert counted(quick(server))["requests"] == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--requirepass", "right"), "AuthenticationError|Authentication required"),
        (("--maxmemory", "1"), "OutOfMemory|OOM"),
        (("--replicaof", "127.0.0.1", "1"), "ReadOnly|READONLY|MASTERDOWN"),
    ],
)
def test_a_redis_that_refuses_is_told_in_the_log(
    tmp_path: Path, options: tuple[str, ...], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    gauges = Gauges()
    journal_in(tmp_path / "j").append(entry("a"))
    with redis_server(tmp_path / "redis", *options) as server:
        keeper = keeper_of(tmp_path / "j", lambda: quick(server, password=None), FixedClock(), gauges)
        keeper.turn()
        assert not gauges.states[-1][0]
        [record] = [record for record in caplog.records if "can't be shipped" in record.message]
        assert re.search(said, record.error)  # type: ignore[attr-defined]
        assert "secret" not in record.error  # type: ignore[attr-defined]


def test_the_password_of_redis_stands_in_no_error(tmp_path: Path, redis_here: RedisServer) -> None:
    url = redis_here.url.replace("redis://", "redis://me:hunter2-canary@")
    store = RedisStore(open_client(Redis(Secret(url))), "sy", max_records=1000, **KEEP)
    with pytest.raises(StoreUnavailable) as caught:
        store.position("s")
    assert "canary" not in str(caught.value)
    store.close()


def test_tls_and_users_by_url() -> None:
    url = "rediss://me:word@redis.example.com:6380/3?ssl_cert_reqs=required&ssl_ca_certs=/etc/ca.pem"
    options = open_client(Redis(Secret(url))).connection_pool.connection_kwargs
    assert (options["host"], options["port"], options["db"], options["username"]) == (
        "redis.example.com",
        6380,
        3,
        "me",
    )
    assert options["ssl_ca_certs"] == "/etc/ca.pem"


def test_sentinels(tmp_path: Path) -> None:
    """A real sentinel that watches a real server."""
    with redis_server(tmp_path / "redis") as server, sentinel_for(server, tmp_path / "sentinel") as settings:
        store = RedisStore(open_client(settings), "sy", max_records=1000, **KEEP)
        assert store.position("s") == 0
        store.close()


def test_a_cluster(tmp_path: Path) -> None:
    """One node with every slot: the keys of a batch must lie in one slot."""
    with redis_server(tmp_path / "redis", "--cluster-enabled", "yes") as server:
        with server.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            until(lambda: "cluster_state:ok" in str(client.execute_command("CLUSTER", "INFO")))
        store = RedisStore(open_client(Redis(Secret(server.url), "cluster")), "sy", max_records=1000, **KEEP)
        store.append(batch("s", 0, 9, (entry("a"),)))
        assert store.find("a") == entry("a")
        assert counted(store)["requests"] == 1
        store.close()


CONFIG = """
ledger: {{dir: {folder}}}
providers: {{x: {{adapter: openai, base_url: "http://127.0.0.1:9/v1", api_key: k-1234567890}}}}
models: {{gpt: {{provider: x, id: gpt-5.4}}}}
routes: [{{name: default, chain: [gpt]}}]
"""


def test_a_keeper_ships_what_was_written_last_before_it_stops(tmp_path: Path) -> None:
    snapshot = snapshot_of(CONFIG.format(folder=tmp_path))
    assert snapshot.ledger == Ledger(dir=str(tmp_path))
    stop = threading.Event()
    thread = threading.Thread(target=run_keeper, args=(snapshot, stop), kwargs={"clock": FixedClock()})
    thread.start()
    journal = journal_in(tmp_path / "journal")
    journal.append(entry("a"))
    journal.close()
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    assert counted(open_sqlite(tmp_path))["requests"] == 1


def test_a_second_keeper_waits_for_the_first(tmp_path: Path) -> None:
    snapshot = snapshot_of(CONFIG.format(folder=tmp_path))
    stops = [threading.Event(), threading.Event()]
    threads = [
        threading.Thread(target=run_keeper, args=(snapshot, stop), kwargs={"clock": FixedClock()}) for stop in stops
    ]
    threads[0].start()
    until(lambda: (tmp_path / "ledger.sqlite").exists())
    threads[1].start()
    journal_in(tmp_path / "journal").append(entry("a"))
    until(lambda: counted(open_sqlite(tmp_path)).get("requests") == 1)
    for stop, thread in zip(stops, threads, strict=True):
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


def test_a_store_that_can_not_be_opened_is_tried_again(tmp_path: Path) -> None:
    clock, gauges = FixedClock(), Gauges()
    journal_in(tmp_path / "j").append(entry("a"))
    (tmp_path / "ledger.sqlite").mkdir()
    keeper = keeper_of(tmp_path / "j", lambda: open_sqlite(tmp_path), clock, gauges)
    keeper.turn()
    assert not gauges.states[-1][0]
    (tmp_path / "ledger.sqlite").rmdir()
    keeper.turn()
    assert counted(open_sqlite(tmp_path))["requests"] == 1


def test_a_ledger_file_that_is_taken_away_is_made_anew(tmp_path: Path) -> None:
    """What an operator does with a broken file: nothing is written into one that is gone."""
    clock, gauges = FixedClock(), Gauges()
    journal = journal_in(tmp_path / "j")
    keeper = keeper_of(tmp_path / "j", lambda: open_sqlite(tmp_path), clock, gauges)
    journal.append(entry("before"))
    keeper.turn()
    for path in tmp_path.glob("ledger.sqlite*"):
        path.unlink()
    journal.append(entry("after"))
    keeper.turn()
    assert not gauges.states[-1][0]
    keeper.turn()
    assert gauges.states[-1][0]
    assert open_sqlite(tmp_path).find("after") is not None


def test_a_defect_of_ours_ends_no_shipping(tmp_path: Path) -> None:
    clock, gauges = FixedClock(), Gauges()
    journal_in(tmp_path / "j").append(entry("a"))
    broken = True

    def opens() -> Store:
        if broken:
            raise RuntimeError("a defect")
        return open_sqlite(tmp_path)

    keeper = keeper_of(tmp_path / "j", opens, clock, gauges)
    keeper.turn()
    assert not gauges.states[-1][0]
    assert gauges.states[-1][2] > 0, "what waits is told"
    broken = False
    keeper.turn()
    assert gauges.states[-1] == (True, 0.0, 0)
