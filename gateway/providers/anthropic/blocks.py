"""A content block of Anthropic's while its stream still comes.

Owns the accumulation of one block; what goes to the client, and when, is stream.py's.
"""

from __future__ import annotations

import orjson

from gateway.core.chat import Json


class Block:
    """A content block as far as it has come. `place` is its order among the blocks; `call` its number among the tool
    calls, `detail` among the reasoning details (-1: none yet); `pieces` are its text, thinking or JSON so far."""

    __slots__ = ("call", "detail", "kind", "pieces", "place", "signature", "stands_in", "start", "start_at")

    def __init__(self, kind: str, start: Json, place: int, start_at: int) -> None:
        self.kind = kind
        self.start = start
        self.place = place
        self.start_at = start_at
        self.pieces: list[str] = []
        self.signature: list[str] = []
        self.call = -1
        self.detail = -1
        self.stands_in = False

    def whole(self) -> Json:
        """The block as a whole message would hold it."""
        text = "".join(self.pieces)
        if self.kind == "text":
            return {**self.start, "text": text}
        if self.kind == "thinking":
            return {**self.start, "thinking": text, "signature": "".join(self.signature)}
        if "input" in self.start and text:
            try:
                return {**self.start, "input": orjson.loads(text)}
            except orjson.JSONDecodeError:
                return {**self.start, "input": text}
        return self.start

    def cite(self, citation: object) -> None:
        known = self.start.get("citations")
        self.start = {**self.start, "citations": [*(known if isinstance(known, list) else ()), citation]}

    def grow(self, delta: Json) -> None:
        """Deltas of unknown kinds (a compaction's summary): their strings lengthen the block's own."""
        grown = dict(self.start)
        for name, value in delta.items():
            if name != "type" and isinstance(value, str):
                before = grown.get(name)
                grown[name] = before + value if isinstance(before, str) else value
        self.start = grown
