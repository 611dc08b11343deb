"""After a failure: which class leads where."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from gateway.config.snapshot import DEFAULT_FALLBACK_ON, Model, Retry
from gateway.core.errors import Failure, FailureClass
from gateway.core.plan import Attempt, Candidate, Plan, RouteTrace, Timeouts
from gateway.core.vendor import Target, Vendor
from gateway.execute.decide import Step, next_step
from gateway.execute.verdict import exhausted

A, B, C = (Candidate(name, f"provider-{name}") for name in "abc")
VENDOR = Vendor("v", "openai")


def model(name: str, window: int | None) -> Model:
    target = Target(name, f"provider-{name}", name, VENDOR, frozenset(), context_window=window)
    return Model(name, f"provider-{name}", target)


MODELS = MappingProxyType({"a": model("a", 1000), "b": model("b", 500), "c": model("c", 9000)})


def plan(
    *candidates: Candidate,
    max_attempts: int = 3,
    fallback_on: frozenset[FailureClass] | None = None,
    **more: Any,
) -> Plan:
    classes = DEFAULT_FALLBACK_ON if fallback_on is None else fallback_on
    return Plan(candidates, classes, Timeouts(), max_attempts, RouteTrace("auto", "r"), **more)


def failed(candidate: Candidate, cls: FailureClass, key: str | None = None, **facts: object) -> Attempt:
    failure = Failure(cls, "some_reason", "told by the vendor", **facts)  # type: ignore[arg-type]
    return Attempt(candidate, "first", 0.0, failure=failure, key=key)


class Lookout:
    """Everybody is well but `unwell`; each provider has the keys one and two; `budget` repetitions are left."""

    def __init__(self, unwell: str = "", budget: int = 10) -> None:
        self.unwell = unwell
        self.budget = budget

    def well(self, candidate: Candidate) -> bool:
        return candidate.model not in self.unwell

    def spare_key(self, candidate: Candidate, used: frozenset[str]) -> bool:
        return self.well(candidate) and bool({"one", "two"} - used)

    def may_retry(self, provider: str) -> bool:
        self.budget -= 1
        return self.budget >= 0


def step_after(the_plan: Plan, *attempts: Attempt, lookout: Lookout | None = None) -> Step | None:
    return next_step(the_plan, attempts, MODELS, lookout or Lookout(), Retry(), jitter=lambda: 1.0)


@pytest.mark.parametrize("cls", sorted(DEFAULT_FALLBACK_ON - {FailureClass.CONTEXT_WINDOW}))
def test_the_next_candidate_comes_first(cls: FailureClass) -> None:
    assert step_after(plan(A, B), failed(A, cls)) == Step(B, "fallback")


@pytest.mark.parametrize("cls", [FailureClass.CALLER_FAULT, FailureClass.CONTENT_POLICY])
def test_the_callers_fault_stops(cls: FailureClass) -> None:
    assert step_after(plan(A, B), failed(A, cls)) is None


def test_content_policy_falls_back_where_the_route_says_so() -> None:
    allowed = frozenset({FailureClass.CONTENT_POLICY})
    assert step_after(plan(A, B, fallback_on=allowed), failed(A, FailureClass.CONTENT_POLICY)) == Step(B, "fallback")


def test_the_callers_fault_stops_whatever_the_route_says() -> None:
    everything = frozenset(FailureClass)
    assert step_after(plan(A, B, fallback_on=everything), failed(A, FailureClass.CALLER_FAULT)) is None


def test_context_overflow_only_goes_to_a_bigger_model() -> None:
    assert step_after(plan(A, B, C), failed(A, FailureClass.CONTEXT_WINDOW)) == Step(C, "fallback")
    assert step_after(plan(A, B), failed(A, FailureClass.CONTEXT_WINDOW)) is None


def test_only_the_last_candidate_is_tried_twice_after_a_pause() -> None:
    step = step_after(plan(A), failed(A, FailureClass.TRANSIENT))
    assert step is not None
    assert (step.candidate, step.kind) == (A, "retry")
    assert 0 < step.delay_s <= 2
    assert step_after(plan(A), failed(A, FailureClass.TRANSIENT), failed(A, FailureClass.TRANSIENT)) is None


def test_a_conversation_is_repeated_where_its_cache_is() -> None:
    held = plan(A, B, session=b"s")
    step = step_after(held, failed(A, FailureClass.TRANSIENT))
    assert step is not None
    assert (step.candidate, step.kind) == (A, "retry")
    assert step_after(held, failed(A, FailureClass.TRANSIENT), failed(A, FailureClass.TRANSIENT)) == Step(B, "fallback")
    assert step_after(held, failed(A, FailureClass.TIMEOUT)) == Step(B, "fallback")


def test_without_a_budget_nothing_is_repeated() -> None:
    assert step_after(plan(A), failed(A, FailureClass.TRANSIENT), lookout=Lookout(budget=0)) is None
    lookout = Lookout(budget=1)
    assert step_after(plan(A, B), failed(A, FailureClass.TRANSIENT), lookout=lookout) == Step(B, "fallback")
    assert lookout.budget == 1, "a fallback is no repetition"


def test_who_is_in_trouble_is_not_asked_twice() -> None:
    lookout = Lookout(unwell="a")
    assert step_after(plan(A), failed(A, FailureClass.TRANSIENT), lookout=lookout) is None
    assert lookout.budget == 10


@pytest.mark.parametrize(("wanted", "pause"), [(None, 0.5), (0.1, 0.5), (1.5, 1.5), (2.5, None)])
def test_a_repetition_waits_as_long_as_the_vendor_asks(wanted: float | None, pause: float | None) -> None:
    step = step_after(plan(A), failed(A, FailureClass.TRANSIENT, retry_after_s=wanted))
    assert (step.delay_s if step else None) == pause


@pytest.mark.parametrize(
    "cls", [FailureClass.RATE_LIMIT, FailureClass.CREDENTIAL, FailureClass.MODEL_ACCESS, FailureClass.QUOTA]
)
def test_what_one_key_met_another_may_not(cls: FailureClass) -> None:
    assert step_after(plan(A, B), failed(A, cls, key="one")) == Step(A, "retry")
    both = (failed(A, cls, key="one"), failed(A, cls, key="two"))
    assert step_after(plan(A, B), *both) == Step(B, "fallback")
    assert step_after(plan(A), *both) is None
    assert step_after(plan(A, B), failed(A, cls, key="one"), lookout=Lookout(unwell="a")) == Step(B, "fallback")


def test_keys_leave_an_attempt_for_the_next_candidate() -> None:
    limited = failed(A, FailureClass.RATE_LIMIT, key="one")
    assert step_after(plan(A, B, max_attempts=2), limited) == Step(B, "fallback")
    assert step_after(plan(A, max_attempts=2), limited) == Step(A, "retry")


@pytest.mark.parametrize("cls", [FailureClass.TRANSIENT, FailureClass.TIMEOUT, FailureClass.MODEL_GONE])
def test_what_is_nothing_of_the_keys_changes_no_key(cls: FailureClass) -> None:
    assert step_after(plan(A, B), failed(A, cls, key="one")) == Step(B, "fallback")


def test_those_in_trouble_come_last() -> None:
    wide = plan(A, B, C, max_attempts=5)
    first = failed(A, FailureClass.TRANSIENT)
    assert step_after(wide, first, lookout=Lookout(unwell="b")) == Step(C, "fallback")
    after = (first, failed(C, FailureClass.TRANSIENT))
    assert step_after(wide, *after, lookout=Lookout(unwell="b")) == Step(C, "retry", 1.0), "known to be down"
    after = (*after, failed(C, FailureClass.TRANSIENT))
    assert step_after(wide, *after, lookout=Lookout(unwell="b")) == Step(B, "fallback"), "nothing else is left"


def test_the_last_attempt_goes_to_who_has_not_been_asked() -> None:
    after = (failed(A, FailureClass.TRANSIENT), failed(B, FailureClass.TRANSIENT))
    assert step_after(plan(A, B, C), *after, lookout=Lookout(unwell="c")) == Step(C, "fallback")
    limited = (failed(A, FailureClass.TRANSIENT), failed(B, FailureClass.RATE_LIMIT, key="one"))
    assert step_after(plan(A, B, C), *limited, lookout=Lookout(unwell="c")) == Step(C, "fallback")


def refused(candidate: Candidate) -> Attempt:
    """The vendor can't be asked that: nothing was sent."""
    failure = Failure(FailureClass.CALLER_FAULT, "refused_to_translate", f"{candidate.model} takes no such tool", 400)
    return Attempt(candidate, "first", 0.0, failure=failure)


