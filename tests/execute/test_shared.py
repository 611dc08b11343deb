"""Breakers shared through Redis: two processes that tell each other, and a Redis that does anything but help."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.config.snapshot import Redis, Secret
from gateway.core.errors import Failure, FailureClass
from gateway.execute.health import HealthBoard
from gateway.execute.shared import RedisStore, SharedHealth, Store
from tests.execute.test_health import LIMITED, REFUSED, SNAPSHOT, Clock, meet
from tests.fault_server import FaultServer, Peer, refusing
from tests.redis_server import RedisServer, needs_redis, redis_server, sentinel_for

BROKEN = Failure(FailureClass.TRANSIENT, "upstream_5xx", "down")


class Memory:
    """A hash, and Redis' time."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.now = 5_000_000.0

    async def read(self, fields: list[str]) -> tuple[float, list[bytes | None]]:
        return self.now, [self.values.get(field) for field in fields]

    async def write(self, changed: dict[str, str]) -> None:
        self.values |= {field: value.encode() for field, value in changed.items()}

    async def aclose(self) -> None:
        """Nothing is open."""


class Process:
    def __init__(self, name: str, store: Store | None, settings: Redis | None = None) -> None:
        self.clock = Clock()
        self.clock.now += len(name) * 777.0  # monotonic clocks begin anywhere
        self.board = HealthBoard(self.clock)
        self.board.adopt(SNAPSHOT)
        given = settings or Redis(Secret("redis://nowhere"))
        self.shared = SharedHealth(self.board, given, (lambda _: store) if store else RedisStore, self.clock, name)

    def state(self, model: str = "c") -> tuple[str, float, str]:
        row = next(row for row in self.board.view() if row.model == model)
        return row.state, row.until_s, row.reason


async def exchange(*processes: Process) -> None:
    for process in processes:
        assert await process.shared.sync()


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def two(memory: Memory) -> tuple[Process, Process]:
    return Process("one", memory), Process("number two", memory)


async def test_what_one_has_seen_the_other_takes_over(two: tuple[Process, Process], memory: Memory) -> None:
    one, other = two
    meet(one.board.lanes("c")[0], LIMITED, one.clock)
    await exchange(one, other)
    assert one.state() == other.state() == ("open", 7.0, "rate_limited")
    assert other.board.unwell("c") is not None
    one.clock.now += 3
    memory.now += 3
    late = Process("late", memory)
    await exchange(late)
    assert late.state() == ("open", 4.0, "rate_limited")


async def test_what_is_well_again_is_well_for_all(two: tuple[Process, Process], memory: Memory) -> None:
    one, other = two
    meet(one.board.lanes("c")[0], REFUSED, one.clock)
    await exchange(one, other)
    meet(other.board.lanes("c")[0], None, other.clock)
    assert other.state()[0] == "closed"
    await exchange(other, one)
    assert one.state()[0] == "closed"
    assert not one.board.troubled
    await exchange(one, other)
    assert other.state()[0] == "closed"


async def test_it_may_open_again(two: tuple[Process, Process]) -> None:
    one, other = two
    for _ in range(3):
        meet(one.board.lanes("c")[0], LIMITED, one.clock)
        await exchange(one, other)
        assert other.state()[0] == "open"
        meet(other.board.lanes("c")[0], None, other.clock)
        await exchange(other, one)
        assert one.state()[0] == "closed"


async def test_a_redis_that_begins_anew_closes_nothing(two: tuple[Process, Process], memory: Memory) -> None:
    one, other = two
    meet(one.board.lanes("c")[0], LIMITED, one.clock)
    await exchange(one, other)
    memory.values.clear()
    await exchange(other, one)
    assert one.state()[0] == other.state()[0] == "open"
    assert memory.values, "it is written again"


async def test_the_longer_wait_is_kept(two: tuple[Process, Process]) -> None:
    one, other = two
    meet(one.board.lanes("c")[0], LIMITED, one.clock)
    meet(other.board.lanes("c")[0], REFUSED, other.clock)
    await exchange(one, other, one)
    assert one.state() == other.state() == ("open", 600.0, "upstream_auth")


@pytest.mark.parametrize(
    "value",
    [b"", b"[]", b"null", b"{}", b"\xff", b'{"id":1}', b"[" * 900, b"x" * 100_000]
    + [b'{"id":"x","until":%s,"reason":"r","tries":true}' % until for until in (b'"soon"', b"1e999", b"-5", b"NaN")],
)
async def test_values_that_make_no_sense_are_nothing(memory: Memory, value: bytes) -> None:
    process = Process("one", memory)
    memory.values = dict.fromkeys(("single/c/default", "many/a/one"), value)
    await exchange(process)
    assert not process.board.troubled


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path / "redis") as server:
        yield server


@needs_redis
async def test_a_real_redis(real: RedisServer) -> None:
    settings = Redis(Secret(real.url), prefix="mine", timeout_s=2.0)
    one, other = Process("one", None, settings), Process("number two", None, settings)
    meet(one.board.lanes("c")[0], LIMITED, one.clock)
    await exchange(one, other)
    state, seconds, reason = other.state()
    assert (state, reason) == ("open", "rate_limited")
    assert 6.0 < seconds <= 7.0
    client = real.client()
    assert client.keys() == [b"mine:breakers"]
    assert 0 < client.ttl("mine:breakers") <= 3600
    client.set("mine:breakers", "not a hash")
    assert not await one.shared.sync()
    assert one.shared.status == "ResponseError"
    client.delete("mine:breakers")
    await exchange(one)
    assert one.shared.status == "ok"
    for process in (one, other):
        await process.shared._let_go()


@needs_redis
async def test_a_real_sentinel(real: RedisServer, tmp_path: Path) -> None:
    with sentinel_for(real, tmp_path / "sentinel") as settings:
        one, other = Process("one", None, settings), Process("number two", None, settings)
        meet(one.board.lanes("c")[0], LIMITED, one.clock)
        await exchange(one, other)
        assert other.state()[0] == "open"
        for process in (one, other):
            await process.shared._let_go()


@pytest.fixture
async def hanging() -> AsyncIterator[str]:
    async def script(peer: Peer) -> None:
        await peer.gone()

    async with FaultServer(script) as server:
        yield f"redis://127.0.0.1:{server.endpoint.port}/0"


async def test_a_redis_that_hangs_is_given_up_on(hanging: str) -> None:
    process = Process("one", None, Redis(Secret(hanging), timeout_s=0.05))
    meet(process.board.lanes("c")[0], LIMITED, process.clock)
    async with asyncio.timeout(5):
        assert not await process.shared.sync()
    assert process.shared.status == "TimeoutError"
    assert process.state()[0] == "open", "what was seen here counts here"


@pytest.mark.parametrize(
    "answer", [b"-READONLY You can't write against a read only replica.\r\n", b"-OOM x\r\n", b"?\r\n"]
)
async def test_a_redis_that_refuses(answer: bytes) -> None:
    async def script(peer: Peer) -> None:
        while await peer.read_some():
            await peer.send(answer)

    async with FaultServer(script) as server:
        url = f"redis://127.0.0.1:{server.endpoint.port}/0"
        process = Process("one", None, Redis(Secret(url), timeout_s=1.0))
        assert not await process.shared.sync()
        assert process.shared.status not in ("ok", "not asked yet")
        assert await process.shared.sync() is False


async def test_a_redis_that_is_not_there() -> None:
    with refusing() as nobody:
        process = Process("one", None, Redis(Secret(f"redis://127.0.0.1:{nobody.port}/0")))
        assert not await process.shared.sync()
    assert process.shared.status == "ConnectionError"
