"""Rows to train and to score on: the shared task sets, read in place, and the text written for this project.

A row is (text, system, task, source). Rows marked `restricted` have no permissive licence: they are given only where
asked for by name, to judge models by, and never train the one that ships.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from gateway.classify.model import SHORT, SHORT_CHARS, STAKES
from gateway.classify.tokens import tokens_of
from gateway.classify.window import CONTEXT_CHARS, Window, cut
from gateway.core.label import TEXT_TASKS

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[1] / "shared"
WRITTEN = HERE / "written"
JUDGED = HERE / "judged"
"""Rows of seven more authors, to judge networks by. They train nothing; one
threshold is set by them (heldout.py)."""
XSTEST = "exaggerated-safety"
STAKES_AT = TEXT_TASKS.index(STAKES)


class Row(NamedTuple):
    """`source` is the data set's repository, or `written-<author>` for the project's own text."""

    text: str
    system: str
    task: str
    source: str


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def _row(raw: dict[str, Any], source: str) -> Row:
    return Row(raw["text"], raw.get("system") or "", raw["task"], source)


def shared_rows(*, restricted: bool = False) -> list[Row]:
    """Rows of train.jsonl with a textual task; only those that may train what ships, or only the restricted ones.
    XSTest's are left out: the contrast that false alarms are scored on is made of the same prompts."""
    return [
        _row(raw, raw["source"].split(":")[0])
        for raw in _lines(SHARED / "tasks" / "train.jsonl")
        if raw["task"] in TEXT_TASKS and bool(raw.get("restricted")) is restricted and XSTEST not in raw["source"]
    ]


def structural_texts() -> list[str]:
    """Texts of train.jsonl whose task is structural: unlabelled for a text model, of use to distil a teacher on."""
    return [
        raw["text"]
        for raw in _lines(SHARED / "tasks" / "train.jsonl")
        if raw["task"] not in TEXT_TASKS and not raw.get("restricted")
    ]


def written_rows(folder: Path = WRITTEN) -> list[Row]:
    """The project's own rows, by file name; the part of the name before the first hyphen names the author."""
    rows: dict[str, Row] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for raw in _lines(path):
            rows.setdefault(raw["text"], _row(raw, f"written-{path.name.split('-')[0]}"))
    return list(rows.values())


def of_contrast(row: Row) -> bool:
    """Whether an author of two letters wrote it: they wrote nothing but grave prompts and look-alikes of a sentence
    or two."""
    return row.source.startswith("written-") and len(row.source) == len("written-aa")


def is_short(text: str) -> bool:
    """Whether the network for short texts reads it (gateway/classify/model.py), courtesy aside."""
    return len(text) < SHORT_CHARS and len(tokens_of(text)) <= SHORT


def window_of_text(text: str, system: str = "", chars: int | None = None) -> Window:
    """The text as the gateway reads it; `chars` where it is the head of a longer one."""
    return Window(cut(text), system[:CONTEXT_CHARS], len(text) if chars is None else chars)


def dev_rows() -> list[dict[str, Any]]:
    """dev.jsonl as it is: all eleven tasks, with its structural features. To score on, never to fit on."""
    return list(_lines(SHARED / "tasks" / "dev.jsonl"))


def contrast_rows() -> list[dict[str, Any]]:
    """xstest_contrast.jsonl: `text`, and `label` safe or unsafe."""
    return list(_lines(SHARED / "tasks" / "xstest_contrast.jsonl"))


def difficulty_rows() -> list[dict[str, Any]]:
    """flask_difficulty.jsonl: `text` and one of five `difficulty` levels."""
    return list(_lines(SHARED / "quality" / "flask_difficulty.jsonl"))
