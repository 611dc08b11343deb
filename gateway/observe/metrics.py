"""How a record becomes numbers (observe/names.py has the names, observe/totals.py keeps the sums)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Protocol, cast

from gateway.core.label import UNSURE
from gateway.core.money import NANO_PER_USD
from gateway.core.plan import Attempt, Record, bought
from gateway.core.usage import Usage
from gateway.observe import names
from gateway.observe.config_metrics import ConfigMetrics
from gateway.observe.exposition import Exposition
from gateway.observe.ledger_metrics import ROLE_WORKER, LedgerMetrics, announce
from gateway.observe.names import NONE, OTHER
from gateway.observe.pending import Pending
from gateway.observe.totals import Labels, Totals

BATCH = 64
FLUSH_AFTER_S = 0.25
LOOK_AGAIN_AFTER_S = 1.0
GOOD_FROM = 0.5
_TOKEN_KINDS = tuple(name for name in Usage._fields if name != "source")
_BREAKER_VALUES = {"closed": 0.0, "half_open": 1.0, "open": 2.0}
_REFUSALS = {401: "unauthorized", 403: "unauthorized", 404: "not_found", 500: "internal", 503: "overloaded"}
"""Why the gateway itself refused, by the status it gave; any other is `bad_request`."""

log = logging.getLogger("gateway.observe")

Later = Callable[[float, Callable[[], None]], object]


class Breaker(Protocol):
    """A circuit breaker as execute/ shows it; `state` is closed, open or half_open."""

    @property
    def provider(self) -> str: ...
    @property
    def model(self) -> str | None: ...
    @property
    def key(self) -> str | None: ...
    @property
    def state(self) -> str: ...


class Metrics:
    """An observer. `render` gives the text of `/metrics`, summed over all processes that share a folder.

    Records are counted in batches, since one record counted while its request is being answered costs several times
    what it costs in a row; and never inside `on_end`, whose client still waits for its last bytes. `later` calls back
    on the event loop after so many seconds; without it, only `flush` and `render` count.
    """

    def __init__(self, totals: Totals | None = None, later: Later | None = None, version: str = "") -> None:
        self.totals = totals or Totals()
        self.config = ConfigMetrics(self.totals)
        self.ledger = LedgerMetrics(self.totals)
        self.breakers: Callable[[], Iterable[Breaker]] = tuple
        self._later = later
        self._exposition = Exposition(self.totals.merged)
        self._running = 0
        self._waiting = 0
        self._ended: list[Record] = []
        self._due = False
        self._hurried = False
        self._tripped = False
        self._shown_breakers: set[Labels] = set()
        announce(self.totals, ROLE_WORKER)
        self.totals.put((names.BUILD_INFO, (version,)), 1)

    def on_start(self, record: Record) -> None:
        self._running += 1
        if not self._due:
            self._call_later(FLUSH_AFTER_S)

    def on_dispatch(self, record: Record) -> None:
        """Nothing is counted here."""

    def on_end(self, record: Record) -> None:
        self._running -= 1
        self._ended.append(record)
        if not self._due:
            self._call_later(FLUSH_AFTER_S)
        elif len(self._ended) >= BATCH and not self._hurried and self._later is not None:
            self._hurried = True
            self._later(0.0, self.flush)

    def on_queued(self) -> None:
        self._waiting += 1
        self.totals.add((names.QUEUED, ()), (1,))

    def on_dequeued(self) -> None:
        self._waiting -= 1

    def on_overloaded(self, reason: str) -> None:
        self.totals.add((names.OVERLOADED, (reason,)), (1,))

    def on_observer_failure(self, observer: str) -> None:
        self.totals.add((names.OBSERVER_FAILURES, (observer,)), (1,))

    def on_otel_drop(self, reason: str, count: int) -> None:
        self.totals.add((names.OTEL_DROPPED, (reason,)), (count,))

    def on_feedback(self, task: str, model: str, score: float | None) -> None:
        """`task` and `model` are the answer's, from its record; `score` is in 0 (useless) to 1 (perfect)."""
        verdict = "none" if score is None else "good" if score >= GOOD_FROM else "bad"
        self.totals.add((names.FEEDBACK, (task, model, verdict)), (1,))

    def flush(self) -> None:
        """Count the records that have ended since the last time, and show what is the case now."""
        self._hurried = False
        records, self._ended = self._ended, []
        pending = Pending()
        for record in records:
            try:
                count(record, pending)
            except Exception:
                # The others of the batch are counted all the same.
                log.exception("a record was not counted", extra={"request_id": record.request_id})
                self.on_observer_failure(type(self).__name__)
        pending.give(self.totals)
        self.totals.put((names.IN_FLIGHT, ()), self._running)
        self.totals.put((names.WAITING, ()), self._waiting)
        self._show_breakers()

    def render(self) -> bytes:
        self.flush()
        return self._exposition.text()

    async def scrape(self) -> bytes:
        """As `render`; the text, which may take tens of milliseconds, is written in a thread."""
        self.flush()
        return await asyncio.to_thread(self._exposition.text)

    def _call_later(self, seconds: float) -> None:
        if self._later is not None:
            self._due = True
            self._later(seconds, self._flush_in_time)

    def _flush_in_time(self) -> None:
        self._due = False
        self.flush()
        if self._tripped or self._running:
            # What another worker shows of this one has to stay true without new requests.
            self._call_later(LOOK_AGAIN_AFTER_S)

    def _show_breakers(self) -> None:
        shown: set[Labels] = set()
        self._tripped = False
        for breaker in self.breakers():
            labels: Labels = (breaker.provider, breaker.model or NONE, breaker.key or NONE)
            state = _BREAKER_VALUES[breaker.state]
            self._tripped = self._tripped or state > 0
            shown.add(labels)
            self.totals.put((names.BREAKER, labels), state)
        for labels in self._shown_breakers - shown:
            self.totals.drop((names.BREAKER, labels))
        self._shown_breakers = shown


