"""The contract: what is sent, and what a response does."""

from __future__ import annotations

import asyncio

import pytest

from gateway.transport.base import Transport
from tests.fault_server import Peer, answering, chunked, response
from tests.transport.contract import Serve, ask, once

# What is sent


async def test_the_request_as_it_stands_on_the_wire(transport: Transport, serve: Serve) -> None:
    sent = (("content-type", "application/json"), ("authorization", "Bearer k"), ("x-Odd", "naïve"))
    async with serve(answering(response(b"ok"))) as server:
        recorder = ask(transport, server.endpoint, b'{"a":1}', path="/v1/x?y=%20z", headers=sent)
        assert await recorder.outcome() is None
        request = server.requests[0]
    assert (request.method, request.target, request.body) == ("POST", "/v1/x?y=%20z", b'{"a":1}')
    received = {name.lower(): value for name, value in request.headers}
    assert len(received) == len(request.headers)
    assert received == {
        "host": server.endpoint.authority,
        "accept-encoding": "identity",
        "content-type": "application/json",
        "authorization": "Bearer k",
        "x-odd": "naïve",
        "content-length": "7",
    }


async def test_the_connections_own_headers_are_not_the_callers(transport: Transport, serve: Serve) -> None:
    sent = (("Host", "evil"), ("Accept-Encoding", "gzip"), ("Content-Length", "1"), ("Transfer-Encoding", "chunked"))
    async with serve(answering(response(b"ok"))) as server:
        assert await ask(transport, server.endpoint, b"abc", headers=sent).outcome() is None
        request = server.requests[0]
    assert request.header("host") == server.endpoint.authority
    assert request.header("accept-encoding") == "identity"
    assert request.header("content-length") == "3"
    assert request.header("transfer-encoding") is None


@pytest.mark.parametrize(("method", "length"), [("GET", None), ("HEAD", None), ("POST", "0"), ("DELETE", "0")])
async def test_an_empty_body(transport: Transport, method: str, length: str | None, serve: Serve) -> None:
    async with serve(answering(response())) as server:
        assert await ask(transport, server.endpoint, b"", method=method).outcome() is None
        assert server.requests[0].header("content-length") == length


@pytest.mark.parametrize("evil", ["a\rb", "a\nb", "a\0b", "a\r\nx: y", "snow\N{SNOWMAN}"])
async def test_injection_is_refused(transport: Transport, evil: str, serve: Serve) -> None:
    async with serve(answering(response())) as server:
        for headers in ((("x-a", evil),), ((evil, "v"),)):
            with pytest.raises(ValueError):
                ask(transport, server.endpoint, headers=headers)
        with pytest.raises(ValueError):
            ask(transport, server.endpoint, path="/" + evil)
        for name in ("", "a b", "a:", "naïve"):
            with pytest.raises(ValueError):
                ask(transport, server.endpoint, headers=((name, "v"),))
        with pytest.raises(ValueError):
            ask(transport, server.endpoint, path="/a b")
        with pytest.raises(ValueError):
            ask(transport, server.endpoint, method=evil)
        assert server.peers == []


async def test_a_large_request_arrives_whole(transport: Transport, serve: Serve) -> None:
    body = bytes(range(256)) * 40_000
    async with serve(answering(response(b"ok"))) as server:
        assert await ask(transport, server.endpoint, body).outcome() is None
        assert server.requests[0].body == body


# What is received


async def test_a_response_with_content_length(transport: Transport, serve: Serve) -> None:
    async with serve(answering(response(b"hello", 201, [("X-A", "1"), ("x-a", "2")]))) as server:
        recorder = ask(transport, server.endpoint)
        assert await recorder.outcome() is None
    assert (recorder.status, recorder.body) == (201, b"hello")
    assert recorder.headers == {"x-a": "1, 2", "content-length": "5"}


