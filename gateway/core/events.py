"""How rooms tell what happened: an observer is handed each request's record when it starts, when money may be spent on
it, and when it has ended."""

from __future__ import annotations

from typing import Protocol

from gateway.core.plan import Record


class Observer(Protocol):
    """Called on the event loop. Must return at once; what it raises is swallowed.

    `on_dispatch` comes once, before the first upstream call; a request that was refused before has none. `on_end` comes
    before the last bytes of the answer are handed out: whatever a client saw completed, every observer has seen.
    """

    def on_start(self, record: Record) -> None: ...

    def on_dispatch(self, record: Record) -> None: ...

    def on_end(self, record: Record) -> None: ...