def count(record: Record, pending: Pending) -> None:
    attempts = record.attempts
    final = record.final
    route = record.plan.trace.route if record.plan else NONE
    label = record.label
    task = label.task if label else NONE
    by_task = (route, task, _model(record, final))
    outcome = record.outcome
    pending.add(names.REQUESTS, (*by_task, outcome, str(record.http_status)))
    pending.add(names.KEY_REQUESTS, (record.principal or NONE, outcome))
    if outcome == "error" or outcome == "rejected":
        pending.add(names.ERRORS, (*by_task, _why(record, final)))
    if label is not None:
        pending.add(names.LABELS, (task, "true" if task == UNSURE else "false"))
        pending.observe(names.CONFIDENCE, (task,), label.confidence)
        for flag in label.flags:
            pending.add(names.FLAGS, (flag,))
    for defect in record.quality:
        pending.add(names.DEFECTS, (task, by_task[2], defect))
    if final is None:
        return
    _count_times(record, final, by_task, pending)
    previous: Attempt | None = None
    for attempt in attempts:
        gone = attempt.cancelled or (attempt is final and outcome == "client_gone")
        _count_attempt(attempt, previous, gone, record.stream, pending)
        if attempt.usage is not None:
            _count_usage(attempt, attempt.usage, task, pending)
        if attempt.cost_nano_usd:
            cost = attempt.cost_nano_usd / NANO_PER_USD
            pending.add(names.COST, (route, task, attempt.candidate.model, bought(attempt, final)), cost)
            pending.add(names.KEY_COST, (record.principal or NONE,), cost)
        previous = attempt
    if record.cost_nano_usd is not None:
        for baseline, nano_usd in record.baselines:
            if nano_usd is not None:
                pending.add(names.BASELINE_COST, (baseline, route, task), nano_usd / NANO_PER_USD)


def _model(record: Record, final: Attempt | None) -> str:
    if final is not None:
        return final.candidate.model
    return OTHER if record.error_code == "model_not_found" else NONE


def _why(record: Record, final: Attempt | None) -> str:
    if final is None:
        return _REFUSALS.get(record.http_status, "bad_request")
    return "internal" if final.failure is None else final.failure.cls.value


def _count_times(record: Record, final: Attempt, by_task: Labels, pending: Pending) -> None:
    started, ended = record.started, record.ended
    pending.observe(names.OVERHEAD, (), record.attempts[0].started - started)
    if ended is not None:
        pending.observe(names.DURATION, (*by_task, "true" if record.stream else "false"), ended - started)
    first = record.first_token
    if record.stream and first is not None:
        pending.observe(names.FIRST_TOKEN, by_task, first - started)
        further = record.usage.completion_total - 1 if record.usage is not None else 0
        if further > 0 and ended is not None and record.outcome == "ok":
            pending.observe(names.PER_OUTPUT_TOKEN, (by_task[2],), (ended - first) / further)


def _count_attempt(attempt: Attempt, previous: Attempt | None, gone: bool, streamed: bool, pending: Pending) -> None:
    candidate, failure = attempt.candidate, attempt.failure
    model = candidate.model
    outcome = failure.cls.value if failure is not None else "cancelled" if gone else "ok"
    pending.add(names.ATTEMPTS, (model, candidate.provider, attempt.kind, outcome))
    if attempt.ended is not None:
        pending.observe(names.ATTEMPT_DURATION, (model, candidate.provider), attempt.ended - attempt.started)
    if streamed and attempt.first_token is not None:
        waited = attempt.first_token - attempt.started
        pending.observe(names.ATTEMPT_FIRST_TOKEN, (model, candidate.provider), waited)
    if previous is not None and previous.failure is not None and previous.candidate.model != model:
        pending.add(names.FALLBACKS, (previous.candidate.model, model, previous.failure.cls.value))


def _count_usage(attempt: Attempt, usage: Usage, task: str, pending: Pending) -> None:
    model = attempt.candidate.model
    for kind, tokens in zip(_TOKEN_KINDS, usage, strict=False):
        if tokens:
            pending.add(names.TOKENS, (model, task, kind), cast(int, tokens))
    if usage.source == "estimated":
        pending.add(names.USAGE_ESTIMATED, (model,))
    if attempt.cost_nano_usd is None:
        pending.add(names.UNPRICED, (model,))
