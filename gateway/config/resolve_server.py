"""Resolves `server` and `keys`: how the gateway listens, and whom it lets in."""

from __future__ import annotations

import hashlib
import ipaddress
import re

from gateway.config.schema import KeySpec
from gateway.config.scope import Scope
from gateway.config.snapshot import ClientKey, Server

MIN_KEY_LENGTH = 16
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_TOKEN = re.compile(r"[!-~]+")
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


def resolve_keys(scope: Scope) -> tuple[ClientKey, ...]:
    keys: list[ClientKey] = []
    owners: dict[bytes, str] = {}
    for name, spec in scope.config.keys.items():
        digest = key_digest(scope, name, spec)
        if digest is None:
            continue
        if digest in owners:
            scope.key_error(("keys", name), f'key "{name}" is the same as key "{owners[digest]}": give each its own')
            continue
        owners[digest] = name
        keys.append(ClientKey(name=name, sha256=digest, team=spec.team, tags=tuple(spec.tags), admin=spec.admin))
    return tuple(keys)


def key_digest(scope: Scope, name: str, spec: KeySpec) -> bytes | None:
    """The SHA-256 that stands for the key, or None when there is none to stand for (which is told)."""
    if (spec.key is None) == (spec.sha256 is None):
        scope.key_error(("keys", name), f'key "{name}" needs one of key: ${{VARIABLE}} and sha256: <64 hex digits>')
        return None
    if spec.sha256 is not None:
        if not _SHA256.fullmatch(spec.sha256):
            scope.error(("keys", name, "sha256"), "sha256 is 64 hex digits: printf %s KEY | sha256sum")
            return None
        return bytes.fromhex(spec.sha256)
    value = spec.key.reveal() if spec.key is not None else ""
    if not _TOKEN.fullmatch(value):
        scope.error(("keys", name, "key"), "a key is visible ASCII characters without spaces")
        return None
    if len(value) < MIN_KEY_LENGTH:
        scope.error(("keys", name, "key"), f"a key has at least {MIN_KEY_LENGTH} characters: this one can be guessed")
        return None
    return hashlib.sha256(value.encode()).digest()
