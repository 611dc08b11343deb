"""`gateway serve` as a real process, for tests: what it prints, where it listens, and its children."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
from itertools import cycle, islice
from pathlib import Path

from tests.running import until

ROOT = Path(__file__).resolve().parents[1]


_FIRST_PORT = 20_000
_PORTS_EACH = 500
_MOST_WORKERS = 24
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _MOST_WORKERS
_ports = cycle(range(_FIRST_PORT + _worker * _PORTS_EACH, _FIRST_PORT + (_worker + 1) * _PORTS_EACH))


def free_port() -> int:
    """One that nobody else gets meanwhile: below those that Linux hands out by itself, and out of the range of this
    worker of pytest's. One that the kernel gave and took back may be another test's server by the time that a process
    of ours wants to listen there, and is then taken for that process."""
    for port in islice(_ports, _PORTS_EACH):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise RuntimeError(f"none of {_PORTS_EACH} ports is free")


def in_use(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Printing:
    """A Python process of ours and what it has printed. `stop` gives its exit status."""

    def __init__(self, *command: str, env: dict[str, str] | None = None) -> None:
        keyless = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
        # What the example configs keep must not mix with what somebody keeps who works in this checkout.
        self._state = tempfile.TemporaryDirectory(prefix="switchyard-")
        keyless["SWITCHYARD_STATE"] = self._state.name
        self.process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env={**keyless, **(env or {})}, stderr=subprocess.PIPE, text=True
        )
        self.printed: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.printed.append(line)

    @property
    def text(self) -> str:
        return "".join(self.printed)

    def children(self) -> list[int]:
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def ended(self) -> int:
        """The exit status, once it has ended and all is read that it printed."""
        code = self.process.wait(15)
        self._reader.join(5)
        self._state.cleanup()
        return code

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        return self.ended()


class Served(Printing):
    """`gateway serve` on a free port."""

    def __init__(self, *arguments: str, env: dict[str, str] | None = None) -> None:
        self.port = free_port()
        super().__init__("-m", "gateway", "serve", "--port", str(self.port), *arguments, env=env)

    def wait_until_up(self) -> None:
        until(lambda: in_use(self.port) or self.process.poll() is not None, timeout=30)
        assert self.process.poll() is None, self.text
