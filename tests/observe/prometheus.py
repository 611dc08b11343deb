"""The Debian package `prometheus` for tests: promtool, and a server that scrapes what a test runs.

`make test` installs it where it may (tools/install_test_services.sh); without it, tests that need it are skipped.
"""

from __future__ import annotations

import shutil
import subprocess

import pytest


def binary(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install prometheus")
    return found


def promtool(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([binary("promtool"), *arguments], input=stdin, capture_output=True, timeout=60, check=False)
