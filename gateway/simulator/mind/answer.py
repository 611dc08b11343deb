"""What the simulated model says or calls. The rules are in docs/simulator.md; they depend on the prompt only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.simulator.mind.documents import literals, write_document
from gateway.simulator.mind.ids import fingerprint
from gateway.simulator.mind.prompt import Json, Prompt, Tool
from gateway.simulator.mind.shapes import is_schema
from gateway.simulator.mind.values import QUOTED, Values

EXACTLY = re.compile(r"(?:say exactly|repeat)\s*:\s*", re.IGNORECASE)
WORDS = re.compile(r"words\s*:\s*(\d+)", re.IGNORECASE)
EACH_TOOL = re.compile(r"parallel|\ball (?:the )?tools|\beach tool|\bevery tool", re.IGNORECASE)
JSON_WANTED = re.compile(
    r"\b(?:answer|respond|reply) (?:only )?with (?:an?|one) (?:valid )?JSON object\b", re.IGNORECASE
)
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LONGEST_ECHO = 200
GREETING_WORDS = 3
MOST_WORDS = 100_000
VOCABULARY = [
    "the",
    "switch",
    "yard",
    "sorts",
    "every",
    "wagon",
    "onto",
    "its",
    "own",
    "track",
    "while",
    "signals",
    "change",
    "and",
    "engines",
    "wait",
    "for",
    "the",
    "next",
    "train",
]


@dataclass(frozen=True, slots=True)
class ToolCall:
    name: str
    arguments: Json


@dataclass(frozen=True, slots=True)
class Answer:
    """Either a text or calls."""

    text: str
    calls: tuple[ToolCall, ...] = ()


def answer(prompt: Prompt, variant: int = 0) -> Answer:
    """The answer to a prompt. `variant` is the index of the choice, where several were asked for."""
    calls = _calls(prompt) if prompt.tools and prompt.may_call else ()
    if calls:
        return Answer("", calls)
    return Answer(_text(prompt, variant))


def thought(prompt: Prompt, tokens: int) -> str:
    """The model's reasoning about a prompt: a text of about `tokens` tokens."""
    text = f"The user wrote: {_excerpt(prompt.text)}. I shall answer that plainly. "
    return (text * (tokens * 4 // len(text) + 1))[: tokens * 4].rstrip() or "."


def _calls(prompt: Prompt) -> tuple[ToolCall, ...]:
    values = Values(prompt.text)
    mentioned = [tool for tool in prompt.tools if _is_mentioned(tool, values)]
    waiting = [tool for tool in mentioned if tool.name not in prompt.called]
    if prompt.must_call:
        uncalled = [tool for tool in prompt.tools if tool.name not in prompt.called]
        chosen = waiting or uncalled[:1] or list(prompt.tools[-1:])
    elif prompt.results:
        chosen = waiting
    elif EXACTLY.search(prompt.text) or (not mentioned and _is_greeting(prompt)):
        chosen = []
    else:
        chosen = waiting or list(prompt.tools[:1])
    if not prompt.results and chosen and EACH_TOOL.search(prompt.text):
        chosen = list(prompt.tools)
    if not prompt.parallel:
        chosen = chosen[:1]
    return tuple(ToolCall(tool.name, _arguments(tool, prompt.text)) for tool in chosen)


def _arguments(tool: Tool, text: str) -> Json:
    document = write_document(tool.schema, _without_names(tool, text)) if tool.schema else {}
    return document if isinstance(document, dict) else {}


def _without_names(tool: Tool, text: str) -> str:
    """The text without the tool's own name, whose digits and capitals are no values."""
    return text.replace(tool.name, "\N{HORIZONTAL ELLIPSIS}")


def _is_mentioned(tool: Tool, values: Values) -> bool:
    """Whether the prompt has the tool's name, or all of its longer words: `weather` for `get_weather`."""
    if values.mentions(tool.name):
        return True
    words = [word for word in re.split(r"[_\W]+|(?<=[a-z])(?=[A-Z])", tool.name) if len(word) > 3]
    return bool(words) and all(values.mentions(word) for word in words)


def _is_greeting(prompt: Prompt) -> bool:
    """Whether a text asks for nothing: at most three words, no digit, no question mark."""
    text = prompt.text.strip()
    return len(text.split()) <= GREETING_WORDS and len(text) <= 40 and not re.search(r"[\d?？]", text)


def _text(prompt: Prompt, variant: int) -> str:
    exactly = EXACTLY.search(prompt.text)
    asked = prompt.text[exactly.end() :].strip() if exactly else None
    schema = prompt.schema or _written_schema(prompt)
    if schema is not None:
        return _document(schema, prompt, asked)
    if asked is not None:
        return asked
    if prompt.json_object or JSON_WANTED.search(prompt.instructions):
        return _dump(_free_object(prompt))
    if prompt.results:
        return f"The tool{'s' if len(prompt.results) > 1 else ''} returned: {'; '.join(prompt.results)}"
    words = WORDS.search(prompt.text)
    if words:
        return _many_words(min(int(words.group(1)), MOST_WORDS))
    digest = fingerprint(prompt.text, prompt.seed if prompt.seed is not None else "", variant)
    media = "".join(f" I got {number} {kind}{'s' if number > 1 else ''}." for kind, number in prompt.media)
    return f"This is simulated answer {digest}. You wrote: {_excerpt(prompt.text)}{media}"


def _excerpt(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= LONGEST_ECHO else plain[: LONGEST_ECHO - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _written_schema(prompt: Prompt) -> Json | None:
    """A JSON schema of an object that is written out in the instructions or in the prompt, as some clients do it."""
    for text in (prompt.instructions, prompt.text):
        if '"properties"' in text:
            for literal in literals(text):
                if isinstance(literal, dict) and "properties" in literal and is_schema(literal):
                    return literal
    return None


def _document(schema: Json, prompt: Prompt, asked: str | None) -> str:
    """A document for the schema; where the prompt dictates a JSON text, that text."""
    if asked is not None:
        try:
            orjson.loads(asked)
        except orjson.JSONDecodeError:
            pass
        else:
            return asked
    source = "\n".join((prompt.text, *prompt.results))
    return _dump(write_document(schema, source))


def _free_object(prompt: Prompt) -> Json:
    """The object written out in the prompt; else one whose keys are the quoted identifiers in it, or `answer`."""
    for literal in literals(prompt.text):
        if isinstance(literal, dict):
            return literal
    quoted = ("".join(groups) for groups in QUOTED.findall(prompt.text))
    keys = [word for word in quoted if IDENTIFIER.fullmatch(word)]
    about = _excerpt(prompt.text)
    return {key: f"{key}: {about}" for key in keys} or {"answer": about}


def _many_words(number: int) -> str:
    return " ".join(VOCABULARY[index % len(VOCABULARY)] for index in range(number))


def _dump(document: Any) -> str:
    return orjson.dumps(document).decode()
