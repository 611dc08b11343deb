"""Providers of a config become upstreams: which transport carries their calls, and what they are sent with.

Part of the composition root: it wires, and decides nothing about requests.
"""

from __future__ import annotations

from gateway import __version__
from gateway.config.snapshot import Provider, Snapshot
from gateway.execute.upstream import Upstream
from gateway.providers.credentials import authorization
from gateway.providers.registry import adapter_for
from gateway.transport.base import Transport, TransportLimits
from gateway.transport.native import NativeTransport
from gateway.transport.transports import Kind, Link

USER_AGENT = f"switchyard/{__version__}"


def link_of(provider: Provider, snapshot: Snapshot) -> Link:
    timeouts = snapshot.timeouts
    limits = TransportLimits(
        connect_s=timeouts.connect, pool_wait_s=timeouts.pool, max_connections=provider.max_connections
    )
    proxy = provider.proxy if provider.transport == "httpx" else None
    return Link(Kind(provider.transport, limits, proxy), provider.endpoint)


def open_transport(kind: Kind) -> Transport:
    if kind.name == "native":
        return NativeTransport(kind.limits)
    # Few configs name it, and importing it takes a tenth of a second of every start.
    from gateway.transport.httpx_client import HttpxTransport

    return HttpxTransport(kind.limits, kind.proxy)


def open_upstream(provider: Provider, transport: Transport) -> Upstream:
    headers = {
        key.name: (
            ("user-agent", USER_AGENT),
            *authorization(provider.vendor, key.secret.reveal()),
            *provider.headers,
        )
        for key in provider.keys
    }
    secrets = (
        *(key.secret.reveal() for key in provider.keys),
        *(value for name, value in provider.headers if name.lower() in provider.secret_headers),
    )
    return Upstream(
        provider.name,
        provider.endpoint,
        adapter_for(provider.vendor),
        transport,
        headers,
        tuple(filter(None, secrets)),
    )
