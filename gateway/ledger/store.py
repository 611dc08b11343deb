"""The contract of a store: where shipped entries end up and reports are read from. SQLite and Redis keep it.

A store remembers how far each journal segment was taken in, in the same transaction as what it took: so a batch that is
sent twice counts once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.ledger.entry import Entry
from gateway.ledger.rollup import SumKey

MAX_FEEDBACK = 20
"""Most pieces of feedback on one request."""


class StoreUnavailable(Exception):
    """The store can't be reached or refuses: try again later. The message names no secret."""


class Moved(Exception):
    """The segment was taken in further than the sender thought: ask `position` again."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries of one segment from offset `start` up to `end`, and each as the JSON that it was read from. Feedback
    entries come with the dimensions of the request they are about (`task`, `route`, `model`, `key`, `team`)."""

    segment: str
    start: int
    end: int
    entries: Sequence[Entry]
    raw: Sequence[bytes]


class Store(Protocol):
    def append(self, batch: Batch) -> None:
        """Take in a batch, once. Raises Moved or StoreUnavailable; nothing of the batch is then taken in."""
        ...

    def position(self, segment: str) -> int:
        """The offset up to which a segment was taken in; 0 for an unknown one. Raises StoreUnavailable."""
        ...

    def forget(self, segment: str) -> None:
        """The segment is gone: its position will not be asked for again. Raises StoreUnavailable."""
        ...

    def find(self, request_id: str) -> Entry | None:
        """One request's entry, with `feedback` in it where there is any. Raises StoreUnavailable."""
        ...

    def sums(self, grain: int, since: int, until: int) -> Iterator[tuple[SumKey, Mapping[str, int]]]:
        """All sums of a grain that begin in since <= start < until (epoch seconds). Raises StoreUnavailable."""
        ...

    def trim(self, now: float) -> None:
        """Remove what is older than it is to be kept. Raises StoreUnavailable."""
        ...

    def close(self) -> None: ...
