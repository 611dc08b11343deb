"""Typed views over OpenAI's chat form, which is the canonical form inside the gateway.

Bodies stay the plain dicts that the client sent or that an adapter made: nothing here copies or changes them.
Shapes: OpenAI API reference, "Create chat completion" (CreateChatCompletionRequest, ...Response, ...StreamResponse).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from gateway.core.usage import Usage

Json = dict[str, Any]

SDK_COPIES = frozenset({"parsed", "parsed_arguments"})
"""What OpenAI's SDK leaves on the messages and calls that it parsed: copies of their content and arguments. An app that
appends such a message to the next request sends them along; nothing is lost without them, and vendors refuse them."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A validated chat completion request. `body` is the client's JSON and is never changed; adapters read it afresh
    for each attempt."""

    body: Json

    @property
    def model(self) -> str:
        return str(self.body["model"])

    @property
    def messages(self) -> list[Json]:
        messages: list[Json] = self.body["messages"]
        return messages

    @property
    def stream(self) -> bool:
        return self.body.get("stream") is True

    @property
    def wants_usage_chunk(self) -> bool:
        options = self.body.get("stream_options")
        return bool(options and options.get("include_usage"))

    @property
    def max_output_tokens(self) -> int | None:
        """`max_completion_tokens`, or its older name `max_tokens`."""
        limit = self.body.get("max_completion_tokens")
        if limit is None:
            limit = self.body.get("max_tokens")
        return limit

    @property
    def tools(self) -> list[Json]:
        return self.body.get("tools") or []


class ChatAnswer(NamedTuple):
    """A whole answer. `body` is a chat.completion object with its `usage`; `usage` is None where the vendor reported
    none; `finish_reason` is that of the first choice."""

    body: Json
    usage: Usage | None
    finish_reason: str | None


def content_parts(message: Json) -> Iterator[Json]:
    """The message's content as parts, whether it was a string, a list or null."""
    content = message.get("content")
    if isinstance(content, str):
        yield {"type": "text", "text": content}
    elif isinstance(content, list):
        for part in content:
            yield {"type": "text", "text": part} if isinstance(part, str) else part


def text_of(message: Json) -> str:
    """All text parts of a message, joined."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content_parts(message) if part.get("type") == "text")


def chunk(id: str, created: int, model: str, choices: list[Json], **extra: Any) -> Json:
    """A chat.completion.chunk object."""
    return {
        "id": id,
        "object": "chat.completion.chunk",
        "created": created,
        "model": model,
        "choices": choices,
        **extra,
    }


def has_content(chunk: Json) -> bool:
    """Whether a chunk carries something a client could act on: the stream's commit point.

    A bare role, an empty delta or a chunk without choices is none.
    """
    for choice in chunk.get("choices") or ():
        if choice.get("finish_reason"):
            return True
        for name, value in (choice.get("delta") or {}).items():
            if value and name != "role":
                return True
    return False
