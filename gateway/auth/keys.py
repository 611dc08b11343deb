"""Keys to principals. Only SHA-256 digests are held; a failure is always an exception, never a default principal."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from gateway.config.snapshot import ClientKey
from gateway.core.errors import AuthError
from gateway.core.principal import Principal

ANYONE = Principal(name="anonymous", admin=True)
"""The caller where the config holds no keys at all; such a gateway listens on loopback only, or said so by name."""

_MISSING = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
    "(i.e. Authorization: Bearer YOUR_KEY)."
)


class Authenticator:
    """Checks the `Authorization` header against the config's keys."""

    def __init__(self, keys: Sequence[ClientKey]) -> None:
        self._keys: Mapping[bytes, tuple[bytes, Principal]] = {
            key.sha256: (
                key.sha256,
                Principal(key.name, key.team, frozenset(key.tags), key.admin, key.may_use),
            )
            for key in keys
        }

    def authenticate(self, authorization: bytes | None) -> Principal:
        """The caller. Raises AuthError (401) without a key or with a wrong one; both cost the same work."""
        if not self._keys:
            return ANYONE
        scheme, _, token = (authorization or b"").partition(b" ")
        token = token.strip()
        if scheme.lower() != b"bearer" or not token:
            raise AuthError(_MISSING)
        digest = hashlib.sha256(token).digest()
        found = self._keys.get(digest)
        if not hmac.compare_digest(found[0] if found else bytes(32), digest) or found is None:
            raise AuthError(f"Incorrect API key provided: {mask(token)}.", code="invalid_api_key")
        return found[1]

    def authenticate_admin(self, authorization: bytes | None) -> Principal:
        """As `authenticate`, and 403 for a key that is not an admin's."""
        principal = self.authenticate(authorization)
        if not principal.admin:
            raise AuthError("This key may not use admin paths.", status=403, code="admin_key_required")
        return principal


def mask(token: bytes) -> str:
    """At most the last four characters of a key, and only of a long one."""
    text = token[:256].decode("ascii", "replace")
    if len(text) < 12 or not text.isprintable():
        return "*" * 8
    return f"{'*' * 8}{text[-4:]}"
