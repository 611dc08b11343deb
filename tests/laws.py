"""The laws of adapters as functions: drive a parser, fold its chunks, cut a stream everywhere.

Law 2: bytes cut at any offset give the same chunks; the folded stream is the whole answer; a truncated stream ends
in an error, never in an invented `stop`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import orjson
from openai.lib.streaming._deltas import accumulate_delta

from gateway.core.chat import ChatRequest, Json
from gateway.core.errors import ProviderError
from gateway.core.vendor import CAPABILITIES, Target, Vendor
from gateway.providers.base import Adapter, CallContext, StreamParser
from gateway.transport.sse import SseDecoder


def target_for(vendor: Vendor, upstream_id: str = "test-model", **facts: Any) -> Target:
    return Target(
        model="catalogue-name",
        provider=vendor.name,
        upstream_id=upstream_id,
        vendor=vendor,
        capabilities=facts.pop("capabilities", vendor.capabilities or CAPABILITIES),
        **facts,
    )


def context_for(target: Target, body: Json | None = None) -> CallContext:
    request = ChatRequest(body or {"model": "auto", "messages": [{"role": "user", "content": "hi"}]})
    return CallContext(request=request, target=target, id="chatcmpl-test", created=1_700_000_000)


def drive(adapter: Adapter, context: CallContext, pieces: Iterable[bytes]) -> tuple[list[Json], StreamParser]:
    """Every chunk of a stream given in `pieces`. Raises ProviderError as the parser does."""
    decoder, parser = SseDecoder(), adapter.stream_parser(context)
    chunks: list[Json] = []
    for piece in pieces:
        for event in decoder.feed(piece):
            if not parser.done:
                chunks.extend(copy.deepcopy(list(parser.feed(event))))
    for event in decoder.finish():
        if not parser.done:
            chunks.extend(copy.deepcopy(list(parser.feed(event))))
    chunks.extend(copy.deepcopy(list(parser.finish())))
    return chunks, parser


def cut_once(stream: bytes, offset: int) -> tuple[bytes, bytes]:
    return stream[:offset], stream[offset:]


def assert_split_invariant(adapter: Adapter, context: CallContext, stream: bytes, step: int = 1) -> None:
    """The same chunks whether the stream comes whole, byte by byte, or cut in two at any offset (every `step`th)."""
    whole, _ = drive(adapter, context, [stream])
    assert drive(adapter, context, (stream[i : i + 1] for i in range(len(stream))))[0] == whole
    events = SseDecoder()
    expected = events.feed(stream) + events.finish()
    for offset in range(0, len(stream), step):
        decoder = SseDecoder()
        first, second = cut_once(stream, offset)
        assert decoder.feed(first) + decoder.feed(second) + decoder.finish() == expected, f"cut at byte {offset}"


def assert_truncation_is_visible(adapter: Adapter, context: CallContext, stream: bytes, terminal_at: int) -> None:
    """A stream cut at any byte before `terminal_at` (where its terminal event is complete) ends in an error."""
    offsets = list(range(terminal_at)) if terminal_at < 4000 else [*range(0, terminal_at, terminal_at // 2000)]
    for offset in offsets:
        try:
            drive(adapter, context, [stream[:offset]])
        except ProviderError:
            continue
        raise AssertionError(
            f"a stream cut at byte {offset} of {terminal_at} passed as complete: {stream[:offset][-80:]!r}"
        )


def fold(chunks: list[Json]) -> Json:
    """The chat.completion that a client would build from the chunks: choices with message and finish_reason."""
    choices: dict[int, Json] = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            folded = choices.setdefault(
                choice["index"], {"index": choice["index"], "message": {}, "finish_reason": None, "logprobs": None}
            )
            merge_delta(folded["message"], choice.get("delta") or {})
            if choice.get("finish_reason"):
                assert folded["finish_reason"] is None, "two finish reasons for one choice"
                folded["finish_reason"] = choice["finish_reason"]
            if choice.get("logprobs"):
                logprobs = folded["logprobs"] = folded["logprobs"] or {"content": [], "refusal": None}
                logprobs["content"].extend(choice["logprobs"].get("content") or [])
    assert_the_sdk_joins_alike(chunks, choices)
    first = chunks[0]
    return {
        "id": first["id"],
        "object": "chat.completion",
        "created": first["created"],
        "model": first["model"],
        "choices": [choices[index] for index in sorted(choices)],
    }


def assert_the_sdk_joins_alike(chunks: list[Json], choices: dict[int, Json]) -> None:
    """The `.stream()` helper of OpenAI's SDK joins all strings, adds all numbers, and finds the entries of lists by
    their `index`: what it makes of the deltas, and an app sends back in the next turn, has to be the message too."""
    messages: dict[int, Json] = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            delta = copy.deepcopy(choice.get("delta") or {})
            messages[choice["index"]] = accumulate_delta(messages.get(choice["index"], {}), delta)
    for place, message in messages.items():
        assert _sent_back(message) == _sent_back(choices[place]["message"])


_SENT_BACK = ("content", "refusal", "reasoning_content", "reasoning_details", "images", "annotations", "anthropic",
              "extra_content", "function_call")  # fmt: skip


def _sent_back(message: Json) -> Json:
    """What the gateway reads of a message of an earlier answer."""
    calls = []
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        calls.append((call.get("id"), function.get("name"), function.get("arguments"), call.get("extra_content")))
    return {"tool_calls": calls, **{name: message.get(name) for name in _SENT_BACK}}


def merge_delta(message: Json, delta: Json) -> None:
    for name, value in delta.items():
        if value is None:
            message.setdefault(name, None)
        elif name in ("content", "reasoning_content", "refusal"):
            message[name] = (message.get(name) or "") + value
        elif name == "tool_calls":
            for call in value:
                merge_tool_call(message.setdefault("tool_calls", []), call)
        elif name == "reasoning_details":
            details = message.setdefault("reasoning_details", [])
            for item in value:
                merge_detail(details, item)
        elif isinstance(value, list):
            message.setdefault(name, []).extend(value)
        else:
            message[name] = value


def merge_tool_call(calls: list[Json], delta: Json) -> None:
    index = delta["index"]
    assert index <= len(calls), f"tool call index {index} skips one"
    if index == len(calls):
        calls.append({"function": {"name": "", "arguments": ""}})
    call = calls[index]
    for name, value in delta.items():
        if name == "function":
            call["function"]["name"] += value.get("name") or ""
            call["function"]["arguments"] += value.get("arguments") or ""
        elif name != "index" and value is not None:
            call[name] = value


def merge_detail(details: list[Json], delta: Json) -> None:
    for item in details:
        if item["index"] == delta["index"]:
            for name, value in delta.items():
                if name == "text":
                    item["text"] = (item.get("text") or "") + (value or "")
                elif value is not None:
                    item[name] = value
            return
    details.append(dict(delta))


def as_json(value: Any) -> Any:
    """Through JSON and back: what a client would see."""
    return orjson.loads(orjson.dumps(value))
