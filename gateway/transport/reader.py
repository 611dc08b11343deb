"""Reading one response after the other from a connection's bytes: llhttp's callbacks, and the caps.

It pushes to a sink and says when a response is complete and whether another may follow. It owns no socket.
"""

from __future__ import annotations

import sys

from httptools import HttpResponseParser

from gateway.transport.base import ResponseSink, TransportFault, TransportLimits
from gateway.transport.head import ProtocolViolation, response_framing


class _Nobody:
    """The sink of a cancelled exchange, for the rest of the bytes already being parsed."""

    def on_head(self, status: int, headers: dict[str, str]) -> None: ...
    def on_body(self, data: bytes) -> None: ...
    def on_end(self) -> None: ...
    def on_fault(self, fault: TransportFault) -> None: ...


NOBODY = _Nobody()


class ResponseReader:
    """Feed `parser` with bytes; it calls back the methods `on_...`. Between responses comes `expect`.

    A ProtocolViolation raised in a callback stops the parser; so does whatever the sink raises.
    """

    def __init__(self, limits: TransportLimits) -> None:
        self.parser = HttpResponseParser(self)
        self.sink: ResponseSink = NOBODY
        self.head_done = False
        self.complete = False
        self.until_close = False  # the body ends with the connection
        self.keep_alive = False
        self.quiet_bytes = 0  # received since the last byte of body: heads, chunk framing, trailers; the feeder adds
        self.max_header_bytes = limits.max_header_bytes
        self._method = ""
        self._body_cap = limits.max_body_bytes
        self._max_body = limits.max_body_bytes or sys.maxsize
        self._max_headers = limits.max_headers
        self._headers: dict[str, str] = {}
        self._header_count = 0
        self._header_bytes = 0
        self._body_bytes = 0

    def expect(self, method: str, sink: ResponseSink) -> None:
        """The next bytes are the response to a `method` request, and go to `sink`."""
        self.sink = sink
        self.head_done = self.complete = self.until_close = self.keep_alive = False
        self.quiet_bytes = 0
        self._method = method
        self._headers = {}
        self._header_count = self._header_bytes = self._body_bytes = 0

    def on_message_begin(self) -> None:
        if self.complete:
            raise ProtocolViolation("bytes after the end of the response")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_count += 1
        self._header_bytes += len(name) + len(value) + 4
        if self._header_count > self._max_headers:
            raise ProtocolViolation(f"more than {self._max_headers} headers")
        if self._header_bytes > self.max_header_bytes:
            raise ProtocolViolation(f"more than {self.max_header_bytes} bytes of headers")
        if self.head_done:
            return  # a trailer
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        headers = self._headers
        if key in headers:
            text = f"{headers[key]}, {text}"
        headers[key] = text

    def on_headers_complete(self) -> None:
        status = self.parser.get_status_code()
        headers = self._headers
        if status < 200:
            if status == 101:
                raise ProtocolViolation("the server switched protocols unasked")
            self._headers = {}  # the counters run on, so that interim responses are bounded too
            return
        http_1_0 = "transfer-encoding" in headers and self.parser.get_http_version() == "1.0"
        framing = response_framing(self._method, status, http_1_0, headers, self._body_cap)
        self.head_done = True
        self.until_close = framing == "close"
        self.sink.on_head(status, headers)
        if self._method == "HEAD":
            # llhttp can't be told that the body announced will not come: its state, and so the connection, is spent.
            self.complete = True
            self.sink = NOBODY

    def on_body(self, data: bytes) -> None:
        self.quiet_bytes = 0
        self._body_bytes += len(data)
        if self._body_bytes > self._max_body:
            raise ProtocolViolation(f"the body is longer than {self._body_cap} bytes")
        self.sink.on_body(data)

    def on_message_complete(self) -> None:
        if self.head_done and not self.complete:
            self.complete = True
            self.keep_alive = self.parser.should_keep_alive()
