"""Messages of Anthropic's API, whole and as the stream that the API makes of them, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from gateway.core.chat import Json
from gateway.providers.anthropic.adapter import AnthropicAdapter
from gateway.providers.base import CallContext
from tests.laws import context_for
from tests.providers.anthropic_checks import ADAPTIVE, target, user

ADAPTER = AnthropicAdapter()
USAGE = {"input_tokens": 10, "output_tokens": 20}


def context(model: str = ADAPTIVE, **body: Any) -> CallContext:
    return context_for(target(model), {"model": "auto", "messages": [user()], **body})


def message(*content: Json, stop: str | None = "end_turn", usage: Json | None = USAGE, **more: Any) -> Json:
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-4-6", "content": list(content),
        "stop_reason": stop, "stop_sequence": None, "usage": usage, **more,
    }  # fmt: skip


def sse(events: Sequence[Json]) -> bytes:
    return b"".join(b"event: %b\ndata: %b\n\n" % (event["type"].encode(), orjson.dumps(event)) for event in events)


def halves(value: str) -> list[str]:
    middle = (len(value) + 1) // 2
    return [value[:middle], value[middle:]]


def block_events(index: int, block: Json) -> list[Json]:
    """A block as the API streams it: begun empty, then in fragments."""
    kind = block["type"]
    start, deltas = dict(block), []
    if kind == "text":
        start["text"] = ""
        start.pop("citations", None)
        deltas = [{"type": "text_delta", "text": part} for part in halves(block["text"])]
        deltas += [{"type": "citations_delta", "citation": one} for one in block.get("citations") or ()]
    elif kind == "thinking":
        start |= {"thinking": "", "signature": ""}
        deltas = [{"type": "thinking_delta", "thinking": part} for part in halves(block["thinking"])]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    elif kind in ("tool_use", "server_tool_use"):
        start["input"] = {}
        partial = halves(orjson.dumps(block["input"]).decode()) if block["input"] else [""]
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in partial]
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def events_of(whole: Json) -> list[Json]:
    begin = {**whole, "content": [], "stop_reason": None, "usage": {**(whole["usage"] or {}), "output_tokens": 1}}
    ending = {name: whole.get(name) for name in ("stop_reason", "stop_sequence", "stop_details")}
    middle = [event for index, block in enumerate(whole["content"]) for event in block_events(index, block)]
    return [
        {"type": "message_start", "message": begin},
        {"type": "ping"},
        *middle,
        {"type": "message_delta", "delta": ending, "usage": whole["usage"] or {}},
        {"type": "message_stop"},
    ]


THOUGHTS = (
    {"type": "thinking", "thinking": "Let me see.", "signature": "sig1"},
    {"type": "redacted_thinking", "data": "blob"},
    {"type": "text", "text": "I will call."},
    {"type": "thinking", "thinking": "", "signature": "sig2"},
    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": "1"}},
)
