"""Which characters of a request the text model looks at: a bounded window, whatever the request's size. Pure.

The task stands in the last user turn. In an agent session (tool results in the history) it stands in the first user
turn that says anything, so that one run keeps one label. The system prompt and an earlier turn are context, of less
weight.
"""

from __future__ import annotations

from typing import NamedTuple

from gateway.core.chat import ChatRequest, Json

HEAD_CHARS = 400
TAIL_CHARS = 200
CONTEXT_CHARS = 300
MOST_CHARS = HEAD_CHARS + TAIL_CHARS + 2 * CONTEXT_CHARS
"""An upper bound of what is looked at, but for a few separators."""
_SUBSTANTIVE_CHARS = 12
_FOLLOW_UP_CHARS = 60
_MOST_PARTS = 32
_MOST_TURNS = 64


class Window(NamedTuple):
    """`text` is what is asked (head and tail of a long turn); `context` what stands around it; `chars` the length of
    the turn before it was cut."""

    text: str
    context: str
    chars: int


def window_of(request: ChatRequest, *, in_session: bool) -> Window:
    """The window of a validated request; `in_session`: the history holds tool results."""
    messages = request.messages
    turn = _first_substantive(messages) if in_session else None
    at, text, chars = turn or _last_user(messages)
    context = _system(messages)
    if not in_session and chars < _FOLLOW_UP_CHARS:
        earlier = _earlier_user(messages, at)
        context = f"{context}\n{earlier}" if context else earlier
    return Window(text, context, chars)


def cut(text: str) -> str:
    """Head and tail of a long text."""
    if len(text) <= HEAD_CHARS + TAIL_CHARS:
        return text
    return f"{text[:HEAD_CHARS]}\n{text[-TAIL_CHARS:]}"


def _last_user(messages: list[Json]) -> tuple[int, str, int]:
    for back in range(1, min(len(messages), _MOST_TURNS) + 1):
        message = messages[-back]
        if message.get("role") == "user":
            text, chars = _read(message)
            if text.strip():
                return len(messages) - back, text, chars
    return _fallback(messages)


def _fallback(messages: list[Json]) -> tuple[int, str, int]:
    if not messages:
        return 0, "", 0
    return (len(messages) - 1, *_read(messages[-1]))


def _first_substantive(messages: list[Json]) -> tuple[int, str, int] | None:
    for at, message in enumerate(messages[:_MOST_TURNS]):
        if message.get("role") == "user":
            text, chars = _read(message)
            if len(text.strip()) >= _SUBSTANTIVE_CHARS:
                return at, text, chars
    return None


def _system(messages: list[Json]) -> str:
    for message in messages[:2]:
        if message.get("role") in ("system", "developer"):
            return _read(message)[0][:CONTEXT_CHARS]
    return ""


def _earlier_user(messages: list[Json], at: int) -> str:
    for before in range(at - 1, max(-1, at - _MOST_TURNS), -1):
        if messages[before].get("role") == "user":
            return _read(messages[before])[0][:CONTEXT_CHARS]
    return ""


def _read(message: Json) -> tuple[str, int]:
    """The message's text, cut, and its whole length. Of many parts only the outer ones are joined."""
    content = message.get("content")
    if isinstance(content, str):
        return cut(content), len(content)
    if not isinstance(content, list):
        return "", 0
    parts = content if len(content) <= 2 * _MOST_PARTS else content[:_MOST_PARTS] + content[-_MOST_PARTS:]
    texts = [text for part in parts if (text := _part_text(part))]
    chars = sum(map(len, texts))
    if chars > HEAD_CHARS + TAIL_CHARS:
        texts = [text if len(text) <= HEAD_CHARS + TAIL_CHARS else cut(text) for text in texts]
    return cut("\n".join(texts)), chars


def _part_text(part: object) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, dict) and part.get("type") == "text":
        text = part.get("text")
        return text if isinstance(text, str) else ""
    return ""
