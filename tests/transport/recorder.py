"""A sink that writes down what a transport tells it, and checks the order that the contract promises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.transport.base import Exchange, TransportFault
from tests.fault_server import GIVE_UP_S


class Recorder:
    """`body` is what has come so far; `pieces` counts the calls that brought it."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.pieces = 0
        self.fault: TransportFault | None = None
        self.over = False
        self.broken: list[str] = []
        self.exchange: Exchange | None = None
        self.on_change: Callable[[str], None] = lambda name: None
        self._changed = asyncio.Event()

    def on_head(self, status: int, headers: dict[str, str]) -> None:
        self._expect(self.status is None, "a second head")
        self._expect(not self.over, "a head after the end")
        self.status, self.headers = status, headers
        self._note("head")

    def on_body(self, data: bytes) -> None:
        self._expect(self.status is not None, "a body before the head")
        self._expect(not self.over, "a body after the end")
        self._expect(type(data) is bytes, "a body that is not bytes")
        self.body += data
        self.pieces += 1
        self._note("body")

    def on_end(self) -> None:
        self._expect(self.status is not None, "an end before the head")
        self._end()
        self._note("end")

    def on_fault(self, fault: TransportFault) -> None:
        self.fault = fault
        self._end()
        self._note("fault")

    async def outcome(self) -> TransportFault | None:
        """The fault, or None for a response that came whole."""
        await self.until(lambda: self.over)
        assert self.broken == []
        return self.fault

    async def phase(self) -> str | None:
        fault = await self.outcome()
        return fault and fault.phase

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(GIVE_UP_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def _end(self) -> None:
        self._expect(not self.over, "a second end")
        self.over = True

    def _expect(self, kept: bool, promise: str) -> None:
        if not kept:
            self.broken.append(promise)  # raised here, it would be lost in the transport

    def _note(self, name: str) -> None:
        self._changed.set()
        self.on_change(name)
