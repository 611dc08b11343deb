"""The default transport: our own HTTP/1.1 client, one pool per endpoint.

It exists because forwarding is what this product does: bytes are pushed rather than awaited, a fault says exactly where
it happened, and a cancelled request is off the wire at once.
"""

from __future__ import annotations

import asyncio

from gateway.core.wire import Endpoint, Headers
from gateway.transport.base import Exchange, ResponseSink, TransportFault, TransportLimits
from gateway.transport.exchange import NativeExchange
from gateway.transport.pool import Pool
from gateway.transport.tls import TlsContexts


class NativeTransport:
    """Implements `Transport`. Belongs to the event loop on which it is first used.

    The caller's `host`, `accept-encoding`, framing and hop-by-hop headers (head.OWN_HEADERS) are left out: the
    transport sets its own.
    """

    def __init__(self, limits: TransportLimits) -> None:
        self._limits = limits
        self._contexts = TlsContexts()
        self._pools: dict[Endpoint, Pool] = {}
        self._closed = False

    def send(
        self, endpoint: Endpoint, method: str, path: str, headers: Headers, body: bytes, sink: ResponseSink
    ) -> Exchange:
        pool = self._pools.get(endpoint)
        if pool is None:
            pool = self._pools[endpoint] = Pool(endpoint, self._limits, self._contexts)
        exchange = NativeExchange(method, pool.head(method, path, headers, body), body, sink)
        if self._closed:
            fault = TransportFault("connect", "the transport is closed")
            asyncio.get_running_loop().call_soon(exchange.fail, fault)
        else:
            pool.submit(exchange)
        return exchange

    async def forget(self, endpoint: Endpoint) -> None:
        pool = self._pools.pop(endpoint, None)
        if pool is not None:
            await pool.close()

    async def aclose(self) -> None:
        self._closed = True
        self._contexts.close()
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))
