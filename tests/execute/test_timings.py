"""When a model is late: the quantile of its own times, looked for a little early."""

from __future__ import annotations

import random

from gateway.execute.timings import KEPT, LEAST, Timings


def known(*seconds: float) -> Timings:
    timings = Timings()
    for one in seconds:
        timings.add(one)
    return timings


def test_a_few_samples_are_no_experience() -> None:
    assert known(*[1.0] * (LEAST - 1)).quantile(0.95) is None
    assert known(*[1.0] * LEAST).quantile(0.95) == 1.0


def test_the_quantile() -> None:
    late = known(*(number / KEPT for number in range(KEPT))).quantile(0.95)
    assert late is not None
    assert 0.92 < late < 0.95
    median = known(*(number / KEPT for number in range(KEPT))).quantile(0.5)
    assert median is not None
    assert 0.45 < median < 0.5


def test_one_in_twenty_slow_does_not_hide_itself() -> None:
    """The bare 95th percentile would be one of the slow ones about every other time."""
    chance = random.Random(7)
    timings, hidden = Timings(), 0
    for number in range(4000):
        timings.add(1.0 if chance.random() < 0.05 else 0.1)
        if number >= 100:
            hidden += timings.quantile(0.95) == 1.0
    assert hidden < 200


def test_old_times_are_forgotten() -> None:
    timings = known(*[1.0] * KEPT)
    for _ in range(KEPT):
        timings.add(3.0)
    assert timings.quantile(0.95) == 3.0
