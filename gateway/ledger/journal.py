"""The journal: what a worker writes of each request before the client has its last bytes. One system call a line, into
a file that only this process appends to, so that a killed process loses nothing it had answered.

Segments are named `<start>-<boot>-<slot>-<number>.journal` and locked while they are written to: a lock that can be
taken tells the shipper that nothing more will come.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from gateway.core.clock import Clock
from gateway.core.plan import Record
from gateway.ledger.entry import Entry, begin_of, entry_of
from gateway.ledger.lines import encode_line

SEGMENT_BYTES = 16 * 1024 * 1024
SUFFIX = ".journal"
_RETRY_S = 1.0
_COMPLAIN_S = 60.0
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC

log = logging.getLogger("gateway.ledger")


class Drops(Protocol):
    def inc(self, amount: float = 1) -> None: ...


class Journal:
    """Appends entries. `max_bytes` bounds all segments in `folder`, which other processes write to as well; what does
    not fit, or can't be written, is counted in `dropped` and told to `drops`, and the service goes on."""

    def __init__(
        self,
        folder: Path,
        name: str,
        clock: Clock,
        *,
        max_bytes: int,
        drops: Drops | None = None,
        write: Callable[[int, bytes], int] = os.write,
    ) -> None:
        self._folder = folder
        self._name = name
        self._clock = clock
        self._max_bytes = max_bytes
        self._segment_bytes = min(SEGMENT_BYTES, max_bytes // 8)
        self.drops = drops
        self._write = write
        self._fd = -1
        self._size = 0
        self._number = 0
        self._torn = False
        self._shut_until = 0.0
        self._complained = -_COMPLAIN_S
        self.dropped = 0

    def append(self, entry: Entry) -> bool:
        """Write one entry; False where it had to be dropped."""
        line = encode_line(entry)
        if (self._fd < 0 or self._size >= self._segment_bytes) and not self._open_next():
            return self._drop("the journal takes no more")
        if self._torn:
            line = b"\n" + line
        try:
            written = self._write(self._fd, line)
            while written < len(line):
                more = self._write(self._fd, line[written:])
                if not more:
                    raise OSError("nothing was written")
                written += more
        except OSError as error:
            # Half a line may stand there now: the next one begins on a line of its own.
            self._torn = True
            return self._drop(f"the journal can't be written: {error.strerror or error}")
        self._torn = False
        self._size += len(line)
        return True

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open_next(self) -> bool:
        now = self._clock.monotonic()
        if now < self._shut_until:
            return False
        self._shut_until = now + _RETRY_S
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if folder_bytes(self._folder) + self._segment_bytes > self._max_bytes:
                self._complain(f"the journal holds its {self._max_bytes} bytes: is the store away?")
                return False
            fd = self._create()
        except OSError as error:
            self._complain(f"the journal can't be opened: {error.strerror or error}")
            return False
        self.close()
        self._fd, self._size, self._torn, self._shut_until = fd, 0, False, 0.0
        return True

    def _create(self) -> int:
        """The next segment, open and locked. Raises OSError, and leaves nothing behind then."""
        self._number += 1
        path = self._folder / f"{int(self._clock.time() * 1000):013d}-{self._name}-{self._number:06d}{SUFFIX}"
        unlocked = path.with_suffix(".new")
        fd = os.open(unlocked, _FLAGS, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Under its name it is never seen without its lock: it would be taken for a dead worker's, and removed.
            unlocked.rename(path)
        except OSError:
            os.close(fd)
            unlocked.unlink(missing_ok=True)
            raise
        return fd

    def _drop(self, why: str) -> bool:
        self.dropped += 1
        if self.drops is not None:
            self.drops.inc()
        self._complain(why)
        return False

    def _complain(self, why: str) -> None:
        now = self._clock.monotonic()
        if now - self._complained >= _COMPLAIN_S:
            self._complained = now
            log.error("records are lost: %s", why, extra={"dropped": self.dropped, "folder": str(self._folder)})


class LedgerWriter:
    """The observer that writes the journal. A request that was refused before any upstream call is written as well, if
    its sender is known: a stranger's could otherwise push real ones out."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def on_start(self, record: Record) -> None:
        """Nothing is known yet."""

    def on_dispatch(self, record: Record) -> None:
        self._journal.append(begin_of(record))

    def on_end(self, record: Record) -> None:
        if record.principal:
            self._journal.append(entry_of(record))


def folder_bytes(folder: Path) -> int:
    """Bytes of all segments; one that vanishes meanwhile counts nothing."""
    total = 0
    with os.scandir(folder) as found:
        for item in found:
            try:
                total += item.stat().st_size
            except FileNotFoundError:
                continue
    return total
