"""The one attempt loop: a Plan in, an answer or a committed stream out.

Owns fallback, the commit point and the timeouts. A stream is handed out only once its first content has arrived;
until then any failure, also an error event inside a 200, falls through the chain unseen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from gateway.config.snapshot import Snapshot
from gateway.core.chat import ChatAnswer, ChatRequest
from gateway.core.errors import Failure, FailureClass, ProviderError
from gateway.core.headers import HOPS
from gateway.core.plan import Attempt, Plan, Record
from gateway.core.wire import UpstreamCall
from gateway.execute.accounting import Accounting, estimate, log_failure, service_tier_of
from gateway.execute.deadlines import Deadlines
from gateway.execute.decide import next_step
from gateway.execute.sinks import StreamSink, WholeSink
from gateway.execute.stream import ChatStream
from gateway.execute.upstream import Upstream
from gateway.execute.verdict import exhausted
from gateway.providers.base import CallContext
from gateway.transport.base import Exchange, ResponseSink

MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_EVENT_BYTES = 16 * 1024 * 1024
_REDIRECTS = range(300, 400)


class Executor:
    """Bound to one snapshot and its upstreams. `jitter` gives numbers in 0..1."""

    def __init__(
        self,
        snapshot: Snapshot,
        upstreams: Mapping[str, Upstream],
        books: Accounting,
        deadlines: Deadlines,
        jitter: Callable[[], float],
    ) -> None:
        self._snapshot = snapshot
        self._upstreams = upstreams
        self._books = books
        self._deadlines = deadlines
        self._jitter = jitter

    async def run(self, request: ChatRequest, plan: Plan, record: Record) -> ChatAnswer | ChatStream:
        """Try the plan's candidates until one answers. Attempts are written into `record` as they happen.

        Raises PlanExhausted when none does. Cancelling closes the upstream connection at once.
        """
        loop = self._deadlines.loop
        deadline = loop.time() + plan.timeouts.total
        attempt = self._books.begin(plan.candidates[0], record, "first")
        while True:
            try:
                if request.stream:
                    return await self._try_stream(request, plan, attempt, record, deadline)
                return await self._try_whole(request, plan, attempt, record, deadline)
            except ProviderError as error:
                failure = self._upstreams[attempt.candidate.provider].without_secrets(error.failure)
                self._books.end(attempt, failure)
                log_failure(record, attempt, failure)
            step = next_step(plan, record.attempts, self._snapshot.models, self._jitter)
            if step is None or loop.time() + step.delay_s >= deadline:
                raise exhausted(record.attempts)
            if step.delay_s:
                await asyncio.sleep(step.delay_s)
            attempt = self._books.begin(step.candidate, record, step.kind)

    def _send(
        self, record: Record, attempt: Attempt, sink: ResponseSink, call: UpstreamCall, upstream: Upstream
    ) -> Exchange:
        attempt.warnings = call.warnings
        return upstream.transport.send(
            upstream.endpoint,
            "POST",
            upstream.endpoint.prefix + call.path,
            (*upstream.headers, *call.headers, (HOPS, str(record.hops + 1))),
            call.body,
            sink,
        )

    def _context(self, request: ChatRequest, attempt: Attempt, record: Record) -> CallContext:
        target = self._snapshot.models[attempt.candidate.model].target
        return CallContext(request, target, f"chatcmpl-{record.request_id}", int(record.created))

    async def _try_whole(
        self, request: ChatRequest, plan: Plan, attempt: Attempt, record: Record, deadline: float
    ) -> ChatAnswer:
        loop = self._deadlines.loop
        upstream = self._upstreams[attempt.candidate.provider]
        context = self._context(request, attempt, record)
        call = upstream.adapter.build_request(request, context.target)
        sink = WholeSink(loop, MAX_ANSWER_BYTES)
        exchange = self._send(record, attempt, sink, call, upstream)
        limit, reason = _sooner(plan.timeouts.answer, "header_timeout", deadline - loop.time())
        timer = self._deadlines.after(limit, sink.expire, reason, limit)
        try:
            failure = await sink.done
        except asyncio.CancelledError:
            exchange.cancel()
            self._books.end(attempt, None, estimate(record, 0))
            raise
        finally:
            timer.cancel()
            attempt.status = sink.status or None
            attempt.bytes_received = sink.size
        if failure is not None:
            exchange.cancel()
            raise ProviderError(failure)
        if sink.status != 200:
            raise ProviderError(_failure_of_status(upstream, sink.status, sink.headers, sink.body))
        answer = upstream.adapter.parse_response(sink.body, context)
        self._books.first_token(attempt)
        attempt.service_tier = service_tier_of(answer.body)
        self._books.end(attempt, None, answer.usage)
        return answer

    async def _try_stream(
        self, request: ChatRequest, plan: Plan, attempt: Attempt, record: Record, deadline: float
    ) -> ChatStream:
        loop = self._deadlines.loop
        upstream = self._upstreams[attempt.candidate.provider]
        context = self._context(request, attempt, record)
        call = upstream.adapter.build_request(request, context.target)
        sink = StreamSink(loop, upstream.adapter.stream_parser(context), MAX_EVENT_BYTES)
        exchange = sink.exchange = self._send(record, attempt, sink, call, upstream)
        limit, reason = _sooner(plan.timeouts.first_token, "first_token_timeout", deadline - loop.time())
        timer = self._deadlines.after(limit, sink.expire, reason, limit)
        try:
            while not (sink.committed or sink.ended):
                await sink.wait()
        except asyncio.CancelledError:
            exchange.cancel()
            self._books.end(attempt, None, sink.parser.usage or estimate(record, sink.parser.text_chars))
            raise
        finally:
            timer.cancel()
            attempt.status = sink.status or None
            attempt.bytes_received = sink.size
        if not sink.committed:
            if sink.failure is not None:
                exchange.cancel()
            raise ProviderError(_why_uncommitted(sink, upstream, context))
        self._books.first_token(attempt)
        return ChatStream(self._books, upstream, request, record, attempt, sink, plan.timeouts, deadline, loop)


def _sooner(limit: float, reason: str, remaining: float) -> tuple[float, str]:
    return (limit, reason) if limit <= remaining else (max(0.0, remaining), "total_timeout")


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
