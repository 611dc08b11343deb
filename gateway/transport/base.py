"""The contract of a transport: push-based, so that a chunk costs a callback and not a task switch.

sink.on_head once, then sink.on_body any number of times, then exactly one of sink.on_end or sink.on_fault.
After `Exchange.cancel()` no callback follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from gateway.core.wire import Endpoint, Headers

Phase = Literal[
    "dns",  # the host name has no address
    "connect",  # refused, unreachable or reset while connecting
    "connect_timeout",
    "tls",  # handshake or certificate failed
    "pool_timeout",  # no free connection in time, or no file descriptor for one
    "write",  # the connection broke before the request was written; it may be sent again safely
    "first_byte",  # closed or reset after the request was written, before any byte of the response
    "body",  # the response broke off: reset, or shorter than announced
    "protocol",  # not HTTP/1.1, or beyond a header or body cap
]


@dataclass(frozen=True, slots=True)
class TransportFault:
    """Why an exchange failed. `message` names no secret. `reset`: the peer sent RST rather than FIN."""

    phase: Phase
    message: str
    reset: bool = False


@dataclass(frozen=True, slots=True)
class TransportLimits:
    """Bounds of one pool. Times in seconds, sizes in bytes; a `max_body_bytes` of 0 means no cap.

    `stale_s`: a kept connection that ends without an answer so soon after a request was closed by the server in the
    same moment, and the request goes out again on a fresh one. Later the server has read it, and may have charged for
    it: that is a fault.
    """

    connect_s: float = 5.0
    pool_wait_s: float = 5.0
    max_connections: int = 1000
    idle_s: float = 30.0
    stale_s: float = 1.0
    dns_ttl_s: float = 30.0
    max_header_bytes: int = 64 * 1024
    max_headers: int = 128
    max_body_bytes: int = 256 * 1024 * 1024


class ResponseSink(Protocol):
    """Receives one response. Callbacks run on the event loop and must not block or raise."""

    def on_head(self, status: int, headers: dict[str, str]) -> None:
        """The final status line and headers: names in lower case, repeated ones joined by ", "."""
        ...

    def on_body(self, data: bytes) -> None: ...

    def on_end(self) -> None: ...

    def on_fault(self, fault: TransportFault) -> None: ...


class Exchange(Protocol):
    """A request under way."""

    def cancel(self) -> None:
        """Close the connection at once (its answer can't be told from the next). Harmless after the end."""
        ...

    def pause_reading(self) -> None:
        """Back-pressure: stop reading from the upstream until `resume_reading`."""
        ...

    def resume_reading(self) -> None: ...


class Transport(Protocol):
    """Sends requests. Follows no redirect, keeps no cookie, asks for `accept-encoding: identity`."""

    def send(
        self, endpoint: Endpoint, method: str, path: str, headers: Headers, body: bytes, sink: ResponseSink
    ) -> Exchange:
        """Start a request for `path` (the full request target, prefix included). Returns at once; never raises for
        anything the network does: that arrives at `sink.on_fault`, always after `send` has returned.

        Raises ValueError for a header or path with CR, LF or NUL in it.
        """
        ...

    async def forget(self, endpoint: Endpoint) -> None:
        """Close the connections to `endpoint`; exchanges under way there end with a fault. It may be asked again."""
        ...

    async def aclose(self) -> None:
        """Close every connection. Exchanges under way end with a fault."""
        ...
