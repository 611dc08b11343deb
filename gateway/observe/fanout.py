"""Hands records to every observer; one that fails is logged and counted, and hurts neither requests nor the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from gateway.core.events import Observer
from gateway.core.plan import Record

log = logging.getLogger("gateway.observe")


class Fanout:
    """An observer made of observers. `failures` counts what they raised."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)
        self.failures = 0

    def on_start(self, record: Record) -> None:
        for observer in self._observers:
            self._call(observer.on_start, record)

    def on_end(self, record: Record) -> None:
        for observer in self._observers:
            self._call(observer.on_end, record)

    def _call(self, method: Callable[[Record], None], record: Record) -> None:
        try:
            method(record)
        except Exception:  # law 9: whatever an observer does, the request has its answer
            self.failures += 1
            log.exception("observer %s failed", method.__qualname__)
