"""The connections to one endpoint: which to use, how many, for how long, and who waits.

Idle connections are used last in, first out, so that the surplus grows old and is closed. Those who wait for a free
slot are served first in, first out. An exchange that finds an idle connection is written without a task switch.
"""

from __future__ import annotations

import asyncio
import errno
from collections import OrderedDict
from functools import partial
from typing import TypeVar

from gateway.core.wire import Endpoint, Headers
from gateway.transport.base import Phase, TransportFault, TransportLimits
from gateway.transport.connection import Connection
from gateway.transport.dial import Resolver, connect_any
from gateway.transport.exchange import NativeExchange
from gateway.transport.head import compose_head
from gateway.transport.tls import TlsConnection, TlsContexts

ConnectionT = TypeVar("ConnectionT", bound=Connection)

HEADS_KEPT = 256
"""Composed heads kept per endpoint. A provider's requests share a few; one with an id of its own just misses."""


_OUT_OF_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})


class Pool:
    """Implements `Owner` for its connections and `Holder` for the exchanges that wait or dial."""

    def __init__(self, endpoint: Endpoint, limits: TransportLimits, contexts: TlsContexts) -> None:
        self._loop = asyncio.get_running_loop()
        self._endpoint = endpoint
        self._limits = limits
        self._contexts = contexts
        self._resolver = Resolver(endpoint.host, endpoint.port, limits.dns_ttl_s)
        self._heads: dict[tuple[str, str, Headers], bytes] = {}
        self._idle: list[Connection] = []  # ascending by idle_since
        self._members: set[Connection] = set()  # idle or at work
        self._dials: dict[NativeExchange, asyncio.Task[Connection]] = {}
        self._waiting: OrderedDict[NativeExchange, asyncio.TimerHandle] = OrderedDict()
        self._sockets: set[Connection] = set()  # not closed yet
        self._sweeper: asyncio.TimerHandle | None = None
        self._all_closed: asyncio.Future[None] | None = None
        self._closing = False

    def head(self, method: str, target: str, headers: Headers, body: bytes) -> bytes:
        """The head up to and including its empty line. Raises ValueError as `compose_head` does."""
        key = (method, target, headers)
        fixed = self._heads.get(key)
        if fixed is None:
            fixed = compose_head(method, target, self._endpoint.authority, headers)
            if len(self._heads) >= HEADS_KEPT:
                self._heads.clear()
            self._heads[key] = fixed
        if body or method not in ("GET", "HEAD"):
            return b"%bcontent-length: %d\r\n\r\n" % (fixed, len(body))
        return fixed + b"\r\n"

    def submit(self, exchange: NativeExchange) -> None:
        idle = self._idle
        while idle:
            connection = idle.pop()
            connection.idle = False
            if connection.usable:
                connection.start(exchange)
                return
        if len(self._members) + len(self._dials) < self._limits.max_connections:
            self._dial(exchange)
        else:
            exchange.holder = self
            deadline = self._loop.call_later(self._limits.pool_wait_s, self._give_up, exchange)
            self._waiting[exchange] = deadline

    async def close(self) -> None:
        """Exchanges under way end with a fault. Returns when every socket is closed."""
        self._closing = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        while self._waiting:
            exchange, deadline = self._waiting.popitem(last=False)
            deadline.cancel()
            exchange.fail(TransportFault("pool_timeout", "the transport was closed"))
        dials = list(self._dials.items())
        for exchange, dial in dials:
            dial.cancel()
            exchange.fail(TransportFault("connect", "the transport was closed"))
        for connection in list(self._members):
            connection.close()
        if dials:
            await asyncio.wait([dial for _, dial in dials])
        await self._resolver.close()
        if self._sockets:
            self._all_closed = self._all_closed or self._loop.create_future()
            await asyncio.shield(self._all_closed)

    # Owner

    def closed(self, connection: Connection) -> None:
        self._sockets.discard(connection)
        if not self._sockets and self._all_closed is not None and not self._all_closed.done():
            self._all_closed.set_result(None)

    def release(self, connection: Connection) -> None:
        if self._closing:
            connection.drop()
            return
        connection.kept = True
        if self._waiting:
            connection.start(self._next_waiting())
            return
        connection.idle = True
        connection.idle_since = self._loop.time()
        self._idle.append(connection)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(self._limits.idle_s, self._sweep)

    def discard(self, connection: Connection, successor: NativeExchange | None = None) -> None:
        if connection not in self._members:
            return
        self._members.remove(connection)
        if connection.idle:
            self._idle.remove(connection)
        if successor is not None:
            self._dial(successor)
        else:
            self._pass_on_slot()

    # Holder

    def abandon(self, exchange: NativeExchange) -> None:
        deadline = self._waiting.pop(exchange, None)
        if deadline is not None:
            deadline.cancel()
        dial = self._dials.get(exchange)
        if dial is not None:
            dial.cancel()

    def set_reading(self, reading: bool) -> None:
        """Nothing is read yet; the connection asks the exchange when it starts."""

    # Its own

    def _next_waiting(self) -> NativeExchange:
        exchange, deadline = self._waiting.popitem(last=False)
        deadline.cancel()
        return exchange

    def _pass_on_slot(self) -> None:
        if self._waiting and not self._closing:
            self._dial(self._next_waiting())

    def _give_up(self, exchange: NativeExchange) -> None:
        del self._waiting[exchange]
        exchange.fail(TransportFault("pool_timeout", f"no free connection within {self._limits.pool_wait_s} s"))

    def _sweep(self) -> None:
        """Close what has been idle for too long; wake again when the next is due."""
        self._sweeper = None
        oldest_kept = self._loop.time() - self._limits.idle_s
        while self._idle and self._idle[0].idle_since <= oldest_kept:
            connection = self._idle.pop(0)
            connection.idle = False
            connection.drop()
        if self._idle and not self._closing:
            self._sweeper = self._loop.call_at(self._idle[0].idle_since + self._limits.idle_s, self._sweep)

    def _dial(self, exchange: NativeExchange) -> None:
        exchange.holder = self
        dial = self._loop.create_task(self._open())
        self._dials[exchange] = dial
        dial.add_done_callback(partial(self._dialed, exchange))

    def _dialed(self, exchange: NativeExchange, dial: asyncio.Task[Connection]) -> None:
        """One slot: it becomes a member with the exchange at work on it, or it is passed on."""
        del self._dials[exchange]
        error = None if dial.cancelled() else dial.exception()
        if dial.cancelled() or error is not None:
            self._pass_on_slot()
        elif self._closing:
            dial.result().drop()
        elif not dial.result().usable:
            self._pass_on_slot()
            exchange.fail(dial.result().fault_before_start())
        else:
            connection = dial.result()
            self._members.add(connection)
            if exchange.sink is None:
                self.release(connection)
            else:
                connection.start(exchange)
        if dial.cancelled():
            exchange.fail(TransportFault("connect", "the transport was closed"))
        elif isinstance(error, _NotOpened):
            exchange.fail(error.fault)
        elif error is not None:
            exchange.fail(TransportFault("connect", "the gateway failed to open a connection"))
            raise error

    async def _open(self) -> Connection:
        """A connection that is ready for its first request. Raises _NotOpened."""
        phase: Phase = "dns"
        connection: TlsConnection | None = None
        try:
            async with asyncio.timeout(self._limits.connect_s):
                addresses = await self._resolver.addresses()
                if self._endpoint.scheme != "https":
                    phase = "connect"
                    return self._watched(await connect_any(addresses, lambda: Connection(self, self._limits)))
                phase = "tls"
                context = await self._contexts.context_for(self._endpoint)
                phase = "connect"
                connection = self._watched(await connect_any(addresses, lambda: TlsConnection(self, self._limits)))
                phase = "tls"
                await connection.handshake(context, self._endpoint.host)
                return connection
        except BaseException as error:
            if connection is not None:
                connection.drop()
            if phase == "connect":
                self._resolver.forget()
            if isinstance(error, TimeoutError):
                raise _NotOpened("connect_timeout", f"not connected within {self._limits.connect_s} s") from error
            if isinstance(error, OSError) and error.errno in _OUT_OF_DESCRIPTORS:
                raise _NotOpened("pool_timeout", "this process has no file descriptor left") from error
            if isinstance(error, OSError | ValueError):
                raise _NotOpened(phase, str(error), isinstance(error, ConnectionResetError)) from error
            raise

    def _watched(self, connection: ConnectionT) -> ConnectionT:
        if not connection.lost:
            self._sockets.add(connection)
        return connection


class _NotOpened(Exception):
    def __init__(self, phase: Phase, message: str, reset: bool = False) -> None:
        self.fault = TransportFault(phase, message, reset)
