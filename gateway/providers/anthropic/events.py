"""What events of Anthropic's stream hold, read strictly: a field of another kind is an answer that makes no sense."""

from __future__ import annotations

from typing import Any

from gateway.core.chat import Json
from gateway.providers.errors.classify import invalid_answer


def object_in(value: object) -> Json:
    if not isinstance(value, dict):
        raise invalid_answer("an event of the stream lacks its object", "invalid_sse")
    return value


def index_in(data: Json) -> int:
    index = data.get("index")
    if type(index) is not int:
        raise invalid_answer("an event of the stream lacks its block's index", "invalid_sse")
    return index


def fragment_in(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise invalid_answer("a fragment of the stream is not text", "invalid_sse")
    return value