async def test_chunks_with_extensions_and_trailers(transport: Transport, serve: Serve) -> None:
    raw = chunked(b"one", b"two", trailers=[("x-trailer", "t")]).replace(b"3\r\none", b"3;ext=1\r\none")
    async with serve(answering(raw)) as server:
        for _ in range(2):
            recorder = ask(transport, server.endpoint)
            assert await recorder.outcome() is None
            assert recorder.body == b"onetwo"
            assert recorder.headers == {"transfer-encoding": "chunked"}
        assert len(server.peers) == 1


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
async def test_a_body_that_ends_with_the_connection(transport: Transport, version: str, serve: Serve) -> None:
    async with serve(once(f"{version} 200 OK\r\n\r\n".encode(), b"until ", b"the end")) as server:
        for _ in range(2):
            recorder = ask(transport, server.endpoint)
            assert await recorder.outcome() is None
            assert recorder.body == b"until the end"
        assert len(server.peers) == 2


async def test_interim_responses_are_skipped(transport: Transport, serve: Serve) -> None:
    raw = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + response(b"ok")
    async with serve(answering(raw)) as server:
        for _ in range(2):
            recorder = ask(transport, server.endpoint)
            assert await recorder.outcome() is None
            assert (recorder.status, recorder.headers, recorder.body) == (200, {"content-length": "2"}, b"ok")
        assert len(server.peers) == 1


@pytest.mark.parametrize(
    ("method", "raw"),
    [
        ("POST", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 100\r\n\r\n"),
    ],
)
async def test_statuses_without_a_body(transport: Transport, method: str, raw: bytes, serve: Serve) -> None:
    async with serve(answering(raw, response(b"next"))) as server:
        recorder = ask(transport, server.endpoint, b"", method=method)
        assert await recorder.outcome() is None
        assert recorder.body == b""
        after = ask(transport, server.endpoint)
        assert await after.outcome() is None
        assert after.body == b"next"
        assert len(server.peers) == 1


@pytest.mark.parametrize("head", [b"content-length: 1000000000000\r\n", b"", b"content-encoding: gzip\r\n"])
async def test_head_has_no_body(transport: Transport, head: bytes, serve: Serve) -> None:
    raw = b"HTTP/1.1 200 OK\r\n" + head + b"\r\n"
    async with serve(answering(raw), answering(response(b"next"))) as server:
        recorder = ask(transport, server.endpoint, b"", method="HEAD")
        assert await recorder.outcome() is None
        assert (recorder.status, recorder.body) == (200, b"")


async def test_a_redirect_is_just_a_response(transport: Transport, serve: Serve) -> None:
    async with serve(answering(response(b"", 302, [("location", "http://127.0.0.2:1/")]))) as server:
        recorder = ask(transport, server.endpoint)
        assert await recorder.outcome() is None
        assert (recorder.status, recorder.headers["location"]) == (302, "http://127.0.0.2:1/")
        assert len(server.requests) == 1


async def test_no_cookie_is_kept(transport: Transport, serve: Serve) -> None:
    async with serve(answering(response(b"", 200, [("set-cookie", "a=b; Path=/")]))) as server:
        for _ in range(2):
            assert await ask(transport, server.endpoint).outcome() is None
        assert [request.header("cookie") for request in server.requests] == [None, None]


async def test_a_response_byte_by_byte(transport: Transport, serve: Serve) -> None:
    raw = b"HTTP/1.1 100 Continue\r\n\r\n" + chunked(b"one", b"two", trailers=[("t", "v")], headers=[("a", "b")])

    async def script(peer: Peer) -> None:
        await peer.read_request()
        for at in range(len(raw)):
            await peer.send(raw[at : at + 1])
            await asyncio.sleep(0)
        await peer.gone()

    async with serve(script) as server:
        recorder = ask(transport, server.endpoint)
        assert await recorder.outcome() is None
        assert (recorder.headers, recorder.body) == ({"transfer-encoding": "chunked", "a": "b"}, b"onetwo")
        await transport.aclose()
