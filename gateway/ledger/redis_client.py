"""Opens the ledger's Redis: a client that blocks, and is patient."""

from __future__ import annotations

from typing import Any

from gateway.config.snapshot import Redis
from gateway.core import redis_client

LEAST_TIMEOUT_S = 5.0
"""Shipping and reports keep no request waiting: a slow Redis is better than none."""


def open_client(settings: Redis) -> Any:
    """A client that connects when it is first used. Raises ValueError for an address that redis-py refuses."""
    import redis

    timeout = max(LEAST_TIMEOUT_S, settings.timeout_s)
    options = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    return redis_client.open_client(redis, settings.url.reveal(), settings.mode, settings.master, options)
