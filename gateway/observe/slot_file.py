"""The numbers of one process in a small mapped file, so that any process can show the sum of all and a killed one loses
nothing: the kernel keeps what was written, and whoever takes the slot next goes on from there.

Layout, native byte order: a head of magic, digest of the names, bytes used, process id; then entries of key length,
number of values, the key padded to 8 bytes, the values as doubles. One writer per file; readers take no lock: a value
is one aligned 8-byte store, and an entry counts only once `used` covers it.
"""

from __future__ import annotations

import logging
import mmap
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

MAGIC = b"SYMETR01"
SUFFIX = ".metrics"
_HEAD = struct.Struct("8s8sQQ")
_USED = struct.Struct("Q")
_USED_AT = 16
_ENTRY = struct.Struct("II")
_FIRST_SIZE = 1 << 16
_MAX_SIZE = 1 << 28

log = logging.getLogger("gateway.observe")


class Entry(NamedTuple):
    """`position` is where the values begin."""

    key: bytes
    position: int
    values: tuple[float, ...]


class SlotFile:
    """The writer's side. `entries` are those that a predecessor left behind.

    Raises OSError when the folder can't be written to.
    """

    def __init__(self, path: Path, digest: bytes, process_id: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, "r+b" if path.exists() else "w+b")  # noqa: SIM115  # it lives as long as the process
        found = self._file.read()
        content = read_content(found, digest)
        self._map = self._mapped(max(_FIRST_SIZE, len(found)))
        if content is None:
            if found:
                log.warning("metrics file started anew: it is damaged or of another version", extra={"path": str(path)})
            self._used = _HEAD.size
            self.entries: tuple[Entry, ...] = ()
        else:
            self._used = content.used
            self.entries = content.entries
        self._map[: _HEAD.size] = _HEAD.pack(MAGIC, digest, self._used, process_id)

    def place(self, key: bytes, values: Sequence[float]) -> int:
        """Add an entry; returns where its values stand. Raises OSError when the disk is full."""
        padded = key + bytes(-len(key) % 8)
        entry = _ENTRY.pack(len(key), len(values)) + padded + pack(values)
        end = self._used + len(entry)
        if end > len(self._map):
            self._map = self._mapped(max(end, 2 * len(self._map)))
        self._map[self._used : end] = entry
        self._used = end
        self._map[_USED_AT : _USED_AT + 8] = _USED.pack(end)
        return end - 8 * len(values)

    def write(self, position: int, values: Sequence[float]) -> None:
        # Not pack_into: it writes zeros first, which a reader may see.
        self._map[position : position + 8 * len(values)] = pack(values)

    def _mapped(self, size: int) -> mmap.mmap:
        # A sparse file on a full disk would kill the process at some later write; this fails here and now.
        if size > _MAX_SIZE:
            raise OSError(f"a metrics file may have {_MAX_SIZE} bytes at most")
        os.posix_fallocate(self._file.fileno(), 0, size)
        return mmap.mmap(self._file.fileno(), size)


class Content(NamedTuple):
    used: int
    process_id: int
    entries: tuple[Entry, ...]


def read_content(data: bytes, digest: bytes) -> Content | None:
    """What a file holds. None: it is empty, damaged, or written under another table of names."""
    if len(data) < _HEAD.size:
        return None
    magic, of, used, process_id = _HEAD.unpack_from(data)
    if magic != MAGIC or of != digest or not _HEAD.size <= used <= len(data):
        return None
    try:
        return Content(used, process_id, tuple(_entries(data, used)))
    except (struct.error, ValueError):
        return None


def _entries(data: bytes, used: int) -> Iterator[Entry]:
    at = _HEAD.size
    while at < used:
        key_length, count = _ENTRY.unpack_from(data, at)
        at += _ENTRY.size
        position = at + key_length + -key_length % 8
        end = position + 8 * count
        if end > used:
            raise ValueError("an entry reaches beyond the end")
        yield Entry(data[at : at + key_length], position, struct.unpack_from(f"{count}d", data, position))
        at = end


def pack(values: Sequence[float]) -> bytes:
    return struct.pack(f"{len(values)}d", *values)


def is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
