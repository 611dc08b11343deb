"""The short form of `python -m benchmarks.exactly_once`: children killed, Redis killed, every answer recorded once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.redis_server import PROGRAM

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.fault(35)
@pytest.mark.parametrize("store", ["sqlite", "redis"])
def test_every_answer_is_recorded_once(store: str) -> None:
    if store == "redis" and PROGRAM is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    trouble = "killed" if store == "redis" else "none"
    options = ["--requests", "2500", "--kill-every", "0.3", "--store", store, "--trouble", trouble]
    command = [sys.executable, "-m", "benchmarks.exactly_once", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.endswith("\nexactly once\n"), done.stdout + done.stderr
    report = json.loads(done.stdout[: done.stdout.rindex("}") + 1])
    assert report["completed"] >= 2500
    assert report["failed over"] > 100
    assert report["children killed"] >= 1
