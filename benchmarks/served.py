"""A gateway in this process, for benchmarks that read its records: served on a free loopback port beside them."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn

from benchmarks.processes import ROOT
from gateway.app import Gateway
from gateway.config.load import Source, load
from gateway.core.plan import Record
from gateway.http.connection import ClientConnection
from gateway.providers.vendors import VENDORS


class Records:
    """Sums up what requests came to."""

    def __init__(self) -> None:
        self.outcomes: dict[str, int] = {}
        self.nano_usd: dict[str, int] = {}
        self.attempts: dict[str, int] = {}

    def on_start(self, record: Record) -> None:
        """Only ends are counted."""

    def on_dispatch(self, record: Record) -> None:
        """Only ends are counted."""

    def on_end(self, record: Record) -> None:
        self.outcomes[record.outcome] = self.outcomes.get(record.outcome, 0) + 1
        for kind, amount in record.costs.items():
            self.nano_usd[kind] = self.nano_usd.get(kind, 0) + amount
        for attempt in record.attempts:
            self.attempts[attempt.kind] = self.attempts.get(attempt.kind, 0) + 1


@asynccontextmanager
async def serving(config: str) -> AsyncIterator[tuple[int, Gateway, Records]]:
    records = Records()
    snapshot = load(Source("bench.yaml", config.encode(), Path()), env={}, vendors=VENDORS)
    gateway = Gateway(snapshot, observers=(records,))
    settings = uvicorn.Config(gateway.app, http=ClientConnection, ws="none", log_config=None, access_log=False)
    server = uvicorn.Server(settings)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    task = asyncio.ensure_future(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110  it tells nobody
        await asyncio.sleep(0.01)
    try:
        yield listener.getsockname()[1], gateway, records
    finally:
        server.should_exit = True
        await task
        listener.close()


async def ask(port: int, connections: int, count: int, body: dict[str, Any]) -> dict[str, float]:
    """What benchmarks.load, in a process of its own, says of `count` requests."""
    command = ("-m", "benchmarks.load", str(port), str(connections), str(count), json.dumps(body))
    process = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("the load did not end well")
    result: dict[str, float] = json.loads(out)
    return result


def set_fault(port: int, **fault: Any) -> None:
    """What the simulator on `port` does from now on."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/_control", json.dumps(fault).encode(), method="POST")
    urllib.request.urlopen(request, timeout=5).close()
