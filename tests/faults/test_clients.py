"""F25 to F30: clients that leave, dawdle, or send what nobody should have to read."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.http import connection
from tests.fault_server import Peer
from tests.faults.rig import ASK, Rig, after_words, chain, hold, working
from tests.faults.wires import OPENAI, STREAM_HEAD, TEXT, WIRES, Wire, chunk, openai_chunk
from tests.running import LoopThread, until

SMALL_BODY = "server: {max_body: 4KB, body_timeout: 400ms}"


def head_of(length: int | str | None, *more: str) -> bytes:
    lines = ["POST /v1/chat/completions HTTP/1.1", "host: localhost", "content-type: application/json", *more]
    if length is not None:
        lines.append(f"content-length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def request(**fields: Any) -> bytes:
    body = json.dumps({**ASK, **fields}).encode()
    return head_of(len(body), "connection: close") + body


@contextlib.contextmanager
def connected(rig: Rig, *, buffer: int | None = None) -> Iterator[socket.socket]:
    with socket.socket() as client:
        client.settimeout(20)
        if buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        client.connect(("127.0.0.1", int(rig.gateway.url.rpartition(":")[2])))
        yield client


def read_to_end(client: socket.socket) -> tuple[int, dict[str, str], bytes]:
    with client.makefile("rb") as answer:
        head, _, body = answer.read().partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return int(status.split(" ")[1]), dict(line.lower().split(": ", 1) for line in lines), body


def refusal(client: socket.socket) -> tuple[int, str | None]:
    """Status and code of an error that ends the connection."""
    status, headers, body = read_to_end(client)
    assert headers["connection"] == "close"
    error = json.loads(body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    return status, error["code"]


async def silent(peer: Peer) -> None:
    await peer.read_request()
    await hold(peer)


@pytest.mark.fault(25)
@pytest.mark.parametrize("how", ["fin", "reset"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_before_the_answer(loop: LoopThread, stream: bool, how: str) -> None:
    with chain(loop, silent) as rig:
        with connected(rig) as client:
            client.sendall(request(stream=stream))
            until(lambda: rig.posts(rig.a) == 1)
            if how == "reset":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        rig.upstream_is_closed()
        record = rig.gateway.records.wait_for(1)[0]
        assert (record.outcome, record.http_status, len(record.attempts)) == ("client_gone", 499, 1)
        assert record.usage is not None
        assert record.usage.source == "estimated"
        assert record.usage.input > 0
        assert record.cost_nano_usd
        assert (rig.posts(rig.a), rig.posts(rig.b)) == (1, 0)


@pytest.mark.fault(26)
@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.vendor)
def test_a_client_that_leaves_in_mid_stream(loop: LoopThread, wire: Wire) -> None:
    with chain(loop, after_words(wire, hold), wire=wire) as rig:
        with connected(rig) as client:
            client.sendall(request(stream=True))
            with client.makefile("rb") as answer:
                until(lambda: b"two" in answer.readline())
        rig.upstream_is_closed()
        record = rig.gateway.records.wait_for(1)[0]
        assert (record.outcome, record.http_status, len(record.attempts)) == ("client_gone", 499, 1)
        assert record.usage is not None
        assert record.usage.source == "estimated"
        assert record.usage.input > 0
        assert record.usage.completion_total >= 1
        assert record.cost_nano_usd
        assert (rig.posts(rig.a), rig.posts(rig.b)) == (1, 0)


@pytest.mark.fault(26)
def test_a_leaving_client_frees_its_place(loop: LoopThread) -> None:
    """One connection to the provider, one request at a time: the next request gets both."""
    stalls = after_words(OPENAI, hold)

    async def first_stalls(peer: Peer) -> None:
        await (stalls if len(rig.a.peers) == 1 else working())(peer)  # type: ignore[union-attr]

    one = "server: {max_in_flight: 1}"
    with chain(loop, first_stalls, a_options=", max_connections: 1", more=one) as rig:
        with connected(rig) as client:
            client.sendall(request(stream=True))
            with client.makefile("rb") as answer:
                until(lambda: b"two" in answer.readline())
        rig.gateway.records.wait_for(1)
        answer = rig.ask()
        assert (answer.status, answer.headers["x-gateway-provider"]) == (200, "a")


@pytest.mark.fault(27)
def test_a_client_that_reads_slowly(loop: LoopThread) -> None:
    """The provider is held back: what waits in the gateway is bounded, and nothing is lost."""
    word = "x" * 1000
    count = 20_000
    sent: list[int] = []

    async def plenty(peer: Peer) -> None:
        for _ in range(count // 100):
            await peer.send(chunk(openai_chunk({"content": word}) * 100))
            sent.append(100)
        await peer.send(*map(chunk, OPENAI.end), b"0\r\n\r\n")

    with chain(loop, after_words(OPENAI, plenty, 0)) as rig, connected(rig, buffer=4096) as client:
        client.sendall(request(stream=True))
        loop.run(rig.a.accepted(1))  # type: ignore[union-attr]
        loop.run(rig.a.peers[0].blocked())  # type: ignore[union-attr]
        assert sum(sent) < count, "the gateway has taken all that the client has not read"
        _, _, body = read_to_end(client)
        assert body.count(word.encode()) == count
        assert b"data: [DONE]" in body
        assert rig.record.outcome == "ok"


@pytest.mark.fault(27)
def test_a_client_that_reads_nothing_is_cut_off(loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "WRITE_TIMEOUT_S", 0.2)
    left: list[str] = []

    async def endless(peer: Peer) -> None:
        try:
            while True:
                await peer.send(chunk(openai_chunk({"content": "x" * 1000}) * 100))
        except (OSError, TimeoutError):
            left.append("gone")

    with chain(loop, after_words(OPENAI, endless)) as rig, connected(rig, buffer=4096) as client:
        client.sendall(request(stream=True))
        record = rig.gateway.records.wait_for(1)[0]
        until(lambda: bool(left))
        assert (record.outcome, record.http_status) == ("client_gone", 499)
        assert record.usage is not None
        assert rig.posts(rig.b) == 0


@pytest.fixture(scope="module")
def small(loop: LoopThread) -> Iterator[Rig]:
    with chain(loop, working(), more=SMALL_BODY) as rig:
        yield rig


@pytest.fixture
def no_upstream_call(small: Rig) -> Iterator[Rig]:
    before = small.posts(small.a)
    yield small
    assert small.posts(small.a) == before


def padded(size: int) -> bytes:
    body = json.dumps(ASK).encode()
    return body[:-1] + b" " * (size - len(body)) + b"}"


@pytest.mark.fault(28)
def test_the_largest_body(small: Rig) -> None:
    with connected(small) as client:
        client.sendall(head_of(4096, "connection: close") + padded(4096))
        assert read_to_end(client)[0] == 200


@pytest.mark.fault(28)
def test_one_byte_over_the_limit(no_upstream_call: Rig) -> None:
    """Refused by its length: not a byte of it is waited for."""
    with connected(no_upstream_call) as client:
        client.sendall(head_of(4097))
        assert refusal(client) == (413, "request_too_large")
        record = no_upstream_call.record
        assert (record.outcome, record.http_status, record.attempts) == ("rejected", 413, [])


@pytest.mark.fault(28)
def test_chunks_without_a_length(no_upstream_call: Rig) -> None:
    with connected(no_upstream_call) as client:
        client.sendall(head_of(None, "transfer-encoding: chunked"))
        with contextlib.suppress(ConnectionError):
            for _ in range(5):
                client.sendall(chunk(b" " * 1024))
        assert refusal(client) == (413, "request_too_large")


@pytest.mark.fault(28)
@pytest.mark.parametrize(
    "lie",
    [
        pytest.param(head_of("4") + b"{}{}", id="shorter than said"),
        pytest.param(head_of(2, "transfer-encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n", id="length and chunks"),
        pytest.param(head_of(2, "content-length: 3") + b"{}", id="two lengths"),
        pytest.param(head_of("-1") + b"{}", id="negative"),
        pytest.param(head_of("99999999999999999999999") + b"{}", id="beyond any number"),
    ],
)
def test_lengths_that_lie(no_upstream_call: Rig, lie: bytes) -> None:
    """No request is smuggled behind another, and nobody crashes."""
    with connected(no_upstream_call) as client:
        client.sendall(lie)
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as answer:
            status = answer.readline()
    assert status == b"" or status.split(b" ")[1] in (b"400", b"413")


@pytest.mark.fault(28)
def test_a_length_that_promises_more(no_upstream_call: Rig) -> None:
    body = json.dumps(ASK).encode()
    with connected(no_upstream_call) as client:
        client.sendall(head_of(len(body) + 1) + body)
        assert refusal(client)[0] == 408


def dribble(client: socket.socket, data: bytes) -> threading.Thread:
    """Send a byte every few milliseconds, until the other side has had enough."""

    def send() -> None:
        with contextlib.suppress(OSError):
            for byte in data:
                client.sendall(bytes([byte]))
                threading.Event().wait(0.01)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


@pytest.mark.fault(29)
def test_a_head_byte_by_byte(no_upstream_call: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline is for the whole head: no byte puts it off."""
    monkeypatch.setattr(connection, "HEAD_TIMEOUT_S", 0.3)
    started = len(no_upstream_call.gateway.records.started)
    with connected(no_upstream_call) as client:
        sender = dribble(client, head_of(10, f"x-filler: {'x' * 5000}"))
        assert refusal(client)[0] == 408
    sender.join()
    assert len(no_upstream_call.gateway.records.started) == started, "it was no request yet"