def test_what_one_vendor_can_not_be_asked_another_may() -> None:
    assert step_after(plan(A, B), refused(A)) == Step(B, "fallback")
    assert step_after(plan(A, B, fallback_on=frozenset()), refused(A)) == Step(B, "fallback")
    assert step_after(plan(A, B), refused(A), refused(B)) is None
    assert step_after(plan(A, B, C, max_attempts=2), refused(A), failed(B, FailureClass.TRANSIENT)) == Step(
        C, "fallback"
    ), "it was not an attempt at anything"


def test_what_a_vendor_can_not_be_asked_is_told_where_no_other_was_asked() -> None:
    down = failed(B, FailureClass.TRANSIENT)
    assert (exhausted([refused(A)]).status, exhausted([refused(A)]).message) == (400, "a takes no such tool")
    for attempts in ([refused(A), down], [down, refused(A)]):
        assert (exhausted(attempts).status, exhausted(attempts).code) == (503, "upstream_unavailable")


def test_of_two_that_ran_beside_each_other_the_one_that_ended_last_decides() -> None:
    first, second = failed(A, FailureClass.CONTENT_POLICY), failed(B, FailureClass.TRANSIENT)
    first.ended, second.ended = 2.0, 1.0
    assert step_after(plan(A, B, C), first, second) is None
    first.ended = 0.5
    assert step_after(plan(A, B, C), first, second) == Step(C, "fallback")
    late = refused(B)
    late.ended = 1.0
    first = failed(A, FailureClass.TRANSIENT)
    first.ended = 2.0
    assert step_after(plan(A, B, C), first, late) == Step(C, "fallback")


