"""How often each row is drawn while learning."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from gateway.classify.model import STAKES
from training.corpus import Row, of_contrast


@dataclass(frozen=True)
class Contrast:
    """What the contrast's authors wrote counts so much, under health_safety and under other tasks: it is all of one
    kind, and there is much of it."""

    grave: float
    other: float


EVEN = Contrast(1.0, 1.0)


def weights_of(rows: list[Row], power: float, written_weight: float, contrast: Contrast) -> np.ndarray[Any, Any]:
    """Chances of being drawn: tasks alike, and within a task sources by a power of their size: one of n rows counts
    n ** (1 - power), and `written_weight` times that where it was written for the project, of which `contrast` is the
    share of its authors' rows."""
    sizes = Counter((row.source, row.task) for row in rows)
    raw = np.array([sizes[row.source, row.task] ** -power * _own_weight(row, written_weight, contrast) for row in rows])
    totals: Counter[str] = Counter()
    for row, weight in zip(rows, raw, strict=True):
        totals[row.task] += weight
    chances = raw / np.array([totals[row.task] for row in rows])
    return np.asarray(chances / chances.sum())


def _own_weight(row: Row, written_weight: float, contrast: Contrast) -> float:
    if not row.source.startswith("written"):
        return 1.0
    if of_contrast(row):
        return written_weight * (contrast.grave if row.task == STAKES else contrast.other)
    return written_weight
