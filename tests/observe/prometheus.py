"""The Debian package `prometheus` for tests: promtool, and a server that scrapes what a test runs.

`make test` installs it where it may (tools/install_test_services.sh); without it, tests that need it are skipped.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.running import until
from tests.served import free_port


def binary(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install prometheus")
    return found


def promtool(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([binary("promtool"), *arguments], input=stdin, capture_output=True, timeout=60, check=False)


class Prometheus:
    """A server of its own: a free port, a folder that goes away, one target scraped many times a second."""

    def __init__(self, target: str, folder: Path, interval: str = "250ms") -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        config = folder / "prometheus.yml"
        config.write_text(
            f"global: {{scrape_interval: {interval}, evaluation_interval: 1s}}\n"
            f"scrape_configs: [{{job_name: switchyard, static_configs: [{{targets: ['{target}']}}]}}]\n"
        )
        self._process = subprocess.Popen(
            [
                binary("prometheus"),
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=error",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> Prometheus:
        until(self._is_ready, timeout=20)
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.kill()
        self._process.wait(10)

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The rows of an instant query. Raises AssertionError with Prometheus's own words for one it can't read."""
        answer = httpx.post(f"{self.url}/api/v1/query", data={"query": expr}).json()
        assert answer["status"] == "success", f"{answer.get('error')}\n{expr}"
        result = answer["data"]["result"]
        return [{"metric": {}, "value": result}] if answer["data"]["resultType"] == "scalar" else result

    def number(self, expr: str) -> float:
        """The only value of a query; 0 where there is none."""
        rows = self.query(expr)
        assert len(rows) < 2, rows
        return float(rows[0]["value"][1]) if rows else 0.0

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, "prometheus ended"
        try:
            return httpx.get(f"{self.url}/-/ready").status_code == 200
        except httpx.TransportError:
            return False
