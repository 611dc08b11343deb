"""What only the native transport promises: exact behaviour at every split, lean writes, and its look-ups of names."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from types import SimpleNamespace

import pytest

from gateway.core.wire import Endpoint
from gateway.transport import pool
from gateway.transport.base import Transport, TransportLimits
from gateway.transport.connection import JOIN_LIMIT, Connection
from gateway.transport.dial import Resolver
from gateway.transport.exchange import NativeExchange
from tests.fault_server import FaultServer, answering, chunked, refusing, response
from tests.transport.contract import Gate, Open, ask, settle
from tests.transport.recorder import Recorder
from tests.transport.test_contract_opening import resolve_to

pytestmark = pytest.mark.parametrize("variant", ["native"], indirect=True)


class Wire(asyncio.Transport):
    """The socket side of a connection, held in the hand."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closing = False

    def get_extra_info(self, name: str, default: object = None) -> SimpleNamespace:
        assert name == "socket"
        return SimpleNamespace(setsockopt=lambda *_: None)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def write(self, data: bytes) -> None:  # type: ignore[override]
        self.writes.append(data)

    def writelines(self, parts: tuple[bytes, ...]) -> None:  # type: ignore[override]
        self.writes.append(b"".join(parts))

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.closing = True


class Notes:
    """Notes what a connection tells its pool."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def release(self, connection: Connection) -> None:
        self.told.append("release")

    def discard(self, connection: Connection, successor: NativeExchange | None = None) -> None:
        self.told.append("discard" if successor is None else "retry")

    def closed(self, connection: Connection) -> None:
        self.told.append("closed")


def started(method: str = "POST", body: bytes = b"{}") -> tuple[Connection, Wire, Notes, Recorder]:
    notes, wire, recorder = Notes(), Wire(), Recorder()
    connection = Connection(notes, TransportLimits())
    connection.connection_made(wire)
    connection.start(NativeExchange(method, b"HEAD\r\n\r\n", body, recorder))
    return connection, wire, notes, recorder


SPLIT = {
    "length": response(b"hello", headers=[("a", "b"), ("A", "c")]),
    "chunked": chunked(b"one", b"twotwo", trailers=[("t", "u")], headers=[("a", "b")]),
    "interim": b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n" + response(b"x"),
    "close": response(b"hi", headers=[("connection", "close")]),
    "nobody": b"HTTP/1.1 204 No Content\r\na: b\r\n\r\n",
    "http-1.0": b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nhi",
}


def outcome(*pieces: bytes) -> tuple[object, ...]:
    connection, _, notes, recorder = started()
    for piece in pieces:
        connection.data_received(piece)
    return recorder.status, recorder.headers, recorder.body, recorder.over, recorder.fault, tuple(notes.told)


@pytest.mark.parametrize("raw", SPLIT.values(), ids=SPLIT)
async def test_a_response_cut_anywhere_is_the_same(raw: bytes, variant: str) -> None:
    whole = outcome(raw)
    assert whole[3:5] == (True, None)
    for at in range(1, len(raw)):
        assert outcome(raw[:at], raw[at:]) == whole
    assert outcome(*(raw[at : at + 1] for at in range(len(raw)))) == whole


@pytest.mark.parametrize("raw", SPLIT.values(), ids=SPLIT)
async def test_a_response_that_ends_early_is_never_whole(raw: bytes, variant: str) -> None:
    for at in range(len(raw)):
        connection, _, notes, recorder = started()
        if at:
            connection.data_received(raw[:at])
        connection.eof_received()
        assert recorder.fault is not None
        assert recorder.fault.phase == ("body" if at else "first_byte")
        assert notes.told == ["discard"]


@pytest.mark.parametrize("surplus", [b"x", b"HTTP/1.1 200 OK\r\n\r\n"])
async def test_surplus_in_the_same_bytes_spoils_the_connection_only(surplus: bytes, variant: str) -> None:
    connection, wire, notes, recorder = started()
    connection.data_received(response(b"ok") + surplus)
    assert (recorder.over, recorder.fault, recorder.body, recorder.broken) == (True, None, b"ok", [])
    assert notes.told == ["discard"]
    assert wire.closing


async def test_a_small_request_is_one_write(variant: str) -> None:
    _, wire, _, _ = started(body=b"x" * JOIN_LIMIT)
    assert wire.writes == [b"HEAD\r\n\r\n" + b"x" * JOIN_LIMIT]


async def test_a_large_request_is_not_joined(variant: str) -> None:
    _, wire, _, _ = started(body=b"x" * (JOIN_LIMIT + 1))
    assert len(b"".join(wire.writes)) == len(b"HEAD\r\n\r\n") + JOIN_LIMIT + 1


async def test_an_idle_connection_is_written_to_before_send_returns(transport: Transport) -> None:
    async with FaultServer(answering(response(b"ok"))) as server:
        assert await ask(transport, server.endpoint).outcome() is None
        tasks = asyncio.all_tasks()
        recorder = ask(transport, server.endpoint)
        assert asyncio.all_tasks() == tasks
        assert await recorder.outcome() is None


async def test_the_last_idle_connection_is_used_first(open_transport: Open) -> None:
    transport, gate = open_transport(), Gate()
    async with FaultServer(gate) as server:
        recorders = [ask(transport, server.endpoint) for _ in range(3)]
        for _ in recorders:
            gate.opened.release()
        assert [await recorder.outcome() for recorder in recorders] == [None] * 3
        for _ in range(4):
            gate.opened.release()
            assert await ask(transport, server.endpoint).outcome() is None
        assert sorted(len(peer.requests) for peer in server.peers) == [1, 1, 5]


async def test_more_kinds_of_heads_than_are_kept(transport: Transport) -> None:
    async with FaultServer(answering(response(b"ok"))) as server:
        for n in range(pool.HEADS_KEPT + 2):
            assert await ask(transport, server.endpoint, headers=(("x-id", str(n)),)).outcome() is None
        assert [request.header("x-id") for request in server.requests] == [str(n) for n in range(pool.HEADS_KEPT + 2)]


async def test_a_connection_lost_before_its_request(open_transport: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async def open_and_lose(owner: pool.Pool) -> Connection:
        connection = Connection(owner, TransportLimits())
        connection.connection_made(Wire())
        connection.connection_lost(ConnectionResetError("reset"))
        return connection

    monkeypatch.setattr(pool.Pool, "_open", open_and_lose)
    transport = open_transport(max_connections=1)
    for recorder in [ask(transport, Endpoint("http", "127.0.0.1", 1)) for _ in range(3)]:
        fault = await recorder.outcome()
        assert fault is not None
        assert (fault.phase, fault.reset) == ("write", True)


async def test_a_connection_opened_for_nobody_is_kept(open_transport: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cancel comes when the connection is open, but before the exchange was put on it."""
    opened = pool.Pool._open

    async def open_and_cancel(owner: pool.Pool) -> Connection:
        connection = await opened(owner)
        assert recorder.exchange is not None
        asyncio.get_running_loop().call_soon(recorder.exchange.cancel)
        return connection

    monkeypatch.setattr(pool.Pool, "_open", open_and_cancel)
    transport = open_transport(max_connections=1)
    async with FaultServer(answering(response(b"ok"))) as server:
        recorder = ask(transport, server.endpoint, b"nobody's")
        assert await ask(transport, server.endpoint, b"next").outcome() is None
        assert [request.body for request in server.requests] == [b"next"]
        assert len(server.peers) == 1


