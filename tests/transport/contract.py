"""What the tests of the contract share: how to ask, and the one table of what httpx can't do."""

from __future__ import annotations

import asyncio
from typing import Protocol

import pytest

from gateway.core.wire import Endpoint, Headers
from gateway.transport.base import Exchange, Transport
from tests.fault_server import FaultServer, Peer, Script, response
from tests.transport.recorder import Recorder

HTTPX_DIFFERS = {
    "early-response": "httpcore reads nothing before it has written the whole request",
    "idle-unwatched": "httpcore looks at idle connections when it is next used, and has no timer",
    "lenient-parsing": "h11 accepts folded headers, bare line feeds and equal repetitions of content-length",
    "ragged-close": "httpcore takes a TLS close without close_notify for the end of the body",
    "surplus-kept": "h11 keeps bytes that follow a response: the next exchange on the connection fails, loudly",
    "interim-flood": "httpcore skips interim responses without counting them",
    "big-heads": "h11 takes heads of at most 100 KiB",
}
"""Where httpx can't do as the contract says, by name, with the reason. Each is used by a test, by `native_only`."""

plain_only = pytest.mark.parametrize("variant", ["native", "httpx"], indirect=True)
"""For what TLS can't change, or can't do."""

tls_only = pytest.mark.parametrize("variant", ["native-tls", "httpx-tls"], indirect=True)

UPLOAD = bytes(64 * 1024 * 1024)
"""More than the buffers between two sockets hold, so that nobody can have written it to a peer that doesn't read."""


class Open(Protocol):
    """Opens a transport with these limits; it is closed after the test."""

    def __call__(self, **limits: float) -> Transport: ...


class Serve(Protocol):
    """Makes the server of the variant under test: plain or TLS."""

    def __call__(self, *scripts: Script) -> FaultServer: ...


def native_only(kind: str, difference: str) -> None:
    """Skip where httpx differs, for the reason in the table."""
    reason = HTTPX_DIFFERS[difference]
    if kind == "httpx":
        pytest.skip(reason)


def ask(
    transport: Transport,
    endpoint: Endpoint,
    body: bytes = b"{}",
    method: str = "POST",
    path: str = "/v1/chat/completions",
    headers: Headers = (("content-type", "application/json"),),
) -> Recorder:
    recorder = Recorder()
    recorder.exchange = transport.send(endpoint, method, path, headers, body, recorder)
    assert not recorder.over, "a callback before send returned"
    return recorder


def exchange_of(recorder: Recorder) -> Exchange:
    assert recorder.exchange is not None
    return recorder.exchange


def once(*pieces: bytes) -> Script:
    """Read a request, send, close with FIN."""

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(*pieces)

    return script


class Gate:
    """A script that answers a request when told to."""

    def __init__(self) -> None:
        self.opened = asyncio.Semaphore(0)

    async def __call__(self, peer: Peer) -> None:
        while True:
            await peer.read_request()
            await self.opened.acquire()
            await peer.send(response(b"ok"))


async def settle() -> None:
    """Give bytes on loopback the few turns of the event loop that they need to be read."""
    for _ in range(30):
        await asyncio.sleep(0)
