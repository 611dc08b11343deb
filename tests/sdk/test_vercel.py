"""Vercel AI SDK: tests/node/acceptance.mjs runs its cases in Node against the gateway; each is a test here."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.running import RunningGateway
from tests.sdk.conftest import KEY, MAY_SKIP, MODELS

NODE_TESTS = Path(__file__).resolve().parents[1] / "node"
EXPORT = re.compile(r"^export async function (\w+)", re.MULTILINE)
CASES = [name for path in sorted((NODE_TESTS / "cases").glob("*.mjs")) for name in EXPORT.findall(path.read_text())]

Reports = dict[str, dict[str, Any]]


@pytest.fixture(scope="session")
def reports_for(gateway: RunningGateway) -> Callable[[str], Reports]:
    """The results of all cases for a wire, by case: Node runs once per wire."""
    node = shutil.which("node")
    if node is None:
        pytest.skip(f"{MAY_SKIP}node")
    if not (NODE_TESTS / "node_modules" / "ai").is_dir():
        pytest.skip(f"{MAY_SKIP}tests/node/node_modules: run `npm ci` in tests/node")
    known: dict[str, Reports] = {}

    def run(wire: str) -> Reports:
        if wire not in known:
            asked = {"GATEWAY_URL": gateway.base_url, "GATEWAY_KEY": KEY, "MODEL": MODELS[wire], "WIRE": wire}
            done = subprocess.run(
                [node, "acceptance.mjs"],
                cwd=NODE_TESTS,
                env={"PATH": os.environ["PATH"], **asked},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            known[wire] = {report["case"]: report for report in map(json.loads, done.stdout.splitlines())}
        return known[wire]

    return run


@pytest.mark.parametrize("case", CASES)
def test_case(reports_for: Callable[[str], Reports], wire: str, case: str) -> None:
    report = reports_for(wire)[case]
    assert report["ok"], report["error"]


def test_no_case_is_left_out(reports_for: Callable[[str], Reports]) -> None:
    assert len(CASES) > 20
    assert sorted(reports_for("openai")) == sorted(CASES)


def test_the_lock_file_names_no_address_but_the_registrys() -> None:
    lock = json.loads((NODE_TESTS / "package-lock.json").read_text())
    wanted = json.loads((NODE_TESTS / "package.json").read_text())["dependencies"]
    assert lock["packages"][""]["dependencies"] == wanted
    for name, package in lock["packages"].items():
        assert package.get("resolved", "https://registry.npmjs.org/").startswith("https://registry.npmjs.org/"), name
        assert not name or package["integrity"].startswith("sha512-"), name
