"""Deadlines share one timer per duration: each fires once, in order, and not when cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.execute.deadlines import MAX_DURATIONS, Deadlines


class HeldLoop:
    """Stands in for an event loop whose time moves only when told."""

    def __init__(self) -> None:
        self.now = 100.0
        self.raised = 0
        self.timers: list[tuple[float, Callable[..., Any], tuple[Any, ...]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[..., Any], *args: Any) -> None:
        self.timers.append((when, callback, args))

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> None:
        self.call_at(self.now + delay, callback, *args)

    def call_soon(self, callback: Callable[..., Any], *args: Any) -> None:
        try:
            callback(*args)
        except ValueError:
            self.raised += 1

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [timer for timer in self.timers if timer[0] <= end]:
            first = min(due, key=lambda timer: timer[0])
            self.timers.remove(first)
            self.now = max(self.now, first[0])
            first[1](*first[2])
        self.now = end


@pytest.fixture
def loop() -> HeldLoop:
    return HeldLoop()


@pytest.fixture
def deadlines(loop: HeldLoop, monkeypatch: pytest.MonkeyPatch) -> Deadlines:
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    return Deadlines()


def test_each_fires_once_when_it_is_due(loop: HeldLoop, deadlines: Deadlines) -> None:
    fired: list[str] = []
    deadlines.after(10, fired.append, "a")
    loop.advance(4)
    deadlines.after(10, fired.append, "b")
    loop.advance(5.9)
    assert fired == []
    loop.advance(0.2)
    assert fired == ["a"]
    loop.advance(4)
    assert fired == ["a", "b"]
    loop.advance(100)
    assert fired == ["a", "b"]


def test_one_duration_has_one_timer(loop: HeldLoop, deadlines: Deadlines) -> None:
    for number in range(1000):
        deadlines.after(10, print, number)
    assert len(loop.timers) == 1


def test_a_cancelled_one_does_not_fire_and_is_not_kept(loop: HeldLoop, deadlines: Deadlines) -> None:
    fired: list[str] = []
    first = deadlines.after(10, fired.append, "a")
    deadlines.after(10, fired.append, "b")
    first.cancel()
    first.cancel()
    loop.advance(11)
    assert fired == ["b"]
    handles = [deadlines.after(10, fired.append, "c") for _ in range(100)]
    for handle in handles:
        handle.cancel()
    assert not deadlines._queues[10].pending


def test_it_starts_again_after_a_rest(loop: HeldLoop, deadlines: Deadlines) -> None:
    fired: list[str] = []
    deadlines.after(1, fired.append, "a")
    loop.advance(50)
    deadlines.after(1, fired.append, "b")
    loop.advance(1)
    assert fired == ["a", "b"]


def test_many_durations_fall_back_to_the_loops_own_timers(loop: HeldLoop, deadlines: Deadlines) -> None:
    fired: list[int] = []
    for number in range(1, MAX_DURATIONS + 20):
        deadlines.after(number, fired.append, number)
    loop.advance(1000)
    assert fired == list(range(1, MAX_DURATIONS + 20))


def test_a_callback_may_set_the_next(loop: HeldLoop, deadlines: Deadlines) -> None:
    fired: list[float] = []

    def again() -> None:
        fired.append(loop.now)
        if len(fired) < 3:
            deadlines.after(5, again)

    deadlines.after(5, again)
    loop.advance(100)
    assert fired == [105, 110, 115]


def test_a_callback_that_raises_hurts_none_of_the_others(loop: HeldLoop, deadlines: Deadlines) -> None:
    fired: list[str] = []
    deadlines.after(5, int, "not a number")
    deadlines.after(5, fired.append, "b")
    loop.advance(6)
    deadlines.after(5, fired.append, "c")
    loop.advance(6)
    assert fired == ["b", "c"]
    assert loop.raised == 1
