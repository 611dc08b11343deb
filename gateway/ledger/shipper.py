"""Ships the journal's segments into a store, in order, each line once; removes a segment when all of it is there.

A request that was begun and never ended, in a segment whose writer is dead, becomes an entry of outcome `lost`. One
shipper works on a folder at a time (a lock sees to it).
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from gateway.ledger.entry import Entry, lost_entry
from gateway.ledger.journal import SUFFIX
from gateway.ledger.lines import read_lines
from gateway.ledger.store import Batch, Moved, Store

READ_BYTES = 512 * 1024

log = logging.getLogger("gateway.ledger")


@dataclass(slots=True)
class Shipped:
    """What one pass did: entries in the store, the lost requests among them, and corrupt lines left out."""

    entries: int = 0
    lost: int = 0
    corrupt: int = 0


@dataclass(slots=True)
class _Segment:
    """`position` is in the store; `begun` are requests without an end so far, which may stand in a later segment of the
    same writer."""

    path: Path
    position: int
    scanned: int = 0
    begun: dict[str, bytes] = field(default_factory=dict)


class Shipper:
    """Keeps between passes only what it can read again from the folder and the store."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder = folder
        self._store = store
        self._segments: dict[str, _Segment] = {}
        self._synced: dict[str, int] = {}

    def ship(self) -> Shipped:
        """One pass over all segments. Raises StoreUnavailable: what had been shipped until then stays shipped, and the
        rest is still in the journal."""
        done = Shipped()
        writers: dict[str, list[Path]] = {}
        for path in self._paths():
            writers.setdefault(writer_of(path), []).append(path)
        for paths in writers.values():
            self._ship_writer(paths, done)
        return done

    def waiting_bytes(self) -> int:
        """Bytes of the journal that are not in the store yet."""
        total = 0
        for path in self._paths():
            segment = self._segments.get(path.name)
            try:
                total += max(0, path.stat().st_size - (segment.position if segment else 0))
            except FileNotFoundError:
                continue
        return total

    def sync(self) -> None:
        """Force what the workers have written to the disk."""
        for path in self._paths():
            try:
                size = path.stat().st_size
                if self._synced.get(path.name) != size:
                    fd = os.open(path, os.O_RDONLY)
                    try:
                        os.fdatasync(fd)
                    finally:
                        os.close(fd)
                    self._synced[path.name] = size
            except OSError:
                continue

    def _paths(self) -> list[Path]:
        try:
            return sorted(self._folder.glob(f"*{SUFFIX}"))
        except OSError:
            return []

    def _ship_writer(self, paths: Sequence[Path], done: Shipped) -> None:
        """All segments of one writer. Only the newest can still grow; and only when that is dead, too, are requests
        without an end lost."""
        newest = paths[-1]
        # A writer that goes on to its next segment names that before it lets go of this one: so look for it afterwards.
        dead = is_dead(newest) and not any(
            path > newest for path in self._paths() if writer_of(path) == writer_of(newest)
        )
        segments = [self._segment(path) for path in paths]
        for number, segment in enumerate(segments):
            final = dead or number < len(segments) - 1
            self._ship_segment(segment, segments, final, done)
        if dead:
            self._close(segments, done)
        for segment in segments if dead else segments[:-1]:
            if not segment.begun:
                self._remove(segment)

    def _segment(self, path: Path) -> _Segment:
        segment = self._segments.get(path.name)
        if segment is None:
            segment = self._segments[path.name] = _Segment(path, self._store.position(path.name))
        return segment

    def _ship_segment(self, segment: _Segment, siblings: Sequence[_Segment], final: bool, done: Shipped) -> None:
        with segment.path.open("rb") as opened:
            opened.seek(segment.scanned)
            offset, rest = segment.scanned, b""
            while True:
                data = rest + opened.read(READ_BYTES)
                at_end = len(data) - len(rest) < READ_BYTES
                end = self._take(segment, siblings, data, offset, final and at_end, done)
                rest, offset = data[end - offset :], end
                if at_end:
                    return

    def _take(
        self, segment: _Segment, siblings: Sequence[_Segment], data: bytes, offset: int, final: bool, done: Shipped
    ) -> int:
        """Ship the whole lines of `data`; the offset after them."""
        entries: list[Entry] = []
        raw: list[bytes] = []
        end = offset
        corrupt = 0
        for line in read_lines(data, offset, final=final):
            end = line.end
            if line.entry is None:
                corrupt += line.end > segment.position
            elif line.entry["kind"] == "begin":
                segment.begun[line.entry["id"]] = line.raw
            else:
                if line.entry["kind"] == "request":
                    for sibling in siblings:
                        sibling.begun.pop(line.entry["id"], None)
                if line.end > segment.position:
                    entries.append(line.entry)
                    raw.append(line.raw)
        if end > segment.position:
            start = segment.position
            try:
                self._store.append(Batch(segment.path.name, start, end, entries, raw))
            except Moved:
                # Another pass had sent it already, and died before it knew: look again from the start.
                del self._segments[segment.path.name]
                raise
            segment.position = end
            done.entries += len(entries)
            if corrupt:
                done.corrupt += corrupt
                log.error(
                    "corrupt lines in the journal were left out", extra={"lines": corrupt, "segment": segment.path.name}
                )
        segment.scanned = max(segment.scanned, end)
        return end

    def _close(self, segments: Sequence[_Segment], done: Shipped) -> None:
        """The writer is dead: what it had begun is lost. Those entries count as one byte behind the end of their
        segment, and so are shipped once."""
        for segment in segments:
            if segment.begun and segment.position <= segment.scanned:
                lost = [lost_entry(orjson.loads(begin)) for begin in segment.begun.values()]
                end = segment.position + 1
                raw = [orjson.dumps(entry) for entry in lost]
                self._store.append(Batch(segment.path.name, segment.position, end, lost, raw))
                segment.position = end
                done.entries += len(lost)
                done.lost += len(lost)
            segment.begun.clear()

    def _remove(self, segment: _Segment) -> None:
        """The file first: a position without a file is forgotten later, a file without a position would ship again."""
        segment.path.unlink(missing_ok=True)
        self._segments.pop(segment.path.name, None)
        self._synced.pop(segment.path.name, None)
        self._store.forget(segment.path.name)


def writer_of(path: Path) -> str:
    """`<start>-<boot>-<slot>-<number>.journal` without its start and number."""
    return "-".join(path.name.split("-")[1:-1])


def is_dead(path: Path) -> bool:
    """Whether nobody writes to the segment any more: its lock can be had."""
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True
