"""Reads a checked Messages request: what the model is asked, how many tokens that is, and which of them are cached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from gateway.simulator.anthropic.messages import blocks_of
from gateway.simulator.mind.prefixes import SeenPrefixes, chain
from gateway.simulator.mind.prompt import Prompt, Tool
from gateway.simulator.mind.tokens import count
from gateway.simulator.vendor import Json

PER_MESSAGE = 3
IMAGE = 1000
DOCUMENT = 1500
CACHE_FROM = 1024
LOOKBACK = 20
COMPUTER: Json = {
    "type": "object",
    "properties": {"action": {"enum": ["screenshot", "left_click", "type", "key", "mouse_move", "scroll", "wait"]}},
    "required": ["action"],
}
VENDOR_SCHEMAS: dict[str, Json] = {
    "computer": COMPUTER,
    "bash": {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
    "text_editor": {
        "type": "object",
        "properties": {"command": {"enum": ["view"]}, "path": {"type": "string"}},
        "required": ["command", "path"],
    },
}
"""The vendor's own tools that the client runs; those that Anthropic runs are never called here."""


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """Disjoint counts of the prompt's tokens, as Anthropic reports them."""

    uncached: int
    read: int = 0
    written_5m: int = 0
    written_1h: int = 0

    @property
    def total(self) -> int:
        return self.uncached + self.read + self.written_5m + self.written_1h


def text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(block["text"] for block in content or () if block["type"] == "text")


def read_prompt(body: Json) -> Prompt:
    """The prompt of a checked request."""
    messages: list[Json] = body["messages"]
    asked = _last_question(messages)
    after = [block for message in messages[asked + 1 :] for block in blocks_of(message["content"])]
    config, choice = body.get("output_config") or {}, body.get("tool_choice") or {}
    wanted = config.get("format") or body.get("output_format") or {}
    tools = _tools(body.get("tools") or ())
    if choice.get("type") == "tool":
        tools = tuple(tool for tool in tools if tool.name == choice["name"])
    ends_in_results = messages[-1]["role"] == "user" and asked != len(messages) - 1
    results = tuple(_result(block) for block in after if block["type"] == "tool_result") if ends_in_results else ()
    return Prompt(
        text=text_of(messages[asked]["content"]),
        tools=tools,
        may_call=choice.get("type") != "none",
        must_call=choice.get("type") in ("any", "tool"),
        parallel=not choice.get("disable_parallel_tool_use", False),
        results=results,
        called=frozenset(block["name"] for block in after if block["type"] == "tool_use"),
        schema=wanted.get("schema"),
        media=_media(blocks_of(messages[asked]["content"])),
        instructions=text_of(body.get("system")),
    )


def _last_question(messages: list[Json]) -> int:
    """The index of the last user message that brings no tool result, or else of the last message."""
    for index in range(len(messages) - 1, -1, -1):
        blocks = blocks_of(messages[index]["content"])
        if messages[index]["role"] == "user" and not any(block["type"] == "tool_result" for block in blocks):
            return index
    return len(messages) - 1


def _result(block: Json) -> str:
    return text_of(block.get("content"))


def _media(blocks: list[Json]) -> tuple[tuple[str, int], ...]:
    kinds = [block["type"] for block in blocks if block["type"] in ("image", "document")]
    return tuple((kind, kinds.count(kind)) for kind in dict.fromkeys(kinds))


def _tools(tools: Any) -> tuple[Tool, ...]:
    offered = []
    for tool in tools:
        if tool.get("type") in (None, "custom"):
            offered.append(Tool(tool["name"], tool["input_schema"]))
        else:
            kind = str(tool["type"]).rsplit("_", 1)[0].removesuffix("_toolset")
            if kind in VENDOR_SCHEMAS:
                offered.append(Tool(str(tool.get("name", kind)), VENDOR_SCHEMAS[kind]))
    return tuple(offered)


def count_block(block: Json) -> int:
    """Tokens of one content block."""
    kind = block["type"]
    if kind == "text":
        return count(block["text"])
    if kind == "image":
        return IMAGE
    if kind == "document":
        source = block["source"]
        return count(source["data"]) if source["type"] == "text" else DOCUMENT
    if kind == "tool_result":
        content = block.get("content") or ""
        return count(content) if isinstance(content, str) else sum(map(count_block, content))
    return count(orjson.dumps(block).decode())


def _flatten(body: Json) -> list[tuple[Json, int]]:
    """Every block of the prompt in reading order with its tokens: tools, system, messages."""
    blocks = [(tool, count(orjson.dumps(tool).decode())) for tool in body.get("tools") or ()]
    if body.get("system"):
        blocks += [(block, count_block(block)) for block in blocks_of(body["system"])]
    for message in body["messages"]:
        extra = PER_MESSAGE
        for block in blocks_of(message["content"]):
            blocks.append((block, count_block(block) + extra))
            extra = 0
    return blocks


def count_prompt(body: Json, seen: SeenPrefixes) -> PromptTokens:
    """Counts the prompt. Prefixes that a cache mark ends are remembered, if they are long enough to be cached."""
    blocks = _flatten(body)
    total = sum(tokens for _, tokens in blocks)
    marks = {index: block["cache_control"].get("ttl", "5m") for index, (block, _) in enumerate(blocks)
             if block.get("cache_control")}  # fmt: skip
    if body.get("cache_control"):
        marks[len(blocks) - 1] = body["cache_control"].get("ttl", "5m")
    if not marks or total < CACHE_FROM:
        return PromptTokens(total)
    digests = chain(str(body["model"]), [_unmarked(block) for block, _ in blocks])
    sums = [0]
    for _, tokens in blocks:
        sums.append(sums[-1] + tokens)
    known = _longest_known(marks, digests, sums, seen)
    read, written = sums[known], {"5m": 0, "1h": 0}
    reached = read
    for index, ttl in marks.items():
        if sums[index + 1] >= CACHE_FROM:
            written[ttl] += max(0, sums[index + 1] - reached)
            reached = max(reached, sums[index + 1])
            seen.add([digests[index]])
    return PromptTokens(total - reached, read, written["5m"], written["1h"])


def _longest_known(marks: dict[int, str], digests: list[bytes], sums: list[int], seen: SeenPrefixes) -> int:
    """How many blocks the longest known prefix has: up to a mark, or up to twenty blocks before it."""
    for mark in reversed(marks):
        for index in range(mark, max(-1, mark - LOOKBACK), -1):
            if digests[index] in seen and sums[index + 1] >= CACHE_FROM:
                return index + 1
    return 0


def _unmarked(block: Json) -> Json:
    if "cache_control" not in block:
        return block
    return {key: value for key, value in block.items() if key != "cache_control"}
