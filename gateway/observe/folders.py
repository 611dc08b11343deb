"""The folder in which the processes of one gateway share their numbers: `prometheus` below the ledger's folder, or one
beside it where another gateway has that. A lock says whose it is, for as long as any process of that gateway lives.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.observe.slot_file import SUFFIX

FOLDER = "prometheus"
MOST_GATEWAYS = 100
_ANOTHER = re.compile(rf"{FOLDER}-\d+")
_LOCK = "lock"


@contextmanager
def own_folder(parent: Path) -> Iterator[Path]:
    """An empty folder below `parent` that no other gateway takes or empties until the block has ended here and in every
    process that was forked within. Raises OSError where none can be had."""
    folder, lock = _take(parent)
    try:
        _remove_those_that_nobody_has(parent)
        yield folder
    finally:
        os.close(lock)


def _take(parent: Path) -> tuple[Path, int]:
    for number in range(1, MOST_GATEWAYS + 1):
        folder = parent / (FOLDER if number == 1 else f"{FOLDER}-{number}")
        folder.mkdir(parents=True, exist_ok=True)
        lock = _lock(folder)
        if lock is not None:
            _empty(folder)
            return folder, lock
    raise OSError(f"{MOST_GATEWAYS} gateways share {parent}")


def _lock(folder: Path) -> int | None:
    """The folder's lock as an open file; None where another gateway has it, or has just removed the folder."""
    path = folder / _LOCK
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), path.stat()):
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:
        os.close(lock)
        raise
    os.close(lock)
    return None


def _empty(folder: Path) -> None:
    """Forget what earlier runs have counted."""
    for path in folder.glob(f"*{SUFFIX}"):
        path.unlink(missing_ok=True)


def _remove_those_that_nobody_has(parent: Path) -> None:
    for folder in parent.glob(f"{FOLDER}-*"):
        # What can't be removed is in nobody's way: the next to take it empties it.
        with contextlib.suppress(OSError):
            lock = _lock(folder) if _ANOTHER.fullmatch(folder.name) else None
            if lock is not None:
                try:
                    _empty(folder)
                    (folder / _LOCK).unlink()
                    folder.rmdir()
                finally:
                    os.close(lock)
