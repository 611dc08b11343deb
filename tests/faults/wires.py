"""What vendors' APIs answer, as raw bytes: whole answers, and streams in pieces that a script may send or not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.fault_server import chunked, response

STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
WORDS = ("one ", "two ", "three ", "four")
TEXT = "".join(WORDS)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def data(payload: object, name: str = "", end: str = "\n") -> bytes:
    """One server-sent event."""
    event = f"event: {name}{end}" if name else ""
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return f"{event}data: {text}{end}{end}".encode()


def json_response(payload: object, status: int = 200, **headers: str) -> bytes:
    pairs = [
        ("content-type", "application/json"),
        *((name.replace("_", "-"), value) for name, value in headers.items()),
    ]
    return response(json.dumps(payload).encode(), status, pairs)


@dataclass(frozen=True, slots=True)
class Wire:
    """One vendor's format. `begin` are the events before the first content, `words` one per word, `end` the terminal
    ones. `overloaded` is its error event in a stream, `broken` an event that is no JSON."""

    vendor: str
    path: str
    whole: bytes
    begin: tuple[bytes, ...]
    words: tuple[bytes, ...]
    end: tuple[bytes, ...]
    overloaded: bytes

    @property
    def events(self) -> tuple[bytes, ...]:
        return (*self.begin, *self.words, *self.end)

    @property
    def stream(self) -> bytes:
        """The whole stream as one response."""
        return chunked(*self.events, headers=[("content-type", "text/event-stream")])

    @property
    def broken(self) -> bytes:
        return self.words[0].replace(b'data: {"', b'data: {""', 1)


def openai_chunk(delta: dict[str, Any], finish: str | None = None, **fields: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5.4-mini"}
    return data({**head, "choices": [choice], **fields})


USAGE = {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}

OPENAI = Wire(
    vendor="openai",
    path="/v1/chat/completions",
    whole=json_response(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-5.4-mini",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
            "usage": USAGE,
        }
    ),
    begin=(openai_chunk({"role": "assistant", "content": ""}),),
    words=tuple(openai_chunk({"content": word}) for word in WORDS),
    end=(
        openai_chunk({}, "stop"),
        data(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "gpt-5.4-mini",
                "choices": [],
                "usage": USAGE,
            }
        ),
        b"data: [DONE]\n\n",
    ),
    overloaded=data(
        {"error": {"message": "We are full", "type": "server_error", "param": None, "code": "server_error"}}
    ),
)


def anthropic_event(kind: str, **fields: Any) -> bytes:
    return data({"type": kind, **fields}, kind)


ANTHROPIC = Wire(
    vendor="anthropic",
    path="/v1/messages",
    whole=json_response(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-haiku-4-5",
            "content": [{"type": "text", "text": TEXT}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 7, "output_tokens": 4},
        }
    ),
    begin=(
        anthropic_event(
            "message_start",
            message={
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": "claude-haiku-4-5",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {"input_tokens": 7, "output_tokens": 1},
            },
        ),
        anthropic_event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        anthropic_event("ping"),
    ),
    words=tuple(
        anthropic_event("content_block_delta", index=0, delta={"type": "text_delta", "text": word}) for word in WORDS
    ),
    end=(
        anthropic_event("content_block_stop", index=0),
        anthropic_event(
            "message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 4}
        ),
        anthropic_event("message_stop"),
    ),
    overloaded=anthropic_event("error", error={"type": "overloaded_error", "message": "Overloaded"}),
)


def gemini_event(text: str, finish: str | None = None) -> bytes:
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    usage = {"promptTokenCount": 7, "candidatesTokenCount": 4, "totalTokenCount": 11}
    payload = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-2.5-flash"}
    return data(payload, end="\r\n")


GEMINI = Wire(
    vendor="gemini",
    path="/v1beta/models/gemini-2.5-flash:",
    whole=json_response(
        {
            "candidates": [
                {"content": {"parts": [{"text": TEXT}], "role": "model"}, "finishReason": "STOP", "index": 0}
            ],
            "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 4, "totalTokenCount": 11},
            "modelVersion": "gemini-2.5-flash",
        }
    ),
    begin=(),
    words=tuple(gemini_event(word) for word in WORDS[:-1]),
    end=(gemini_event(WORDS[-1], "STOP"),),
    overloaded=data({"error": {"code": 503, "message": "Overloaded", "status": "UNAVAILABLE"}}, end="\r\n"),
)

WIRES: Sequence[Wire] = (OPENAI, ANTHROPIC, GEMINI)
MODELS = {"openai": "gpt-5.4-mini", "anthropic": "claude-haiku-4-5", "gemini": "gemini-2.5-flash"}
BASE_PATHS = {"openai": "/v1", "anthropic": "", "gemini": "/v1beta"}
