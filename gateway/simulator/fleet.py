"""The demo's simulators as child processes: started together, gone with their parent."""

from __future__ import annotations

import subprocess
import sys
from types import TracebackType
from typing import IO

DEMO_PORTS = (("openai", 9101), ("anthropic", 9102), ("gemini", 9103), ("openai", 9104))
"""Vendor and port of each simulator; config/demo.yaml points its providers at them (the last one plays Meta)."""


class Fleet:
    """One process per simulator, so that each can be killed alone. A child ends when its stdin does, so that none
    outlives a parent that was killed."""

    def __init__(self, members: tuple[tuple[str, int], ...] = DEMO_PORTS) -> None:
        self._members = members
        self._children: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Fleet:
        for vendor, port in self._members:
            command = [sys.executable, "-m", "gateway", "simulate", vendor, "--port", str(port), "--until-stdin-ends"]
            self._children.append(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._children:
            child.terminate()
        for child in self._children:
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()

    def wait_until_listening(self) -> list[tuple[str, str, int]]:
        """(vendor, "listening on ..." line, process id) of each. Raises RuntimeError when one could not start."""
        ready = []
        for (vendor, port), child in zip(self._members, self._children, strict=True):
            line = _first_line(child.stdout)
            if not line.startswith("listening"):
                raise RuntimeError(f"the {vendor} simulator could not listen on 127.0.0.1:{port}; is it in use?")
            ready.append((vendor, line, child.pid))
        return ready


def _first_line(pipe: IO[str] | None) -> str:
    return pipe.readline().strip() if pipe is not None else ""
