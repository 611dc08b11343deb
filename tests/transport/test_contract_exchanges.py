"""The contract: cancelling, pausing, closing, and sinks that misbehave."""

from __future__ import annotations

import asyncio

import pytest

from gateway.transport.base import Transport
from tests.fault_server import Peer, answering, black_hole, chunked, response
from tests.transport.contract import UPLOAD, Gate, Open, Serve, ask, exchange_of, settle

# Cancelling


async def test_cancelling_closes_the_connection_and_frees_the_slot(open_transport: Open, serve: Serve) -> None:
    transport = open_transport(max_connections=1)
    left: list[str] = []

    async def stall(peer: Peer) -> None:
        await peer.read_request()
        left.append(await peer.gone())

    async with serve(stall, answering(response(b"ok"))) as server:
        stalled, waiting = ask(transport, server.endpoint), ask(transport, server.endpoint)
        await server.accepted(1)
        await settle()
        exchange_of(stalled).cancel()
        exchange_of(stalled).cancel()
        assert await waiting.outcome() is None
        assert left == ["fin"]
        assert not stalled.over


async def test_cancelling_in_the_middle_of_a_body(transport: Transport, serve: Serve) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        await peer.gone()

    async with serve(script) as server:
        recorder = ask(transport, server.endpoint)
        await recorder.until(lambda: recorder.body == b"one")
        exchange_of(recorder).cancel()
        await server.finished()
        assert not recorder.over


@pytest.mark.parametrize("moment", ["head", "body"])
async def test_cancelling_from_within_a_callback(transport: Transport, moment: str, serve: Serve) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(chunked(b"one", b"two") + b"junk")
        await peer.gone()

    async with serve(script, answering(response(b"ok"))) as server:
        recorder = ask(transport, server.endpoint)
        recorder.on_change = lambda name: exchange_of(recorder).cancel() if name == moment else None
        await server.accepted(1)
        await server.finished()
        assert not recorder.over
        assert recorder.body == (b"one" if moment == "body" else b"")
        assert await ask(transport, server.endpoint).outcome() is None
        assert len(server.peers) == 2


async def test_cancelling_one_who_waits(open_transport: Open, serve: Serve) -> None:
    transport, gate = open_transport(max_connections=1), Gate()
    async with serve(gate) as server:
        recorders = [ask(transport, server.endpoint, b"%d" % n) for n in range(3)]
        await settle()
        exchange_of(recorders[1]).cancel()
        gate.opened.release()
        gate.opened.release()
        assert await recorders[2].outcome() is None
        assert not recorders[1].over
        assert [request.body for request in server.requests] == [b"0", b"2"]


@pytest.mark.parametrize("turns", [0, 1, 2, 20])
async def test_cancelling_while_connecting(open_transport: Open, turns: int) -> None:
    transport = open_transport(max_connections=1)
    async with black_hole() as endpoint:
        recorder, waiting = ask(transport, endpoint), ask(transport, endpoint)
        for _ in range(turns):
            await asyncio.sleep(0)
        exchange_of(recorder).cancel()
        exchange_of(waiting).cancel()
        await settle()
        assert not recorder.over


@pytest.mark.parametrize("turns", range(12))
async def test_cancelling_at_every_turn_of_opening(open_transport: Open, turns: int, serve: Serve) -> None:
    transport = open_transport(max_connections=1)
    async with serve(answering(response(b"ok"))) as server:
        recorder = ask(transport, server.endpoint)
        for _ in range(turns):
            await asyncio.sleep(0)
        over = recorder.over
        exchange_of(recorder).cancel()
        assert await ask(transport, server.endpoint).outcome() is None
        assert recorder.over is over


async def test_cancelling_after_the_end_does_no_harm(transport: Transport, serve: Serve) -> None:
    async with serve(answering(response(b"ok"))) as server:
        first = ask(transport, server.endpoint)
        assert await first.outcome() is None
        second = ask(transport, server.endpoint)
        exchange_of(first).cancel()
        exchange_of(first).pause_reading()
        exchange_of(first).resume_reading()
        assert await second.outcome() is None
        assert len(server.peers) == 1


# Back-pressure


