"""Ships the journal's segments into a store, in order, each line once; removes a segment when all of it is there.

A request that was begun and never ended, in a segment whose writer is dead, becomes an entry of outcome `lost`. One
shipper works on a folder at a time (a lock sees to it).
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from gateway.ledger.entry import lost_entry
from gateway.ledger.journal import SUFFIX
from gateway.ledger.lines import Line, encode_line, read_lines
from gateway.ledger.store import Batch, Moved, Store, StoreUnavailable

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
        self._open: dict[str, dict[str, bytes]] = {}

    def ship(self) -> Shipped:
        """One pass over all segments. Raises StoreUnavailable: what had been shipped until then stays shipped, and the
        rest is still in the journal. A segment that can't be read holds up its own writer only; OSError is raised then,
        after all others."""
        done = Shipped()
        unread: OSError | None = None
        for writer, paths in self._writers().items():
            try:
                self._ship_writer(writer, paths, done)
            except OSError as error:
                unread = error
        if unread is not None:
            raise unread
        return done

    def _writers(self) -> dict[str, list[Path]]:
        """Each writer's segments in the order in which it wrote them, whatever the clock did meanwhile."""
        writers: dict[str, list[Path]] = {}
        for path in self._paths():
            writers.setdefault(writer_of(path), []).append(path)
        for paths in writers.values():
            paths.sort(key=number_of)
        return writers

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

    def _ship_writer(self, writer: str, paths: Sequence[Path], done: Shipped) -> None:
        """All segments of one writer. Only the newest can still grow; and only when that is dead, too, are requests
        without an end lost."""
        # A writer that goes on to its next segment names that before it lets go of this one: so look for it afterwards.
        dead = all(is_dead(path) for path in paths) and len(self._writers().get(writer, ())) == len(paths)
        carried = self._carried(writer)
        before = len(carried)
        segments = [self._segment(path) for path in paths]
        for number, segment in enumerate(segments):
            final = dead or number < len(segments) - 1
            self._ship_segment(segment, (carried, *(one.begun for one in segments)), final, done)
        if dead:
            self._close(segments, carried, done)
        over = segments if dead else [segment for segment in segments[:-1] if is_dead(segment.path)]
        for segment in over:
            carried.update(segment.begun)
        if len(carried) != before or any(segment.begun for segment in over):
            self._carry(writer, carried)
        for segment in over:
            self._remove(segment)
        if dead:
            self._open.pop(writer, None)

    def _carried(self, writer: str) -> dict[str, bytes]:
        """Beginnings without an end so far from segments that are gone: a writer that lives on may still end them."""
        if writer not in self._open:
            self._open[writer] = {}
            with contextlib.suppress(FileNotFoundError):
                for line in read_lines(self._carry_file(writer).read_bytes(), 0, final=True):
                    if line.entry is not None:
                        self._open[writer][line.entry["id"]] = line.raw
        return self._open[writer]

    def _carry(self, writer: str, carried: dict[str, bytes]) -> None:
        """Keep them on disk before their segment goes."""
        file = self._carry_file(writer)
        if not carried:
            file.unlink(missing_ok=True)
            self._open.pop(writer, None)
            return
        new = file.with_suffix(".tmp")
        new.write_bytes(b"".join(encode_line(orjson.loads(begin)) for begin in carried.values()))
        new.replace(file)

    def _carry_file(self, writer: str) -> Path:
        return self._folder / f"{writer}.begun"

    def _segment(self, path: Path) -> _Segment:
        segment = self._segments.get(path.name)
        if segment is None:
            segment = self._segments[path.name] = _Segment(path, self._store.position(path.name))
        return segment

    def _ship_segment(self, segment: _Segment, begun: Sequence[dict[str, bytes]], final: bool, done: Shipped) -> None:
        """`begun` are the writer's beginnings, of all segments: an end takes its own out."""
        with segment.path.open("rb") as opened:
            opened.seek(segment.scanned)
            offset, rest = segment.scanned, b""
            while True:
                data = rest + opened.read(READ_BYTES)
                at_end = len(data) - len(rest) < READ_BYTES
                end = self._take(segment, begun, data, offset, final and at_end, done)
                rest, offset = data[end - offset :], end
                if at_end:
                    return

    def _take(
        self,
        segment: _Segment,
        begun: Sequence[dict[str, bytes]],
        data: bytes,
        offset: int,
        final: bool,
        done: Shipped,
    ) -> int:
        """Ship the whole lines of `data`; the offset after them."""
        found: list[Line] = []
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
                    for beginnings in begun:
                        beginnings.pop(line.entry["id"], None)
                if line.end > segment.position:
                    found.append(line)
        if end > segment.position:
            corrupt += self._append(segment, found, end, done)
            if corrupt:
                done.corrupt += corrupt
                log.error(
                    "corrupt lines in the journal were left out", extra={"lines": corrupt, "segment": segment.path.name}
                )
        segment.scanned = max(segment.scanned, end)
        return end

    def _append(self, segment: _Segment, found: Sequence[Line], end: int, done: Shipped) -> int:
        """Hand lines to the store, up to `end`; how many it can't take. One line that no store takes must not keep the
        others out: then each is handed over by itself."""
        try:
            self._hand_over(segment, found, end)
        except (StoreUnavailable, Moved):
            raise
        except Exception:
            log.exception("a batch of the journal can't be taken in")
            refused = 0
            for line in found:
                refused += self._one_by_one(segment, line)
            self._hand_over(segment, (), end)
            done.entries += len(found) - refused
            return refused
        done.entries += len(found)
        return 0

    def _one_by_one(self, segment: _Segment, line: Line) -> bool:
        """Whether the line had to be left out."""
        try:
            self._hand_over(segment, (line,), line.end)
        except (StoreUnavailable, Moved):
            raise
        except Exception:
            log.exception("a line of the journal can't be taken in", extra={"segment": segment.path.name})
            self._hand_over(segment, (), line.end)
            return True
        return False

    def _hand_over(self, segment: _Segment, found: Sequence[Line], end: int) -> None:
        if end <= segment.position:
            return
        entries = [line.entry for line in found if line.entry is not None]
        batch = Batch(segment.path.name, segment.position, end, entries, [line.raw for line in found])
        try:
            self._store.append(batch)
        except Moved:
            # Another pass had sent it already, and died before it knew: look again from the start.
            self._segments.pop(segment.path.name, None)
            raise
        segment.position = end

    def _close(self, segments: Sequence[_Segment], carried: dict[str, bytes], done: Shipped) -> None:
        """The writer is dead: what it had begun is lost. Those entries count as one byte behind the end of its newest
        segment, and so are shipped once."""
        newest = segments[-1]
        begun = carried | {name: begin for segment in segments for name, begin in segment.begun.items()}
        if begun and newest.position <= newest.scanned:
            lost = [lost_entry(orjson.loads(begin)) for begin in begun.values()]
            end = newest.position + 1
            raw = [orjson.dumps(entry) for entry in lost]
            self._store.append(Batch(newest.path.name, newest.position, end, lost, raw))
            newest.position = end
            done.entries += len(lost)
            done.lost += len(lost)
        carried.clear()
        for segment in segments:
            segment.begun.clear()

    def _remove(self, segment: _Segment) -> None:
        """The file first: a file without a position would ship again, a position without a file is only litter."""
        segment.path.unlink(missing_ok=True)
        self._segments.pop(segment.path.name, None)
        self._synced.pop(segment.path.name, None)
        self._store.forget(segment.path.name)


def writer_of(path: Path) -> str:
    """`<start>-<boot>-<slot>-<number>.journal` without its start and number."""
    return "-".join(path.name.split("-")[1:-1])


def number_of(path: Path) -> int:
    number = path.stem.rpartition("-")[2]
    return int(number) if number.isdigit() else 0


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
