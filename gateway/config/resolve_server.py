"""Resolves `server`: how the gateway listens."""

from __future__ import annotations

import ipaddress
import re

from gateway.config.scope import Scope
from gateway.config.snapshot import Server

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?|\[?[0-9A-Fa-f:.]+\]?")


def resolve_server(scope: Scope) -> Server:
    spec = scope.config.server
    protected = bool(scope.names("keys"))
    if spec.allow_unauthenticated and protected:
        scope.error(
            ("server", "allow_unauthenticated"),
            "allow_unauthenticated contradicts keys: with keys, every request needs one; remove either",
        )
    if not _HOST.fullmatch(spec.host):
        scope.error(("server", "host"), f'"{spec.host[:80]}" is no host name or address')
    elif exposed := why_exposed(spec.host, protected, spec.allow_unauthenticated):
        scope.error(("server", "host"), exposed)
    hosts = spec.allowed_hosts or []
    for number, host in enumerate(hosts):
        if not _HOST.fullmatch(host):
            scope.error(
                ("server", "allowed_hosts", number), f'"{host[:80]}" is no host name: leave out scheme and port'
            )
    return Server(
        host=spec.host,
        port=spec.port,
        max_body_bytes=spec.max_body,
        max_json_depth=spec.max_json_depth,
        max_messages=spec.max_messages,
        body_timeout_s=spec.body_timeout,
        workers=spec.workers,
        grace_s=spec.grace,
        watch=spec.watch,
        max_in_flight=spec.max_in_flight,
        queue=spec.queue,
        queue_timeout_s=spec.queue_timeout,
        allowed_hosts=frozenset(host.lower() for host in hosts),
        headers=spec.headers,
        cost_in_usage=spec.cost_in_usage,
        unsafe_open=spec.allow_unauthenticated,
    )


def why_exposed(host: str, protected: bool, allowed: bool) -> str | None:
    """Why the gateway must not listen on `host`, or None: beyond this machine it needs keys (`protected`), or the
    word of the config (`allowed`). Also for a host that replaces the config's on the command line."""
    if protected or allowed or is_loopback(host):
        return None
    return (
        f"{host} can be reached from other machines, and there are no keys: add keys, "
        "listen on 127.0.0.1, or say allow_unauthenticated: true"
    )


def is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
