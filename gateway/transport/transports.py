"""The transports that a process holds, so that connections outlive the config they were opened under."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass, field

from gateway.core.wire import Endpoint
from gateway.transport.base import Transport, TransportLimits


@dataclass(frozen=True, slots=True)
class Kind:
    """What tells one transport from another: "native" or "httpx", its limits, and its proxy (which may hold a
    password, so it does not stand in the repr)."""

    name: str
    limits: TransportLimits
    proxy: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Link:
    """One way to one place."""

    kind: Kind
    endpoint: Endpoint


class Transports:
    """One transport per kind, opened by `make` when it is first asked for. Belongs to one event loop."""

    def __init__(self, make: Callable[[Kind], Transport]) -> None:
        self._make = make
        self._open: dict[Kind, Transport] = {}
        self._links: set[Link] = set()

    def over(self, link: Link) -> Transport:
        """The transport for a link; the same for all links of a kind."""
        self._links.add(link)
        transport = self._open.get(link.kind)
        if transport is None:
            transport = self._open[link.kind] = self._make(link.kind)
        return transport

    async def keep_only(self, used: Set[Link]) -> None:
        """Close the connections of every other link, and the transports without any left."""
        gone = self._links - used
        self._links -= gone
        empty = [self._open.pop(kind) for kind in set(self._open) - {link.kind for link in self._links}]
        for link in gone:
            transport = self._open.get(link.kind)
            if transport is not None:
                await transport.forget(link.endpoint)
        for transport in empty:
            await transport.aclose()

    async def aclose(self) -> None:
        await self.keep_only(frozenset())
