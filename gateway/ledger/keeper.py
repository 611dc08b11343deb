"""The keeper: one process (or thread) a ledger folder that ships the journal into the store, for as long as it lives.

The store may be away for hours: the journal waits on disk, and what waits is told as metrics.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from gateway.config.snapshot import Snapshot
from gateway.core.clock import Clock, SystemClock
from gateway.ledger.journal import folder_bytes
from gateway.ledger.places import journal_folder, open_store
from gateway.ledger.shipper import Shipped, Shipper
from gateway.ledger.store import Moved, Store, StoreUnavailable

PASS_S = 0.25
MAX_WAIT_S = 5.0
TRIM_S = 600.0
LAST_TRIES = 6
"""Passes at the end, while the store refuses; what is left then is shipped after the next start."""

log = logging.getLogger("gateway.ledger")


class LedgerGauges(Protocol):
    """What the keeper tells of itself (observe/ has the metrics)."""

    def shipped(self, entries: int, lost: int, corrupt: int) -> None: ...

    def state(self, *, up: bool, lag_s: float, waiting_bytes: int) -> None: ...


class Keeper:
    """One ledger's shipping. `open_store` is called again until it succeeds."""

    def __init__(
        self,
        folder: Path,
        open_store: Callable[[], Store],
        clock: Clock,
        *,
        sync_s: float,
        gauges: LedgerGauges | None = None,
    ) -> None:
        self._folder = folder
        self._open_store = open_store
        self._clock = clock
        self._sync_s = sync_s
        self._gauges = gauges
        self._store: Store | None = None
        self._shipper: Shipper | None = None
        self._failures = 0
        self._up_to_date = clock.monotonic()
        self._next_sync = self._next_trim = clock.monotonic()

    def run(self, stop: threading.Event) -> None:
        """Ship until `stop`, and once more then: what the workers wrote last."""
        while not stop.is_set():
            stop.wait(self.turn())
        for _ in range(LAST_TRIES):
            wait = self.turn()
            if wait == PASS_S:
                break
            time.sleep(min(wait, PASS_S))
        if self._store is not None:
            self._store.close()

    def turn(self) -> float:
        """One pass; seconds until the next one is due. Never raises for what a store or a disk does."""
        now = self._clock.monotonic()
        try:
            done = self._ship(now)
        except Moved:
            return 0.0
        except (StoreUnavailable, OSError) as error:
            return self._failed(now, error)
        except Exception as error:
            # A defect of ours must be told, not end the shipping for good.
            log.exception("the ledger's shipping failed")
            return self._failed(now, error)
        if self._failures:
            log.warning("the ledger's store is back", extra={"failures": self._failures})
        self._failures = 0
        self._up_to_date = now
        if self._gauges is not None:
            if done.entries or done.corrupt:
                self._gauges.shipped(done.entries, done.lost, done.corrupt)
            self._gauges.state(up=True, lag_s=0.0, waiting_bytes=self._waiting())
        return PASS_S

    def _ship(self, now: float) -> Shipped:
        if self._store is None or self._shipper is None:
            self._store = self._open_store()
            self._shipper = Shipper(self._folder, self._store)
        if now >= self._next_sync:
            self._next_sync = now + self._sync_s
            self._shipper.sync()
        done = self._shipper.ship()
        if now >= self._next_trim:
            self._next_trim = now + TRIM_S
            self._store.trim(self._clock.time())
        return done

    def _failed(self, now: float, error: Exception) -> float:
        self._failures += 1
        self._reopen()
        if self._failures == 1 or self._failures % 60 == 0:
            log.error(
                "the ledger can't be shipped; the journal waits",
                extra={"error": str(error), "failures": self._failures, "behind_s": round(now - self._up_to_date, 1)},
            )
        if self._gauges is not None:
            self._gauges.state(up=False, lag_s=now - self._up_to_date, waiting_bytes=self._waiting())
        return float(min(MAX_WAIT_S, PASS_S * 2 ** min(self._failures, 6)))

    def _reopen(self) -> None:
        """Begin anew at the next pass: the file may be another one by then, the connection broken."""
        store, self._store, self._shipper = self._store, None, None
        if store is not None:
            with contextlib.suppress(Exception):
                store.close()

    def _waiting(self) -> int:
        try:
            return self._shipper.waiting_bytes() if self._shipper is not None else folder_bytes(self._folder)
        except OSError:
            return 0


def run_keeper(
    snapshot: Snapshot, stop: threading.Event, *, clock: Clock | None = None, gauges: LedgerGauges | None = None
) -> None:
    """Keep the ledger of a config until `stop` is set. Returns at once where the config keeps none."""
    if snapshot.ledger.store == "none":
        return
    folder = journal_folder(snapshot.ledger)
    lock = _take_lock(folder, stop)
    if lock is None:
        return
    try:
        keeper = Keeper(
            folder,
            lambda: open_store(snapshot),
            clock or SystemClock(),
            sync_s=snapshot.ledger.sync_s,
            gauges=gauges,
        )
        keeper.run(stop)
    finally:
        os.close(lock)


def _take_lock(folder: Path, stop: threading.Event) -> int | None:
    """The folder's lock as an open file, once no other keeper has it: two on one folder would only repeat each other's
    work. None when `stop` came first."""
    said = False
    while True:
        fd = -1
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            fd = os.open(folder / "keeper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        except OSError as error:
            if fd >= 0:
                os.close(fd)
            if not said:
                said = True
                log.warning("the ledger's folder can't be had yet", extra={"error": str(error), "folder": str(folder)})
            if stop.wait(1.0):
                return None
