"""The one attempt loop: a Plan in, an answer or a committed stream out.

Owns the order of attempts. A stream is handed out only once its first content has arrived; until then any failure, also
an error event inside a 200, falls through the chain unseen. What follows a failure is `decide`'s to say, which key is
used the lanes'.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from gateway.config.snapshot import Snapshot
from gateway.core.chat import ChatAnswer, ChatRequest
from gateway.core.errors import ProviderError
from gateway.core.plan import Candidate, Hedge, Plan, Record
from gateway.execute.accounting import Accounting, defect, log_failure
from gateway.execute.deadlines import Deadlines
from gateway.execute.decide import Step, next_candidates, next_step, spent_keys
from gateway.execute.health import HealthBoard
from gateway.execute.hedge import race
from gateway.execute.lane import choose
from gateway.execute.run import Ask, Run, StreamRun, Way, WholeRun
from gateway.execute.stream import ChatStream
from gateway.execute.upstream import Upstream
from gateway.execute.verdict import exhausted

log = logging.getLogger("gateway.execute")


class Executor:
    """Bound to one snapshot and its upstreams; `board` knows the snapshot's names. `jitter` gives numbers in 0..1."""

    def __init__(
        self,
        snapshot: Snapshot,
        upstreams: Mapping[str, Upstream],
        books: Accounting,
        deadlines: Deadlines,
        jitter: Callable[[], float],
        board: HealthBoard,
    ) -> None:
        self._snapshot = snapshot
        self._ways = {name: way_to(name, snapshot, upstreams, board) for name in snapshot.models}
        self._books = books
        self._deadlines = deadlines
        self._jitter = jitter
        self._board = board

    async def run(self, request: ChatRequest, plan: Plan, record: Record) -> ChatAnswer | ChatStream:
        """Try the plan's candidates until one answers. Attempts are written into `record` as they happen.

        Raises PlanExhausted when none does. Cancelling closes the upstream connection at once.
        """
        loop = self._deadlines.loop
        deadline = loop.time() + plan.timeouts.total
        ask = Ask(request, plan, record, deadline, self._books, self._deadlines)
        step: Step | None = Step(plan.candidates[0], "first")
        while step is not None and loop.time() + step.delay_s < deadline:
            if step.delay_s:
                await asyncio.sleep(step.delay_s)
            run = self._start(ask, step)
            if run is not None:
                if plan.hedge is not None:
                    result = await self._race(ask, plan.hedge, run)
                else:
                    try:
                        await run.ready
                    except asyncio.CancelledError:
                        run.drop()
                        raise
                    result = run.result()
                if result is not None:
                    return result
            step = next_step(
                plan, record.attempts, self._snapshot.models, self._board, self._snapshot.retry, self._jitter
            )
        raise exhausted(record.attempts)

    def _start(self, ask: Ask, step: Step) -> Run | None:
        """Begin an attempt; None where the vendor can't be asked this, which is booked."""
        candidate, record = step.candidate, ask.record
        way = self._ways[candidate.model]
        if step.kind != "retry":
            way.budget.deposit()
        attempt = self._books.begin(candidate, record, step.kind)
        lane = way.lanes[0]
        if len(way.lanes) > 1:
            spent = spent_keys(record.attempts, candidate)
            lane = choose(way.lanes, ask.plan.session, spent, attempt.started)
            attempt.key = lane.key
        ticket = lane.enter(attempt.started)
        try:
            return (StreamRun if ask.request.stream else WholeRun)(ask, attempt, way, ticket)
        except ProviderError as error:
            failure = way.upstream.without_secrets(error.failure)
            self._books.end(attempt, failure)
            ticket.end(failure, attempt.started)
            log_failure(record, attempt, failure)
            return None
        except Exception as error:
            # The next vendor's adapter may well have no such defect.
            log.exception("an adapter failed at a request", extra={"request_id": record.request_id})
            ticket.drop()
            self._books.end(attempt, defect(error))
            return None
        except BaseException:
            ticket.drop()
            raise

    async def _race(self, ask: Ask, hedge: Hedge, run: Run) -> ChatAnswer | ChatStream | None:
        """What came; when the candidate is late the next one starts beside it."""
        label = ask.record.label
        candidate = run.attempt.candidate
        timings = self._board.timings(candidate.model, label.task if label else "", ask.request.stream)
        budget = self._board.hedge_budget(ask.plan.trace.route, hedge.max_extra)
        if run.attempt.kind == "first":
            budget.deposit()
        after = hedge.after_s or timings.quantile(hedge.quantile)

        def start_second() -> Run | None:
            second = self._second(ask, candidate) if after is not None else None
            if second is None or not budget.withdraw(self._price(ask, second, candidate)):
                return None
            return self._start(ask, Step(second, "hedge"))

        return await race(run, after or 0.0, start_second, timings)

    def _second(self, ask: Ask, first: Candidate) -> Candidate | None:
        """Who may run beside `first`: the next one, if it is well."""
        attempts = ask.record.attempts
        if len(attempts) >= ask.plan.max_attempts:
            return None
        ahead = next_candidates(ask.plan, attempts, self._snapshot.models)
        return next((one for one in ahead if one != first and self._board.well(one)), None)

    def _price(self, ask: Ask, second: Candidate, first: Candidate) -> float:
        """What a call to `second` costs, in calls to `first`; 1 where that is not known."""
        signals = ask.record.signals
        tokens = signals.input_tokens if signals else 0
        one, other = self._books.likely_cost(first.model, tokens), self._books.likely_cost(second.model, tokens)
        return other / one if one and other else 1.0


def way_to(name: str, snapshot: Snapshot, upstreams: Mapping[str, Upstream], board: HealthBoard) -> Way:
    model = snapshot.models[name]
    return Way(
        upstreams[model.provider],
        model.target,
        board.lanes(name),
        board.budget(model.provider),
        (board.pace_of(name, False), board.pace_of(name, True)),
    )
