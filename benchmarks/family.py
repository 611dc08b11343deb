"""A process and its children as one: memory and open sockets, read from /proc (Linux)."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.processes import resident_mb


def family(pid: int) -> list[int]:
    """The process and all below it that live."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += family(int(child))
    return found


def memory_mb(pid: int) -> dict[int, float]:
    """Resident memory by process: pages that forked workers share count in each, which is the same at any time."""
    return {member: resident_mb(member) for member in family(pid)}


def open_sockets(pid: int) -> int:
    count = 0
    for member in family(pid):
        for link in Path(f"/proc/{member}/fd").iterdir():
            try:
                count += os.readlink(link).startswith("socket:")
            except OSError:
                continue
    return count
