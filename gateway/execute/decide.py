"""After a failed attempt: another key, the next candidate, the same again, or stop. Decided by FailureClass (law 4).

The next candidate comes before a repetition: it answers at once, and a provider in trouble is left alone. Only the last
candidate that is well is tried twice, after a full-jitter pause; and first of all one that holds the cache of a
conversation, where going elsewhere would pay for the whole prompt again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from gateway.config.snapshot import Model, Retry
from gateway.core.errors import Failure, FailureClass
from gateway.core.plan import Attempt, AttemptKind, Candidate, Plan

_WORTH_REPEATING = frozenset({FailureClass.TRANSIENT, FailureClass.TRUNCATED, FailureClass.UNKNOWN})
_OF_ONE_KEY = frozenset(
    {FailureClass.RATE_LIMIT, FailureClass.CREDENTIAL, FailureClass.MODEL_ACCESS, FailureClass.QUOTA}
)
"""What one key of a provider's met, another may not."""


class Step(NamedTuple):
    """The next attempt, `delay_s` seconds from now."""

    candidate: Candidate
    kind: AttemptKind
    delay_s: float = 0.0


class Lookout(Protocol):
    """What deciding asks of the health of providers."""

    def well(self, candidate: Candidate) -> bool:
        """Whether a key may be used for it now."""
        ...

    def spare_key(self, candidate: Candidate, used: frozenset[str]) -> bool:
        """Whether one may be used that is not among `used`."""
        ...

    def may_retry(self, provider: str) -> bool:
        """Take one repetition from the provider's budget, if there is one left."""
        ...


def next_step(
    plan: Plan,
    attempts: Sequence[Attempt],
    models: Mapping[str, Model],
    lookout: Lookout,
    retry: Retry,
    jitter: Callable[[], float],
) -> Step | None:
    """What follows `attempts`, or None when the plan is exhausted. `jitter` gives a number in 0..1."""
    last = _latest(attempts)
    failure = last.failure
    if failure is None or (failure.cls is FailureClass.CALLER_FAULT and not failure.untranslated):
        return None
    sent = sum(one.failure is None or not one.failure.untranslated for one in attempts)
    if sent >= plan.max_attempts:
        return None
    ahead = next_candidates(plan, attempts, models)
    well_ahead = [candidate for candidate in ahead if lookout.well(candidate)]
    # The last attempt that is left belongs to another candidate, if there is one.
    one_more = sent + 1 < plan.max_attempts or not ahead
    of_one_key = failure.cls in _OF_ONE_KEY and last.key is not None
    if one_more and of_one_key and lookout.spare_key(last.candidate, spent_keys(attempts, last.candidate)):
        return Step(last.candidate, "retry")
    if plan.session is not None or (one_more and not well_ahead):
        pause = _pause(plan, failure, attempts, retry, jitter)
        if pause is not None and lookout.well(last.candidate) and lookout.may_retry(last.candidate.provider):
            return Step(last.candidate, "retry", pause)
    # One that is known to be in trouble is asked only where there is nothing else.
    return Step((well_ahead or ahead)[0], "fallback") if ahead else None


def _latest(attempts: Sequence[Attempt]) -> Attempt:
    """The attempt that failed last: of two that ran beside each other not always the one that began last."""
    failed = [one for one in attempts if one.failure is not None]
    return max(reversed(failed), key=lambda one: one.ended or 0.0) if failed else attempts[-1]


def spent_keys(attempts: Sequence[Attempt], candidate: Candidate) -> frozenset[str]:
    """The keys with which this request need not try the candidate again. A server error is not the key's fault."""
    return frozenset(
        attempt.key
        for attempt in attempts
        if attempt.key and attempt.failure and attempt.candidate == candidate and attempt.failure.cls in _OF_ONE_KEY
    )


def next_candidates(plan: Plan, attempts: Sequence[Attempt], models: Mapping[str, Model]) -> list[Candidate]:
    """Those that may come next and have not been tried, in their order."""
    failures = [attempt.failure.cls if attempt.failure is not None else None for attempt in attempts]
    failed = _latest(attempts).failure
    chain = plan.candidates
    allowed = attempts[-1].failure is None or failed is None or failed.untranslated or failed.cls in plan.fallback_on
    # A prompt that was too long, or refused, once stays so: what follows is chosen for it.
    for cls, own in (
        (FailureClass.CONTENT_POLICY, plan.on_content_policy),
        (FailureClass.CONTEXT_WINDOW, plan.on_context_window),
    ):
        if own is not None and cls in failures:
            chain, allowed = own, allowed or (failed is not None and failed.cls is cls)
    if not allowed:
        return []
    tried = {attempt.candidate for attempt in attempts}
    outgrown = [
        attempt.candidate for attempt, cls in zip(attempts, failures, strict=True) if cls is FailureClass.CONTEXT_WINDOW
    ]
    return [
        candidate
        for candidate in chain
        if candidate not in tried and all(_takes_more(candidate, than, models) for than in outgrown)
    ]


def _pause(
    plan: Plan, failure: Failure, attempts: Sequence[Attempt], retry: Retry, jitter: Callable[[], float]
) -> float | None:
    """How long to wait before the same candidate is asked again, or None where that is not worth it."""
    if failure.cls not in _WORTH_REPEATING or failure.cls not in plan.fallback_on:
        return None
    repeats = sum(attempt.candidate == attempts[-1].candidate for attempt in attempts)
    if repeats > 1:
        return None
    pause = jitter() * min(retry.max_s, retry.base_s * 2 ** len(attempts))
    wanted = failure.retry_after_s or 0.0
    return None if wanted > retry.max_s else max(pause, wanted)


def _takes_more(candidate: Candidate, than: Candidate, models: Mapping[str, Model]) -> bool:
    """Whether `candidate` has the bigger context window; an unknown window is worth a try."""
    window = models[candidate.model].target.context_window
    failed = models[than.model].target.context_window
    return window is None or failed is None or window > failed
