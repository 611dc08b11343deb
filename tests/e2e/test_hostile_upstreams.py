"""Upstreams and clients at their worst: nested answers, echoed keys, readers that stop, and a gateway told to stop."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.http import connection
from tests.fault_server import FaultServer, Peer, Script, answering, response
from tests.running import LoopThread, RunningGateway, running_gateway, snapshot_of, until

KEY = "canary-0123456789abcdef"
HEADER = "canary-header-0123456789"
CONFIG = """
timeouts: {{answer: 5s, first_token: 5s, idle: 5s, total: 20s}}
providers:
  bad: {{vendor: openai, base_url: "{url}/v1", api_key: "${{BAD_KEY}}", headers: {{x-proxy-token: "${{BAD_HEADER}}"}}}}
models: {{gpt: {{provider: bad, id: gpt-5.4-mini}}}}
routes: [{{name: default, chain: [gpt]}}]
"""
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"


def event(content: str = "word", extra: str = "null") -> bytes:
    delta = f'{{"role":"assistant","content":"{content}","extra":{extra}}}'
    choice = f'{{"index":0,"delta":{delta},"finish_reason":null}}'
    return (
        f'data: {{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{choice}]}}\n\n'.encode()
    )


@contextlib.contextmanager
def in_front_of(script: Script) -> Iterator[tuple[RunningGateway, FaultServer]]:
    with LoopThread() as loop:
        server = FaultServer(script)
        loop.run(server.__aenter__())
        snapshot = snapshot_of(CONFIG.format(url=server.base_url), {"BAD_KEY": KEY, "BAD_HEADER": HEADER})
        try:
            with running_gateway(loop, snapshot) as gateway:
                yield gateway, server
        finally:
            loop.run(server.__aexit__(None, None, None))


@contextlib.contextmanager
def asking(gateway: RunningGateway, stream: bool) -> Iterator[socket.socket]:
    body = json.dumps({"model": "gpt", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"connection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with socket.socket() as client:
        client.settimeout(10)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", int(gateway.url.rpartition(":")[2])))
        client.sendall(head.encode() + body)
        yield client


def read_all(client: socket.socket) -> tuple[int, bytes]:
    with client.makefile("rb") as answer:
        whole = answer.read()
    return int(whole.split(b" ")[1]), whole.partition(b"\r\n\r\n")[2]


def last_error(body: bytes) -> dict[str, Any]:
    """The terminal event of a stream that ended in good order."""
    assert body.endswith(b"\r\n0\r\n\r\n")
    error: dict[str, Any] = json.loads(body[body.rindex(b'{"error"') : body.rindex(b"}") + 1])["error"]
    return error


NESTED = "[" * 300 + "]" * 300
"""Deeper than orjson writes, not deeper than it reads."""


def test_a_whole_answer_too_deep_to_write() -> None:
    message = f'{{"role":"assistant","content":"x","extra":{NESTED}}}'
    body = f'{{"id":"c","choices":[{{"index":0,"message":{message},"finish_reason":"stop"}}]}}'.encode()
    with in_front_of(answering(response(body))) as (gateway, _), asking(gateway, stream=False) as client:
        status, answer = read_all(client)
        assert (status, json.loads(answer)["error"]["code"]) == (502, "upstream_invalid_response")
        record = gateway.records.last()
        assert (record.outcome, record.http_status) == ("error", 502)
        assert record.attempts[-1].failure is not None


def test_a_chunk_too_deep_to_write_ends_in_an_error_event() -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(STREAM, event(), event(extra=NESTED))
        await peer.gone()

    with in_front_of(script) as (gateway, _), asking(gateway, stream=True) as client:
        status, body = read_all(client)
        assert status == 200
        assert last_error(body)["code"] == "upstream_invalid_response"
        record = gateway.records.last()
        assert (record.outcome, record.error_code) == ("error", "upstream_invalid_response")
        assert record.attempts[-1].failure is not None


@pytest.mark.parametrize("secret", [KEY, HEADER])
@pytest.mark.parametrize("status", [400, 401, 500])
def test_an_echoed_secret_goes_nowhere(secret: str, status: int, caplog: pytest.LogCaptureFixture) -> None:
    error = {"message": f"I got {secret}", "type": "invalid_request_error", "param": secret, "code": f"bad_{secret}"}
    answer = response(json.dumps({"error": error}).encode(), status)
    with in_front_of(answering(answer)) as (gateway, server), asking(gateway, stream=False) as client:
        told = read_all(client)[1]
        failure = gateway.records.last().attempts[-1].failure
        assert secret in str(server.requests[0].headers)
    assert secret not in told.decode()
    assert failure is not None
    assert failure.message == "I got [redacted]"
    assert secret not in str(failure)
    # What a vendor says of the request itself may quote it, so it is not logged at all.
    assert ("I got [redacted]" in str([vars(line) for line in caplog.records])) is (status != 400)
    assert secret not in str([vars(line) for line in caplog.records])


def test_a_secret_echoed_in_mid_stream() -> None:
    error = {"error": {"message": f"I got {KEY}", "type": "invalid_request_error", "code": "content_filter"}}

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(STREAM, event(), b"data: %b\n\n" % json.dumps(error).encode())
        await peer.gone()

    with in_front_of(script) as (gateway, _), asking(gateway, stream=True) as client:
        assert last_error(read_all(client)[1])["message"] == "I got [redacted]"
        assert KEY not in str(gateway.records.last().attempts)


def test_a_client_that_stops_reading_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or its upstream connection and its memory are held until it pleases to leave."""
    monkeypatch.setattr(connection, "WRITE_TIMEOUT_S", 0.1)
    left: list[str] = []

    async def endless(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(STREAM)
        try:
            while True:
                await peer.send(event("x" * 1000) * 100)
        except (OSError, TimeoutError):
            left.append("gone")

    with in_front_of(endless) as (gateway, _), asking(gateway, stream=True):
        record = gateway.records.wait_for(1)[0]
        until(lambda: bool(left))
    assert (record.outcome, record.http_status) == ("client_gone", 499)
    assert record.attempts[-1].usage is not None


@pytest.mark.parametrize("stream", [False, True])
def test_what_a_leaving_client_had_asked_is_counted(stream: bool) -> None:
    """The vendor has read the prompt, and bills it."""

    async def silent(peer: Peer) -> None:
        await peer.read_request()
        await peer.gone()

    with in_front_of(silent) as (gateway, server):
        with asking(gateway, stream):
            until(lambda: bool(server.requests))
        record = gateway.records.wait_for(1)[0]
    assert record.outcome == "client_gone"
    assert record.usage is not None
    assert record.usage.source == "estimated"
    assert record.usage.input > 0
    assert record.cost_nano_usd


def test_shutting_down_is_told_before_the_first_byte_and_in_mid_stream() -> None:
    async def stalls(peer: Peer) -> None:
        request = await peer.read_request()
        if json.loads(request.body).get("stream"):
            await peer.send(STREAM, event())
        await peer.gone()

    with contextlib.ExitStack() as clients:
        with in_front_of(stalls) as (gateway, server):
            waiting = clients.enter_context(asking(gateway, stream=False))
            streaming = clients.enter_context(asking(gateway, stream=True))
            until(lambda: len(server.requests) == 2)
            begun = streaming.recv(65536)
        status, body = read_all(waiting)
        rest = begun + streaming.makefile("rb").read()
    assert (status, json.loads(body)["error"]["code"]) == (503, "shutting_down")
    assert last_error(rest)["code"] == "shutting_down"
    assert b"[DONE]" not in rest
    assert {(r.outcome, r.http_status, r.error_code) for r in gateway.records.ended} == {
        ("error", 503, "shutting_down"),
        ("error", 200, "shutting_down"),
    }
