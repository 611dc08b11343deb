"""Where a response arrives: a whole body, or a stream that is decoded and translated as its bytes come in.

Owns no decision: a sink tells what arrived and what broke. Callbacks run on the event loop, never raise, and wake at
most one waiting task per burst of bytes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from gateway.core.chat import Json, has_content
from gateway.core.errors import Failure, FailureClass, ProviderError
from gateway.execute.faults import failure_of_fault, timed_out
from gateway.providers.base import StreamParser
from gateway.transport.base import Exchange, TransportFault
from gateway.transport.sse import SseDecoder, SseTooLarge

MAX_ERROR_BODY = 1024 * 1024
HIGH_WATER_BYTES = 256 * 1024
"""With more than this many upstream bytes not yet taken for the client, reading from the upstream pauses."""
_NOT_A_STREAM = ("application/json", "text/html", "application/problem+json")

log = logging.getLogger("gateway.execute")


class WholeSink:
    """Collects one response. Await `done`: it resolves to None when the body is whole, or to the Failure."""

    __slots__ = ("_max", "_parts", "done", "headers", "size", "status")

    def __init__(self, loop: asyncio.AbstractEventLoop, max_body_bytes: int) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.size = 0
        self.done: asyncio.Future[Failure | None] = loop.create_future()
        self._parts: list[bytes] = []
        self._max = max_body_bytes

    @property
    def body(self) -> bytes:
        return b"".join(self._parts) if len(self._parts) != 1 else self._parts[0]

    def on_head(self, status: int, headers: dict[str, str]) -> None:
        self.status = status
        self.headers = headers

    def on_body(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > self._max:
            self._parts.clear()
            self.fail(Failure(FailureClass.UNKNOWN, "body_too_large", f"an answer of more than {self._max} bytes"))
        else:
            self._parts.append(data)

    def on_end(self) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def on_fault(self, fault: TransportFault) -> None:
        self.fail(failure_of_fault(fault, streaming=False))

    def fail(self, failure: Failure) -> None:
        if not self.done.done():
            self.done.set_result(failure)

    def expire(self, reason: str, seconds: float) -> None:
        self.fail(timed_out(reason, seconds))


class StreamSink:
    """Decodes and translates an event stream as it arrives; buffers anything else (an error, a whole JSON) in `body`.

    `chunks` are translated and not yet taken; `committed` is set by the first one with content; `ended` once nothing
    more will come, with `failure` when it did not end well; `ready` is done with the first of the two; `body_ended`
    once the response is over. `arrived` is the loop's time of the last bytes. `exchange` is set by the sender, for
    back-pressure.
    """

    __slots__ = (
        "_body",
        "_decoder",
        "_loop",
        "_paused",
        "_waiter",
        "arrived",
        "body_ended",
        "chunks",
        "committed",
        "ended",
        "exchange",
        "failure",
        "headers",
        "is_stream",
        "parser",
        "ready",
        "size",
        "status",
        "waiting_bytes",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, parser: StreamParser, max_event_bytes: int) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.is_stream = False
        self.parser = parser
        self.chunks: list[Json] = []
        self.committed = False
        self.ended = False
        self.body_ended = False
        self.failure: Failure | None = None
        self.ready: asyncio.Future[None] = loop.create_future()
        self.size = 0
        self.waiting_bytes = 0
        self.arrived = loop.time()
        self._decoder = SseDecoder(max_event_bytes)
        self._body: list[bytes] = []
        self._loop = loop
        self._waiter: asyncio.Future[None] | None = None
        self.exchange: Exchange | None = None
        self._paused = False

    @property
    def body(self) -> bytes:
        return b"".join(self._body)

    def cancel(self) -> None:
        """Close the upstream connection, unless its answer has ended."""
        if self.exchange is not None:
            self.exchange.cancel()

    def on_head(self, status: int, headers: dict[str, str]) -> None:
        self.status = status
        self.headers = headers
        self.is_stream = status == 200 and not headers.get("content-type", "").lower().startswith(_NOT_A_STREAM)

    def on_body(self, data: bytes) -> None:
        self.arrived = self._loop.time()
        self.size += len(data)
        if self.ended:
            return
        if not self.is_stream:
            self._hold(data)
            return
        self.waiting_bytes += len(data)
        if self.waiting_bytes > HIGH_WATER_BYTES and self.committed and self.exchange is not None:
            self._paused = True
            self.exchange.pause_reading()
        try:
            self._translate(data)
        except ProviderError as error:
            self.fail(error.failure)
        except SseTooLarge as error:
            self.fail(Failure(FailureClass.UNKNOWN, "invalid_sse", str(error)))
        except Exception:
            # A fault in our own translation must end this one stream, loudly, and nothing else.
            log.exception("a stream event could not be translated")
            self.fail(Failure(FailureClass.UNKNOWN, "invalid_sse", "an event could not be translated"))

    def on_end(self) -> None:
        self.body_ended = True
        if self.ended:
            return
        if self.is_stream:
            try:
                for event in self._decoder.finish():
                    if not self.parser.done:
                        self._take(self.parser.feed(event))
                self._take(self.parser.finish())
            except ProviderError as error:
                self.fail(error.failure)
                return
            except Exception:
                log.exception("the end of a stream could not be translated")
                self.fail(Failure(FailureClass.UNKNOWN, "invalid_sse", "an event could not be translated"))
                return
        self.ended = True
        self.wake()

    def on_fault(self, fault: TransportFault) -> None:
        if not self.ended:
            self.fail(failure_of_fault(fault, streaming=self.is_stream))

    def fail(self, failure: Failure) -> None:
        if not self.ended:
            self.failure = failure
            self.ended = True
            self.wake()

    def expire(self, reason: str, seconds: float) -> None:
        self.fail(timed_out(reason, seconds))

    async def wait(self) -> None:
        """Return when there is something to take, or the end."""
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def take(self) -> list[Json]:
        """The chunks that have arrived since the last call."""
        chunks, self.chunks = self.chunks, []
        self.waiting_bytes = 0
        if self._paused and self.exchange is not None:
            self._paused = False
            self.exchange.resume_reading()
        return chunks

    def wake(self) -> None:
        if not self.ready.done():
            self.ready.set_result(None)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _translate(self, data: bytes) -> None:
        parser = self.parser
        for event in self._decoder.feed(data):
            self._take(parser.feed(event))
            if parser.done:
                self._take(parser.finish())
                self.ended = True
                break
        if self.ended or (self.committed and self.chunks):
            self.wake()

    def _take(self, chunks: Sequence[Json]) -> None:
        for chunk in chunks:
            self.chunks.append(chunk)
            if not self.committed and has_content(chunk):
                self.committed = True

    def _hold(self, data: bytes) -> None:
        if self.size > MAX_ERROR_BODY:
            self.fail(Failure(FailureClass.UNKNOWN, "body_too_large", "an answer that is neither a stream nor short"))
        else:
            self._body.append(data)
