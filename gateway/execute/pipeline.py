"""One request through the rooms: signals, label, plan, execution; and its record to the observers, once.

Bound to one snapshot. Classification, routing and the observer are handed in: this room imports none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Protocol

from gateway.config.snapshot import Snapshot
from gateway.core.chat import ChatAnswer, ChatRequest
from gateway.core.clock import Clock
from gateway.core.events import Observer
from gateway.core.label import Label, Signals
from gateway.core.plan import Plan, Record
from gateway.core.principal import Principal
from gateway.execute.accounting import Accounting
from gateway.execute.executor import Executor
from gateway.execute.quality import Judge
from gateway.execute.stream import ChatStream

_EPOCH_DAY = date(1970, 1, 1).toordinal()


class Planner(Protocol):
    """`headers` are the client's that rules ask for; `hour` is the UTC hour with its fraction."""

    def __call__(
        self,
        request: ChatRequest,
        label: Label,
        signals: Signals,
        principal: Principal,
        headers: Mapping[str, str],
        hour: float,
        today: date,
    ) -> Plan: ...


class Pipeline:
    """The way of every chat request. Times in the record come from `clock`."""

    def __init__(
        self,
        snapshot: Snapshot,
        executor: Executor,
        books: Accounting,
        judge: Judge,
        read_signals: Callable[[ChatRequest], Signals],
        label: Callable[[ChatRequest, Signals, Mapping[str, str]], Label],
        planner: Planner,
        observer: Observer,
        clock: Clock,
    ) -> None:
        self.snapshot = snapshot
        self._executor = executor
        self._books = books
        self._judge = judge
        self._read_signals = read_signals
        self._label = label
        self._planner = planner
        self._observer = observer
        self._clock = clock

    def open(self, request_id: str) -> Record:
        """Start a request's record. Every `open` is followed by a `close`."""
        record = Record(
            request_id=request_id,
            created=self._clock.time(),
            started=self._clock.monotonic(),
            stream=False,
            config=self.snapshot.hash,
        )
        self._observer.on_start(record)
        return record

    async def run(
        self, request: ChatRequest, principal: Principal, headers: Mapping[str, str], record: Record
    ) -> ChatAnswer | ChatStream:
        """Classify, route and execute.

        Raises GatewayError: what the router refuses, or PlanExhausted. On CancelledError the upstream is closed.
        """
        record.stream = request.stream
        record.asked_for = request.model
        record.signals = signals = self._read_signals(request)
        record.label = label = self._label(request, signals, headers)
        days, seconds = divmod(record.created, 86_400)
        today = date.fromordinal(_EPOCH_DAY + int(days))
        record.plan = plan = self._planner(request, label, signals, principal, headers, seconds / 3600, today)
        self._observer.on_dispatch(record)
        result = await self._executor.run(request, plan, record)
        if isinstance(result, ChatAnswer):
            record.finish_reason = result.finish_reason
            record.quality = self._judge.whole(request, result.body)
        else:
            result.watch(self._judge.witness(request))
        return result

    async def probe(self, request: ChatRequest, plan: Plan, name: str, record: Record) -> None:
        """A call of our own, planned already: neither classified nor routed. Raises PlanExhausted."""
        record.principal = record.asked_for = name
        record.plan = plan
        record.signals = self._read_signals(request)
        self._observer.on_dispatch(record)
        try:
            await self._executor.run(request, plan, record)
        finally:
            for attempt in record.attempts:
                attempt.kind = "probe"

    def close(self, record: Record, outcome: str, http_status: int, error_code: str | None = None) -> None:
        """End the record: sum up its attempts and hand it to the observer. Called before the last bytes are handed
        out, so what goes wrong after that changes nothing: a second call is ignored."""
        if record.ended is not None:
            return
        record.outcome = outcome
        record.http_status = http_status
        record.error_code = error_code
        self._books.sum_up(record)
        self._observer.on_end(record)
