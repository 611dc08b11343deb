"""docs/simulator.md says everything that a simulator can be told."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from pathlib import Path

from gateway.simulator.command import add_arguments
from gateway.simulator.faults import FAULTS, Fault

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "simulator.md").read_text()


def rows(heading: str) -> set[str]:
    """The names in the first column of the tables under a heading."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    first = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    return {name for cell in first for name in re.findall(r"`([^`]+)`", cell)}


def test_every_fault_and_option_is_in_the_table_and_nothing_else() -> None:
    options = set(Fault.__dataclass_fields__) - {"name"}
    assert rows("Faults") == set(FAULTS) | options


def test_every_argument_is_in_the_table() -> None:
    parser = ArgumentParser()
    add_arguments(parser)
    known = {option for action in parser._actions for option in action.option_strings if option.startswith("--")}
    assert rows("Start one") == known - {"--help"}
