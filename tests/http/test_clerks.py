"""Questions to the ledger: so many at a time, so many waiting, and none that outlives the patience or the worker."""

from __future__ import annotations

import asyncio
import threading

import pytest

from gateway.core.errors import GatewayError
from gateway.http.clerks import Clerks


async def refused(clerks: Clerks) -> None:
    with pytest.raises(GatewayError) as told:
        await clerks.ask(lambda: pytest.fail("it was asked"))
    assert (told.value.status, told.value.code) == (503, "ledger_unavailable")
    assert ("retry-after", "1") in told.value.headers


async def settle() -> None:
    """Let every task that was just made run up to where it waits."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_answers_and_errors_come_through() -> None:
    clerks = Clerks()
    assert await clerks.ask(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await clerks.ask(divmod, 7, 0)
    clerks.close()


async def test_over_the_limit_is_refused_at_once_and_room_comes_back() -> None:
    clerks, go_on = Clerks(clerks=1, places=3), threading.Event()
    waiting = [asyncio.create_task(clerks.ask(go_on.wait)) for _ in range(3)]
    await settle()
    await refused(clerks)
    go_on.set()
    assert await asyncio.gather(*waiting) == [True] * 3
    assert await clerks.ask(divmod, 7, 2) == (3, 1)
    clerks.close()


async def test_one_whose_client_has_left_makes_room() -> None:
    clerks, go_on = Clerks(clerks=1, places=2), threading.Event()
    first, second = (asyncio.create_task(clerks.ask(go_on.wait)) for _ in range(2))
    await settle()
    second.cancel()
    await settle()
    third = asyncio.create_task(clerks.ask(divmod, 7, 2))
    await settle()
    go_on.set()
    assert await first
    assert await third == (3, 1)
    clerks.close()


async def test_what_has_waited_for_too_long_is_not_asked() -> None:
    clerks = Clerks(patience_s=-1.0)
    await refused(clerks)
    clerks.close()


async def test_the_end_waits_for_no_store() -> None:
    clerks, go_on = Clerks(clerks=1, places=2), threading.Event()
    first = asyncio.create_task(clerks.ask(go_on.wait))
    second = asyncio.create_task(clerks.ask(lambda: pytest.fail("it was asked")))
    await settle()
    clerks.close()
    assert not first.done(), "close() came back while a question hangs"
    with pytest.raises(asyncio.CancelledError):
        await second
    await refused(clerks)
    go_on.set()
    assert await first
