"""Resolves `keys`: whom the gateway lets in, and which models each may use."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from gateway.config.placement import misplaced
from gateway.config.problem import quote, suggest
from gateway.config.resolve_routes import resolve_require
from gateway.config.schema import KeySpec
from gateway.config.scope import Scope
from gateway.config.snapshot import ClientKey, Model, Provider, Require

MIN_KEY_LENGTH = 16
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_TOKEN = re.compile(r"[!-~]+")


def resolve_keys(scope: Scope, models: Mapping[str, Model], providers: Mapping[str, Provider]) -> tuple[ClientKey, ...]:
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
        keys.append(
            ClientKey(
                name=name,
                sha256=digest,
                team=spec.team,
                tags=tuple(spec.tags),
                admin=spec.admin,
                may_use=resolve_access(scope, name, spec, models, providers),
            )
        )
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


def resolve_access(
    scope: Scope, name: str, spec: KeySpec, models: Mapping[str, Model], providers: Mapping[str, Provider]
) -> frozenset[str] | None:
    """The catalogue names that a key may use, however it asks for them; None: all."""
    require = resolve_require(spec.require)
    if spec.models is None and require == Require():
        return None
    known = scope.names("models")
    for number, wanted in enumerate(spec.models or ()):
        if wanted not in known:
            at = ("keys", name, "models", number)
            scope.error(at, f'"{wanted[:80]}" is no model of the catalogue{suggest(wanted, known)}')
    found = {
        model.name
        for model in models.values()
        if (spec.models is None or model.name in spec.models) and not any(misplaced(providers[model.provider], require))
    }
    if not found and models and not scope.findings.failed:
        asked = quote(sorted(require.region | require.retention)) or "its models"
        scope.key_error(("keys", name), f'key "{name}" may use no model at all: none fits {asked}')
    return frozenset(found)
