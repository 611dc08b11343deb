"""Checks the written text: `python -m training.check`. Says what is wrong with which row; texts are not printed.

A row must be JSON with a known task, stand once, and be nobody else's: none may repeat a prompt that models are judged
by (dev.jsonl, the XSTest contrast), nor share most of its words.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from gateway.core.label import TEXT_TASKS
from training.corpus import JUDGED, WRITTEN, contrast_rows, dev_rows

NEAR = 0.6
"""Two texts are near where they share this much of all their words (of three words and more)."""
_FEW_WORDS = 3
_READ_CHARS = 3000


class Fault(NamedTuple):
    file: str
    line: int
    what: str


def words_of(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text[:_READ_CHARS].lower()))


class Judges:
    """The texts that models are judged by, found again by their words."""

    def __init__(self, texts: list[str]) -> None:
        self._texts = [words_of(text) for text in texts]
        self._holding: dict[str, list[int]] = defaultdict(list)
        for index, words in enumerate(self._texts):
            for word in words:
                self._holding[word].append(index)

    @classmethod
    def of_shared(cls) -> Judges:
        """Those of XSTest's contrast and of dev.jsonl."""
        return cls([row["text"] for row in (*contrast_rows(), *dev_rows())])

    def nearness(self, text: str) -> float:
        """The largest share of words that the text has in common with one of them; exact from NEAR on."""
        words = words_of(text)
        if len(words) < _FEW_WORDS:
            return 0.0
        # who shares NEAR of all words shares one of the rarest, of which there are as many as may be missing, and one
        rarest = sorted(words, key=lambda word: len(self._holding.get(word, ())))
        rarest = rarest[: len(words) - math.ceil(NEAR * len(words)) + 1]
        found = {index for word in rarest for index in self._holding.get(word, ())}
        alike = (self._texts[at] for at in found if NEAR * len(words) <= len(self._texts[at]) <= len(words) / NEAR)
        return max((len(words & other) / len(words | other) for other in alike), default=0.0)


def faults_of(judges: Judges, *folders: Path) -> list[Fault]:
    """No text may stand twice in all the folders together: what judges a network must not have trained it."""
    faults = []
    seen: set[str] = set()
    for path in (path for folder in folders for path in sorted(folder.glob("*.jsonl"))):
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            what = _fault_of(line, seen, judges) if line.strip() else None
            if what:
                faults.append(Fault(path.name, number, what))
    return faults


def _fault_of(line: str, seen: set[str], judges: Judges) -> str | None:
    try:
        row = json.loads(line)
        text, task, system = row["text"], row["task"], row.get("system", "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return "no row"
    if not (isinstance(text, str) and isinstance(system, str) and text.strip()):
        return "no text"
    if task not in TEXT_TASKS:
        return "no such task"
    key = " ".join(text.lower().split())
    if key in seen:
        return "stands twice"
    seen.add(key)
    return "repeats what models are judged by" if judges.nearness(text) >= NEAR else None


def main() -> None:
    judges = Judges.of_shared()
    faults = faults_of(judges, WRITTEN, JUDGED)
    for fault in faults:
        print(f"{fault.file}:{fault.line}: {fault.what}")
    raise SystemExit(f"{len(faults)} faults" if faults else 0)


if __name__ == "__main__":
    main()
