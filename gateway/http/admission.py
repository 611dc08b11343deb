"""How many chat requests one worker serves at a time. More wait their turn, in order and for a bounded time; what finds
no place, or has waited for too long, is told to come again.

One that waits has not been read yet: a connection holds a few kilobytes of it, so that the queue is bounded in memory.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Literal, Protocol

from gateway.config.snapshot import Server
from gateway.core.errors import GatewayError, Overloaded
from gateway.execute.deadlines import Deadlines

Refusal = Literal["queue_full", "queue_timeout"]


class Turnstile(Protocol):
    """Is told of those that wait and of those that are turned away."""

    def on_queued(self) -> None: ...

    def on_dequeued(self) -> None: ...

    def on_overloaded(self, reason: Refusal) -> None: ...


class Admission:
    """Belongs to one event loop. A request enters by `running += 1` while `running < limit`, which is all that it costs
    in good times, and else by `wait()`; each that came in leaves by `leave()`."""

    __slots__ = (
        "_closed",
        "_deadlines",
        "_length",
        "_most",
        "_timeout_s",
        "_turnstile",
        "_waiting",
        "limit",
        "running",
    )

    def __init__(self, server: Server, deadlines: Deadlines, turnstile: Turnstile) -> None:
        self._deadlines = deadlines
        self._turnstile = turnstile
        self._waiting: OrderedDict[asyncio.Future[None], None] = OrderedDict()
        self._closed = False
        self.running = 0
        self.resize(server)

    def resize(self, server: Server) -> None:
        """Take over the bounds of another config. Those that are in stay in."""
        self._most = server.max_in_flight
        self._length = server.queue
        self._timeout_s = server.queue_timeout_s
        self.limit = 0 if self._closed else self._most
        while self.running < self._most and self._let_in():
            self.running += 1

    def close(self) -> None:
        """From now on nobody comes in but those that wait already."""
        self._closed = True
        self.limit = 0

    async def wait(self) -> None:
        """Come in, now or later. Raises Overloaded: 503, also once the gateway is shutting down."""
        if self._closed:
            raise shutting_down()
        if len(self._waiting) >= self._length:
            self._turnstile.on_overloaded("queue_full")
            raise overloaded()
        turn = self._deadlines.loop.create_future()
        self._waiting[turn] = None
        self._turnstile.on_queued()
        deadline = self._deadlines.after(self._timeout_s, self._turn_away, turn)
        try:
            await turn
        except asyncio.CancelledError:
            # Its turn may have come in the same moment.
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.leave()
            raise
        finally:
            deadline.cancel()
            self._waiting.pop(turn, None)
            self._turnstile.on_dequeued()

    def leave(self) -> None:
        """Make room: the place goes to the first that waits, so that no newcomer is quicker."""
        if self._waiting and self.running <= self._most and self._let_in():
            return
        self.running -= 1

    def _let_in(self) -> bool:
        """Whether somebody was waiting. One whose client has left meanwhile is passed over."""
        while self._waiting:
            turn, _ = self._waiting.popitem(last=False)
            if not turn.done():
                turn.set_result(None)
                return True
        return False

    def _turn_away(self, turn: asyncio.Future[None]) -> None:
        if not turn.done() and self._waiting.pop(turn, turn) is None:
            self._turnstile.on_overloaded("queue_timeout")
            turn.set_exception(overloaded())


def overloaded() -> GatewayError:
    return Overloaded(
        "The gateway is serving as many requests as it can. Please try again in 1s.",
        type="service_unavailable_error",
        code="server_is_overloaded",
        headers=(("retry-after", "1"),),
    )


def shutting_down() -> GatewayError:
    return Overloaded(
        "The gateway is shutting down.", code="shutting_down", headers=(("retry-after", "1"), ("connection", "close"))
    )
