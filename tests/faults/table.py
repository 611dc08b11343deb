"""The pytest plugin that prints the fault matrix at the end of a run: which tests hold each row, and what is skipped.

Works with xdist: the row travels with each test's report, so that the process which prints need not have run it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from tests.faults.rows import ROWS, Row

PROPERTY = "fault"
WIDTH = 150


@dataclass(slots=True)
class Held:
    """What became of one row's tests."""

    tests: dict[str, None] = field(default_factory=dict)  # in order, without their parameters
    passed: int = 0
    failed: int = 0
    skipped: list[str] = field(default_factory=list)

    @property
    def result(self) -> str:
        parts = [f"{self.passed} passed"] if self.passed else []
        if self.failed:
            parts.append(f"{self.failed} FAILED")
        if self.skipped:
            parts.append(f"{len(self.skipped)} skipped")
        return ", ".join(parts)


class FaultTable:
    def __init__(self) -> None:
        self.held: dict[int, Held] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            for marker in item.iter_markers(PROPERTY):
                item.user_properties += [(PROPERTY, number) for number in marker.args]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, number in report.user_properties:
            if name == PROPERTY and isinstance(number, int):
                self._count(self.held.setdefault(number, Held()), report)

    def _count(self, held: Held, report: pytest.TestReport) -> None:
        held.tests[report.nodeid.partition("[")[0]] = None
        if report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            held.skipped.append(reason.removeprefix("Skipped: "))
        elif report.failed:
            held.failed += 1
        elif report.when == "call":
            held.passed += 1

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.held:
            terminalreporter.section("fault matrix")
            for line in lines(self.held):
                terminalreporter.write_line(line)


def lines(held: dict[int, Held]) -> Iterable[str]:
    """The table, and the rows that no test ran for."""
    for row in ROWS:
        if row.number in held:
            yield from _lines_of(row, held[row.number])
    idle = [row.name for row in ROWS if row.number not in held]
    if idle:
        yield f"not run: {', '.join(idle)}"
    whole = sum(bool(found.passed and not found.failed) for found in held.values())
    yield f"{whole} of {len(ROWS)} rows hold"


def _lines_of(row: Row, found: Held) -> Iterable[str]:
    names = [name.rpartition("/")[2].replace(".py::", "::") for name in found.tests]
    head = f"{row.name:<4}{row.fault:<48}{found.result:<22}"
    room = WIDTH - len(head)
    line = ""
    for name in names:
        if line and len(line) + len(name) + 2 > room:
            yield head + line
            head, line = " " * len(head), ""
        line += (", " if line else "") + name
    yield (head + line).rstrip()
    for reason in dict.fromkeys(found.skipped):
        yield f"{'':<4}skipped: {reason}"
    if row.beyond:
        yield f"{'':<4}beyond the row: {row.beyond}"
