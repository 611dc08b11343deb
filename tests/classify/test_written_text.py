"""The text written for training: a row must be well formed, stand once, and be no prompt that models are judged by."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.shared_data import SHARED
from training.check import Fault, Judges, faults_of
from training.corpus import JUDGED, WRITTEN

JUDGES = Judges(["How do I sharpen a dull kitchen knife?", "Name the largest lake of Africa"])


def check(folder: Path, *lines: str) -> list[Fault]:
    (folder / "x-1.jsonl").write_text("\n".join(lines) + "\n")
    return faults_of(JUDGES, folder)


def row(text: str, task: str = "coding") -> str:
    return json.dumps({"text": text, "task": task})


def test_what_is_near_and_what_is_not() -> None:
    assert JUDGES.nearness("how do i sharpen a kitchen knife") > 0.8
    assert JUDGES.nearness("how do i sort a list in python") < 0.6
    assert JUDGES.nearness("africa") == 0.0


def test_a_near_text_is_found_among_many_longer_ones_that_share_more_words() -> None:
    near = "what is the best way to sharpen a knife"
    longer = [f"{near} and a saw in the shed {number} times a year" for number in range(20)]
    assert Judges([*longer, "the best way to sharpen a knife"]).nearness(
        "way to sharpen a best knife"
    ) == pytest.approx(6 / 7)


def test_each_fault_is_told_with_its_line(tmp_path: Path) -> None:
    found = check(
        tmp_path,
        row("Sort this list"),
        "{",
        row("What's up?", "small_talk"),
        row(" "),
        "[1]",
        row("sort  this LIST"),
        row("How do I sharpen a very dull kitchen knife"),
        "",
    )
    assert [(fault.line, fault.what) for fault in found] == [
        (2, "no row"),
        (3, "no such task"),
        (4, "no text"),
        (5, "no row"),
        (6, "stands twice"),
        (7, "repeats what models are judged by"),
    ]


def test_what_judges_did_not_train(tmp_path: Path) -> None:
    trained, judging = tmp_path / "written", tmp_path / "judged"
    for folder, text in ((trained, "do fish sleep"), (judging, "Do fish  sleep")):
        folder.mkdir()
        (folder / "x-1.jsonl").write_text(row(text, "simple_qa") + "\n")
    assert [(fault.line, fault.what) for fault in faults_of(JUDGES, trained, judging)] == [(1, "stands twice")]


@pytest.mark.skipif(not (SHARED / "tasks").is_dir(), reason="../shared/tasks is not there")
def test_the_text_in_the_repository_has_no_fault() -> None:
    assert faults_of(Judges.of_shared(), WRITTEN, JUDGED) == []
