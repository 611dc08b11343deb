"""What httpx does on the wire, watched from below: the network backend that its pool works with.

httpx tells little of how an exchange failed (a half-received head and none at all are one error; a failed write is
swallowed). So each exchange keeps a `Progress`, which the streams it uses fill in. Does no I/O of its own.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import anyio
import httpcore
import httpx

from gateway.transport.base import TransportLimits

RESETS = (ConnectionResetError, BrokenPipeError)


def caused_by(error: BaseException | None, *kinds: type[Exception]) -> bool:
    """Whether `error`, or what it was raised from, is one of `kinds`."""
    while error is not None:
        if isinstance(error, kinds):
            return True
        error = error.__cause__ or error.__context__
    return False


@dataclass(slots=True)
class Progress:
    """How far one exchange has come on its connection."""

    opened: bool = False  # it opened a connection of its own
    securing: bool = False  # the TLS handshake has begun
    sent: bool = False  # a write was begun
    unsent: bool = False  # a write failed
    answered: bool = False  # a byte of the response has arrived
    ended: bool = False  # the peer closed or reset while we read
    reset: bool = False  # it was a reset that a read or write met

    @property
    def stale(self) -> bool:
        """Whether a kept connection turned out to be closed, so that nothing of the request was answered."""
        return not self.opened and not self.answered and (self.ended or self.unsent)

    @property
    def foretold(self) -> bool:
        """Whether there is a response although none of its bytes came after the request: h11 keeps what follows a
        response and takes it for the next one, which would hand one caller's answer to another."""
        return self.sent and not self.answered


PROGRESS: ContextVar[Progress] = ContextVar("PROGRESS")
"""That of the exchange whose task is running; httpcore reads and writes in the task of its caller."""


class WatchedStream(httpcore.AsyncNetworkStream):
    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner
        self._ended = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        progress = PROGRESS.get()
        try:
            data = await self._inner.read(max_bytes, timeout)
        except Exception as error:
            progress.ended = True
            progress.reset = progress.reset or caused_by(error, *RESETS)
            raise
        if data:
            progress.answered = True
        else:
            self._ended = progress.ended = True
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        progress = PROGRESS.get()
        progress.sent = True
        if self._ended:  # httpcore keeps some connections that it has read to their end
            progress.ended = progress.unsent = True
            raise httpcore.WriteError("the server has closed")
        try:
            await self._inner.write(buffer, timeout)
        except Exception as error:
            progress.unsent = True
            progress.reset = progress.reset or caused_by(error, *RESETS)
            raise

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        progress = PROGRESS.get()
        progress.securing = True
        try:
            stream = WatchedStream(await self._inner.start_tls(ssl_context, server_hostname, timeout))
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._inner.aclose()  # httpcore does so for errors, but not when it is cancelled
            raise
        progress.answered = False  # what a proxy said to CONNECT is no part of the response
        return stream

    async def aclose(self) -> None:
        await self._inner.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class WatchedBackend(httpcore.AsyncNetworkBackend):
    def __init__(self) -> None:
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        PROGRESS.get().opened = True
        return WatchedStream(await self._inner.connect_tcp(host, port, timeout, local_address, socket_options))

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class WatchedTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport, its pool on WatchedBackend. httpx offers no argument for a backend, httpcore does."""

    def __init__(self, context: ssl.SSLContext, limits: TransportLimits, proxy: str | None) -> None:
        bounds = httpx.Limits(
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_connections,
            keepalive_expiry=limits.idle_s,
        )
        super().__init__(verify=context, trust_env=False, limits=bounds, proxy=proxy)
        self._pool._network_backend = WatchedBackend()
