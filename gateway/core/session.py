"""A conversation as a few bytes, and where it belongs: rendezvous hashing, so that of the names that are left each
session finds the same one again, with nothing remembered."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from math import log

_MOST = 2.0**64


def session_id(parts: Iterable[str]) -> bytes:
    """A digest of what tells one conversation from another."""
    digest = blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "replace")
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.digest()


def affinity(session: bytes, name: str, weight: float = 1.0) -> float:
    """How much a session belongs to a name. Over many sessions each name is the foremost in proportion to its weight;
    when a name is gone, only its own sessions find another."""
    drawn = int.from_bytes(blake2b(name.encode(), key=session, digest_size=8).digest(), "big")
    return -weight / log((drawn + 0.5) / _MOST) if weight else 0.0
