"""Which beginnings of prompts this process has seen before: the simulators' prompt cache.

Entries never expire by time (the simulators have no clock); the oldest are dropped beyond a bound.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import orjson


def chain(scope: str, blocks: Sequence[Any]) -> list[bytes]:
    """One digest per prefix of `blocks`: the n-th covers `scope` and blocks 0..n."""
    digest = blake2b(scope.encode(), digest_size=16).digest()
    digests = []
    for block in blocks:
        digest = blake2b(digest + orjson.dumps(block), digest_size=16).digest()
        digests.append(digest)
    return digests


class SeenPrefixes:
    """A bounded set of prefix digests, least recently used first out."""

    __slots__ = ("_limit", "_seen")

    def __init__(self, limit: int = 8192) -> None:
        self._limit = limit
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._seen

    def longest(self, digests: Sequence[bytes]) -> int:
        """How many blocks of this prompt are already known: the longest known prefix's length."""
        for index in range(len(digests) - 1, -1, -1):
            if digests[index] in self._seen:
                return index + 1
        return 0

    def add(self, digests: Sequence[bytes]) -> None:
        for digest in digests:
            self._seen[digest] = None
            self._seen.move_to_end(digest)
        while len(self._seen) > self._limit:
            self._seen.popitem(last=False)
