"""A real gateway on a real socket, for tests: uvicorn, the app and simulators on one event loop in a thread.

SDKs block or run their own loops; with the server in its own thread both work against it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
import uvloop

from gateway.app import Gateway, Parts
from gateway.config.load import Source, load
from gateway.config.snapshot import Snapshot
from gateway.core.plan import Record
from gateway.http.connection import ClientConnection
from gateway.ledger.journal import Journal
from gateway.providers.vendors import VENDORS
from gateway.simulator.server import Simulator

Result = TypeVar("Result")


class LoopThread:
    """An event loop that runs in a thread of its own."""

    def __enter__(self) -> LoopThread:
        self.loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, Result], timeout: float = 30) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout)


def until(happened: Callable[[], bool], timeout: float = 10) -> None:
    """Block until `happened()`; what it looks at belongs to another thread."""
    deadline = time.monotonic() + timeout
    while not happened():
        assert time.monotonic() < deadline, "it has not happened"
        time.sleep(0.005)


class Recorder:
    """An observer that keeps the records. `wait_for` blocks until so many requests have ended."""

    def __init__(self) -> None:
        self.started: list[Record] = []
        self.ended: list[Record] = []
        self._changed = threading.Condition()

    def on_start(self, record: Record) -> None:
        self.started.append(record)

    def on_dispatch(self, record: Record) -> None:
        """Nothing to keep: the record itself is there from the start."""

    def on_end(self, record: Record) -> None:
        with self._changed:
            self.ended.append(record)
            self._changed.notify_all()

    def wait_for(self, count: int, timeout: float = 10) -> list[Record]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.ended) >= count, timeout), "a request has not ended"
        return self.ended

    def last(self) -> Record:
        """The record of the newest request, once it has ended."""
        return self.wait_for(len(self.started))[-1]


def snapshot_of(text: str, env: dict[str, str] | None = None) -> Snapshot:
    return load(Source("test.yaml", text.encode(), Path()), env=env or {}, vendors=VENDORS)


class RunningGateway:
    def __init__(self, url: str, gateway: Gateway, records: Recorder) -> None:
        self.url = url
        self.base_url = f"{url}/v1"
        self.gateway = gateway
        self.records = records

    async def forget_faults(self) -> None:
        """Close every breaker, for tests that share a gateway and break its upstreams."""
        self.gateway.board.forget()


@contextlib.contextmanager
def running_gateway(
    loop: LoopThread, snapshot: Snapshot, parts: Parts | None = None, journal: Journal | None = None
) -> Iterator[RunningGateway]:
    """Serve `snapshot` on a free loopback port until the block ends."""
    records = Recorder()

    async def build() -> tuple[Gateway, uvicorn.Server]:
        gateway = Gateway(snapshot, parts, observers=(records,), journal=journal)
        config = uvicorn.Config(
            gateway.app,
            http=ClientConnection,
            ws="none",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        return gateway, uvicorn.Server(config)

    listener = socket.create_server(("127.0.0.1", 0))
    gateway, server = loop.run(build())
    serving = asyncio.run_coroutine_threadsafe(server.serve(sockets=[listener]), loop.loop)
    while not server.started and not serving.done():
        threading.Event().wait(0.005)
    try:
        yield RunningGateway(f"http://127.0.0.1:{listener.getsockname()[1]}", gateway, records)
    finally:
        server.should_exit = True
        serving.result(10)
        listener.close()


@contextlib.contextmanager
def running_simulators(loop: LoopThread, *vendors: str) -> Iterator[dict[str, Simulator]]:
    """One simulator per vendor, by its name."""
    simulators = {vendor: Simulator(vendor, port=0) for vendor in vendors}
    for simulator in simulators.values():
        loop.run(simulator.start())
    try:
        yield simulators
    finally:
        for simulator in simulators.values():
            loop.run(simulator.aclose())
