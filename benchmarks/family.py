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


def memory_mb(pid: int) -> float:
    """Proportional: pages that forked workers share are counted once."""
    total = 0.0
    for member in family(pid):
        try:
            rollup = Path(f"/proc/{member}/smaps_rollup").read_text()
        except OSError:
            total += resident_mb(member)
            continue
        total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1000
    return total


def open_sockets(pid: int) -> int:
    count = 0
    for member in family(pid):
        for link in Path(f"/proc/{member}/fd").iterdir():
            try:
                count += os.readlink(link).startswith("socket:")
            except OSError:
                continue
    return count
