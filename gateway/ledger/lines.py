"""The journal's line: eight hex digits of CRC-32, a space, one JSON object, a line feed.

The checksum tells a line that was cut or overwritten (a power cut, a full disk) from a whole one, so that the good
lines around it are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

import orjson

from gateway.ledger.entry import Entry

MAX_LINE_BYTES = 256 * 1024
KINDS = frozenset({"begin", "request", "feedback"})
"""What a line may be. A line of another kind was written by a newer version, and is left out like a corrupt one."""
_BEGIN = b'{"kind":"begin","id":"'


class Line(NamedTuple):
    """A line as it was found: `entry` is None where it is corrupt; `end` is the offset after it, `raw` its JSON."""

    entry: Entry | None
    end: int
    raw: bytes = b""


def encode_line(entry: Entry) -> bytes:
    body = orjson.dumps(entry)
    return b"%08x %b\n" % (crc32(body), body)


def read_lines(data: bytes, offset: int, *, final: bool) -> Iterator[Line]:
    """The lines of `data`, which stands at `offset` of its file. An unfinished last line is corrupt where nothing will
    be written behind it any more (`final`), and left for later otherwise."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        if end < 0:
            if final or len(data) - start > MAX_LINE_BYTES:
                yield Line(None, offset + len(data))
            return
        if end > start:
            raw = data[start + 9 : end]
            yield Line(_decode(data[start : start + 9], raw), offset + end + 1, raw)
        start = end + 1


def _decode(front: bytes, raw: bytes) -> Entry | None:
    try:
        if len(front) != 9 or int(front, 16) != crc32(raw):
            return None
        if raw.startswith(_BEGIN):
            # Nearly every beginning has its end, and is then of no interest: its id is enough.
            return {"kind": "begin", "id": raw[len(_BEGIN) : raw.index(b'"', len(_BEGIN))].decode()}
        entry = orjson.loads(raw)
    except ValueError:
        return None
    known = isinstance(entry, dict) and entry.get("kind") in KINDS and isinstance(entry.get("id"), str)
    return entry if known else None
