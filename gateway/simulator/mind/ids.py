"""Identifiers that look like the vendors' and are the same in every run: the n-th depends on the seed and n only."""

from __future__ import annotations

from base64 import b64encode
from hashlib import blake2b


class Ids:
    """A sequence of unique alphanumeric strings."""

    __slots__ = ("_key", "_next")

    def __init__(self, seed: int) -> None:
        self._key = str(seed).encode()
        self._next = 0

    def take(self, length: int = 24) -> str:
        """The next identifier, of at most 64 characters."""
        self._next += 1
        digest = blake2b(b"%b/%d" % (self._key, self._next), digest_size=48).digest()
        return b64encode(digest, b"xY").decode("ascii")[:length]


def fingerprint(*parts: object) -> str:
    """Eight hexadecimal digits that depend on the parts only."""
    return blake2b("\0".join(map(str, parts)).encode(), digest_size=4).hexdigest()
