"""Stores to test against: SQLite in a file, and a real redis-server that each test finds empty."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.ledger.store import Store
from tests.ledger.making import open_redis, open_sqlite
from tests.redis_server import PROGRAM, RedisServer, redis_server

OpenStore = Callable[[], Store]


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    if PROGRAM is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_here(shared_redis: RedisServer) -> RedisServer:
    with shared_redis.client() as client:
        client.flushall()
    return shared_redis


@pytest.fixture(params=["sqlite", "redis"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenStore]:
    """Opens the same store anew at each call, as a restarted keeper does."""
    opened: list[Store] = []
    server = request.getfixturevalue("redis_here") if request.param == "redis" else None

    def opens() -> Store:
        store: Store = open_sqlite(tmp_path) if server is None else open_redis(server)
        opened.append(store)
        return store

    yield opens
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: OpenStore) -> Store:
    return open_store()