# Names

played = pytest.mark.asyncio(loop_factories=["asyncio"])  # uvloop asks libc directly


@played
async def test_a_look_up_is_kept_for_a_while(monkeypatch: pytest.MonkeyPatch, variant: str) -> None:
    asked = resolve_to(monkeypatch, "127.0.0.1")
    kept, forgotten = Resolver("a.test", 80, ttl_s=60), Resolver("b.test", 80, ttl_s=0)
    for _ in range(2):
        assert await kept.addresses() == (("127.0.0.1", 80),)
        assert await forgotten.addresses() == (("127.0.0.1", 80),)
    assert asked == ["a.test", "b.test", "b.test"]


@played
async def test_simultaneous_look_ups_are_one(monkeypatch: pytest.MonkeyPatch, variant: str) -> None:
    asked = resolve_to(monkeypatch, "127.0.0.1")
    resolver = Resolver("a.test", 80, ttl_s=60)
    await asyncio.gather(*(resolver.addresses() for _ in range(10)))
    assert asked == ["a.test"]


@played
async def test_families_take_turns(monkeypatch: pytest.MonkeyPatch, variant: str) -> None:
    v6, v4 = socket.AF_INET6, socket.AF_INET
    found = [(v6, 1, 6, "", ("::1", 80)), (v6, 1, 6, "", ("::2", 80)), (v4, 1, 6, "", ("127.0.0.1", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert await Resolver("a.test", 80, ttl_s=60).addresses() == (("::1", 80), ("127.0.0.1", 80), ("::2", 80))


@played
async def test_a_name_is_looked_up_again_when_nothing_answers(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = resolve_to(monkeypatch, "127.0.0.1")
    with refusing() as endpoint:
        named = dataclasses.replace(endpoint, host="upstream.test")
        for _ in range(2):
            assert await ask(transport, named).phase() == "connect"
    assert asked == ["upstream.test"] * 2


@played
async def test_an_address_is_not_looked_up(monkeypatch: pytest.MonkeyPatch, variant: str) -> None:
    asked = resolve_to(monkeypatch, "127.0.0.1")
    assert await Resolver("::1", 80, ttl_s=0).addresses() == (("::1", 80),)
    assert asked == []


@pytest.mark.parametrize("host", ["a" * 64 + ".test", "..", "x..y"])
async def test_a_name_that_cannot_be_one(transport: Transport, host: str) -> None:
    assert await ask(transport, Endpoint("http", host, 80)).phase() == "dns"


async def test_cancelled_askers_leave_the_look_up_to_the_others(transport: Transport) -> None:
    async with FaultServer(answering(response(b"ok"))) as server:
        named = dataclasses.replace(server.endpoint, host="localhost")
        first, second = ask(transport, named), ask(transport, named)
        await settle()
        assert first.exchange is not None
        first.exchange.cancel()
        assert await second.outcome() is None
