"""Anthropic's stream of events -> chat.completion.chunk objects.

Owns the state of one stream. The chunks, folded, give what response.py makes of the whole message; the finish
reason leaves only when `message_stop` has come, so a stream that breaks off never looks complete.
Source: Anthropic's streaming guide (message_start, content_block_*, message_delta, message_stop, ping, error).
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from gateway.core.chat import Json, chunk
from gateway.core.usage import Usage
from gateway.core.wire import SseEvent
from gateway.providers.anthropic.blocks import Block
from gateway.providers.anthropic.errors import error_in
from gateway.providers.anthropic.events import fragment_in, index_in, object_in
from gateway.providers.anthropic.response import (
    TOP_LEVEL_EXTRAS,
    add_ending,
    annotations_of,
    arguments_of,
    beyond_chat,
    finish_reason,
    made_call_id,
    reasoning_detail,
    service_tier,
    stand_in_tool,
    text_or,
    usage_of,
    verbatim,
)
from gateway.providers.anthropic.tools import is_legacy
from gateway.providers.base import CallContext
from gateway.providers.errors.classify import invalid_answer, truncated_stream


class AnthropicStream:
    """One instance per attempt (base.StreamParser)."""

    __slots__ = (
        "_annotations", "_asked", "_blocks", "_calls", "_context", "_details", "_ending", "_extras", "_id", "_legacy",
        "_model", "_open", "_reported", "_said", "_stand_in", "_started", "_tier", "done", "finish_reason",
        "text_chars", "usage",
    )  # fmt: skip

    def __init__(self, context: CallContext) -> None:
        self._context = context
        self._id = ""
        self._asked = self._model = context.target.upstream_id
        self._stand_in = stand_in_tool(context)
        self._legacy = is_legacy(context.request.body)
        self._blocks: list[Block] = []
        self._open: dict[int, Block] = {}
        self._annotations: list[Json] = []
        self._calls = 0
        self._details = 0
        self._said = 0
        self._started = False
        self._tier: str | None = None
        self._reported: Json | None = None
        self._ending: Json = {}
        self._extras: Json = {}
        self.usage: Usage | None = None
        self.finish_reason: str | None = None
        self.text_chars = 0
        self.done = False

    def feed(self, event: SseEvent) -> Sequence[Json]:
        try:
            data = orjson.loads(event.data)
        except orjson.JSONDecodeError:
            raise invalid_answer("an event of the stream is not JSON", "invalid_sse") from None
        if not isinstance(data, dict):
            raise invalid_answer("an event of the stream is not an object", "invalid_sse")
        kind = data.get("type") or event.event
        if kind == "content_block_delta":
            return self._on_delta(data)
        if kind == "content_block_start":
            return self._on_start(data)
        if kind == "content_block_stop":
            return self._on_stop(data)
        if kind == "message_start":
            return self._on_message(data)
        if kind == "message_delta":
            self._on_message_delta(data)
        elif kind == "message_stop":
            return self._on_message_stop()
        elif kind == "error" or (not kind and "error" in data):
            raise error_in(data, "upstream_error")
        return ()

    def finish(self) -> Sequence[Json]:
        if not self.done:
            raise truncated_stream()
        return ()

    def _on_message(self, data: Json) -> Sequence[Json]:
        """A message that begins twice is one message. Where a server tool calls one of ours, the message begins with
        its content, and its stop reason, already in it."""
        message = object_in(data.get("message"))
        identity = text_or(message.get("id"), self._context.id)
        if self._blocks:
            if identity != self._id:
                raise truncated_stream("another message began before the first had ended")
            return ()
        self._id = identity
        self._model = text_or(message.get("model"), self._model)
        self._report(message.get("usage"))
        self._end(message)
        content = message.get("content")
        chunks: list[Json] = []
        for index, start in enumerate(content if isinstance(content, list) else ()):
            chunks.extend(self._on_start({"index": index, "content_block": start}))
            chunks.extend(self._on_stop({"index": index}))
        return chunks

    def _report(self, usage: object) -> None:
        """Counts are cumulative: what a later event names replaces what an earlier one said."""
        if isinstance(usage, dict):
            self._reported = self._reported or {}
            self._reported.update((name, value) for name, value in usage.items() if value is not None)
            self.usage = usage_of(self._reported)
            self._tier = service_tier(self._reported)

    def _on_start(self, data: Json) -> Sequence[Json]:
        start = object_in(data.get("content_block"))
        block = Block(text_or(start.get("type"), ""), start, len(self._blocks), self._said)
        self._blocks.append(block)
        self._open[index_in(data)] = block
        if block.kind == "text":
            return self._text(block, start.get("text"))
        if block.kind == "thinking":
            return [*self._thinking(block, start.get("thinking")), *self._sign(block, start.get("signature"))]
        if block.kind == "redacted_thinking":
            return (self._chunk({"reasoning_details": [self._detail(block, start)]}),)
        if block.kind == "tool_use":
            return self._begin_call(block, start)
        return ()

    def _begin_call(self, block: Block, start: Json) -> Sequence[Json]:
        name = text_or(start.get("name"), "")
        if self._stand_in and name == self._stand_in:
            block.stands_in = True
            return ()
        block.call = self._calls
        self._calls += 1
        if self._legacy:
            first = {"function_call": {"name": name, "arguments": ""}}
            return (self._chunk(first),) if block.call == 0 else ()
        call = {
            "index": block.call,
            "id": text_or(start.get("id"), None) or made_call_id(self._context, block.call),
            "type": "function",
            "function": {"name": name, "arguments": ""},
        }
        return (self._chunk({"tool_calls": [call]}),)

    def _on_delta(self, data: Json) -> Sequence[Json]:
        delta = object_in(data.get("delta"))
        index = index_in(data)
        block = self._open.get(index)
        kind = delta.get("type")
        if kind == "text_delta":
            if block is None:
                block = self._missed_start(index, "text")
            return self._text(block, delta.get("text"))
        if kind == "thinking_delta":
            if block is None:
                block = self._missed_start(index, "thinking")
            return self._thinking(block, delta.get("thinking"))
        if block is None:
            raise invalid_answer("a delta came for a content block that never began", "invalid_sse")
        if kind == "input_json_delta":
            return self._arguments(block, delta.get("partial_json"))
        if kind == "signature_delta":
            return self._sign(block, delta.get("signature"))
        if kind == "citations_delta":
            block.cite(delta.get("citation"))
        else:
            block.grow(delta)
        return ()

    def _missed_start(self, index: int, kind: str) -> Block:
        block = Block(kind, {"type": kind}, len(self._blocks), self._said)
        self._blocks.append(block)
        self._open[index] = block
        return block

    def _text(self, block: Block, text: object) -> Sequence[Json]:
        text = fragment_in(text)
        if not text:
            return ()
        block.pieces.append(text)
        self._said += len(text)
        self.text_chars += len(text)
        return (self._chunk({"content": text}),)

    def _thinking(self, block: Block, text: object) -> Sequence[Json]:
        text = fragment_in(text)
        if not text:
            return ()
        block.pieces.append(text)
        self.text_chars += len(text)
        detail = self._detail(block, {"thinking": text})
        return (self._chunk({"reasoning_content": text, "reasoning_details": [detail]}),)

    def _detail(self, block: Block, part: Json) -> Json:
        """A part of a thinking block. Only the first names what does not grow: clients join the strings of deltas that
        have the same index."""
        if block.detail < 0:
            block.detail = self._details
            self._details += 1
            return reasoning_detail(part, block.detail, block.place, self._asked)
        detail: Json = {"type": "reasoning.text", "index": block.detail}
        if "signature" in part:
            return {**detail, "signature": part["signature"], "model": self._asked}
        return {**detail, "text": part["thinking"]}

    def _sign(self, block: Block, signature: object) -> Sequence[Json]:
        signature = fragment_in(signature)
        if not signature:
            return ()
        block.signature.append(signature)
        return ()

    def _arguments(self, block: Block, text: object) -> Sequence[Json]:
        text = fragment_in(text)
        if not text:
            return ()
        block.pieces.append(text)
        return self._send_arguments(block, text)

    def _send_arguments(self, block: Block, text: str) -> Sequence[Json]:
        if block.stands_in:
            self._said += len(text)
            self.text_chars += len(text)
            return (self._chunk({"content": text}),)
        if block.call < 0 or (self._legacy and block.call > 0):
            return ()
        self.text_chars += len(text)
        if self._legacy:
            return (self._chunk({"function_call": {"arguments": text}}),)
        return (self._chunk({"tool_calls": [{"index": block.call, "function": {"arguments": text}}]}),)

    def _on_stop(self, data: Json) -> Sequence[Json]:
        block = self._open.pop(index_in(data), None)
        return self._close(block) if block else ()

    def _close(self, block: Block) -> Sequence[Json]:
        """What is known only when a block is complete: its signature, its citations, input that was not streamed."""
        if block.kind == "tool_use" and not block.pieces:
            return self._send_arguments(block, arguments_of(block.start.get("input")))
        if block.kind == "thinking" and (block.signature or not block.pieces):
            detail = self._detail(block, {"signature": "".join(block.signature)})
            return (self._chunk({"reasoning_details": [detail]}),)
        if block.kind == "text" and block.start.get("citations"):
            end = block.start_at + sum(map(len, block.pieces))
            self._annotations += annotations_of(block.start["citations"], block.start_at, end)
        return ()

    def _on_message_delta(self, data: Json) -> None:
        self._end(object_in(data.get("delta")))
        self._end(data)
        self._report(data.get("usage"))

    def _end(self, said: Json) -> None:
        for name in ("stop_reason", "stop_sequence", "stop_details"):
            if said.get(name) is not None:
                self._ending[name] = said[name]
        for name in TOP_LEVEL_EXTRAS:
            if said.get(name):
                self._extras[name] = said[name]

    def _on_message_stop(self) -> Sequence[Json]:
        chunks = [part for block in list(self._open.values()) for part in self._close(block)]
        stop = self._ending.get("stop_reason")
        self.finish_reason = finish_reason(stop, self._calls > 0, self._legacy)
        self.done = True
        last: Json = {"refusal": None}
        if self._annotations:  # in one delta, since they have no index by which clients could join several
            last["annotations"] = self._annotations
        blocks = [block.whole() for block in self._blocks]
        if beyond_chat(blocks):
            last["anthropic"] = verbatim(blocks, self._asked)
        add_ending(last, stop, self._ending.get("stop_sequence"), self._ending.get("stop_details"))
        if last["refusal"] is None:
            del last["refusal"]
        if last or not self._started:
            chunks.append(self._chunk(last))
        chunks.append(self._chunk({}, self.finish_reason))
        return chunks

    def _chunk(self, delta: Json, finish: str | None = None) -> Json:
        if not self._started:
            self._started = True
            delta = {"role": "assistant", "content": None, "refusal": None, **delta}
        made = chunk(
            self._id or self._context.id,
            self._context.created,
            self._model,
            [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
        )
        if self._tier:
            made["service_tier"] = self._tier
        if finish and self._extras:
            made.update(self._extras)
        return made
