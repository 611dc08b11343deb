"""Puts questions that block to the ledger: in threads of its own, so that a store which hangs holds up nobody but those
who ask it, and with no more questions waiting than can be answered soon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import ParamSpec, TypeVar

from gateway.core.errors import GatewayError, Overloaded

CLERKS = 4
PLACES = 64
PATIENCE_S = 5.0

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


class Clerks:
    """`clerks` threads, which come when they are first needed, and `places` for questions, those under way included.
    One that had to wait for more than `patience_s` seconds is not put any more."""

    def __init__(self, clerks: int = CLERKS, places: int = PLACES, patience_s: float = PATIENCE_S) -> None:
        self._threads = ThreadPoolExecutor(clerks, thread_name_prefix="ledger")
        self._places = BoundedSemaphore(places)
        self._patience_s = patience_s

    async def ask(self, question: Callable[Asked, Answer], *args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
        """The question's answer. Raises Overloaded where too many ask, and what the question raises."""
        if not self._places.acquire(blocking=False):
            raise busy()
        until = time.monotonic() + self._patience_s

        def put() -> Answer:
            if time.monotonic() > until:
                raise busy()
            return question(*args, **kwargs)

        try:
            asked = self._threads.submit(put)
        except RuntimeError:  # closed
            self._places.release()
            raise busy() from None
        asked.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(asked)

    def close(self) -> None:
        """Put no further question, and wait for none."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def busy() -> GatewayError:
    return Overloaded(
        "Too many wait for the ledger at the moment. Please try again in 1s.",
        code="ledger_unavailable",
        headers=(("retry-after", "1"),),
    )
