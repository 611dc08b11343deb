"""The reference pages name everything there is: each header, metric, error code and command."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import get_args

import pytest

from gateway.core import headers
from gateway.core.errors import FailureClass
from gateway.core.label import FLAGS
from gateway.core.plan import AttemptKind, CostKind
from gateway.core.quality import DEFECTS
from gateway.core.usage import Usage
from gateway.observe.names import METRICS
from gateway.serve import add_arguments as add_serve

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
GATEWAY = ROOT / "gateway"


def page(name: str) -> str:
    return (DOCS / name).read_text()


@pytest.mark.parametrize("header", [*headers.RESPONSE_HEADERS, headers.HOPS, headers.INCLUDE_COST, headers.TRACEPARENT])
def test_headers(header: str) -> None:
    assert f"`{header}`" in page("headers.md")


def test_the_page_of_metrics_is_the_table_in_the_code() -> None:
    rows = [line for line in page("metrics.md").splitlines() if line.startswith("| `gateway_")]
    assert rows == [f"| `{m.name}` | {m.type} | {', '.join(m.labels)} | {m.help} |" for m in METRICS]


@pytest.mark.parametrize("word", [*DEFECTS, *FLAGS, *get_args(AttemptKind), *get_args(CostKind), *Usage._fields[:-1]])
def test_words_in_labels(word: str) -> None:
    assert f"`{word}`" in page("metrics.md")


@pytest.mark.parametrize("name", FailureClass)
def test_failure_classes(name: FailureClass) -> None:
    assert f"`{name}`" in page("metrics.md")


def test_error_codes() -> None:
    text = page("errors.md")
    source = "".join(path.read_text() for room in ("http", "auth", "route") for path in (GATEWAY / room).glob("*.py"))
    source += (GATEWAY / "execute" / "verdict.py").read_text()
    codes = set(re.findall(r'code="([a-z_]+)"', source)) | set(re.findall(r'code = \d+, "([a-z_]+)"', source))
    assert len(codes) > 15
    missing = {code for code in codes if f"`{code}`" not in text}
    assert not missing


def test_commands_and_options() -> None:
    text = page("cli.md")
    source = (GATEWAY / "cli.py").read_text()
    commands = re.findall(r'add_parser\("(\w+)"', source)
    assert len(commands) >= 4
    for command in commands:
        assert f"`gateway {command}" in text
    parser = argparse.ArgumentParser()
    add_serve(parser)
    options = [option for action in parser._actions for option in action.option_strings if option.startswith("--")]
    assert not [option for option in options if option != "--help" and f"`{option}`" not in text]


def test_relative_links_lead_somewhere() -> None:
    for path in [ROOT / "README.md", *DOCS.glob("*.md")]:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text()):
            assert (path.parent / link).exists(), f"{path.name} links to {link}"
