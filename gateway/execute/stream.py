"""A committed stream: its chunks in batches, its idle and total deadlines, and its end, which is told exactly once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from gateway.core.chat import ChatRequest, Json, chunk
from gateway.core.errors import Failure, ProviderError
from gateway.core.money import in_usage
from gateway.core.plan import Attempt, Record, Timeouts, cost_of
from gateway.core.usage import Usage
from gateway.execute.accounting import CHARS_PER_TOKEN, Accounting, estimate, log_failure, service_tier_of
from gateway.execute.lane import Ticket
from gateway.execute.quality import Witness
from gateway.execute.sinks import StreamSink
from gateway.execute.upstream import Upstream

_LINGER_S = 1.0


class ChatStream:
    """Read with `next_batch` until it gives None. `close` must be called in every case, also after an error."""

    def __init__(
        self,
        books: Accounting,
        upstream: Upstream,
        request: ChatRequest,
        record: Record,
        attempt: Attempt,
        ticket: Ticket,
        sink: StreamSink,
        timeouts: Timeouts,
        deadline: float,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._books = books
        self._upstream = upstream
        self._request = request
        self._record = record
        self._attempt = attempt
        self._ticket = ticket
        self._sink = sink
        self._timeouts = timeouts
        self._deadline = deadline
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._last: Json | None = None
        self._usage_sent = not request.wants_usage_chunk
        self._settled = False
        self._witness: Witness | None = None
        self._arm()

    def watch(self, witness: Witness) -> None:
        """Have a witness judge the answer as it passes by; before the first `next_batch`."""
        self._witness = witness

    @property
    def finish_reason(self) -> str | None:
        return self._sink.parser.finish_reason

    async def next_batch(self) -> list[Json] | None:
        """The chunks that have arrived, at least one; None after the last.

        Raises ProviderError, after all chunks that came before it, when the stream did not end well.
        """
        sink = self._sink
        while True:
            if sink.chunks:
                batch = sink.take()
                if self._witness is not None and self._witness.watching:
                    self._witness.see(batch)
                self._last = last = batch[-1]
                self._attempt.service_tier = service_tier_of(last) or self._attempt.service_tier
                if self._request.wants_usage_chunk:
                    for piece in batch:
                        piece["usage"] = None
                return batch
            if sink.ended:
                return self._last_batch()
            await sink.wait()

    def _last_batch(self) -> list[Json] | None:
        failure = self._sink.failure
        if failure is not None:
            failure = self._upstream.without_secrets(_after_commit(failure))
            self._settle(failure)
            log_failure(self._record, self._attempt, failure)
            raise ProviderError(failure)
        self._settle(None)
        if self._usage_sent or self._last is None:
            return None
        self._usage_sent = True
        usage = self._attempt.usage or Usage(source="estimated")
        last, shown = self._last, usage.to_openai()
        if self._record.tell_cost:
            shown = in_usage(shown, cost_of(self._record.attempts))
        return [chunk(last["id"], last["created"], last["model"], [], usage=shown)]

    def close(self) -> None:
        """End the stream wherever it is. Before its end the upstream connection is closed at once."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        sink = self._sink
        if sink.ended and sink.failure is None:
            # The terminal event was seen; the few bytes that end the body let the connection be used again.
            if not sink.body_ended:
                self._loop.call_later(_LINGER_S, sink.cancel)
        else:
            sink.cancel()
        self._settle(sink.failure)

    def _settle(self, failure: Failure | None) -> None:
        """Book usage and outcome, once."""
        if self._settled:
            return
        self._settled = True
        sink = self._sink
        self._attempt.bytes_received = sink.size
        usage = sink.parser.usage
        if usage is None:
            usage = estimate(self._record, sink.parser.text_chars)
        elif failure is not None or not sink.ended:
            usage = _at_least(usage, sink.parser.text_chars)
        self._books.end(self._attempt, failure, usage)
        if failure is None and sink.ended and self._witness is not None:
            self._record.quality = self._witness.verdict(self.finish_reason)
        if failure is not None or sink.ended:
            self._ticket.end(failure, self._attempt.ended or 0.0)
        else:
            self._ticket.drop()

    def _arm(self) -> None:
        due = min(self._sink.arrived + self._timeouts.idle, self._deadline)
        self._timer = self._loop.call_at(due, self._check)

    def _check(self) -> None:
        """One timer a stream: it looks whether a deadline has really passed, and if not, sleeps on."""
        now = self._loop.time()
        sink = self._sink
        if sink.ended:
            return
        if now >= self._deadline:
            sink.expire("total_timeout", self._timeouts.total)
        elif sink.waiting_bytes == 0 and now >= sink.arrived + self._timeouts.idle:
            sink.expire("stream_idle", self._timeouts.idle)
        elif sink.waiting_bytes:
            # The client is the slow one: the silence is ours, since reading is paused or about to be.
            sink.arrived = now
        if sink.ended:
            # The handler may be waiting for a slow client; the upstream need not wait with it.
            sink.cancel()
        else:
            self._arm()


def _after_commit(failure: Failure) -> Failure:
    if failure.reason == "upstream_error":
        return replace(failure, reason="upstream_error_midstream")
    return failure


def _at_least(usage: Usage, text_chars: int) -> Usage:
    """Usage of a stream that broke off: vendors report output at the end, so count what was produced."""
    produced = -(-text_chars // CHARS_PER_TOKEN)
    if usage.completion_total >= produced:
        return usage._replace(source="estimated")
    return usage._replace(output=produced - usage.reasoning, source="estimated")
