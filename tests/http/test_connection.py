"""What a connection may do below a request: bounded heads, bounded waits, and offers of other protocols."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator

import pytest

from gateway.http import connection
from tests.running import LoopThread, RunningGateway, running_gateway, running_simulators, snapshot_of

CONFIG = """
providers: {{openai: {{vendor: openai, base_url: "{url}/v1"}}}}
models: {{gpt: {{provider: openai, id: gpt-5.4-mini}}}}
routes: [{{name: default, chain: [gpt]}}]
"""
BODY = json.dumps({"model": "gpt", "messages": [{"role": "user", "content": "Say exactly: hop on"}]}).encode()
HEAD = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n" % len(BODY)
)


@pytest.fixture(scope="module")
def gateway() -> Iterator[RunningGateway]:
    with (
        LoopThread() as loop,
        running_simulators(loop, "openai") as simulators,
        running_gateway(loop, snapshot_of(CONFIG.format(url=simulators["openai"].base_url))) as running,
    ):
        yield running


@pytest.fixture
def client(gateway: RunningGateway) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", int(gateway.url.rpartition(":")[2])), 10) as sock:
        yield sock


def until_closed(client: socket.socket) -> bytes:
    pieces = []
    while piece := client.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def refusal(answer: bytes) -> tuple[int, str]:
    """Status and message of a refusal that closes the connection."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    error = json.loads(body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return int(head.split(b" ")[1]), error["message"]


@pytest.mark.parametrize("filler", [b"x: y\r\n", b"a"])
def test_a_head_without_end_is_refused(client: socket.socket, filler: bytes) -> None:
    begun = HEAD + b"x-long: "
    # Not a byte more than it takes: one that was left unread would make the closing a reset, and the answer be lost.
    size = connection.MAX_HEAD_BYTES + 1 - len(begun)
    client.sendall(begun + (filler * size)[:size])
    status, message = refusal(until_closed(client))
    assert status == 431
    assert message == "The headers of this request are larger than 65536 bytes."


def test_trailers_without_end_are_refused(client: socket.socket, gateway: RunningGateway) -> None:
    chunked = HEAD.replace(b"content-length: %d" % len(BODY), b"transfer-encoding: chunked")
    client.sendall(chunked + b"\r\n2\r\n{}\r\n0\r\nx: ")
    with contextlib.suppress(ConnectionError):
        client.sendall(b"a" * (16 * connection.MAX_HEAD_BYTES))
        assert client.recv(1) == b""
    assert gateway.records.last().outcome == "client_gone"


@pytest.mark.parametrize("sent", [b"", b"POST /v1/chat", HEAD])
def test_a_head_that_does_not_come(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(connection, "HEAD_TIMEOUT_S", 0.05)
    with socket.create_connection(("127.0.0.1", int(gateway.url.rpartition(":")[2])), 10) as client:
        client.sendall(sent)
        assert refusal(until_closed(client))[0] == 408


def test_a_second_head_that_does_not_come(client: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    client.sendall(HEAD + b"\r\n" + BODY)
    assert client.recv(12) == b"HTTP/1.1 200"
    monkeypatch.setattr(connection, "HEAD_TIMEOUT_S", 0.05)
    client.sendall(b"GET /v1/mod")
    assert refusal(until_closed(client).partition(b"hop on")[2].partition(b"}}}")[2])[0] == 408


@pytest.mark.parametrize(
    "bad", [b"GARBAGE\r\n\r\n", b"GET / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"]
)
def test_what_is_no_http_gets_openais_error(client: socket.socket, bad: bytes) -> None:
    client.sendall(bad)
    assert refusal(until_closed(client)) == (400, "Invalid HTTP request received.")


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
def test_an_offered_upgrade_is_ignored_and_the_body_read(client: socket.socket, protocol: bytes, split: bool) -> None:
    """Java's HttpClient offers h2c with every first request; a parser that believes it drops the body."""
    head = (
        HEAD
        + b"Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: %b\r\nHTTP2-Settings: AAEAAEAA\r\n\r\n" % protocol
    )
    for part in (head, BODY) if split else (head + BODY,):
        client.sendall(part)
    answer = until_closed(client)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"hop on" in answer
