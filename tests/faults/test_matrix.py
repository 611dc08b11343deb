"""The matrix itself: no row without a test, no test for a row that is not there, and the page says the same."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.faults.rows import ROWS, Row
from tests.faults.table import Held, lines

TESTS = Path(__file__).resolve().parent.parent
PAGE = TESTS.parent / "docs" / "faults.md"


def marked_rows() -> dict[int, list[str]]:
    """Row number to the tests that name it, read from the code: a selection of tests to run changes nothing."""
    found: dict[int, list[str]] = {}
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault":
                for argument in node.args:
                    found.setdefault(ast.literal_eval(argument), []).append(path.name)
    return found


def test_the_rows_are_numbered() -> None:
    assert [row.number for row in ROWS] == list(range(1, 45))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_row_has_a_test(row: Row) -> None:
    assert row.number in marked_rows()


def test_no_test_is_for_an_unknown_row() -> None:
    assert not set(marked_rows()) - {row.number for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_page_has_each_row(row: Row) -> None:
    assert f"| {row.name} | {row.fault} |" in PAGE.read_text()


def test_what_is_skipped_is_told_with_its_reason() -> None:
    held = {2: Held(tests={"tests/faults/test_x.py::test_y": None}, skipped=["no such program"])}
    told = list(lines(held))
    assert told[0].split() == ["F2", *ROWS[1].fault.split(), "1", "skipped", "test_x::test_y"]
    assert told[1].strip() == "skipped: no such program"
    assert told[-2].startswith("not run: F1, F3, ")
    assert told[-1] == "0 of 44 rows hold"
