"""Time as a thing that is handed in, so that tests can hold it still."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never jumps back. For durations and deadlines."""
        ...

    def time(self) -> float:
        """Seconds since the epoch. For timestamps in records and answers, never for durations."""
        ...


class SystemClock:
    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)
