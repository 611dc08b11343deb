"""The contract: what is not HTTP/1.1 as we accept it, and what is too much of it."""

from __future__ import annotations

import pytest

from gateway.transport.base import Transport
from tests.fault_server import FaultServer, Peer, answering, chunked, response
from tests.transport.contract import Open, Serve, ask, native_only, once, plain_only

pytestmark = plain_only

MALFORMED = {
    "not-http": b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
    "http-2": b"HTTP/2 200 OK\r\ncontent-length: 0\r\n\r\n",
    "status-of-two-digits": b"HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n",
    "space-before-colon": b"HTTP/1.1 200 OK\r\ncontent-length : 0\r\n\r\n",
    "nul-in-a-value": b"HTTP/1.1 200 OK\r\na: b\0c\r\ncontent-length: 0\r\n\r\n",
    "length-and-chunks": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks-and-length": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n0\r\n\r\n",
    "two-lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc",
    "a-list-of-lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2, 3\r\n\r\nabc",
    "signed-length": b"HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nab",
    "negative-length": b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    "chunk-size-not-hex": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n",
    "chunk-size-signed": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-2\r\nab\r\n0\r\n\r\n",
    "chunk-size-prefixed": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n",
    "chunk-size-huge": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"f" * 30 + b"\r\nab",
    "chunk-longer-than-said": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
    "chunks-in-http-1.0": b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    "another-transfer-coding": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a-content-coding": b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nab",
    "two-content-codings": b"HTTP/1.1 200 OK\r\ncontent-encoding: identity, br\r\ncontent-length: 2\r\n\r\nab",
    "protocol-switched": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    "protocol-switched-barely": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
}

MALFORMED_BUT_READ_BY_H11 = {
    "equal-lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nab",
    "a-list-of-equal-lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\nab",
    "folded-header": b"HTTP/1.1 200 OK\r\na: b\r\n c\r\ncontent-length: 0\r\n\r\n",
    "bare-line-feeds": b"HTTP/1.1 200 OK\ncontent-length: 0\n\n",
}


async def refuses(transport: Transport, raw: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(raw)
        await peer.gone()

    async with FaultServer(script) as server:
        assert await ask(transport, server.endpoint).phase() == "protocol"
        await server.finished()
        assert len(server.peers) == 1


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED)
async def test_malformed(transport: Transport, raw: bytes) -> None:
    await refuses(transport, raw)


@pytest.mark.parametrize("raw", MALFORMED_BUT_READ_BY_H11.values(), ids=MALFORMED_BUT_READ_BY_H11)
async def test_malformed_but_read_by_others(kind: str, transport: Transport, raw: bytes) -> None:
    native_only(kind, "lenient-parsing")
    await refuses(transport, raw)


async def test_identity_is_no_content_coding(transport: Transport, serve: Serve) -> None:
    async with serve(answering(response(b"ok", headers=[("Content-Encoding", "Identity")]))) as server:
        assert await ask(transport, server.endpoint).outcome() is None


# Caps


async def test_as_many_headers_as_allowed(open_transport: Open, serve: Serve) -> None:
    transport = open_transport(max_headers=10)
    fitting = [(f"x-{n}", "v") for n in range(9)]
    async with serve(answering(response(headers=fitting), response(headers=[*fitting, ("y", "")]))) as server:
        assert await ask(transport, server.endpoint).outcome() is None
        assert await ask(transport, server.endpoint).phase() == "protocol"


async def test_the_size_of_all_headers(open_transport: Open, serve: Serve) -> None:
    transport = open_transport(max_header_bytes=4096)
    headers = [(f"x-{n}", "v" * 100) for n in range(60)]
    async with serve(answering(response(headers=headers[:30]), response(headers=headers))) as server:
        assert await ask(transport, server.endpoint).outcome() is None
        assert await ask(transport, server.endpoint).phase() == "protocol"


async def test_heads_as_large_as_allowed(kind: str, open_transport: Open, serve: Serve) -> None:
    native_only(kind, "big-heads")
    transport = open_transport(max_header_bytes=1024 * 1024)
    async with serve(answering(response(headers=[("x", "v" * 500_000)]))) as server:
        assert await ask(transport, server.endpoint).outcome() is None


ENDLESS = {
    "header-line": (b"HTTP/1.1 200 OK\r\nx: ", b"y" * 1000),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"x: y\r\n" * 100),
    "status-line": (b"HTTP/1.1 200 ", b"y" * 1000),
    "trailers": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n", b"x: y\r\n" * 100),
    "trailer-line": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nx: ", b"y" * 1000),
    "chunk-extension": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;", b"y" * 1000),
}


@pytest.mark.parametrize(("beginning", "more"), ENDLESS.values(), ids=ENDLESS)
async def test_endless_heads_and_framing(transport: Transport, beginning: bytes, more: bytes, serve: Serve) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(beginning)
        while True:
            await peer.send(more)

    async with serve(script) as server:
        assert await ask(transport, server.endpoint).phase() == "protocol"
        await server.finished()


async def test_endless_interim_responses(kind: str, transport: Transport, serve: Serve) -> None:
    native_only(kind, "interim-flood")

    async def script(peer: Peer) -> None:
        await peer.read_request()
        while True:
            await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)

    async with serve(script) as server:
        assert await ask(transport, server.endpoint).phase() == "protocol"
        await server.finished()


TEN_BYTES = {
    "announced": response(b"0123456789"),
    "chunked": chunked(b"01234", b"56789"),
    "until-close": b"HTTP/1.1 200 OK\r\n\r\n0123456789",
}


@pytest.mark.parametrize("raw", TEN_BYTES.values(), ids=TEN_BYTES)
async def test_the_size_of_a_body(open_transport: Open, raw: bytes, serve: Serve) -> None:
    async with serve(once(raw)) as server:
        fitting = ask(open_transport(max_body_bytes=10), server.endpoint)
        assert await fitting.outcome() is None
        assert fitting.body == b"0123456789"
        assert await ask(open_transport(max_body_bytes=0), server.endpoint).outcome() is None
        recorder = ask(open_transport(max_body_bytes=9), server.endpoint)
        assert await recorder.phase() == "protocol"
        assert len(recorder.body) < 10


async def test_an_announced_body_too_large_is_refused_at_the_head(open_transport: Open, serve: Serve) -> None:
    async with serve(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n")) as server:
        recorder = ask(open_transport(max_body_bytes=1000), server.endpoint)
        assert await recorder.phase() == "protocol"
        assert recorder.status is None
