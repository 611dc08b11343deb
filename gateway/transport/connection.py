"""One HTTP/1.1 connection: one exchange at a time, written at once and parsed as the bytes arrive.

It owns a socket and llhttp's parser. It decides how an exchange ended (which phase, whether it may be tried again) and
whether the connection can be used once more; when to open or keep one is the pool's business.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from typing import Protocol, cast

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpResponseParser

from gateway.transport.base import Phase, ResponseSink, TransportFault, TransportLimits
from gateway.transport.exchange import NativeExchange, report_sink_error
from gateway.transport.head import ProtocolViolation, response_framing

JOIN_LIMIT = 64 * 1024
"""Up to this many bytes, head and body are joined into one write: a copy is cheaper than a second buffer."""

KEEPALIVE_PROBES = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 4))
"""Seconds, seconds, times. A model may think for minutes: without probes a vanished peer or a NAT would go unseen."""


class Owner(Protocol):
    """What a connection tells its pool."""

    def release(self, connection: Connection) -> None:
        """The exchange is over and the connection can take another."""
        ...

    def discard(self, connection: Connection, successor: NativeExchange | None = None) -> None:
        """The connection is no longer usable. Its slot goes to `successor` if given, on a fresh connection."""
        ...

    def closed(self, connection: Connection) -> None:
        """The socket is closed."""
        ...


class _Nobody:
    """The sink of a cancelled exchange, for the rest of the bytes already being parsed."""

    def on_head(self, status: int, headers: dict[str, str]) -> None: ...
    def on_body(self, data: bytes) -> None: ...
    def on_end(self) -> None: ...
    def on_fault(self, fault: TransportFault) -> None: ...


_NOBODY = _Nobody()


class Connection(asyncio.Protocol):
    """A connection in the clear. `idle` and `idle_since` (on the event loop's clock) are kept by the pool."""

    def __init__(self, owner: Owner, limits: TransportLimits) -> None:
        self.idle = False
        self.lost = False  # its socket is closed
        self.idle_since = 0.0
        self._owner = owner
        self._parser = HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._exchange: NativeExchange | None = None
        self._sink: ResponseSink = _NOBODY
        self._max_body = limits.max_body_bytes or sys.maxsize
        self._max_header_bytes = limits.max_header_bytes
        self._max_headers = limits.max_headers
        self._body_cap = limits.max_body_bytes
        self._error: Exception | None = None  # why it was lost
        self._served = False
        self._dropped = False
        self._unsent = False  # part of the request is still in our own buffer
        self._peer_ended = False  # it said so itself, by TLS's close_notify
        self._answered = False  # a byte of the response has arrived
        self._head_done = False
        self._complete = False
        self._until_close = False
        self._keep_alive = False
        self._headers: dict[str, str] = {}
        self._header_count = 0
        self._header_bytes = 0
        self._quiet_bytes = 0  # received since the last byte of body: heads, chunk framing, trailers
        self._body_bytes = 0

    # What the pool does with it

    @property
    def usable(self) -> bool:
        return not (self._dropped or self._transport.is_closing())

    def start(self, exchange: NativeExchange) -> None:
        """Send a request. The connection is open and has no exchange."""
        self._exchange = exchange
        self._sink = exchange.sink or _NOBODY
        self._answered = self._head_done = self._complete = self._until_close = self._keep_alive = False
        self._headers = {}
        self._header_count = self._header_bytes = self._quiet_bytes = self._body_bytes = 0
        exchange.holder = self
        if exchange.paused:
            self._transport.pause_reading()
        self._write(exchange.head, exchange.body)
        if self._transport.is_closing():
            self._unsent = True

    def fault_before_start(self) -> TransportFault:
        """Why it is not usable, where it was lost between its opening and its first request."""
        self._unsent = True
        return self._fault(self._error)

    def drop(self) -> None:
        """Close at once, whatever is under way, and tell the pool."""
        if not self._dropped:
            self._shut()
            self._owner.discard(self)

    def close(self) -> None:
        """Close because the whole transport closes; an exchange under way learns it."""
        phase: Phase = "body" if self._answered else "first_byte"
        self._fail(TransportFault(phase, "the transport was closed"))

    # What the exchange does with it

    def abandon(self, exchange: NativeExchange) -> None:
        self._detach()
        self.drop()

    def set_reading(self, reading: bool) -> None:
        if self._transport.is_closing():
            return
        if reading:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in KEEPALIVE_PROBES:
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def pause_writing(self) -> None:
        self._unsent = True

    def resume_writing(self) -> None:
        self._unsent = False

    def data_received(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange is None:
            self.drop()  # nobody asked: the next answer could not be told from it
            return
        self._answered = True
        self._quiet_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._stopped(exchange, error)
            return
        if self._exchange is not exchange:
            return  # cancelled by its own sink
        if self._complete:
            self._finish(exchange)
        elif self._quiet_bytes > self._max_header_bytes:
            self._fail(TransportFault("protocol", f"more than {self._max_header_bytes} bytes of headers"))

    def eof_received(self) -> None:
        self._end_of_stream(clean=True)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._break_off(exc)
        self._owner.closed(self)

    # The parser's callbacks

    def on_message_begin(self) -> None:
        if self._complete:
            raise ProtocolViolation("bytes after the end of the response")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_count += 1
        self._header_bytes += len(name) + len(value) + 4
        if self._header_count > self._max_headers:
            raise ProtocolViolation(f"more than {self._max_headers} headers")
        if self._header_bytes > self._max_header_bytes:
            raise ProtocolViolation(f"more than {self._max_header_bytes} bytes of headers")
        if self._head_done:
            return  # a trailer
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        headers = self._headers
        if key in headers:
            text = f"{headers[key]}, {text}"
        headers[key] = text

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        headers = self._headers
        if status < 200:
            if status == 101:
                raise ProtocolViolation("the server switched protocols unasked")
            self._headers = {}  # the counters run on, so that interim responses are bounded too
            return
        exchange = self._exchange
        if exchange is None:
            return  # cancelled meanwhile
        http_1_0 = "transfer-encoding" in headers and self._parser.get_http_version() == "1.0"
        framing = response_framing(exchange.method, status, http_1_0, headers, self._body_cap)
        self._head_done = True
        self._until_close = framing == "close"
        exchange.head = exchange.body = b""
        self._sink.on_head(status, headers)
        if exchange.method == "HEAD":
            # llhttp can't be told that the body announced will not come: its state, and so the connection, is spent.
            self._complete = True
            self._sink = _NOBODY

    def on_body(self, data: bytes) -> None:
        self._quiet_bytes = 0
        self._body_bytes += len(data)
        if self._body_bytes > self._max_body:
            raise ProtocolViolation(f"the body is longer than {self._body_cap} bytes")
        self._sink.on_body(data)

    def on_message_complete(self) -> None:
        if self._head_done and not self._complete:
            self._complete = True
            self._keep_alive = self._parser.should_keep_alive()

    # How it ends

    def _write(self, head: bytes, body: bytes) -> None:
        if len(body) <= JOIN_LIMIT:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))

    def _fail(self, fault: TransportFault) -> None:
        exchange = self._detach()
        self.drop()
        if exchange is not None:
            exchange.fail(fault)

    def _shut(self) -> None:
        self._dropped = True
        self._transport.abort()

    def _detach(self) -> NativeExchange | None:
        exchange, self._exchange = self._exchange, None
        self._sink = _NOBODY
        return exchange

    def _finish(self, exchange: NativeExchange) -> None:
        """The response is complete. The connection goes back first, so that `on_end` may already use it again."""
        self._detach()
        if self._keep_alive and not (self._unsent or self._peer_ended) and self.usable:
            self._served = True
            if exchange.paused:
                self._transport.resume_reading()
            self._owner.release(self)
        else:
            self.drop()
        exchange.finish()

    def _stopped(self, exchange: NativeExchange, error: Exception) -> None:
        """The parser refused the bytes, or a callback of ours or of the sink raised in it."""
        if self._exchange is not exchange:
            return
        cause = error.__context__ if isinstance(error, HttpParserCallbackError) else error
        if self._complete:
            self._keep_alive = False
            self._finish(exchange)
        elif isinstance(cause, ProtocolViolation):
            self._fail(TransportFault("protocol", str(cause)))
        elif cause is error or cause is None:
            self._fail(TransportFault("protocol", f"the response is not valid HTTP/1.1: {error}"))
        else:
            self._fail(TransportFault("body", "the receiver of the response failed"))
            report_sink_error(cause)
            if not isinstance(cause, Exception):
                raise cause

    def _end_of_stream(self, clean: bool) -> None:
        """The peer sends no more. `clean` is false where TLS shows that bytes may be missing."""
        exchange = self._exchange
        if exchange is not None and self._head_done and self._until_close and clean:
            self._finish(exchange)
        else:
            self._break_off(None)

    def _break_off(self, error: Exception | None) -> None:
        """The connection is gone: whatever was under way did not end."""
        self._error = self._error or error
        exchange = self._detach()
        if exchange is None:
            self.drop()
        elif self._served and not self._answered and not exchange.retried:
            exchange.retried = True
            exchange.holder = None
            self._shut()
            self._owner.discard(self, successor=exchange)
        else:
            self.drop()
            exchange.fail(self._fault(error))

    def _fault(self, error: Exception | None) -> TransportFault:
        reset = isinstance(error, ConnectionResetError | BrokenPipeError)
        phase: Phase
        if self._answered:
            phase, what = "body", "the response broke off"
        elif isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            phase, what = "tls", "TLS failed before the response"
        elif self._unsent:
            phase, what = "write", "the connection broke before the request was written"
        else:
            phase, what = "first_byte", "the server closed the connection without a response"
        return TransportFault(phase, f"{what}: {error}" if error else what, reset)
