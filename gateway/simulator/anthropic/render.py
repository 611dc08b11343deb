"""Writes messages, whole and as event streams, with the fields and the odd padding that api.anthropic.com sends."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from gateway.simulator.anthropic.reading import PromptTokens
from gateway.simulator.mind.tokens import pieces
from gateway.simulator.vendor import Json

PING = b'event: ping\ndata: {"type": "ping"}\n\n'


@dataclass(frozen=True, slots=True)
class Message:
    """All that an answer is written from. `blocks` are finished content blocks; `thinking_tokens` are part of
    `output_tokens`."""

    id: str
    model: str
    blocks: tuple[Json, ...]
    stop_reason: str
    stop_sequence: str | None
    stop_details: Json | None
    prompt: PromptTokens
    output_tokens: int
    thinking_tokens: int
    tier: str = "standard"

    def usage(self, output_tokens: int) -> Json:
        prompt = self.prompt
        return {
            "input_tokens": prompt.uncached,
            "cache_creation_input_tokens": prompt.written_5m + prompt.written_1h,
            "cache_read_input_tokens": prompt.read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": prompt.written_5m,
                "ephemeral_1h_input_tokens": prompt.written_1h,
            },
            "output_tokens": output_tokens,
            "service_tier": self.tier,
            "inference_geo": "not_available",
        }


def whole(message: Message) -> bytes:
    """A message object."""
    usage = message.usage(message.output_tokens)
    if message.thinking_tokens:
        usage["output_tokens_details"] = {"thinking_tokens": message.thinking_tokens}
    return orjson.dumps(
        {
            "model": message.model,
            "id": message.id,
            "type": "message",
            "role": "assistant",
            "content": message.blocks,
            "stop_reason": message.stop_reason,
            "stop_sequence": message.stop_sequence,
            "stop_details": message.stop_details,
            "usage": usage,
        }
    )


def events(message: Message) -> tuple[list[bytes], int, int]:
    """All events, how many of them open the stream, and how many end it."""
    start: Json = {
        "model": message.model,
        "id": message.id,
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": message.usage(min(message.output_tokens, 1)),
    }
    out = [_event("message_start", {"message": start})]
    for index, block in enumerate(message.blocks):
        out += _block(index, block, ping=index == 0)
    if not message.blocks:
        out.append(PING)
    delta = {
        "stop_reason": message.stop_reason,
        "stop_sequence": message.stop_sequence,
        "stop_details": message.stop_details,
    }
    prompt = message.prompt
    usage: Json = {
        "input_tokens": prompt.uncached,
        "cache_creation_input_tokens": prompt.written_5m + prompt.written_1h,
        "cache_read_input_tokens": prompt.read,
        "output_tokens": message.output_tokens,
    }
    if message.thinking_tokens:
        usage["output_tokens_details"] = {"thinking_tokens": message.thinking_tokens}
    ending = [_event("message_delta", {"delta": delta, "usage": usage}), _event("message_stop", {})]
    return [*out, *ending], 3 if message.blocks else 2, len(ending)


def _block(index: int, block: Json, *, ping: bool) -> list[bytes]:
    """A block's events: its empty shell, its content piece by piece, its end."""
    kind = block["type"]
    shell, deltas = dict(block), list[Json]()
    if kind == "text":
        shell["text"] = ""
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
    elif kind == "thinking":
        shell.update(thinking="", signature="")
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"])]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    elif kind == "tool_use":
        shell["input"] = {}
        text = orjson.dumps(block["input"]).decode() if block["input"] else ""
        parts = ["", *pieces(text, 2)]
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in parts]
    started = [_event("content_block_start", {"index": index, "content_block": shell})]
    if ping:
        started.append(PING)
    content = [_event("content_block_delta", {"index": index, "delta": delta}) for delta in deltas]
    return [*started, *content, _event("content_block_stop", {"index": index})]


def _event(name: str, fields: Json) -> bytes:
    """One event. The blanks before the closing brace hide its length, as the recordings have it."""
    data = orjson.dumps({"type": name, **fields})
    return b"event: %b\ndata: %b%b}\n\n" % (name.encode(), data[:-1], b" " * (len(data) * 7 % 16))


def error_body(error: Json, request_id: str) -> bytes:
    return orjson.dumps({"type": "error", "error": error, "request_id": request_id})


def error_event(error: Json) -> bytes:
    """An error in the middle of a stream."""
    return b"event: error\ndata: " + orjson.dumps({"type": "error", "error": error}) + b"\n\n"
