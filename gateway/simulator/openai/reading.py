"""Reads a checked chat completion request: what the model is asked, and how many tokens that is."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.simulator.mind.prefixes import SeenPrefixes, chain
from gateway.simulator.mind.prompt import Prompt, Tool
from gateway.simulator.mind.tokens import count
from gateway.simulator.stats import Tally
from gateway.simulator.vendor import Json

PER_MESSAGE = 3
IMAGE = 85
AUDIO = 100
FILE = 250
CACHE_FROM = 1024
CACHE_STEP = 128
MEDIA = {"image_url": "image", "input_audio": "audio clip", "file": "document"}


def text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not content:
        return ""
    return "".join(part.get("text") or part.get("refusal") or "" for part in content)


def read_prompt(body: Json) -> Prompt:
    """The prompt of a checked request."""
    messages: list[Json] = body["messages"]
    last_user = next((i for i in range(len(messages) - 1, -1, -1) if messages[i]["role"] == "user"), None)
    asked = messages[last_user if last_user is not None else -1]
    after = messages[last_user + 1 :] if last_user is not None else messages
    results = tuple(text_of(message["content"]) for message in after if message["role"] in ("tool", "function"))
    format_ = body.get("response_format") or {}
    tools, may_call, must_call = _tools(body)
    return Prompt(
        text=text_of(asked.get("content")),
        tools=tools,
        may_call=may_call,
        must_call=must_call,
        parallel=body.get("parallel_tool_calls") is not False and not body.get("functions"),
        results=results if messages[-1]["role"] in ("tool", "function") else (),
        called=_called(after) if after else frozenset(),
        schema=format_["json_schema"]["schema"] if format_.get("type") == "json_schema" else None,
        json_object=format_.get("type") == "json_object",
        media=_media(asked.get("content")),
        seed=body.get("seed"),
        instructions="\n".join(text_of(m["content"]) for m in messages if m["role"] in ("system", "developer")),
    )


def _called(messages: list[Json]) -> frozenset[str]:
    names = [call["function"]["name"] for message in messages for call in message.get("tool_calls") or ()]
    names += [message["function_call"]["name"] for message in messages if message.get("function_call")]
    return frozenset(names)


def _media(content: Any) -> tuple[tuple[str, int], ...]:
    if not isinstance(content, list):
        return ()
    kinds = [MEDIA[part["type"]] for part in content if part["type"] in MEDIA]
    return tuple((kind, kinds.count(kind)) for kind in dict.fromkeys(kinds))


def _tools(body: Json) -> tuple[tuple[Tool, ...], bool, bool]:
    """The tools that may be called, whether one may be, and whether one must be."""
    if body.get("functions"):
        functions, choice = body["functions"], body.get("function_call")
    else:
        functions, choice = [tool["function"] for tool in body.get("tools") or ()], body.get("tool_choice")
    if not functions:
        return (), False, False
    tools = tuple(Tool(function["name"], function.get("parameters") or {}) for function in functions)
    if not isinstance(choice, dict):
        return tools, choice != "none", choice == "required"
    if choice.get("type") == "allowed_tools":
        names = {tool["function"]["name"] for tool in choice["allowed_tools"]["tools"]}
        return tuple(t for t in tools if t.name in names), True, choice["allowed_tools"]["mode"] == "required"
    name = choice["function"]["name"] if "function" in choice else choice.get("name")
    return tuple(tool for tool in tools if tool.name == name), True, True


def count_message(message: Json) -> tuple[int, int]:
    """Tokens of one message, and how many of them are audio."""
    content = message.get("content")
    total, audio = PER_MESSAGE + count(text_of(content)), 0
    if isinstance(content, list):
        for part in content:
            kind = part["type"]
            total += IMAGE if kind == "image_url" else FILE if kind == "file" else 0
            audio += AUDIO if kind == "input_audio" else 0
    for call in message.get("tool_calls") or ():
        total += count(call["function"]["name"] + call["function"]["arguments"])
    return total + audio, audio


def count_prompt(body: Json, seen: SeenPrefixes) -> tuple[Tally, int]:
    """The prompt's tokens with those that were cached, and how many are audio. Remembers the prompt."""
    declared = body.get("tools") or body.get("functions")
    format_ = body.get("response_format")
    extra = PER_MESSAGE
    for part in (declared, format_):
        extra += count(orjson.dumps(part).decode()) if part else 0
    counts = [count_message(message) for message in body["messages"]]
    total = extra + sum(number for number, _ in counts)
    audio = sum(number for _, number in counts)
    cached = 0
    if total >= CACHE_FROM:
        digests = chain(str(body["model"]), [[declared, format_], *body["messages"]])
        known = seen.longest(digests)
        prefix = extra + sum(number for number, _ in counts[: known - 1]) if known else 0
        cached = prefix // CACHE_STEP * CACHE_STEP if prefix >= CACHE_FROM else 0
        seen.add(digests)
    return Tally(input=total, cached=cached), audio