@pytest.mark.fault(29)
def test_a_body_byte_by_byte(no_upstream_call: Rig) -> None:
    body = padded(4000)
    with connected(no_upstream_call) as client:
        client.sendall(head_of(len(body)))
        sender = dribble(client, body)
        assert refusal(client)[0] == 408
    sender.join()
    record = no_upstream_call.record
    assert (record.outcome, record.http_status) == ("rejected", 408)


@pytest.mark.fault(29)
def test_the_slow_hold_nobody_up(small: Rig) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(connected(small)).sendall(b"POST /v1/chat")
        assert small.ask().text == TEXT


@pytest.mark.fault(30)
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
def test_nothing_is_ever_inflated(no_upstream_call: Rig, encoding: str) -> None:
    bomb = gzip.compress(b" " * 3_000_000)[:4096]
    with connected(no_upstream_call) as client:
        client.sendall(head_of(len(bomb), f"content-encoding: {encoding}") + bomb)
        client.shutdown(socket.SHUT_WR)
        status, _, body = read_to_end(client)
        assert status == 415
        assert "uncompressed" in json.loads(body)["error"]["message"]


@pytest.mark.fault(30)
@pytest.mark.parametrize(("opens", "closes"), [(b"[", b"]"), (b'{"a":', b"}")])
@pytest.mark.parametrize("depth", [200, 100_000])
def test_nesting_without_end(loop: LoopThread, opens: bytes, closes: bytes, depth: int) -> None:
    body = json.dumps({**ASK, "metadata": "HERE"}).encode()
    body = body.replace(b'"HERE"', opens * depth + b"1" + closes * depth)
    with chain(loop, working()) as rig, connected(rig) as client:
        client.sendall(head_of(len(body), "connection: close") + body)
        status, _, answer = read_to_end(client)
        assert (status, json.loads(answer)["error"]["type"]) == (400, "invalid_request_error")
        assert rig.posts(rig.a) == 0


@pytest.mark.fault(30)
def test_compressed_answers_are_not_asked_for(loop: LoopThread) -> None:
    """Nor is one inflated: a provider that compresses all the same does not speak HTTP with us."""

    async def zipped(peer: Peer) -> None:
        asked = await peer.read_request()
        assert asked.header("accept-encoding") == "identity"
        body = gzip.compress(b" " * 1_000_000)
        head = STREAM_HEAD.replace(b"text/event-stream", b"application/json\r\ncontent-encoding: gzip")
        await peer.send(head, chunk(body), b"0\r\n\r\n")

    with chain(loop, zipped) as rig:
        rig.falls_back("invalid_http")
