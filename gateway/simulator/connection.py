"""One client connection: HTTP/1.1 in, scripted bytes out. Keep-alive; a request that comes early waits its turn."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from typing import Any, Protocol
from urllib.parse import unquote

import httptools

from gateway.simulator.script import End, Step
from gateway.simulator.stats import Stats
from gateway.simulator.wire import Request

BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Site(Protocol):
    """Whom a connection asks for answers."""

    stats: Stats
    connections: set[Connection]
    max_body_bytes: int

    def respond(self, request: Request) -> bytes | list[Step]: ...

    def too_large(self, request: Request) -> bytes: ...


class Connection(asyncio.Protocol):
    """Parses requests and plays the answers. One instance per socket."""

    def __init__(self, site: Site, loop: asyncio.AbstractEventLoop) -> None:
        self._site = site
        self._loop = loop
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._steps: deque[Step] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._busy = False
        self._paused = False
        self._keep_alive = True
        self._over = False
        self._transport: Any = None
        self._clear()

    def _clear(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._received = 0

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._site.connections.add(self)
        self._site.stats.opened += 1
        self._site.stats.open += 1

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._over = True
            if not self._busy:
                self._transport.write(BAD_REQUEST)
                self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._site.stats.open -= 1
        self._site.stats.closed_early += self._busy
        self._site.connections.discard(self)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._busy and self._timer is None:
            self._play()

    # What the parser calls.

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue":
            self._transport.write(CONTINUE)

    def on_body(self, body: bytes) -> None:
        self._received += len(body)
        if self._received <= self._site.max_body_bytes:
            self._body.append(body)
        elif not self._over:
            self._over = True
            self._transport.write(self._site.too_large(self._request()))
            self._transport.close()

    def on_message_complete(self) -> None:
        if self._over:
            return
        request = self._request()
        keep_alive = self._parser.should_keep_alive()
        self._clear()
        if self._busy:
            self._waiting.append((request, keep_alive))
        else:
            self._start(request, keep_alive)

    def _request(self) -> Request:
        target = self._url.decode("latin-1")
        path, _, query = target.partition("?")
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        method = self._parser.get_method().decode("ascii")
        return Request(method, unquote(path) if "%" in path else path, query, self._headers, body)

    # Answering.

    def _start(self, request: Request, keep_alive: bool) -> None:
        self._busy = True
        self._keep_alive = keep_alive
        reply = self._site.respond(request)
        if isinstance(reply, bytes):
            self._transport.write(reply)
            self._finish()
        else:
            self._steps.extend(reply)
            self._play()

    def _play(self) -> None:
        """Write what is due; come back for the rest."""
        while self._steps:
            step = self._steps[0]
            if self._paused:
                return
            if step.delay > 0:
                self._steps[0] = step._replace(delay=0.0)
                self._timer = self._loop.call_later(step.delay, self._tick)
                return
            self._steps.popleft()
            if step.data:
                self._transport.write(step.data)
            if step.end:
                self._break_off(step.end)
                return
        self._finish()

    def _tick(self) -> None:
        self._timer = None
        if not self._transport.is_closing():
            self._play()

    def _break_off(self, end: End) -> None:
        self._over = True
        if end == "stall":
            return
        self._busy = False
        if end == "rst":
            raw: socket.socket = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            self._transport.abort()
        else:
            self._transport.close()

    def _finish(self) -> None:
        self._busy = False
        if not self._keep_alive:
            self._transport.close()
        elif self._waiting:
            self._loop.call_soon(self._start_waiting)

    def _start_waiting(self) -> None:
        if self._waiting and not self._busy and not self._transport.is_closing():
            self._start(*self._waiting.popleft())

    def shut(self) -> None:
        """Close at once, whatever is under way."""
        self._busy = False
        self._transport.abort()
