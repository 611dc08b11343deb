"""Host name to open TCP connection: resolution that is cached for a while, and every address tried.

Knows nothing of HTTP or TLS. Raises socket.gaierror where a name has no address and OSError where none of them answers.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Sequence
from itertools import chain, zip_longest
from typing import TypeVar

Address = tuple[str, int]
ProtocolT = TypeVar("ProtocolT", bound=asyncio.Protocol)

STAGGER_S = 0.25
"""Seconds an attempt has before the next address is tried beside it (RFC 8305, section 5)."""


class Resolver:
    """The addresses of one host, kept for `ttl_s` seconds. Simultaneous askers share one look-up."""

    def __init__(self, host: str, port: int, ttl_s: float) -> None:
        self._host = host
        self._port = port
        self._ttl_s = ttl_s
        self._expires = float("-inf")
        self._addresses: tuple[Address, ...] = ()
        self._lookup: asyncio.Task[tuple[Address, ...]] | None = None
        try:
            ipaddress.ip_address(host)
        except ValueError:
            pass
        else:
            self._addresses = ((host, port),)
            self._expires = float("inf")

    async def addresses(self) -> tuple[Address, ...]:
        """Raises socket.gaierror, or UnicodeError for a name that can't be one."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._expires:
            return self._addresses
        if self._lookup is None:
            self._lookup = loop.create_task(self._resolve())
            self._lookup.add_done_callback(self._looked_up)
        return await asyncio.shield(self._lookup)

    def forget(self) -> None:
        """None of the addresses answers: look again next time."""
        if self._expires != float("inf"):
            self._expires = float("-inf")

    async def close(self) -> None:
        if self._lookup is not None:
            self._lookup.cancel()
            await asyncio.wait([self._lookup])

    async def _resolve(self) -> tuple[Address, ...]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        v6 = [(str(info[4][0]), self._port) for info in found if info[0] == socket.AF_INET6]
        v4 = [(str(info[4][0]), self._port) for info in found if info[0] == socket.AF_INET]
        first, second = (v6, v4) if found and found[0][0] == socket.AF_INET6 else (v4, v6)
        mixed = chain.from_iterable(zip_longest(first, second))
        self._addresses = tuple(dict.fromkeys(address for address in mixed if address is not None))
        if not self._addresses:
            raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
        self._expires = loop.time() + self._ttl_s
        return self._addresses

    def _looked_up(self, lookup: asyncio.Task[tuple[Address, ...]]) -> None:
        self._lookup = None
        if not lookup.cancelled():
            lookup.exception()  # seen, even where every asker has gone


async def connect_any(addresses: Sequence[Address], factory: Callable[[], ProtocolT]) -> ProtocolT:
    """The protocol of the first connection that opens. The others are closed.

    Raises the first address's OSError when none opens.
    """
    loop = asyncio.get_running_loop()
    if len(addresses) == 1:
        host, port = addresses[0]
        _, protocol = await loop.create_connection(factory, host, port)
        return protocol
    untried = list(reversed(addresses))
    attempts: list[asyncio.Task[tuple[asyncio.Transport, ProtocolT]]] = []
    winner: asyncio.Task[tuple[asyncio.Transport, ProtocolT]] | None = None
    pending: set[asyncio.Task[tuple[asyncio.Transport, ProtocolT]]] = set()
    try:
        while winner is None and (untried or pending):
            if untried:
                host, port = untried.pop()
                attempts.append(loop.create_task(loop.create_connection(factory, host, port)))
                pending.add(attempts[-1])
            done, pending = await asyncio.wait(
                pending, timeout=STAGGER_S if untried else None, return_when=asyncio.FIRST_COMPLETED
            )
            winner = next((attempt for attempt in done if attempt.exception() is None), None)
        if winner is not None:
            return winner.result()[1]
    finally:
        for attempt in attempts:
            if attempt is not winner:
                attempt.cancel()
                attempt.add_done_callback(_close_late)
    raise attempts[0].exception() or OSError("no address answers")


def _close_late(attempt: asyncio.Task[tuple[asyncio.Transport, ProtocolT]]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result()[0].abort()
