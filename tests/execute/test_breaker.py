"""One breaker: what opens it, for how long, and how it comes back. Time is a number that the test holds."""

from __future__ import annotations

import pytest

from gateway.config.snapshot import Breakers
from gateway.core.errors import Failure, FailureClass
from gateway.execute.breaker import Breaker

RULES = Breakers(consecutive=3, share=0.5, min_requests=10, window_s=30.0, open_s=5.0, max_open_s=60.0)
BROKEN = Failure(FailureClass.TRANSIENT, "upstream_5xx", "down")


def failure(cls: FailureClass, reason: str = "some_reason", wait: float | None = None) -> Failure:
    return Failure(cls, reason, "told", retry_after_s=wait)


def limited(wait: float | None) -> Failure:
    return failure(FailureClass.RATE_LIMIT, "rate_limited", wait)


def fail(breaker: Breaker, now: float, times: int = 1, what: Failure = BROKEN) -> None:
    for _ in range(times):
        breaker.begin(now)
        breaker.failed(what, breaker.opened, now)


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker(RULES)
    fail(breaker, now, RULES.consecutive)
    return breaker


def test_failures_in_a_row_open_it() -> None:
    breaker = Breaker(RULES)
    fail(breaker, 0.0, 2)
    assert breaker.available(0.0)
    fail(breaker, 0.0)
    assert (breaker.state(0.0), breaker.available(4.9)) == ("open", False)
    assert breaker.reason == "upstream_5xx"


def test_a_success_between_begins_the_row_anew() -> None:
    breaker = Breaker(RULES)
    for _ in range(3):
        fail(breaker, 0.0, 2)
        breaker.succeeded(0, 0.0)
    assert breaker.state(0.0) == "closed"


def test_a_share_of_failures_opens_it_from_a_minimum_on() -> None:
    breaker = Breaker(RULES)
    for turn in range(9):
        breaker.succeeded(0, 0.0) if turn % 2 else fail(breaker, 0.0)
    assert breaker.available(0.0), "nine are too few"
    fail(breaker, 0.0)
    assert not breaker.available(0.0)


def test_the_share_is_of_the_window_only() -> None:
    breaker = Breaker(RULES)
    for turn in range(8):
        breaker.succeeded(0, 0.0) if turn % 2 else fail(breaker, 0.0)
    for turn in range(5):
        breaker.succeeded(0, 40.0) if turn % 2 else fail(breaker, 40.0)
    assert breaker.available(40.0)


@pytest.mark.parametrize("cls", [FailureClass.CALLER_FAULT, FailureClass.CONTEXT_WINDOW, FailureClass.CONTENT_POLICY])
def test_the_callers_fault_never_counts(cls: FailureClass) -> None:
    breaker = Breaker(RULES)
    fail(breaker, 0.0, 100, failure(cls))
    assert breaker.state(0.0) == "closed"


@pytest.mark.parametrize("reason", ["total_timeout", "pool_timeout"])
def test_nor_does_what_ran_out_on_our_side(reason: str) -> None:
    breaker = Breaker(RULES)
    fail(breaker, 0.0, 100, failure(FailureClass.TIMEOUT, reason))
    assert breaker.state(0.0) == "closed"


@pytest.mark.parametrize(("asked", "waits"), [(1.0, 1.0), (3600.0, 60.0), (None, 5.0), (0.0, 5.0)])
def test_a_rate_limit_opens_it_at_once_for_as_long_as_the_vendor_asks(asked: float | None, waits: float) -> None:
    breaker = Breaker(RULES)
    fail(breaker, 100.0, 1, limited(asked))
    assert breaker.until == 100.0 + waits
    assert not breaker.available(100.0 + waits - 0.01)
    assert breaker.state(100.0 + waits) == "closed", "the vendor has said when: nobody has to try first"
    assert not breaker.begin(100.0 + waits)
    assert breaker.available(100.0 + waits)


def test_rate_limits_without_a_wait_grow() -> None:
    breaker, now = Breaker(RULES), 0.0
    for wait in (5.0, 10.0, 20.0):
        fail(breaker, now, 1, limited(None))
        assert breaker.until == now + wait
        now = breaker.until
        breaker.begin(now)


@pytest.mark.parametrize(
    ("cls", "seconds"),
    [
        (FailureClass.QUOTA, 600.0),
        (FailureClass.CREDENTIAL, 600.0),
        (FailureClass.MODEL_ACCESS, 600.0),
        (FailureClass.MODEL_GONE, 600.0),
    ],
)
def test_what_needs_a_person_opens_it_at_once_for_long(cls: FailureClass, seconds: float) -> None:
    breaker = Breaker(RULES)
    fail(breaker, 0.0, 1, failure(cls))
    assert (breaker.until, breaker.state(seconds)) == (seconds, "half_open")


def test_one_request_at_a_time_tries_it() -> None:
    breaker = opened()
    assert breaker.state(5.0) == "half_open"
    assert breaker.begin(5.0)
    assert not breaker.available(5.0)
    assert not breaker.begin(5.0)
    assert breaker.succeeded(breaker.opened, 6.0)
    assert (breaker.state(6.0), breaker.available(6.0)) == ("closed", True)


def test_each_failed_try_makes_the_wait_longer() -> None:
    breaker, now, waits = opened(), 0.0, []
    for _ in range(6):
        waits.append(breaker.until - now)
        now = breaker.until
        assert breaker.begin(now)
        assert breaker.failed(BROKEN, breaker.opened, now)
    assert waits == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]


def test_a_retry_after_seeds_the_wait() -> None:
    breaker = Breaker(RULES)
    fail(breaker, 0.0, 3, failure(FailureClass.TRANSIENT, "upstream_5xx", 30.0))
    assert breaker.until == 30.0
    breaker = Breaker(RULES)
    fail(breaker, 0.0, 1, failure(FailureClass.TRANSIENT, "upstream_5xx", 30.0))
    assert breaker.state(0.0) == "closed", "one 503 is not enough, whatever it asks for"


def test_after_a_calm_time_the_waits_begin_anew() -> None:
    breaker = opened()
    breaker.begin(5.0)
    breaker.succeeded(breaker.opened, 5.0)
    fail(breaker, 20.0, 3)
    assert breaker.until == 30.0, "soon after: twice as long"
    breaker.begin(30.0)
    breaker.succeeded(breaker.opened, 30.0)
    fail(breaker, 100.0, 3)
    assert breaker.until == 105.0


def test_a_try_that_says_nothing_leaves_the_place_to_another() -> None:
    breaker = opened()
    assert breaker.begin(5.0)
    breaker.gave_up(breaker.opened)
    assert breaker.begin(5.0)


def test_what_was_under_way_when_it_opened_says_nothing_new() -> None:
    breaker = Breaker(RULES)
    before = breaker.opened
    fail(breaker, 0.0, 3)
    assert not breaker.succeeded(before, 1.0)
    assert not breaker.failed(BROKEN, before, 1.0)
    assert breaker.until == 5.0
    breaker.failed(limited(20.0), before, 1.0)
    assert breaker.until == 21.0, "but a longer wait that a vendor asks for is kept"


def test_a_last_resort_that_works_closes_it() -> None:
    breaker = opened()
    assert not breaker.begin(1.0)
    assert breaker.succeeded(breaker.opened, 2.0)
    assert breaker.state(2.0) == "closed"


def test_a_probe_can_end_the_wait() -> None:
    breaker = opened()
    breaker.try_now(1.0)
    assert breaker.state(1.0) == "half_open"
