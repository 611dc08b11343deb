"""After a failed attempt: the same again, the next candidate, or stop. Pure; decided by FailureClass (law 4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.config.snapshot import Model
from gateway.core.errors import FailureClass
from gateway.core.plan import Attempt, AttemptKind, Candidate, Plan

RETRY_BASE_S = 0.25
RETRY_CAP_S = 2.0
_WORTH_REPEATING = frozenset({FailureClass.TRANSIENT, FailureClass.TRUNCATED, FailureClass.UNKNOWN})
_STOPS_ALWAYS = frozenset({FailureClass.CALLER_FAULT})


@dataclass(frozen=True, slots=True)
class Step:
    """The next attempt, `delay_s` seconds from now."""

    candidate: Candidate
    kind: AttemptKind
    delay_s: float = 0.0


def next_step(
    plan: Plan, attempts: Sequence[Attempt], models: Mapping[str, Model], jitter: Callable[[], float]
) -> Step | None:
    """What follows the last of `attempts`, or None when the plan is exhausted.

    The next candidate comes before a repetition: it answers at once, and a provider in trouble is left alone. Only
    the last candidate of a plan is tried twice, after a full-jitter pause. `jitter` gives a number in 0..1.
    """
    last = attempts[-1]
    failure = last.failure
    if failure is None or failure.cls in _STOPS_ALWAYS or len(attempts) >= plan.max_attempts:
        return None
    if failure.cls not in plan.fallback_on:
        return None
    tried = {attempt.candidate for attempt in attempts}
    for candidate in plan.candidates:
        if candidate in tried:
            continue
        if failure.cls is FailureClass.CONTEXT_WINDOW and not _takes_more(candidate, last.candidate, models):
            continue
        return Step(candidate, "fallback")
    repeats = sum(attempt.candidate == last.candidate for attempt in attempts)
    if failure.cls in _WORTH_REPEATING and repeats < 2:
        return Step(last.candidate, "retry", jitter() * min(RETRY_CAP_S, RETRY_BASE_S * 2 ** len(attempts)))
    return None


def _takes_more(candidate: Candidate, than: Candidate, models: Mapping[str, Model]) -> bool:
    """Whether `candidate` has the bigger context window; an unknown window is worth a try."""
    window = models[candidate.model].target.context_window
    failed = models[than.model].target.context_window
    return window is None or failed is None or window > failed
