"""Simulated providers as processes that can be killed, brought back and told to misbehave, for benchmarks."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from typing import Any

from benchmarks.processes import ROOT, free_port, wait_for


class Provider:
    """One simulator on a port of its own, which it keeps when it comes back."""

    def __init__(self, name: str, *options: str) -> None:
        self.name = name
        self.port = free_port()
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def down(self) -> bool:
        return self._process is None

    def start(self) -> None:
        command = [sys.executable, "-m", "gateway", "simulate", self.name, "--port", str(self.port), *self._options]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_for(self.port, self._process)

    def kill(self) -> None:
        """As a machine that loses its power: connections are refused from now on."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def misbehave(self, fault: str, **options: Any) -> None:
        self._control("POST", json.dumps({"fault": fault, **options}))

    def behave(self) -> None:
        self._control("DELETE", None)

    def _control(self, method: str, body: str | None) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request(method, "/_control", body)
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{self.name}: {answer.read().decode()}")
        connection.close()
