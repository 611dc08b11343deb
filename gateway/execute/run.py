"""One attempt under way: the call to one candidate with one key, from its first byte out to its first content back.

A run is started, becomes `ready`, and is then ended by exactly one of `result` and `drop`, which book what it came to.
It decides nothing about what follows; that is the executor's.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from gateway.core.chat import ChatAnswer, ChatRequest
from gateway.core.errors import Failure, FailureClass, ProviderError
from gateway.core.headers import HOPS
from gateway.core.plan import Attempt, Plan, Record
from gateway.core.usage import Usage
from gateway.core.vendor import Target
from gateway.core.wire import UpstreamCall
from gateway.execute.accounting import Accounting, chars_of, defect, estimate, log_failure, service_tier_of
from gateway.execute.budget import Budget
from gateway.execute.deadlines import Deadlines
from gateway.execute.lane import Lane, Ticket
from gateway.execute.pace import Pace
from gateway.execute.sinks import StreamSink, WholeSink
from gateway.execute.stream import ChatStream
from gateway.execute.upstream import Upstream
from gateway.providers.base import CallContext
from gateway.transport.base import Exchange, ResponseSink

MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_EVENT_BYTES = 16 * 1024 * 1024
_REDIRECTS = range(300, 400)
_WORKED_ON = frozenset(
    {"header_timeout", "first_token_timeout", "total_timeout", "body_truncated", "stream_truncated", "stream_reset"}
)
"""Failures of a vendor that had the request, and charges for what it read."""

log = logging.getLogger("gateway.execute")


class Way(NamedTuple):
    """One model as execute sees it. `paces` are those of whole answers and of streams."""

    upstream: Upstream
    target: Target
    lanes: tuple[Lane, ...]
    budget: Budget
    paces: tuple[Pace, Pace]


class Ask(NamedTuple):
    """What all attempts of one request have in common. `deadline` is in the loop's time."""

    request: ChatRequest
    plan: Plan
    record: Record
    deadline: float
    books: Accounting
    deadlines: Deadlines


class Run(ABC):
    """Making one raises ProviderError for what the vendor can't be asked: nothing was sent then. `ready` is done once
    there is a first content, a whole answer, or a failure."""

    __slots__ = ("_context", "_exchange", "_pace", "_sink", "_timer", "ask", "attempt", "ready", "ticket", "upstream")

    streams: ClassVar[bool]
    ready: asyncio.Future[Any]
    _sink: WholeSink | StreamSink

    def __init__(self, ask: Ask, attempt: Attempt, way: Way, ticket: Ticket) -> None:
        self.ask = ask
        self.attempt = attempt
        self.upstream = way.upstream
        self.ticket = ticket
        self._pace = pace = way.paces[self.streams]
        record = ask.record
        self._context = CallContext(ask.request, way.target, f"chatcmpl-{record.request_id}", int(record.created))
        call = self.upstream.adapter.build_request(ask.request, way.target)
        attempt.warnings = call.warnings
        self._exchange, limit, reason = self._begin(call)
        pace.asked(attempt.started)
        deadlines = ask.deadlines
        remaining = ask.deadline - deadlines.loop.time()
        if remaining < limit:
            limit, reason = max(0.0, remaining), "total_timeout"
        self._timer = deadlines.after(limit, self._sink.expire, reason, limit)

    def result(self) -> ChatAnswer | ChatStream | None:
        """What came, once it is ready; None where that is a failure, which is booked and logged."""
        self._stop()
        try:
            return self._take()
        except ProviderError as error:
            self.fail(error.failure)
            return None
        except Exception as error:
            log.exception("an adapter failed at an answer", extra={"request_id": self.ask.record.request_id})
            self.ticket.drop()
            self.fail(defect(error))
            return None
        except BaseException:
            self.ticket.drop()
            raise

    def fail(self, failure: Failure) -> None:
        ask, attempt = self.ask, self.attempt
        failure = self.upstream.without_secrets(failure)
        usage = self._reported()
        if usage is None and failure.reason in _WORKED_ON:
            usage = estimate(ask.record, self._text_chars())
        ask.books.end(attempt, failure, usage)
        self.ticket.end(failure, attempt.ended or attempt.started)
        log_failure(ask.record, attempt, failure)

    def drop(self, *, lost: bool = False) -> None:
        """End it wherever it is, its connection too. `lost`: another was faster."""
        self._stop()
        self._exchange.cancel()
        attempt = self.attempt
        attempt.cancelled = lost
        self.ask.books.end(attempt, None, self._reported() or estimate(self.ask.record, self._text_chars()))
        now = attempt.ended or attempt.started
        self._pace.at_least(now - attempt.started, now)
        self.ticket.drop()

    def _spoke(self) -> None:
        attempt = self.attempt
        self.ask.books.first_token(attempt)
        now = attempt.first_token or attempt.started
        self._pace.measured(now - attempt.started, now)

    def _send(self, call: UpstreamCall, sink: ResponseSink) -> Exchange:
        upstream = self.upstream
        return upstream.transport.send(
            upstream.endpoint,
            "POST",
            upstream.endpoint.prefix + call.path,
            (*upstream.headers[self.ticket.lane.key], *call.headers, (HOPS, str(self.ask.record.hops + 1))),
            call.body,
            sink,
        )

    @abstractmethod
    def _begin(self, call: UpstreamCall) -> tuple[Exchange, float, str]:
        """Send the call; gives its exchange, its time limit, and the reason of a failure at that limit."""

    @abstractmethod
    def _take(self) -> ChatAnswer | ChatStream:
        """Raises ProviderError for a failure."""

    def _stop(self) -> None:
        """No time limit any more; note what has arrived."""
        self._timer.cancel()
        self.attempt.status = self._sink.status or None
        self.attempt.bytes_received = self._sink.size

    def _reported(self) -> Usage | None:
        """What the vendor has said of its usage so far."""
        return None

    def _text_chars(self) -> int:
        return 0


