"""How often each row is drawn while learning."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from training.corpus import Row


def weights_of(rows: list[Row], power: float, written_weight: float) -> np.ndarray[Any, Any]:
    """Chances of being drawn: tasks alike, and within a task sources by a power of their size: one of n rows counts
    n ** (1 - power), and `written_weight` times that where it was written for the project."""
    sizes = Counter((row.source, row.task) for row in rows)
    raw = np.array(
        [
            sizes[row.source, row.task] ** -power * (written_weight if row.source.startswith("written") else 1.0)
            for row in rows
        ]
    )
    totals: Counter[str] = Counter()
    for row, weight in zip(rows, raw, strict=True):
        totals[row.task] += weight
    chances = raw / np.array([totals[row.task] for row in rows])
    return np.asarray(chances / chances.sum())