async def test_pausing_stops_the_server(transport: Transport, serve: Serve) -> None:
    sent = asyncio.Event()
    piece = bytes(256 * 1024)

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(UPLOAD))
        for _ in range(len(UPLOAD) // len(piece)):
            await peer.send(piece)
        sent.set()
        await peer.gone()

    async with serve(script) as server:
        recorder = ask(transport, server.endpoint)
        recorder.on_change = lambda name: exchange_of(recorder).pause_reading() if name == "head" else None
        await recorder.until(lambda: recorder.status is not None)
        await settle()
        held = len(recorder.body)
        assert held <= 512 * 1024
        await settle()
        assert len(recorder.body) == held
        assert not sent.is_set()
        recorder.on_change = lambda name: None
        exchange_of(recorder).resume_reading()
        assert await recorder.outcome() is None
        assert recorder.body == UPLOAD
        await transport.aclose()


async def test_pausing_before_the_response(transport: Transport, serve: Serve) -> None:
    answered = asyncio.Event()

    async def script(peer: Peer) -> None:
        for _ in range(2):
            await peer.read_request()
            await peer.send(response(b"ok"))
            answered.set()
        await peer.gone()

    async with serve(script) as server:
        recorder = ask(transport, server.endpoint)
        exchange_of(recorder).pause_reading()
        await answered.wait()
        await settle()
        assert recorder.status is None
        exchange_of(recorder).resume_reading()
        assert await recorder.outcome() is None
        assert await ask(transport, server.endpoint).outcome() is None
        await transport.aclose()


async def test_a_pause_ends_with_its_exchange(transport: Transport, serve: Serve) -> None:
    async with serve(answering(response(b"ok"))) as server:
        recorder = ask(transport, server.endpoint)
        recorder.on_change = lambda name: pause_then_resume() if name == "body" else None

        def pause_then_resume() -> None:
            exchange_of(recorder).pause_reading()
            asyncio.get_running_loop().call_soon(exchange_of(recorder).resume_reading)

        assert await recorder.outcome() is None
        assert await ask(transport, server.endpoint).outcome() is None
        assert len(server.peers) == 1


# Closing the transport, and sinks that misbehave


async def test_closing_ends_what_is_under_way_with_a_fault(open_transport: Open, serve: Serve) -> None:
    transport = open_transport(max_connections=2)

    async def head_only(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
        await peer.gone()

    async def silent(peer: Peer) -> None:
        await peer.read_request()
        await peer.gone()

    async with serve(head_only, silent) as server:
        in_body = ask(transport, server.endpoint)
        await in_body.until(lambda: in_body.status is not None)
        unanswered = ask(transport, server.endpoint)
        waiting = ask(transport, server.endpoint)
        await server.requested(2)
        await transport.aclose()
        assert in_body.over
        assert unanswered.over
        assert waiting.over
        assert [await recorder.phase() for recorder in (in_body, unanswered)] == ["body", "first_byte"]
        assert waiting.fault is not None
        await server.finished()


async def test_closing_while_connecting(transport: Transport) -> None:
    async with black_hole() as endpoint:
        recorder = ask(transport, endpoint)
        await settle()
        await transport.aclose()
        assert recorder.fault is not None


async def test_sending_after_closing(transport: Transport, serve: Serve) -> None:
    await transport.aclose()
    async with serve(answering(response())) as server:
        assert await ask(transport, server.endpoint).phase() == "connect"
        assert server.peers == []


@pytest.mark.parametrize("moment", ["head", "body"])
async def test_a_sink_that_raises_is_cut_off(transport: Transport, moment: str, serve: Serve) -> None:
    complaints: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(repr(context["exception"])))

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab")
        await peer.gone()

    def burst(name: str) -> None:
        if name == moment:
            raise RuntimeError("burst")

    async with serve(script) as server:
        recorder = ask(transport, server.endpoint)
        recorder.on_change = burst
        assert await recorder.phase() == "body"
        await server.finished()
        assert complaints == ["RuntimeError('burst')"]


@pytest.mark.parametrize("moment", ["end", "fault"])
async def test_a_sink_that_raises_at_its_end_harms_nobody(transport: Transport, moment: str, serve: Serve) -> None:
    complaints: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(repr(context["exception"])))

    def burst(name: str) -> None:
        if name == moment:
            raise RuntimeError("burst")

    raw = response(b"ok") if moment == "end" else b"rubbish\r\n\r\n"
    async with serve(answering(raw), answering(response(b"ok"))) as server:
        recorder = ask(transport, server.endpoint)
        recorder.on_change = burst
        await recorder.outcome()
        assert complaints == ["RuntimeError('burst')"]
        assert await ask(transport, server.endpoint).outcome() is None
