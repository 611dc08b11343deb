"""The few bytes-level types that transport and providers share through execute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

Headers = tuple[tuple[str, str], ...]


class SseEvent(NamedTuple):
    """One server-sent event. `event` is "" where the stream named none; `data` has its lines joined by newlines."""

    event: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a provider is, parsed once per snapshot; also the key of a connection pool.

    `prefix` is the base URL's path without a trailing slash. `ca_file`, `client_cert` and `client_key` are paths of
    PEM files; `ca_file` replaces the system's trust store for this endpoint.
    """

    scheme: str
    host: str
    port: int
    prefix: str = ""
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None

    @property
    def authority(self) -> str:
        """The `Host` header: default ports are left out, IPv6 literals are bracketed."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return host if self.port == default else f"{host}:{self.port}"


class UpstreamCall(NamedTuple):
    """What an adapter wants sent. It names no host and holds no secret.

    `path` follows the endpoint's prefix and may carry a query. `headers` hold no authorization. `warnings` name every
    request field that was dropped or changed in meaning (law 3).
    """

    path: str
    body: bytes
    headers: Headers = (("content-type", "application/json"),)
    warnings: tuple[str, ...] = ()
