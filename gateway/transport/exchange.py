"""One request of the native transport, from `send` to its end, and the guarded calls of its sink.

It knows who holds it (a pool while it waits, a connection while it runs) and owns no I/O.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from gateway.transport.base import ResponseSink, TransportFault


class Holder(Protocol):
    """Where an exchange is at the moment."""

    def abandon(self, exchange: NativeExchange) -> None:
        """Let go of an exchange that was cancelled; no callback follows."""
        ...

    def set_reading(self, reading: bool) -> None: ...


class NativeExchange:
    """Implements `Exchange`. `sink` is None once the exchange has ended or was cancelled.

    `head` and `body` stay here because a request on a kept connection that turns out to be closed is sent once more.
    """

    __slots__ = ("body", "head", "holder", "method", "paused", "sink")

    def __init__(self, method: str, head: bytes, body: bytes, sink: ResponseSink) -> None:
        self.method = method
        self.head = head
        self.body = body
        self.sink: ResponseSink | None = sink
        self.holder: Holder | None = None
        self.paused = False

    def cancel(self) -> None:
        if self.sink is None:
            return
        self.sink = None
        holder, self.holder = self.holder, None
        if holder is not None:
            holder.abandon(self)

    def pause_reading(self) -> None:
        self.paused = True
        if self.holder is not None:
            self.holder.set_reading(False)

    def resume_reading(self) -> None:
        self.paused = False
        if self.holder is not None:
            self.holder.set_reading(True)

    def finish(self) -> None:
        """Deliver the end, once."""
        sink, self.sink, self.holder = self.sink, None, None
        if sink is not None:
            deliver(sink.on_end)

    def fail(self, fault: TransportFault) -> None:
        """Deliver the fault, unless the exchange has ended."""
        sink, self.sink, self.holder = self.sink, None, None
        if sink is not None:
            deliver(sink.on_fault, fault)


def deliver(callback: Callable[..., None], *args: object) -> None:
    """Call a sink. One that raises breaks its contract: it is reported to the event loop and harms nobody else."""
    try:
        callback(*args)
    except Exception as error:  # noqa: BLE001  a foreign callback may raise anything, and must not stop the connection
        report_sink_error(error)


def report_sink_error(error: BaseException) -> None:
    asyncio.get_running_loop().call_exception_handler(
        {"message": "a response sink raised, against its contract", "exception": error}
    )
