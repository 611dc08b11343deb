"""Resolves the keys that a provider is called with: one, several, or none."""

from __future__ import annotations

import re

from gateway.config.document import Path
from gateway.config.schema import ProviderSpec
from gateway.config.scope import Scope
from gateway.config.snapshot import ProviderKey, Secret
from gateway.core.vendor import Vendor
from gateway.core.wire import Endpoint

_TOKEN = re.compile(r"[!-~]+")


def host_matches(host: str, pattern: str) -> bool:
    return host.endswith(pattern) if pattern.startswith(".") else host == pattern


def resolve_credential(scope: Scope, path: Path, spec: ProviderSpec, vendor: Vendor, endpoint: Endpoint) -> Secret:
    """The key to send; empty: none is sent."""
    if spec.api_key is None:
        official = any(host_matches(endpoint.host, pattern) for pattern in vendor.hosts)
        if vendor.api_key_env and official and path[1] not in scope.references.off and spec.api_keys is None:
            scope.key_warn(path, f"{endpoint.host} wants a key: add api_key: ${{{vendor.api_key_env}}}")
        return Secret("")
    check_token(scope, (*path, "api_key"), spec.api_key)
    return spec.api_key


def resolve_credentials(scope: Scope, path: Path, spec: ProviderSpec) -> tuple[ProviderKey, ...]:
    """The several keys that have a value, in their order; a key whose variable is not set is left out."""
    at = (*path, "api_keys")
    if spec.api_keys is None:
        return ()
    if spec.api_key is not None:
        scope.key_error(at, '"api_keys" and "api_key" stand beside each other: put all keys into api_keys')
    if not spec.api_keys:
        scope.key_error(at, '"api_keys" is empty: give it a key, or remove it')
    if path[1] not in scope.references.off:
        for place, variable in scope.references.missing.items():
            if place[:-1] == at:
                message = f"this key is left out, because the environment variable {variable} is not set"
                scope.warn(place, message)
    keys = tuple(ProviderKey(name, secret) for name, secret in spec.api_keys.items() if secret is not None)
    for key in keys:
        check_token(scope, (*at, key.name), key.secret)
    if len({key.secret for key in keys}) < len(keys):
        scope.key_error(at, '"api_keys" holds the same key twice')
    return keys


def check_token(scope: Scope, at: Path, secret: Secret) -> None:
    if secret and not _TOKEN.fullmatch(secret.reveal()):
        scope.error(at, f'"{at[-1]}" holds spaces or characters that no HTTP header can carry')
