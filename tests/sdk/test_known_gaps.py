"""The table of known gaps names cases that exist, and docs/sdks.md shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.sdk.conftest import COLLECTED, HERE, MODELS
from tests.sdk.known_gaps import GAPS, Case

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "sdks.md").read_text()
ROW = re.compile(r"^\| `(\w+)` (\w+) \| (\w+) \| (.+) \|$", re.MULTILINE)


def test_every_gap_is_of_a_case_that_runs(request: pytest.FixtureRequest) -> None:
    """Of the suites that this run has collected."""
    collected = request.session.stash[COLLECTED]
    suites = {case.suite for case in collected}
    assert not {case for case in GAPS if case.suite in suites and case not in collected}
    assert all((HERE / f"test_{case.suite}.py").exists() and case.wire in MODELS for case in GAPS)


def test_the_page_shows_every_gap_and_no_other() -> None:
    shown = {Case(suite, name, wire): reason for suite, name, wire, reason in ROW.findall(PAGE)}
    assert shown == GAPS


def test_the_page_names_every_suite() -> None:
    suites = {path.stem.removeprefix("test_") for path in HERE.glob("test_*.py")} - {"known_gaps"}
    assert not {suite for suite in suites if f"`{suite}`" not in PAGE}
