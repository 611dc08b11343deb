"""Tool call ids as Anthropic takes them.

Owns only the mapping of ids within one request; results find their calls through it.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque

_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class ToolIds:
    """Tool call ids as the API takes them: of its alphabet, at most 64 long, and each used once.

    A vendor that numbers its calls anew in every turn repeats ids; a result belongs to the latest call of its id, or to
    the calls of one message in their order.
    """

    __slots__ = ("_counts", "_open", "_used")

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._counts: dict[str, int] = {}
        self._open: dict[str, deque[str]] = {}

    def call(self, original: str, repeated_here: bool) -> str:
        sent = self._fit(original)
        if sent in self._used:
            sent = self._next(sent[:58])
        self._used.add(sent)
        if repeated_here and original in self._open:
            self._open[original].append(sent)
        else:
            self._open[original] = deque((sent,))
        return sent

    def _next(self, stem: str) -> str:
        """The first free number after a stem. Counts are kept: to begin anew for each of n equal ids takes n² steps."""
        count = self._counts.get(stem, 1) + 1
        while (sent := f"{stem}_{count}") in self._used:
            count += 1
        self._counts[stem] = count
        return sent

    def result(self, original: str) -> str:
        waiting = self._open.get(original)
        if not waiting:
            return self._fit(original)
        return waiting[0] if len(waiting) == 1 else waiting.popleft()

    @staticmethod
    def _fit(original: str) -> str:
        if _ID.fullmatch(original):
            return original
        return f"call_{hashlib.sha256(original.encode()).hexdigest()[:24]}"
