"""A race of two: when the first candidate is late another starts beside it, the first to speak is taken, and the other
ends at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.core.chat import ChatAnswer
from gateway.core.errors import FailureClass
from gateway.execute.run import Run
from gateway.execute.stream import ChatStream
from gateway.execute.timings import Timings


async def race(
    first: Run, after: float, start_second: Callable[[], Run | None], timings: Timings
) -> ChatAnswer | ChatStream | None:
    """The answer of whoever speaks first; None when all failed. `start_second` is asked once, `after` seconds from now,
    while the first has not spoken. `timings` are the first one's."""
    running = [first]
    try:
        await asyncio.wait((first.ready,), timeout=after)
        if not first.ready.done():
            second = start_second()
            if second is not None:
                running.append(second)
        while running:
            await asyncio.wait([run.ready for run in running], return_when=asyncio.FIRST_COMPLETED)
            for run in [run for run in running if run.ready.done()]:
                running.remove(run)
                result = run.result()
                if run is first and result is not None:
                    timings.add(_spoke_after(run))
                if result is not None or _is_the_callers(run):
                    _end(running, lost=result is not None, first=first, timings=timings)
                    return result
        return None
    except BaseException:
        # The client has left: neither has lost, but the second would not have been asked without the first.
        for run in running:
            run.drop(lost=run is not first)
        raise


def _end(running: list[Run], *, lost: bool, first: Run, timings: Timings) -> None:
    for run in running:
        run.drop(lost=True)
        if run is first and lost:
            # At least so long: enough to rank it among the late ones, which is all that it is used for.
            timings.add(_spoke_after(run))
    running.clear()


def _spoke_after(run: Run) -> float:
    attempt = run.attempt
    return (attempt.first_token or attempt.ended or attempt.started) - attempt.started


def _is_the_callers(run: Run) -> bool:
    """Whether it failed by what is wrong with the request, so that the other will fail as well."""
    failure = run.attempt.failure
    return failure is not None and failure.cls is FailureClass.CALLER_FAULT
