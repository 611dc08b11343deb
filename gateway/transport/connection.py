"""One HTTP/1.1 connection: one exchange at a time, written at once and parsed as the bytes arrive.

It owns a socket. It decides how an exchange ended (which phase, whether it may be tried again) and whether the
connection can be used once more; when to open or keep one is the pool's business.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Protocol, cast

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade

from gateway.transport.base import Phase, TransportFault, TransportLimits
from gateway.transport.exchange import NativeExchange, report_sink_error
from gateway.transport.head import ProtocolViolation
from gateway.transport.reader import NOBODY, ResponseReader

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


class Connection(asyncio.Protocol):
    """A connection in the clear. `idle`, `idle_since` (on the event loop's clock) and `kept` are set by the pool.

    `kept`: it was open before its exchange came, so that the server may have closed it in the same moment. `lost`: its
    socket is closed.
    """

    def __init__(self, owner: Owner, limits: TransportLimits) -> None:
        self.idle = False
        self.idle_since = 0.0
        self.kept = False
        self.lost = False
        self._owner = owner
        self._reader = ResponseReader(limits)
        self._loop = asyncio.get_running_loop()
        self._stale_s = limits.stale_s
        self._started = 0.0  # when the exchange began
        self._transport: asyncio.Transport
        self._exchange: NativeExchange | None = None
        self._error: Exception | None = None  # why it was lost
        self._dropped = False
        self._unsent = False  # part of the request is still in our own buffer
        self._answered = False  # a byte of the response has arrived
        self._peer_ended = False  # the peer said so itself, by TLS's close_notify

    # What the pool does with it

    @property
    def usable(self) -> bool:
        return not (self._dropped or self._transport.is_closing())

    def start(self, exchange: NativeExchange) -> None:
        """Send a request. The connection is usable and has no exchange."""
        self._exchange = exchange
        self._answered = False
        self._started = self._loop.time()
        self._reader.expect(exchange.method, exchange.sink or NOBODY)
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
        reader = self._reader
        reader.quiet_bytes += len(data)
        try:
            reader.parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._stopped(exchange, error)
            return
        if self._exchange is not exchange:
            return  # cancelled by its own sink
        if reader.complete:
            self._finish(exchange)
        elif reader.quiet_bytes > reader.max_header_bytes:
            self._fail(TransportFault("protocol", f"more than {reader.max_header_bytes} bytes of headers"))

    def eof_received(self) -> None:
        self._end_of_stream(clean=True)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._break_off(exc)
        self._owner.closed(self)

    # How it ends

    def _write(self, head: bytes, body: bytes) -> None:
        if len(body) <= JOIN_LIMIT:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))

    def _shut(self) -> None:
        self._dropped = True
        self._transport.abort()

    def _detach(self) -> NativeExchange | None:
        exchange, self._exchange = self._exchange, None
        self._reader.sink = NOBODY
        return exchange

    def _fail(self, fault: TransportFault) -> None:
        exchange = self._detach()
        self.drop()
        if exchange is not None:
            exchange.fail(fault)

    def _finish(self, exchange: NativeExchange) -> None:
        """The response is complete. The connection goes back first, so that `on_end` may already use it again."""
        self._detach()
        if self._reader.keep_alive and not (self._unsent or self._peer_ended) and self.usable:
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
        if self._reader.complete:
            self._reader.keep_alive = False
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
        if exchange is not None and self._reader.head_done and self._reader.until_close and clean:
            self._finish(exchange)
        else:
            self._break_off(None)

    def _break_off(self, error: Exception | None) -> None:
        """The connection is gone: whatever was under way did not end."""
        self._error = self._error or error
        exchange = self._detach()
        if exchange is None:
            self.drop()
        elif self._is_stale():
            self._shut()  # its successor is never a kept one, so this happens once at most
            self._owner.discard(self, successor=exchange)
        else:
            self.drop()
            exchange.fail(self._fault(error))

    def _is_stale(self) -> bool:
        """Whether the server closed it before it can have read the request."""
        if not self.kept or self._answered:
            return False
        return self._unsent or self._loop.time() - self._started <= self._stale_s

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
