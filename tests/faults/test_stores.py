"""F31 to F34: Redis and the disk fail, and requests notice nothing. Whole processes and a real redis-server."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis

from gateway.ledger.store import Store, StoreUnavailable
from tests.fault_server import FaultServer
from tests.faults.rig import ASK, working
from tests.ledger.making import open_redis
from tests.redis_server import PROGRAM, RedisServer, needs_redis
from tests.running import LoopThread, until
from tests.served import Served

CONFIG = """
server: {{workers: 1}}
classify: {{text_model: none}}
providers: {{a: {{vendor: openai, base_url: "{a}/v1"}}}}
models: {{a: {{provider: a, id: gpt-5.4-mini}}}}
routes: [{{name: default, chain: [a]}}]
ledger: {{dir: "{folder}/state", store: {store}{ledger}}}
{more}
"""
SHORT_S = 5.0
"""No request may wait for Redis: this is far below what a hung connection would take, and far above any answer."""


@pytest.fixture
def upstream(loop: LoopThread) -> Iterator[FaultServer]:
    server = FaultServer(working())
    loop.run(server.__aenter__())
    yield server
    loop.run(server.__aexit__(None))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """Not started yet."""
    if PROGRAM is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    made = RedisServer(tmp_path / "redis")
    yield made
    made.stop()


@contextlib.contextmanager
def served(upstream: FaultServer, folder: Path, store: str, ledger: str = "", more: str = "") -> Iterator[Served]:
    file = folder / "gateway.yaml"
    file.write_text(CONFIG.format(a=upstream.base_url, folder=folder, store=store, ledger=ledger, more=more))
    gateway = Served(str(file))
    try:
        gateway.wait_until_up()
        yield gateway
        assert gateway.stop() == 0
        assert "Traceback" not in gateway.text
    finally:
        gateway.process.kill()
        gateway.ended()


def with_redis(server: RedisServer) -> str:
    return f'redis: {{url: "{server.url}", prefix: sy}}'


def ask(gateway: Served, count: int = 10) -> list[str]:
    """The ids of so many requests, each answered in full and at once."""
    ids = []
    with httpx.Client(base_url=f"http://127.0.0.1:{gateway.port}", timeout=SHORT_S) as client:
        for number in range(count):
            answer = client.post("/v1/chat/completions", json={**ASK, "stream": number % 2 == 1})
            assert answer.status_code == 200, answer.text
            assert "one two three four" in answer.text or "[DONE]" in answer.text
            ids.append(answer.headers["x-request-id"])
    return ids


def recorded(server: RedisServer, ids: list[str]) -> bool:
    """Whether every one is in the ledger, as answered."""
    store: Store | None = None
    try:
        store = open_redis(server)
        entries = [store.find(request_id) for request_id in ids]
    except (StoreUnavailable, redis.RedisError):
        return False
    finally:
        if store is not None:
            store.close()
    return all(entry is not None and entry["outcome"] == "ok" for entry in entries)


@pytest.mark.fault(31)
def test_redis_is_not_there_at_the_start(upstream: FaultServer, server: RedisServer, tmp_path: Path) -> None:
    """Everything is served; what is to be recorded waits on disk until there is a Redis."""
    with served(upstream, tmp_path, "redis", more=with_redis(server)) as gateway:
        ids = ask(gateway)
        until(lambda: "the ledger can't be shipped" in gateway.text)
        assert httpx.get(f"http://127.0.0.1:{gateway.port}/readyz").status_code == 200
        server.start()
        until(lambda: recorded(server, ids), timeout=30)


@pytest.mark.fault(32)
def test_redis_dies_and_comes_back(upstream: FaultServer, server: RedisServer, tmp_path: Path) -> None:
    server.start()
    with served(upstream, tmp_path, "redis", more=with_redis(server)) as gateway:
        ids = ask(gateway)
        until(lambda: recorded(server, ids))
        server.stop()
        ids += ask(gateway)
        until(lambda: "the ledger can't be shipped" in gateway.text)
        ids += ask(gateway)
        server.start()
        until(lambda: recorded(server, ids), timeout=30)
        assert "the ledger's store is back" in gateway.text


@pytest.mark.fault(32)
def test_redis_hangs(upstream: FaultServer, server: RedisServer, tmp_path: Path) -> None:
    """Connections are open and nothing is answered: worse than a Redis that is gone."""
    server.start()
    with served(upstream, tmp_path, "redis", more=with_redis(server)) as gateway:
        ids = ask(gateway)
        until(lambda: recorded(server, ids))
        server.send(signal.SIGSTOP)
        ids += ask(gateway, 30)
        until(lambda: "the ledger can't be shipped" in gateway.text, timeout=30)
        ids += ask(gateway)
        server.send(signal.SIGCONT)
        until(lambda: recorded(server, ids), timeout=30)


def wrong_type(client: redis.Redis) -> None:
    """Every key that the gateway has becomes a plain string, as if somebody else used its prefix."""
    for key in client.keys("*"):
        client.set(key, "not what it was")


def out_of_memory(client: redis.Redis) -> None:
    client.config_set("maxmemory", "1")
    client.config_set("maxmemory-policy", "noeviction")


def read_only(client: redis.Redis) -> None:
    """What a failover looks like to those who still talk to the old master."""
    client.execute_command("REPLICAOF", "127.0.0.1", "1")


def emptied(client: redis.Redis) -> None:
    client.flushall()


@needs_redis
@pytest.mark.fault(33)
@pytest.mark.parametrize("nonsense", [wrong_type, out_of_memory, read_only, emptied])
def test_redis_answers_nonsense(upstream: FaultServer, server: RedisServer, tmp_path: Path, nonsense: object) -> None:
    server.start()
    with served(upstream, tmp_path, "redis", more=with_redis(server)) as gateway:
        before = ask(gateway)
        until(lambda: recorded(server, before))
        with server.client() as client:
            nonsense(client)  # type: ignore[operator]
            ids = ask(gateway, 20)
            assert httpx.get(f"http://127.0.0.1:{gateway.port}/readyz").status_code == 200
            if nonsense is out_of_memory:
                client.config_set("maxmemory", "0")
            elif nonsense is read_only:
                client.execute_command("REPLICAOF", "NO", "ONE")
            elif nonsense is wrong_type:
                client.flushall()
        until(lambda: recorded(server, ids), timeout=30)


@pytest.mark.fault(34)
def test_a_journal_that_is_full(upstream: FaultServer, tmp_path: Path) -> None:
    """The store is away for so long that the disk's share is used up: records are dropped and counted, requests not."""
    nobody = 'redis: {url: "redis://127.0.0.1:1/0"}'
    with served(upstream, tmp_path, "redis", ledger=", max_journal: 64KB", more=nobody) as gateway:
        assert len(ask(gateway, 200)) == 200
        journal = sum(file.stat().st_size for file in (tmp_path / "state" / "journal").rglob("*") if file.is_file())
        assert journal < 256 * 1024


@pytest.mark.fault(34)
def test_a_folder_that_can_not_be_written(upstream: FaultServer, tmp_path: Path) -> None:
    """A file stands where the folder should be: even root can't write there."""
    (tmp_path / "state").write_text("")
    with served(upstream, tmp_path, "sqlite") as gateway:
        assert len(ask(gateway)) == 10
