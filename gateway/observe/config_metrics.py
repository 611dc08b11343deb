"""Which config a process serves, and whether the last reload was taken."""

from __future__ import annotations

from gateway.observe import names
from gateway.observe.totals import Totals


class ConfigMetrics:
    """`take` when a config comes into force, `refuse` when a reload was not taken."""

    def __init__(self, totals: Totals) -> None:
        self._totals = totals
        self._hash: str | None = None

    def take(self, hash: str, at: float) -> None:
        """`at` is in epoch seconds."""
        if self._hash is not None and self._hash != hash:
            self._totals.drop((names.CONFIG_INFO, (self._hash,)))
        self._hash = hash
        self._totals.put((names.CONFIG_INFO, (hash,)), 1)
        self._totals.put((names.CONFIG_RELOAD_TIMESTAMP, ()), at)
        self._totals.put((names.CONFIG_RELOAD_SUCCESS, ()), 1)

    def refuse(self) -> None:
        self._totals.put((names.CONFIG_RELOAD_SUCCESS, ()), 0)
