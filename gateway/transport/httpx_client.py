"""The second transport: httpx, for HTTP proxies and the odd case, under the contract of the first.

It uses httpx's transport layer, not its client: a client would keep cookies, add headers of its own and log URLs.
Each exchange is a task that pushes to the sink. What httpx can't give stands in tests/transport/test_contract.py.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, Literal

import anyio
import httpx

from gateway.core.wire import Endpoint, Headers
from gateway.transport.base import Exchange, Phase, ResponseSink, TransportFault, TransportLimits
from gateway.transport.exchange import deliver, report_sink_error
from gateway.transport.head import ProtocolViolation, compose_head, forwarded_headers, response_framing
from gateway.transport.httpx_backend import PROGRESS, Progress, WatchedTransport
from gateway.transport.httpx_faults import fault_of
from gateway.transport.tls import TlsContexts


class HttpxTransport:
    """Implements `Transport`. `proxy` is the URL of an HTTP proxy that every request goes through.

    The caller's `host`, `accept-encoding`, framing and hop-by-hop headers (head.OWN_HEADERS) are left out: the
    transport sets its own. `connect_s` bounds TCP and the TLS handshake each, not both together.
    """

    def __init__(self, limits: TransportLimits, proxy: str | None = None) -> None:
        self.limits = limits
        self._proxy = proxy
        self._contexts = TlsContexts()
        self._clients: dict[Endpoint, WatchedTransport] = {}
        self._exchanges: set[HttpxExchange] = set()
        self._closed = False

    def send(
        self, endpoint: Endpoint, method: str, path: str, headers: Headers, body: bytes, sink: ResponseSink
    ) -> Exchange:
        exchange = HttpxExchange(self, endpoint, self._request(endpoint, method, path, headers, body), sink)
        if self._closed:
            asyncio.get_running_loop().call_soon(exchange.fail, TransportFault("connect", "the transport is closed"))
        else:
            self._exchanges.add(exchange)
            exchange.start()
        return exchange

    async def forget(self, endpoint: Endpoint) -> None:
        client = self._clients.pop(endpoint, None)
        await self._end([exchange for exchange in self._exchanges if exchange.endpoint == endpoint])
        if client is not None:
            await client.aclose()

    async def aclose(self) -> None:
        self._closed = True
        self._contexts.close()
        await self._end(list(self._exchanges))
        for client in self._clients.values():
            await client.aclose()

    async def client_for(self, endpoint: Endpoint) -> httpx.AsyncBaseTransport:
        """The pool of `endpoint`. Raises OSError for unusable certificate files."""
        client = self._clients.get(endpoint)
        if client is None:
            if endpoint.scheme == "https":
                context = await self._contexts.context_for(endpoint)
            else:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # unused; trusts nobody
            client = self._clients.get(endpoint) or WatchedTransport(context, self.limits, self._proxy)
            self._clients[endpoint] = client
        return client

    async def _end(self, exchanges: list[HttpxExchange]) -> None:
        tasks = [exchange.close() for exchange in exchanges]
        if tasks:
            await asyncio.wait(tasks)

    def ended(self, exchange: HttpxExchange) -> None:
        self._exchanges.discard(exchange)

    def _request(self, endpoint: Endpoint, method: str, path: str, headers: Headers, body: bytes) -> httpx.Request:
        compose_head(method, path, endpoint.authority, headers)  # for what it refuses
        own = [("host", endpoint.authority), ("accept-encoding", "identity")]
        if body or method not in ("GET", "HEAD"):
            own.append(("content-length", str(len(body))))
        extensions: dict[str, Any] = {}
        if self._proxy is None:
            extensions["target"] = path.encode("ascii")  # exactly; but to a proxy it would say nothing of the host
        timeout = httpx.Timeout(None, connect=self.limits.connect_s, pool=self.limits.pool_wait_s)
        return httpx.Request(
            method,
            f"{endpoint.scheme}://{endpoint.authority}{path}",
            headers=[(n.encode("latin-1"), v.encode("latin-1")) for n, v in (*own, *forwarded_headers(headers))],
            stream=httpx.ByteStream(body),
            extensions={"timeout": timeout.as_dict(), **extensions},
        )


class _ReceiverFailed(Exception):
    """The sink raised."""


class _Cancelled(Exception):
    """The sink cancelled its own exchange."""


class HttpxExchange:
    """Implements `Exchange`: a task that asks, and pushes what comes."""

    def __init__(
        self, transport: HttpxTransport, endpoint: Endpoint, request: httpx.Request, sink: ResponseSink
    ) -> None:
        self._transport = transport
        self.endpoint = endpoint
        self._request = request
        self._sink: ResponseSink | None = sink
        self._progress = Progress()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._scope = anyio.CancelScope()  # unlike Task.cancel, it leaves httpcore's cleaning up alone
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._ended)

    def cancel(self) -> None:
        if self._sink is not None:
            self._sink = None
            self._scope.cancel()

    def pause_reading(self) -> None:
        self._flowing.clear()

    def resume_reading(self) -> None:
        self._flowing.set()

    def fail(self, fault: TransportFault) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            deliver(sink.on_fault, fault)

    def close(self) -> asyncio.Task[None]:
        """End with a fault because the transport closes. The task ends soon after."""
        assert self._task is not None
        phase: Phase = "body" if self._progress.answered else "first_byte"
        self.fail(TransportFault(phase, "the transport was closed"))
        self._scope.cancel()
        return self._task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._transport.ended(self)
        self.fail(TransportFault("first_byte", "the exchange was stopped"))
        if not task.cancelled():
            task.result()

    async def _run(self) -> None:
        with self._scope:
            await self._serve()

    async def _serve(self) -> None:
        try:
            client = await self._transport.client_for(self.endpoint)
        except OSError as error:
            self.fail(TransportFault("tls", str(error)))
            return
        try:
            await self._converse(await self._ask(client))
        except ProtocolViolation as error:
            self.fail(TransportFault("protocol", str(error)))
        except _ReceiverFailed as error:
            self.fail(TransportFault("body", "the receiver of the response failed"))
            report_sink_error(error.__cause__ or error)
        except (httpx.HTTPError, OSError) as error:
            self.fail(fault_of(error, self._progress))
        except _Cancelled:
            pass
        else:
            sink, self._sink = self._sink, None
            if sink is not None:
                deliver(sink.on_end)

    async def _ask(self, client: httpx.AsyncBaseTransport) -> httpx.Response:
        """The response's head. Asks once more where a kept connection was closed before any byte of a response."""
        loop = asyncio.get_running_loop()
        for retried in (False, True):
            begun = loop.time()
            self._progress = Progress()
            PROGRESS.set(self._progress)
            try:
                response = await client.handle_async_request(self._request)
            except (httpx.HTTPError, OSError):
                late = loop.time() - begun > self._transport.limits.stale_s
                if retried or not self._progress.stale or (late and not self._progress.unsent):
                    raise
            else:
                if self._progress.foretold:
                    await response.aclose()
                    raise ProtocolViolation("bytes after the end of the response before")
                return response
        raise AssertionError("unreachable")

    async def _converse(self, response: httpx.Response) -> None:
        """Push the response. A stream that is closed before its end closes its connection, as on a cancel within."""
        stream = response.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        cap = self._transport.limits.max_body_bytes
        received = 0
        try:
            await self._flowing.wait()
            headers = self._checked_headers(response)
            self._push("on_head", response.status_code, headers)
            async for data in stream:
                received += len(data)
                if cap and received > cap:
                    raise ProtocolViolation(f"the body is longer than {cap} bytes")
                await self._flowing.wait()
                self._push("on_body", data)
        finally:
            await stream.aclose()

    def _push(self, name: Literal["on_head", "on_body"], *args: object) -> None:
        if self._sink is not None:
            try:
                getattr(self._sink, name)(*args)
            except Exception as error:
                raise _ReceiverFailed from error
        if self._sink is None:
            raise _Cancelled

    def _checked_headers(self, response: httpx.Response) -> dict[str, str]:
        """Names in lower case, repeated ones joined. Raises ProtocolViolation."""
        limits = self._transport.limits
        raw = response.headers.raw
        if response.status_code == 101:
            raise ProtocolViolation("the server switched protocols unasked")
        if len(raw) > limits.max_headers:
            raise ProtocolViolation(f"more than {limits.max_headers} headers")
        if sum(len(name) + len(value) + 4 for name, value in raw) > limits.max_header_bytes:
            raise ProtocolViolation(f"more than {limits.max_header_bytes} bytes of headers")
        headers: dict[str, str] = {}
        for name, value in raw:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
        http_1_0 = response.extensions.get("http_version") == b"HTTP/1.0"
        response_framing(self._request.method, response.status_code, http_1_0, headers, limits.max_body_bytes)
        return headers
