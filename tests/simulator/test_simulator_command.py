"""`gateway simulate` as a process."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A simulator and the address that its first line tells."""
    command = [sys.executable, "-m", "gateway", "simulate", *arguments]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        found = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+)\n", child.stdout.readline())
        assert found is not None
        yield child, found.group(1)
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()


def get(url: str) -> object:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


@pytest.mark.parametrize(("vendor", "number"), [("openai", signal.SIGTERM), ("anthropic", signal.SIGINT)])
def test_it_serves_and_stops_at_a_signal(vendor: str, number: signal.Signals) -> None:
    with process(vendor, "--ttft-ms", "1", "--tps", "1000") as (child, url):
        assert get(f"{url}/_stats")
        child.send_signal(number)
        assert child.wait(10) == 0


def test_it_stops_when_its_parent_lets_go() -> None:
    with process("gemini", "--until-stdin-ends") as (child, url):
        assert get(f"{url}/v1beta/models")
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(10) == 0


def test_it_says_why_it_cannot_listen() -> None:
    with process("openai") as (_, url):
        port = url.rpartition(":")[2]
        command = [sys.executable, "-m", "gateway", "simulate", "openai", "--port", port]
        second = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=10, check=False)
        assert second.returncode == 1
        assert f"cannot listen on 127.0.0.1:{port}" in second.stderr
