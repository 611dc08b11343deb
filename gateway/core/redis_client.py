"""Opens a client of redis-py as a config describes it: single, cluster or sentinel; TLS, users and options by URL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

SENTINEL_PORT = 26379


def why_refused(redis: Any, url: str) -> str | None:
    """Why redis-py can't use an address, or None; never in its own words, which quote the password. Connects to nobody.
    Of Sentinels' addresses the first carries all options."""
    first, *others = url.split(",")
    try:
        redis.Redis.from_url(first).connection_pool.make_connection()
        _nodes(others)
    except ValueError:
        return "it can't be read: / ? # @ : % in a user or a password are written as %2F %3F %23 %40 %3A %25"
    except TypeError as error:
        return f"redis-py knows no such option: {str(error).rpartition(' ')[2]}"
    return None


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
        nodes += _nodes(others)
        if parsed.pop("connection_class", None) is not None:
            parsed["ssl"] = True
        return redis.Sentinel(nodes, sentinel_kwargs=dict(options), **{**parsed, **options}).master_for(master)
    return redis.Redis.from_url(url, **options)


def _nodes(addresses: Iterable[str]) -> list[tuple[str, int]]:
    """Hosts and ports of Sentinels, with or without a scheme. Raises ValueError for a port that is none."""
    urls = [urlsplit(address if "//" in address else f"//{address}") for address in addresses]
    return [(url.hostname or "localhost", url.port or SENTINEL_PORT) for url in urls]
