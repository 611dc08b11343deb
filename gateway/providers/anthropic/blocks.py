"""A content block of Anthropic's while its stream still comes.

Owns the accumulation of one block; what goes to the client, and when, is stream.py's.
"""

from __future__ import annotations

import orjson

from gateway.core.chat import Json


class Block:
    """A content block as far as it has come. `place` is its order among the blocks; `call` its number among the tool
    calls, `detail` among the reasoning details (-1: none yet); `pieces` are its text, thinking or JSON so far. `start`
    is as it was parsed from the vendor's bytes and belongs to the block."""

    __slots__ = ("_grown", "call", "detail", "kind", "pieces", "place", "signature", "stands_in", "start", "start_at")

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
        self._grown: dict[str, list[str]] = {}

    def whole(self) -> Json:
        """The block as a whole message would hold it."""
        text = "".join(self.pieces)
        whole = {**self.start, **{name: "".join(pieces) for name, pieces in self._grown.items()}}
        if self.kind == "text":
            return {**whole, "text": text}
        if self.kind == "thinking":
            return {**whole, "thinking": text, "signature": "".join(self.signature)}
        if "input" in whole and text:
            try:
                return {**whole, "input": orjson.loads(text)}
            except orjson.JSONDecodeError:
                return {**whole, "input": text}
        return whole

    def cite(self, citation: object) -> None:
        known = self.start.get("citations")
        if not isinstance(known, list):
            known = self.start["citations"] = []
        known.append(citation)

    def grow(self, delta: Json) -> None:
        """Deltas of unknown kinds (a compaction's summary): their strings lengthen the block's own."""
        for name, value in delta.items():
            if name != "type" and isinstance(value, str):
                if name not in self._grown:
                    before = self.start.get(name)
                    self._grown[name] = [before] if isinstance(before, str) else []
                self._grown[name].append(value)
