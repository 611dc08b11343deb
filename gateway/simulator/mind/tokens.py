"""The simulators' tokens: four characters each. One piece of a streamed answer is one token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

CHARS_PER_TOKEN = 4

Ending = Literal["stop", "length"]


def count(text: str) -> int:
    """Tokens of a text: its characters divided by four, rounded up."""
    return -(-len(text) // CHARS_PER_TOKEN)


def pieces(text: str, tokens: int = 1) -> list[str]:
    """The text in pieces of `tokens` tokens each, as a stream carries it."""
    size = CHARS_PER_TOKEN * tokens
    return [text[start : start + size] for start in range(0, len(text), size)]


@dataclass(frozen=True, slots=True)
class Cut:
    """A text after its limits. `stop` is the stop sequence that ended it, if one did."""

    text: str
    ending: Ending
    stop: str | None = None


def cut(text: str, max_tokens: int | None, stops: Sequence[str]) -> Cut:
    """The text up to the earliest stop sequence (which is left out) or the limit, whichever comes first."""
    ending: Ending = "stop"
    if max_tokens is not None and len(text) > max_tokens * CHARS_PER_TOKEN:
        text, ending = text[: max_tokens * CHARS_PER_TOKEN], "length"
    found: tuple[int, str] | None = None
    for stop in stops:
        at = text.find(stop)
        if at >= 0 and (found is None or at < found[0]):
            found = at, stop
    if found is not None:
        return Cut(text[: found[0]], "stop", found[1])
    return Cut(text, ending)
