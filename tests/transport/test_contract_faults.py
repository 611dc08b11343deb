"""The contract: which phase it is in which an exchange fails."""

from __future__ import annotations

import asyncio

import pytest

from gateway.transport.base import Transport
from tests.fault_server import Peer, answering, response
from tests.transport.contract import UPLOAD, Open, Serve, ask, native_only, once, plain_only, settle


async def test_dropped_after_the_request_was_read(transport: Transport, serve: Serve) -> None:
    async with serve(once()) as server:
        recorder = ask(transport, server.endpoint)
        assert await recorder.phase() == "first_byte"
        assert recorder.fault is not None
        assert recorder.fault.reset is False


async def test_reset_after_the_request_was_read(transport: Transport, serve: Serve) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        peer.reset()

    async with serve(script) as server:
        recorder = ask(transport, server.endpoint)
        assert await recorder.phase() == "first_byte"
        assert recorder.fault is not None
        assert recorder.fault.reset is True


async def test_reset_as_soon_as_it_is_open(open_transport: Open, serve: Serve) -> None:
    async def script(peer: Peer) -> None:
        peer.reset()

    transport = open_transport(max_connections=1)
    async with serve(script) as server:
        recorders = [ask(transport, server.endpoint) for _ in range(10)]
        for recorder in recorders:
            assert await recorder.phase() in ("write", "first_byte")
        assert len(server.peers) == 10


BROKEN_OFF = {
    "in-the-status-line": b"HTTP/1.",
    "in-the-head": b"HTTP/1.1 200 OK\r\ncontent-le",
    "after-the-head": b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n",
    "in-the-body": b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
    "before-a-chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    "in-a-chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhalf",
    "before-the-last-chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    "in-the-trailers": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\na: b\r\n",
    "after-an-interim-response": b"HTTP/1.1 100 Continue\r\n\r\n",
}


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize("raw", BROKEN_OFF.values(), ids=BROKEN_OFF)
async def test_broken_off(transport: Transport, raw: bytes, reset: bool, serve: Serve) -> None:
    seen = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(raw)
        if reset:
            if b"half" in raw:
                await seen.wait()
            else:
                await settle()
            peer.reset()

    async with serve(script) as server:
        recorder = ask(transport, server.endpoint)
        recorder.on_change = lambda name: seen.set() if name == "body" else None
        assert await recorder.phase() == "body"
        assert recorder.fault is not None
        assert recorder.fault.reset is reset
        assert recorder.body == (b"half" if b"half" in raw else b"")


async def test_reset_cuts_a_body_that_ends_with_the_connection(transport: Transport, serve: Serve) -> None:
    seen = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await seen.wait()
        peer.reset()

    async with serve(script) as server:
        recorder = ask(transport, server.endpoint)
        recorder.on_change = lambda name: seen.set() if name == "body" else None
        assert await recorder.phase() == "body"
        assert recorder.fault is not None
        assert recorder.fault.reset is True


async def test_reset_before_the_request_was_written(transport: Transport, serve: Serve) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_head()
        peer.reset()

    async with serve(script) as server:
        recorder = ask(transport, server.endpoint, UPLOAD)
        assert await recorder.phase() == "write"
        assert recorder.fault is not None
        assert recorder.fault.reset is True
        assert len(server.peers) == 1


@plain_only  # TLS knows no half-close
async def test_closed_before_the_request_was_written(kind: str, transport: Transport, serve: Serve) -> None:
    native_only(kind, "early-response")

    async def script(peer: Peer) -> None:
        await peer.read_head()
        peer.half_close()
        await peer.gone()

    async with serve(script) as server:
        recorder = ask(transport, server.endpoint, UPLOAD)
        assert await recorder.phase() == "write"
        assert recorder.fault is not None
        assert recorder.fault.reset is False


async def test_an_early_response_is_delivered(kind: str, transport: Transport, serve: Serve) -> None:
    native_only(kind, "early-response")

    async def script(peer: Peer) -> None:
        await peer.read_head()
        await peer.send(response(b"too large", 413))
        await peer.gone()

    async with serve(script, answering(response(b"next"))) as server:
        recorder = ask(transport, server.endpoint, UPLOAD)
        assert await recorder.outcome() is None
        assert (recorder.status, recorder.body) == (413, b"too large")
        assert await ask(transport, server.endpoint).outcome() is None
        assert len(server.peers) == 2
