"""Opens a redis-py client as the config describes it: single, cluster or sentinel; TLS, users and options by URL."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from gateway.config.snapshot import Redis

LEAST_TIMEOUT_S = 5.0
"""Shipping and reports keep no request waiting: a slow Redis is better than none."""


def open_client(settings: Redis) -> Any:
    """A client that connects when it is first used. Raises ValueError for an address that redis-py refuses."""
    import redis
    from redis.cluster import RedisCluster
    from redis.sentinel import Sentinel

    url = settings.url.reveal()
    timeout = max(LEAST_TIMEOUT_S, settings.timeout_s)
    options: dict[str, Any] = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    if settings.mode == "cluster":
        return RedisCluster.from_url(url, **options)
    if settings.mode == "sentinel":
        first, *others = url.split(",")
        parsed: dict[str, Any] = redis.connection.parse_url(first)  # type: ignore[no-untyped-call]
        nodes = [(parsed.pop("host", "localhost"), parsed.pop("port", 26379))]
        for other in others:
            at = urlsplit(other if "//" in other else f"//{other}")
            nodes.append((at.hostname or "localhost", at.port or 26379))
        if parsed.pop("connection_class", None) is not None:
            parsed["ssl"] = True
        sentinel: Any = Sentinel(nodes, sentinel_kwargs=options, **{**parsed, **options})  # type: ignore[no-untyped-call]
        return sentinel.master_for(settings.master)
    return redis.Redis.from_url(url, **options)
