"""Opens a client of redis-py as a config describes it: single, cluster or sentinel; TLS, users and options by URL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

SENTINEL_PORT = 26379


def open_client(redis: Any, url: str, mode: str, master: str | None, options: Mapping[str, Any]) -> Any:
    """`redis` is the package `redis`, whose clients block, or `redis.asyncio`: it is handed in, as importing it takes a
    tenth of a second of every start and few configs name a Redis. `options` go before those of the URL.

    Raises ValueError for an address that redis-py refuses.
    """
    if mode == "cluster":
        return redis.RedisCluster.from_url(url, **options)
    if mode == "sentinel":
        first, *others = url.split(",")
        parsed: dict[str, Any] = dict(redis.connection.parse_url(first))
        nodes = [(parsed.pop("host", "localhost"), parsed.pop("port", SENTINEL_PORT))]
        for other in others:
            at = urlsplit(other if "//" in other else f"//{other}")
            nodes.append((at.hostname or "localhost", at.port or SENTINEL_PORT))
        if parsed.pop("connection_class", None) is not None:
            parsed["ssl"] = True
        return redis.Sentinel(nodes, sentinel_kwargs=dict(options), **{**parsed, **options}).master_for(master)
    return redis.Redis.from_url(url, **options)
