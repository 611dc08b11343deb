"""A provider as execute sees it: the meeting of adapter and transport, which do not know each other."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.wire import Endpoint, Headers
from gateway.providers.base import Adapter
from gateway.transport.base import Transport


@dataclass(frozen=True, slots=True)
class Upstream:
    """`headers` are sent with every call: authorization, the config's own, and the gateway's. They hold secrets, so
    this object has no repr of them."""

    name: str
    endpoint: Endpoint
    adapter: Adapter
    transport: Transport
    headers: Headers

    def __repr__(self) -> str:
        return f"Upstream({self.name!r})"
