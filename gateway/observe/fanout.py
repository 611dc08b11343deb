"""Hands records to every observer; one that fails is logged and counted, and hurts neither requests nor the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from gateway.core.events import Observer
from gateway.core.plan import Record

log = logging.getLogger("gateway.observe")


class Fanout:
    """An observer made of observers. `failures` counts what they raised; `on_failure` is told whose it was."""

    def __init__(self, observers: Sequence[Observer], on_failure: Callable[[str], None] | None = None) -> None:
        self._on_failure = on_failure
        self._starts = tuple(observer.on_start for observer in observers)
        self._dispatches = tuple(observer.on_dispatch for observer in observers)
        self._ends = tuple(observer.on_end for observer in observers)
        self.failures = 0

    def on_start(self, record: Record) -> None:
        self._tell(self._starts, record)

    def on_dispatch(self, record: Record) -> None:
        self._tell(self._dispatches, record)

    def on_end(self, record: Record) -> None:
        self._tell(self._ends, record)

    def _tell(self, methods: tuple[Callable[[Record], None], ...], record: Record) -> None:
        for method in methods:
            try:
                method(record)
            except Exception:
                # Law 9: whatever an observer does, the request has its answer.
                self.failures += 1
                if self._on_failure is not None:
                    self._on_failure(method.__qualname__.partition(".")[0])
                log.exception("observer %s failed", method.__qualname__)
