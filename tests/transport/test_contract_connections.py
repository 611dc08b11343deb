"""The contract: which connections are used again, and when a request may be sent twice."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from gateway.transport.base import Transport, TransportFault
from tests.fault_server import GIVE_UP_S, Peer, Script, answering, chunked, response
from tests.transport.contract import HTTPX_DIFFERS, Open, Serve, ask, exchange_of, native_only, once, settle
from tests.transport.recorder import Recorder


async def test_connections_are_reused(transport: Transport, serve: Serve) -> None:
    async with serve(answering(response(b"1"), chunked(b"2"), response(b"3"))) as server:
        bodies = []
        for _ in range(3):
            recorder = ask(transport, server.endpoint)
            assert await recorder.outcome() is None
            bodies.append(recorder.body)
        assert bodies == [b"1", b"2", b"3"]
        assert len(server.peers) == 1


async def test_on_end_may_already_reuse_the_connection(transport: Transport, serve: Serve) -> None:
    async with serve(answering(response(b"1"), response(b"2"))) as server:
        second: list[Recorder] = []
        first = Recorder()
        first.on_change = lambda name: second.append(ask(transport, server.endpoint)) if name == "end" else None
        transport.send(server.endpoint, "POST", "/", (), b"", first)
        await first.outcome()
        assert await second[0].outcome() is None
        assert second[0].body == b"2"
        assert len(server.peers) == 1


@pytest.mark.parametrize(
    "raw",
    [
        response(b"ok", headers=[("Connection", "close")]),
        response(b"ok", headers=[("connection", "Foo, CLOSE")]),
        response(b"ok", version="HTTP/1.0"),
        chunked(b"ok", headers=[("connection", "close")]),
    ],
)
async def test_connections_that_are_not_kept(transport: Transport, raw: bytes, serve: Serve) -> None:
    left: list[str] = []

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(raw)
        left.append(await peer.gone())

    async with serve(script) as server:
        for _ in range(2):
            recorder = ask(transport, server.endpoint)
            assert await recorder.outcome() is None
            assert recorder.body == b"ok"
        await server.finished()
        assert len(server.peers) == 2
        assert left == ["fin", "fin"]


def going_stale(*, reset: bool = False) -> Script:
    """Answers one request, reads another, and then closes or resets the connection."""

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(response(b"first"))
        await peer.read_request()
        if reset:
            peer.reset()

    return script


async def test_a_stale_connection_is_retried_once_on_a_fresh_one(transport: Transport, serve: Serve) -> None:
    async with serve(going_stale(), answering(response(b"fresh"))) as server:
        assert await ask(transport, server.endpoint).outcome() is None
        recorder = ask(transport, server.endpoint, b"again")
        assert await recorder.outcome() is None
        assert recorder.body == b"fresh"
        assert [request.body for request in server.requests] == [b"{}", b"again", b"again"]
        assert len(server.peers) == 2


@pytest.mark.parametrize("reset", [False, True])
async def test_a_request_that_the_server_has_had_for_long_is_not_sent_again(
    open_transport: Open, serve: Serve, reset: bool
) -> None:
    transport = open_transport(stale_s=-1.0)
    async with serve(going_stale(reset=reset), answering(response(b"fresh"))) as server:
        assert await ask(transport, server.endpoint).outcome() is None
        fault = await ask(transport, server.endpoint).outcome()
        assert fault is not None
        assert fault.phase == "first_byte"
        assert len(server.requests) == 2
        assert len(server.peers) == 1


async def test_a_stale_connection_that_was_reset_is_retried(transport: Transport, serve: Serve) -> None:
    async with serve(going_stale(reset=True), answering(response(b"fresh"))) as server:
        assert await ask(transport, server.endpoint).outcome() is None
        recorder = ask(transport, server.endpoint)
        assert await recorder.outcome() is None
        assert recorder.body == b"fresh"


async def test_a_stale_connection_is_not_retried_twice(transport: Transport, serve: Serve) -> None:
    async def drop(peer: Peer) -> None:
        await peer.read_request()

    async with serve(going_stale(), drop) as server:
        assert await ask(transport, server.endpoint).outcome() is None
        recorder = ask(transport, server.endpoint)
        assert await recorder.outcome() == TransportFault("first_byte", recorder.fault.message, reset=False)  # type: ignore[union-attr]
        assert len(server.requests) == 3
        assert len(server.peers) == 2


@pytest.mark.parametrize("beginning", [b"H", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_nothing_is_sent_twice_once_a_byte_was_answered(
    transport: Transport, beginning: bytes, serve: Serve
) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(response(b"first"))
        await peer.read_request()
        await peer.send(beginning)

    async with serve(script) as server:
        assert await ask(transport, server.endpoint).outcome() is None
        recorder = ask(transport, server.endpoint)
        assert await recorder.phase() == "body"
        assert len(server.requests) == 2
        assert len(server.peers) == 1


async def test_a_fresh_connection_is_never_retried(transport: Transport, serve: Serve) -> None:
    async with serve(once()) as server:
        assert await ask(transport, server.endpoint).phase() == "first_byte"
        assert len(server.requests) == 1


async def test_unsolicited_bytes_spoil_an_idle_connection(transport: Transport, serve: Serve) -> None:
    idle, poisoned = asyncio.Event(), asyncio.Event()

    async def unsolicited(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(response(b"first"))
        await idle.wait()
        await peer.send(response(b"poison"))
        poisoned.set()
        await peer.gone()

    async with serve(unsolicited, answering(response(b"clean"))) as server:
        assert await ask(transport, server.endpoint).outcome() is None
        idle.set()
        await poisoned.wait()
        await settle()
        recorder = ask(transport, server.endpoint)
        assert await recorder.outcome() is None
        assert recorder.body == b"clean"
        assert len(server.peers) == 2


async def test_unsolicited_bytes_close_an_idle_connection_at_once(
    kind: str, transport: Transport, serve: Serve
) -> None:
    native_only(kind, "idle-unwatched")

    async def unsolicited(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(response(b"first"))
        await idle.wait()
        await peer.send(b"H")
        await peer.gone()

    idle = asyncio.Event()
    async with serve(unsolicited) as server:
        assert await ask(transport, server.endpoint).outcome() is None
        idle.set()
        await server.finished()


@pytest.mark.parametrize("surplus", [b"x", response(b"poison")])
async def test_bytes_after_a_response_are_never_the_next_one(
    kind: str, transport: Transport, serve: Serve, surplus: bytes
) -> None:
    async with serve(answering(response(b"first") + surplus), answering(response(b"clean"))) as server:
        first = ask(transport, server.endpoint)
        assert await first.outcome() is None
        assert first.body == b"first"
        second = ask(transport, server.endpoint)
        if kind == "httpx":
            assert await second.phase() == "protocol", HTTPX_DIFFERS["surplus-kept"]
            assert second.body == b""
            second = ask(transport, server.endpoint)
        assert await second.outcome() is None
        assert second.body == b"clean"


async def test_idle_connections_are_closed(kind: str, open_transport: Open, serve: Serve) -> None:
    native_only(kind, "idle-unwatched")
    left: list[str] = []

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(response(b"ok"))
        left.append(await peer.gone())

    transport = open_transport(idle_s=0.05)
    async with serve(script) as server:
        recorders = [ask(transport, server.endpoint) for _ in range(3)]
        assert [await recorder.outcome() for recorder in recorders] == [None] * 3
        await server.finished()
        assert left == ["fin"] * 3


async def test_an_expired_connection_is_not_used_again(open_transport: Open, serve: Serve) -> None:
    transport = open_transport(idle_s=0.0)
    async with serve(answering(response(b"ok"))) as server:
        assert await ask(transport, server.endpoint).outcome() is None
        await asyncio.sleep(0.01)
        assert await ask(transport, server.endpoint).outcome() is None
        assert len(server.peers) == 2


async def test_a_storm_of_faults_leaks_no_slot(open_transport: Open, serve: Serve) -> None:
    """Many exchanges through a narrow pool, each connection failing in its own way: all end, all slots come back."""

    async def silent(peer: Peer) -> None:
        await peer.read_request()
        await peer.gone()

    async def reset(peer: Peer) -> None:
        await peer.read_request()
        peer.reset()

    async def stale(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(response(b"ok"))
        await peer.read_request()

    good = answering(response(b"ok"), chunked(b"o", b"k"))
    short = once(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx")
    moods = itertools.cycle([reset, once(), once(b"junk\r\n\r\n"), short, stale, silent])
    calm = asyncio.Event()

    async def moody(peer: Peer) -> None:
        await (good if calm.is_set() else next(moods))(peer)

    transport = open_transport(max_connections=3)
    async with serve(moody) as server, asyncio.timeout(GIVE_UP_S):
        recorders = [ask(transport, server.endpoint, b"%d" % n) for n in range(60)]
        while pending := [recorder for recorder in recorders if not recorder.over]:
            await settle()
            if not pending[0].over:  # it may be at a silent server, which it would wait for for ever
                exchange_of(pending[0]).cancel()
                recorders.remove(pending[0])
        calm.set()
        together = [ask(transport, server.endpoint) for _ in range(3)]
        assert [await recorder.outcome() for recorder in together] == [None, None, None]
