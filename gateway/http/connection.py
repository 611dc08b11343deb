"""One client's connection: uvicorn's HTTP/1.1 protocol with the bounds that it leaves to a front proxy.

Owns sizes and times below a request: how long a head may be and take, and how long a client may take nothing of what
is written to it. Knows no path and no config; what a request says is for the endpoints.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.core.errors import BadRequest
from gateway.http.errors import body_of

MAX_HEAD_BYTES = 64 * 1024
HEAD_TIMEOUT_S = 30.0
WRITE_TIMEOUT_S = 60.0

_UPGRADE = re.compile(rb"(?i)(?<=\r\n)upgrade(?=[ \t]*:)")
_REASONS = {400: b"Bad Request", 408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


class ClientConnection(HttpToolsProtocol):
    """Raises nothing; refuses with OpenAI's error object and closes.

    `_quiet` counts the bytes since the last piece of a body or the end of a head: those of a head that is not whole.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._quiet = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._quiet += len(data)
        if b"pgrade" in data and (self.cycle is None or not self.cycle.more_body):
            # The parser takes a request that offers h2c, as Java's clients do, to have no body. An offer may be
            # ignored (RFC 9110, 7.8), and a name of the same length leaves the framing as it was.
            data = _UPGRADE.sub(b"Ignored", data)
        super().data_received(data)
        if self._quiet > MAX_HEAD_BYTES:
            self._refuse(431, f"The headers of this request are larger than {MAX_HEAD_BYTES} bytes.")
        elif self._quiet and self._head_timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        self._quiet = 0
        if self._head_timer is not None:
            self._head_came()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._quiet = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._quiet = 0
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_reader()

    def resume_writing(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, msg)

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._head_is_late)

    def _head_came(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self.cycle is not None and not self.cycle.response_complete:
            if self._quiet:
                self._await_head()  # the next request is late, but this one still has its answer to come
        elif self._quiet or self.cycle is None:
            self._refuse(408, f"The headers of this request did not arrive within {HEAD_TIMEOUT_S:g} s.")

    def _await_reader(self) -> None:
        if self._write_timer is None:
            left = self.transport.get_write_buffer_size()
            self._write_timer = self.loop.call_later(WRITE_TIMEOUT_S, self._reader_is_late, left)

    def _reader_is_late(self, before: int) -> None:
        """Closing politely would wait for the client for ever: what it has not read is thrown away."""
        self._write_timer = None
        if self.transport.get_write_buffer_size() < before:
            self._await_reader()
        else:
            self.transport.abort()

    def _refuse(self, status: int, message: str) -> None:
        """Answer what is no request, unless an answer is under way, and close."""
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.abort()
            return
        body = body_of(BadRequest(message))
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
            % (status, _REASONS[status], len(body), body)
        )
        self.transport.close()