class WholeRun(Run):
    """Ready once the answer is whole."""

    __slots__ = ()
    streams = False
    _sink: WholeSink

    def _begin(self, call: UpstreamCall) -> tuple[Exchange, float, str]:
        sink = self._sink = WholeSink(self.ask.deadlines.loop, MAX_ANSWER_BYTES)
        self.ready = sink.done
        return self._send(call, sink), self.ask.plan.timeouts.answer, "header_timeout"

    def _take(self) -> ChatAnswer:
        sink, upstream = self._sink, self.upstream
        failure = sink.done.result()
        if failure is not None:
            self._exchange.cancel()
            raise ProviderError(failure)
        if sink.status != 200:
            raise ProviderError(_failure_of_status(upstream, sink.status, sink.headers, sink.body))
        answer = upstream.adapter.parse_response(sink.body, self._context)
        self._spoke()
        self.attempt.service_tier = service_tier_of(answer.body)
        usage = answer.usage or estimate(self.ask.record, chars_of(answer.body))
        self.ask.books.end(self.attempt, None, usage)
        self.ticket.end(None, self.attempt.ended or 0.0)
        return answer


class StreamRun(Run):
    """Ready with the first content; its result goes on from there."""

    __slots__ = ()
    streams = True
    _sink: StreamSink

    def _begin(self, call: UpstreamCall) -> tuple[Exchange, float, str]:
        parser = self.upstream.adapter.stream_parser(self._context)
        sink = self._sink = StreamSink(self.ask.deadlines.loop, parser, MAX_EVENT_BYTES)
        self.ready = sink.ready
        sink.exchange = self._send(call, sink)
        return sink.exchange, self.ask.plan.timeouts.first_token, "first_token_timeout"

    def _take(self) -> ChatStream:
        sink, ask = self._sink, self.ask
        if not sink.committed:
            if sink.failure is not None:
                self._exchange.cancel()
            raise ProviderError(_why_uncommitted(sink, self.upstream, self._context))
        self._spoke()
        self.ticket.spoke(self.attempt.first_token or 0.0)
        return ChatStream(
            ask.books,
            self.upstream,
            ask.request,
            ask.record,
            self.attempt,
            self.ticket,
            sink,
            ask.plan.timeouts,
            ask.deadline,
            ask.deadlines.loop,
        )

    def _reported(self) -> Usage | None:
        return self._sink.parser.usage

    def _text_chars(self) -> int:
        return self._sink.parser.text_chars


def _why_uncommitted(sink: StreamSink, upstream: Upstream, context: CallContext) -> Failure:
    """Why a stream attempt ended without a first content."""
    if sink.failure is not None:
        return sink.failure
    if sink.status != 200:
        return _failure_of_status(upstream, sink.status, sink.headers, sink.body)
    if sink.is_stream:
        return Failure(FailureClass.UNKNOWN, "invalid_body", "a stream without any content")
    try:
        upstream.adapter.parse_response(sink.body, context)
    except ProviderError as error:
        return error.failure
    return Failure(FailureClass.UNKNOWN, "invalid_body", "a whole answer where a stream was asked for")


def _failure_of_status(upstream: Upstream, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    if status in _REDIRECTS:
        # Following would carry the provider's key to whatever host the answer names.
        return Failure(FailureClass.UNKNOWN, "redirect_refused", "the provider answered with a redirect", status)
    return upstream.adapter.map_error(status, headers, body)
