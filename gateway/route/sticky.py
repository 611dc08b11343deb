"""Which conversation a request is part of, where a route keeps one together for its prompt cache. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.snapshot import Sticky
from gateway.core.chat import ChatRequest, text_of
from gateway.core.session import session_id
from gateway.route.match import Facts

_NAMES_OF_SESSIONS = ("prompt_cache_key", "safety_identifier", "user")
_MOST_CHARS = 65_536


def session_of(request: ChatRequest, facts: Facts, sticky: Sticky) -> bytes:
    """By the configured header, the request's own name for it, or else how the conversation began: that stays the same
    in each of its turns. Callers are kept apart."""
    return session_id((facts.principal.name, *_told(request, facts, sticky)))


def _told(request: ChatRequest, facts: Facts, sticky: Sticky) -> Iterator[str]:
    named = facts.headers.get(sticky.header) if sticky.header else None
    if named:
        yield f"header {named}"
        return
    for field in _NAMES_OF_SESSIONS:
        named = request.body.get(field)
        if isinstance(named, str) and named:
            yield f"{field} {named}"
            return
    for message in request.messages:
        text = text_of(message)[:_MOST_CHARS]
        yield f"{message.get('role')} {text}"
        if message.get("role") == "user":
            return
