"""What only the httpx transport does: HTTP proxies, and standing in for the network under respx."""

from __future__ import annotations

import dataclasses

import httpx
import pytest
import respx

from gateway.core.wire import Endpoint
from gateway.transport.base import Transport, TransportLimits
from gateway.transport.httpx_client import HttpxTransport
from tests.fault_server import FaultServer, Peer, answering, response
from tests.transport.conftest import Authority
from tests.transport.contract import ask

pytestmark = pytest.mark.parametrize("variant", ["httpx"], indirect=True)


async def test_a_plain_request_through_a_proxy(variant: str) -> None:
    async with FaultServer(answering(response(b"by proxy"))) as proxy:
        transport = HttpxTransport(TransportLimits(), f"http://user:secret@127.0.0.1:{proxy.port}")
        recorder = ask(transport, Endpoint("http", "upstream.test", 8000), path="/v1/a%20b:c?y=%26")
        assert await recorder.outcome() is None
        assert recorder.body == b"by proxy"
        request = proxy.requests[0]
        assert request.target == "http://upstream.test:8000/v1/a%20b:c?y=%26"
        assert request.header("host") == "upstream.test:8000"
        assert request.header("proxy-authorization") == "Basic dXNlcjpzZWNyZXQ="
        await transport.aclose()


async def test_a_tls_request_through_a_proxys_tunnel(authority: Authority, variant: str) -> None:
    async def tunnel(peer: Peer) -> None:
        connect = await peer.read_head()
        assert (connect.method, connect.target) == ("CONNECT", "upstream.test:443")
        await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await peer.start_tls(authority.server_context())
        await peer.read_request()
        await peer.send(response(b"through the tunnel"))
        await peer.read_request()

    async with FaultServer(tunnel) as proxy:
        transport = HttpxTransport(TransportLimits(), f"http://127.0.0.1:{proxy.port}")
        endpoint = Endpoint("https", "upstream.test", 443, ca_file=authority.ca_file)
        recorder = ask(transport, endpoint)
        assert await recorder.outcome() is None
        assert recorder.body == b"through the tunnel"
        await transport.aclose()


async def test_the_phases_behind_a_tunnel(authority: Authority, variant: str) -> None:
    async def dropping(peer: Peer) -> None:
        await peer.read_head()
        await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await peer.start_tls(authority.server_context())
        await peer.read_request()

    async def refusing_tunnel(peer: Peer) -> None:
        await peer.read_head()
        await peer.send(response(b"", 407))

    async def untrusted(peer: Peer) -> None:
        await peer.read_head()
        await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await peer.read_some()

    async with FaultServer(dropping, refusing_tunnel, untrusted) as proxy:
        transport = HttpxTransport(TransportLimits(), f"http://127.0.0.1:{proxy.port}")
        endpoint = Endpoint("https", "upstream.test", 443, ca_file=authority.ca_file)
        phases = [await ask(transport, endpoint).phase() for _ in range(3)]
        assert phases == ["first_byte", "connect", "tls"]
        await transport.aclose()


async def test_an_unreachable_proxy(variant: str) -> None:
    transport = HttpxTransport(TransportLimits(), "http://nohost.invalid:1")
    assert await ask(transport, Endpoint("http", "upstream.test", 80)).phase() == "dns"
    await transport.aclose()


UPSTREAM = Endpoint("https", "upstream.test", 443)


async def test_respx_answers(transport: Transport) -> None:
    with respx.mock:
        route = respx.post("https://upstream.test/v1/chat/completions").respond(201, json={"a": 1}, headers={"x": "y"})
        recorder = ask(transport, UPSTREAM, b'{"q":1}')
        assert await recorder.outcome() is None
        assert (recorder.status, recorder.body, recorder.headers["x"]) == (201, b'{"a":1}', "y")
        assert route.calls.last.request.content == b'{"q":1}'


@pytest.mark.parametrize(
    ("error", "phase"),
    [
        (httpx.ConnectError("refused"), "connect"),
        (httpx.ConnectTimeout("slow"), "connect_timeout"),
        (httpx.PoolTimeout("full"), "pool_timeout"),
        (httpx.WriteError("broken"), "write"),
        (httpx.ReadError("reset"), "first_byte"),
        (httpx.RemoteProtocolError("Server disconnected without sending a response."), "first_byte"),
        (httpx.RemoteProtocolError("illegal status line"), "protocol"),
    ],
)
async def test_respx_fails(transport: Transport, error: Exception, phase: str) -> None:
    with respx.mock:
        respx.post("https://upstream.test/v1/chat/completions").mock(side_effect=error)
        assert await ask(transport, UPSTREAM).phase() == phase


async def test_clients_are_per_endpoint(transport: Transport) -> None:
    async with FaultServer(answering(response(b"ok"))) as server:
        other = dataclasses.replace(server.endpoint, prefix="/other")
        for endpoint in (server.endpoint, other, server.endpoint, other):
            assert await ask(transport, endpoint).outcome() is None
        assert len(server.peers) == 2
