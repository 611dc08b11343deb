"""How rooms tell what happened: an observer is handed each request's record when it starts and when it has ended."""

from __future__ import annotations

from typing import Protocol

from gateway.core.plan import Record


class Observer(Protocol):
    """Called on the event loop, after the client has its answer. Must return at once; what it raises is swallowed."""

    def on_start(self, record: Record) -> None: ...

    def on_end(self, record: Record) -> None: ...
