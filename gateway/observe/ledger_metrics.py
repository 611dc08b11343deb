"""What the ledger tells of itself as metrics: the keeper of what it ships, the workers' journals of what they lose."""

from __future__ import annotations

from pathlib import Path

from gateway.observe import names
from gateway.observe.totals import Totals

KEEPER = "keeper"
"""The slot of the keeper's numbers, beside the workers' 0, 1, ..."""

ROLE_KEEPER = "keeper"
ROLE_WORKER = "worker"


class Drops:
    """Records that one place has lost."""

    def __init__(self, totals: Totals, reason: str) -> None:
        self._totals = totals
        self._series = (names.LEDGER_DROPPED, (reason,))
        totals.add(self._series, (0,))

    def inc(self, amount: float = 1) -> None:
        self._totals.add(self._series, (amount,))


class LedgerMetrics:
    """Plain setters. From any thread; what is set shows at the next scrape of any worker."""

    def __init__(self, totals: Totals) -> None:
        self._totals = totals
        self.journal_drops = Drops(totals, "journal")
        self.store_drops = Drops(totals, "store")

    def shipped(self, entries: int, lost: int, corrupt: int) -> None:
        """What one pass has moved to the store, found gone, and could not read."""
        self._totals.add((names.LEDGER_SHIPPED, ()), (entries,))
        self._totals.add((names.LEDGER_CORRUPT, ()), (corrupt,))
        if lost:
            self.store_drops.inc(lost)

    def state(self, *, up: bool, lag_s: float, waiting_bytes: int) -> None:
        """Whether the store answers, the age of the oldest record that it lacks, and how much waits for it."""
        self._totals.put((names.LEDGER_STORE_UP, ()), 1.0 if up else 0.0)
        self._totals.put((names.LEDGER_LAG, ()), lag_s)
        self._totals.put((names.LEDGER_JOURNAL_BYTES, ()), waiting_bytes)


def keeper_metrics(folder: Path | None) -> LedgerMetrics:
    """The keeper's own, in the folder where the workers have theirs, if there is one."""
    totals = Totals(folder, KEEPER)
    announce(totals, ROLE_KEEPER)
    return LedgerMetrics(totals)


def announce(totals: Totals, role: str) -> None:
    """One more process that runs, and has been started."""
    totals.put((names.PROCESSES, (role,)), 1)
    totals.add((names.PROCESS_STARTS, (totals.slot,)), (1,))