def test_a_prompt_that_is_too_long_has_a_chain_of_its_own() -> None:
    long = failed(A, FailureClass.CONTEXT_WINDOW)
    assert step_after(plan(A, B, on_context_window=(B, C)), long) == Step(C, "fallback"), "b is smaller"
    assert step_after(plan(A, C, on_context_window=(B,)), long) is None
    assert step_after(plan(A, on_context_window=(C,), fallback_on=frozenset()), long) == Step(C, "fallback")
    later = plan(A, B, on_context_window=(C,), max_attempts=5)
    assert step_after(later, long, failed(C, FailureClass.TIMEOUT)) is None, "b is still too small"


def test_a_refused_prompt_has_a_chain_of_its_own() -> None:
    refused = failed(A, FailureClass.CONTENT_POLICY)
    assert step_after(plan(A, B, on_content_policy=(C,)), refused) == Step(C, "fallback")
    assert step_after(plan(A, B, on_content_policy=()), refused) is None
    then = plan(A, B, on_content_policy=(C, B))
    assert step_after(then, refused, failed(C, FailureClass.TRANSIENT)) == Step(B, "fallback")


@pytest.mark.parametrize("cls", [FailureClass.CREDENTIAL, FailureClass.QUOTA, FailureClass.RATE_LIMIT])
def test_what_will_not_pass_is_not_repeated(cls: FailureClass) -> None:
    assert step_after(plan(A), failed(A, cls)) is None


def test_attempts_are_capped() -> None:
    attempts = [failed(A, FailureClass.TRANSIENT), failed(B, FailureClass.TRANSIENT)]
    assert step_after(plan(A, B, C, max_attempts=2), *attempts) is None


@pytest.mark.parametrize(
    ("cls", "status", "code"),
    [
        (FailureClass.TRANSIENT, 503, "upstream_unavailable"),
        (FailureClass.QUOTA, 503, "upstream_unavailable"),
        (FailureClass.TIMEOUT, 504, "upstream_timeout"),
        (FailureClass.TRUNCATED, 502, "upstream_invalid_response"),
        (FailureClass.UNKNOWN, 502, "upstream_invalid_response"),
        (FailureClass.CREDENTIAL, 502, "upstream_misconfigured"),
        (FailureClass.MODEL_ACCESS, 502, "upstream_misconfigured"),
        (FailureClass.MODEL_GONE, 502, "upstream_misconfigured"),
        (FailureClass.RATE_LIMIT, 429, "rate_limit_exceeded"),
        (FailureClass.CONTEXT_WINDOW, 400, "context_length_exceeded"),
        (FailureClass.CONTENT_POLICY, 400, "content_filter"),
    ],
)
def test_what_the_client_is_told(cls: FailureClass, status: int, code: str) -> None:
    error = exhausted([failed(A, cls, status=401)])
    assert (error.status, error.code) == (status, code)
    assert ("x-should-retry", "false") in error.headers
    ours = cls not in (FailureClass.CONTEXT_WINDOW, FailureClass.CONTENT_POLICY)
    assert ("told by the vendor" not in error.message) is ours


def test_the_callers_error_keeps_the_vendors_words() -> None:
    error = exhausted([failed(A, FailureClass.CALLER_FAULT, status=422, code="invalid_value", param="tools[0]")])
    assert (error.status, error.code, error.param) == (422, "invalid_value", "tools[0]")
    assert error.message == "told by the vendor"


def test_a_vendors_401_never_reaches_the_client() -> None:
    assert exhausted([failed(A, FailureClass.CALLER_FAULT, status=401)]).status == 400


def test_retry_after_is_the_shortest_wait_clamped() -> None:
    limited = FailureClass.RATE_LIMIT
    error = exhausted([failed(A, limited, retry_after_s=30.0), failed(B, limited, retry_after_s=2.2)])
    assert ("retry-after", "3") in error.headers
    error = exhausted([failed(A, limited, retry_after_s=3600.0)])
    assert ("retry-after", "300") in error.headers


def test_a_rate_limit_beside_another_failure_is_not_told_as_one() -> None:
    error = exhausted([failed(A, FailureClass.RATE_LIMIT), failed(B, FailureClass.TRANSIENT)])
    assert error.status == 503
