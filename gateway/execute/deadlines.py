"""Deadlines that cost next to nothing while they are not met, which is nearly always.

An event loop's timer is an object, a heap entry and, with uvloop, a libuv handle that is closed one iteration later.
Requests share a handful of durations, and deadlines of one duration fall due in the order they were set: so one
timer per duration serves them all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

MAX_DURATIONS = 64


class Handle(Protocol):
    def cancel(self) -> None: ...


class Deadlines:
    """Deadlines on one event loop: the one that is running when they are first used.

    `loop` is kept here for the hot path: asking asyncio for the running loop is a system call each time.
    """

    __slots__ = ("_loop", "_queues")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queues: dict[float, _Queue] = {}

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def after(self, seconds: float, callback: Callable[..., object], *args: Any) -> Handle:
        """Call `callback(*args)` in `seconds`, unless the handle is cancelled first."""
        queue = self._queues.get(seconds)
        if queue is None:
            if len(self._queues) >= MAX_DURATIONS:
                return self.loop.call_later(seconds, callback, *args)
            queue = self._queues[seconds] = _Queue(self.loop, seconds)
        return queue.add(callback, args)


def _nothing() -> None:
    """Stands where a callback was."""


class _Deadline:
    __slots__ = ("args", "callback", "due", "queue")

    def __init__(self, queue: _Queue, due: float, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.queue = queue
        self.due = due
        self.callback = callback
        self.args = args

    def cancel(self) -> None:
        if self.queue.pending.pop(self, self) is None:
            self.forget()

    def forget(self) -> None:
        """Let go of what was to be called: it often holds this handle, and the circle would wait for the collector."""
        self.callback = _nothing
        self.args = ()


class _Queue:
    """Deadlines of one duration, in the order they fall due."""

    __slots__ = ("_armed", "_loop", "_seconds", "pending")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds
        self._armed = False
        self.pending: dict[_Deadline, None] = {}

    def add(self, callback: Callable[..., object], args: tuple[Any, ...]) -> _Deadline:
        deadline = _Deadline(self, self._loop.time() + self._seconds, callback, args)
        self.pending[deadline] = None
        if not self._armed:
            self._armed = True
            self._loop.call_at(deadline.due, self._fire)
        return deadline

    def _fire(self) -> None:
        now = self._loop.time()
        while self.pending:
            first = next(iter(self.pending))
            if first.due > now:
                self._loop.call_at(first.due, self._fire)
                return
            del self.pending[first]
            # Through the loop, so that one that raises hurts none of the others.
            self._loop.call_soon(first.callback, *first.args)
            first.forget()
        self._armed = False
