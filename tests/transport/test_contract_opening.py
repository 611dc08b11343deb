"""The contract: opening connections, and waiting for a free one."""

from __future__ import annotations

import dataclasses
import socket

import pytest

from gateway.core.wire import Endpoint
from gateway.transport.base import Transport
from tests.fault_server import answering, black_hole, refusing, response
from tests.transport.contract import Gate, Open, Serve, ask, once, plain_only

# Opening connections


@plain_only
async def test_refused(transport: Transport) -> None:
    with refusing() as endpoint:
        assert await ask(transport, endpoint).phase() == "connect"


@plain_only
async def test_no_such_name(transport: Transport) -> None:
    assert await ask(transport, Endpoint("http", "nohost.invalid", 80)).phase() == "dns"


@plain_only
async def test_black_hole(open_transport: Open) -> None:
    transport = open_transport(connect_s=0.1)
    async with black_hole() as endpoint:
        assert await ask(transport, endpoint).phase() == "connect_timeout"


@pytest.mark.asyncio(loop_factories=["asyncio"])  # uvloop asks libc directly: there, a look-up can't be played
async def test_every_address_of_a_name_is_tried(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    async with serve(answering(response(b"ok"))) as server:
        resolve_to(monkeypatch, "127.0.0.9", "127.0.0.8", "127.0.0.1")
        recorder = ask(transport, dataclasses.replace(server.endpoint, host="upstream.test"))
        assert await recorder.outcome() is None
        assert server.requests[0].header("host") == f"upstream.test:{server.port}"


@plain_only
@pytest.mark.asyncio(loop_factories=["asyncio"])
async def test_an_address_that_hangs_is_overtaken(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    async with serve(answering(response(b"ok"))) as server, black_hole("127.0.0.8", server.port):
        resolve_to(monkeypatch, "127.0.0.8", "127.0.0.1")
        assert await ask(transport, Endpoint("http", "upstream.test", server.port)).outcome() is None


@plain_only
@pytest.mark.asyncio(loop_factories=["asyncio"])
async def test_no_address_of_a_name_answers(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    with refusing() as endpoint:
        resolve_to(monkeypatch, "127.0.0.9", "127.0.0.8")
        assert await ask(transport, Endpoint("http", "upstream.test", endpoint.port)).phase() == "connect"


def resolve_to(monkeypatch: pytest.MonkeyPatch, *hosts: str) -> list[str]:
    """Answer look-ups of names ending in .test with `hosts`. The list returned collects the names asked for."""
    asked: list[str] = []

    def fake(host: str | bytes, port: int, *_: object, **__: object) -> list[object]:
        asked.append(host.decode() if isinstance(host, bytes) else host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in hosts]

    monkeypatch.setattr(socket, "getaddrinfo", fake)
    return asked


# The pool


async def test_no_free_connection_in_time(open_transport: Open, serve: Serve) -> None:
    transport, gate = open_transport(max_connections=2, pool_wait_s=0.05), Gate()
    async with serve(gate) as server:
        holding = [ask(transport, server.endpoint) for _ in range(2)]
        assert await ask(transport, server.endpoint).phase() == "pool_timeout"
        gate.opened.release()
        gate.opened.release()
        assert [await recorder.outcome() for recorder in holding] == [None, None]
        assert len(server.peers) == 2


async def test_those_who_wait_are_served_in_order(open_transport: Open, serve: Serve) -> None:
    transport, gate = open_transport(max_connections=1), Gate()
    async with serve(gate) as server:
        recorders = [ask(transport, server.endpoint, b"%d" % n) for n in range(5)]
        for recorder in recorders:
            gate.opened.release()
            assert await recorder.outcome() is None
        assert [request.body for request in server.requests] == [b"0", b"1", b"2", b"3", b"4"]
        assert len(server.peers) == 1


async def test_a_closed_connection_makes_room_for_who_waits(open_transport: Open, serve: Serve) -> None:
    transport = open_transport(max_connections=1)
    async with serve(once(), once(response(b"ok", headers=[("connection", "close")]))) as server:
        recorders = [ask(transport, server.endpoint) for _ in range(3)]
        assert [await recorder.phase() for recorder in recorders] == ["first_byte", None, None]
        assert len(server.peers) == 3


@plain_only
async def test_a_failed_connect_makes_room_for_who_waits(open_transport: Open) -> None:
    transport = open_transport(max_connections=1)
    with refusing() as endpoint:
        recorders = [ask(transport, endpoint) for _ in range(3)]
        assert [await recorder.phase() for recorder in recorders] == ["connect"] * 3


async def test_endpoints_do_not_share_their_limit(open_transport: Open, serve: Serve) -> None:
    transport, gate = open_transport(max_connections=1, pool_wait_s=0.05), Gate()
    async with serve(gate) as held, serve(answering(response(b"ok"))) as free:
        first = ask(transport, held.endpoint)
        assert await ask(transport, free.endpoint).outcome() is None
        gate.opened.release()
        assert await first.outcome() is None
