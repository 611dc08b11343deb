"""A child that runs a blocking loop beside the workers, such as the ledger's keeper."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from gateway.config.snapshot import Snapshot
from gateway.process.children import Start

Work = Callable[[Snapshot, threading.Event], None]
"""Runs until the event is set, and then a last time."""


def background(work: Work) -> Callable[[Start], int]:
    """The target of a child: `work`, told to stop when the supervisor says so or is gone."""

    def target(start: Start) -> int:
        stop = threading.Event()
        threading.Thread(target=_listen, args=(start.line, stop), daemon=True).start()
        work(start.config.snapshot, stop)
        return 0

    return target


def _listen(line: socket.socket, stop: threading.Event) -> None:
    """All that is ever said to such a child is that it shall stop."""
    try:
        line.recv(1)
    finally:
        stop.set()
