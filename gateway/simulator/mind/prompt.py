"""A prompt as the simulated model sees it, whatever wire format it came in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call. `schema` is its parameters' schema, in JSON Schema or OpenAPI form."""

    name: str
    schema: Json


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the answer depends on.

    `text` is the last user turn's text. `results` are the tool results that came after it, `called` the names of the
    tools called since it. `may_call` and `must_call` are the tool choice; with a named tool, `tools` holds only that
    one. `schema` asks for a document, `json_object` for any JSON object. `media` counts attachments by kind.
    `instructions` is the system prompt.
    """

    text: str
    tools: tuple[Tool, ...] = ()
    may_call: bool = True
    must_call: bool = False
    parallel: bool = True
    results: tuple[str, ...] = ()
    called: frozenset[str] = frozenset()
    schema: Json | None = None
    json_object: bool = False
    media: tuple[tuple[str, int], ...] = ()
    seed: int | None = None
    instructions: str = ""
