"""One worker's HTTP server: uvicorn's, with a way of its own to stop.

A drain begins at once and ends in order: nobody new is let in, what is under way goes on for the grace, what is left
then gets its last event, and only then connections close.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from gateway.app import Gateway
from gateway.http.connection import ClientConnection

KEEP_ALIVE_S = 75
TICK_S = 1.0
LAST_EVENTS_S = 1.0
"""For those that were told that time is over, to say so to their clients."""


class WorkerServer(uvicorn.Server):
    """Belongs to one event loop. Signals are not its business."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(
            uvicorn.Config(
                gateway.app,
                http=ClientConnection,
                ws="none",
                log_config=None,
                log_level=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                proxy_headers=False,
            )
        )
        self._gateway = gateway
        self._told = asyncio.Event()
        self._deadline = 0.0

    def drain(self) -> None:
        """Stop accepting now, and end once what is under way has ended or the grace is over."""
        if self._told.is_set():
            return
        self._told.set()
        self._gateway.drain()
        self._deadline = asyncio.get_running_loop().time() + self._gateway.current().snapshot.server.grace_s
        if self.started:
            self._stop_accepting()

    def end(self) -> None:
        """As `drain`, without grace."""
        self.drain()
        self._deadline = 0.0
        self._cut()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        while not self._told.is_set():
            await self.on_tick(0)  # the date header
            try:
                await asyncio.wait_for(self._told.wait(), TICK_S)
            except TimeoutError:
                pass

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stop_accepting()
        loop = asyncio.get_running_loop()
        while self.server_state.tasks and (left := self._deadline - loop.time()) > 0:
            await asyncio.wait(set(self.server_state.tasks), timeout=left)
        self._cut()
        last = max(self._deadline, loop.time() + LAST_EVENTS_S)
        if self.server_state.tasks:
            await asyncio.wait(set(self.server_state.tasks), timeout=LAST_EVENTS_S)
        await self._close_connections(last)
        await self.lifespan.shutdown()

    def _stop_accepting(self) -> None:
        for server in self.servers:
            server.close()
        for connection in self.server_state.connections:
            cycle = getattr(connection, "cycle", None)
            if cycle is not None and not cycle.response_complete:
                # One that waits for its next request is told when it sends one, rather than cut off while it does.
                cycle.keep_alive = False

    def _cut(self) -> None:
        for task in self.server_state.tasks:
            task.cancel()

    async def _close_connections(self, deadline: float) -> None:
        """Each once its client has what was written to it."""
        loop = asyncio.get_running_loop()
        for connection in list(self.server_state.connections):
            connection.transport.close()
        while self.server_state.connections and loop.time() < deadline:  # noqa: ASYNC110  they tell nobody
            await asyncio.sleep(0.01)
