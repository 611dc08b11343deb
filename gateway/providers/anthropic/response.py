"""A whole message of Anthropic's -> a chat completion.

Owns the answer's vocabulary, which the stream shares: finish reasons, usage, tool call ids, citations, and the extra
`message.anthropic` that keeps what chat form can't say (server tools and their results, split texts, why it stopped),
so that it can go back verbatim on the next turn.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from gateway.core.chat import ChatAnswer, Json
from gateway.core.usage import Usage
from gateway.providers.anthropic.errors import error_in
from gateway.providers.anthropic.messages import REASONING_FORMAT
from gateway.providers.anthropic.models import facts_for
from gateway.providers.anthropic.tools import answer_tool, is_legacy
from gateway.providers.base import CallContext
from gateway.providers.errors.classify import invalid_answer

_FINISH_REASONS = (
    ("end_turn", "stop"), ("stop_sequence", "stop"), ("tool_use", "tool_calls"), ("max_tokens", "length"),
    ("model_context_window_exceeded", "length"), ("refusal", "content_filter"), ("pause_turn", "length"),
    ("compaction", "length"),
)  # fmt: skip
_PLAIN_STOPS = frozenset({"end_turn", "tool_use", "max_tokens", "stop_sequence"})
_SERVICE_TIERS = (("standard", "default"), ("priority", "priority"))
TOP_LEVEL_EXTRAS = ("container", "context_management", "diagnostics")


def parse_response(body: bytes, context: CallContext) -> ChatAnswer:
    """Raises ProviderError: error_in_200 for an error object, invalid_body for anything but a message."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise invalid_answer("the answer is not JSON") from None
    if not isinstance(data, dict):
        raise invalid_answer("the answer is not an object")
    if data.get("type") == "error" or data.get("error"):
        raise error_in(data, "error_in_200")
    blocks = data.get("content")
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise invalid_answer("the answer has no content blocks")
    message = message_of(blocks, context)
    calls = bool(message.get("tool_calls") or message.get("function_call"))
    stop = data.get("stop_reason")
    finish = finish_reason(stop, calls, "function_call" in message)
    add_ending(message, stop, data.get("stop_sequence"), data.get("stop_details"))
    usage = usage_of(data.get("usage"))
    answer: Json = {
        "id": text_or(data.get("id"), context.id),
        "object": "chat.completion",
        "created": context.created,
        "model": text_or(data.get("model"), context.target.upstream_id),
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
    }
    if usage is not None:
        answer["usage"] = usage.to_openai()
        if tier := service_tier(data["usage"]):
            answer["service_tier"] = tier
    for name in TOP_LEVEL_EXTRAS:
        if data.get(name):
            answer[name] = data[name]
    return ChatAnswer(answer, usage, finish)


def message_of(blocks: list[Json], context: CallContext) -> Json:
    """The assistant message that `blocks` say, but for its ending."""
    model = context.target.upstream_id
    stand_in = stand_in_tool(context)
    texts: list[str] = []
    details: list[Json] = []
    calls: list[Json] = []
    annotations: list[Json] = []
    said = 0
    for index, block in enumerate(blocks):
        kind = block.get("type")
        if kind == "text":
            text = text_or(block.get("text"), "")
            texts.append(text)
            annotations.extend(annotations_of(block.get("citations"), said, said + len(text)))
            said += len(text)
        elif kind == "thinking" or kind == "redacted_thinking":
            details.append(reasoning_detail(block, len(details), index, model))
        elif kind == "tool_use":
            arguments = arguments_of(block.get("input"))
            if stand_in and block.get("name") == stand_in:
                texts.append(arguments)
                said += len(arguments)
            else:
                calls.append(tool_call(block, arguments, len(calls), context))
    message: Json = {"role": "assistant", "content": "".join(texts) or None, "refusal": None}
    if details:
        reasoning = "".join(item.get("text", "") for item in details)
        if reasoning:
            message["reasoning_content"] = reasoning
        message["reasoning_details"] = details
    if calls and is_legacy(context.request.body):
        message["function_call"] = calls[0]["function"]
    elif calls:
        message["tool_calls"] = calls
    if annotations:
        message["annotations"] = annotations
    if beyond_chat(blocks):
        message["anthropic"] = verbatim(blocks, model)
    return message


def stand_in_tool(context: CallContext) -> str | None:
    """The tool whose call is the answer to response_format json_schema, where the model has no better way."""
    body = context.request.body
    return answer_tool(body, facts_for(context.target.upstream_id)) if body.get("response_format") else None


def beyond_chat(blocks: list[Json]) -> bool:
    """Whether content, reasoning_details and tool_calls can't give `blocks` back as they were."""
    texts = 0
    for block in blocks:
        kind = block.get("type")
        if kind == "text":
            texts += 1
            if block.get("citations"):
                return True
        elif kind == "tool_use":
            caller = block.get("caller")
            if block.get("toolset_name") or (isinstance(caller, dict) and caller.get("type") != "direct"):
                return True
        elif kind not in ("thinking", "redacted_thinking"):
            return True
    return texts > 1


def verbatim(blocks: list[Json], model: str) -> Json:
    """The blocks as `message.anthropic` carries them; refused when nobody could encode them again."""
    kept = {"model": model, "content": blocks}
    try:
        orjson.dumps({"choices": [{"delta": {"anthropic": kept}}]})
    except orjson.JSONEncodeError:
        raise invalid_answer("the answer is nested too deeply") from None
    return kept


def add_ending(message: Json, stop: object, sequence: object, details: object) -> None:
    """The refusal's explanation, and in `anthropic` the ways to stop that no finish reason tells."""
    if isinstance(details, dict) and isinstance(details.get("explanation"), str):
        message["refusal"] = details["explanation"]
    extra = {"stop_sequence": sequence, "stop_details": details}
    ending = {name: value for name, value in extra.items() if value is not None}
    if isinstance(stop, str) and stop not in _PLAIN_STOPS:
        ending["stop_reason"] = stop
    if ending:
        message["anthropic"] = {**message.get("anthropic", {}), **ending}


def finish_reason(stop: object, calls: bool, legacy: bool = False) -> str:
    """OpenAI's finish reason. A forced stand-in tool stops with "tool_use" but leaves no call: that is a "stop". A turn
    that is to go on, and a reason that nobody knows, is a "length": the answer is not known to be whole."""
    reason = next((ours for theirs, ours in _FINISH_REASONS if theirs == stop), "length")
    if reason == "tool_calls" or stop is None:
        return ("function_call" if legacy else "tool_calls") if calls else "stop"
    return reason


def usage_of(reported: object) -> Usage | None:
    """Disjoint counts. Anthropic's input_tokens already leaves out what a cache served or stored; output_tokens
    includes thinking, whose share it tells on newer models."""
    if not isinstance(reported, dict):
        return None
    written = _count(reported.get("cache_creation_input_tokens"))
    split = reported.get("cache_creation")
    an_hour = _count(split.get("ephemeral_1h_input_tokens")) if isinstance(split, dict) else 0
    if not written and isinstance(split, dict):
        written = an_hour + _count(split.get("ephemeral_5m_input_tokens"))
    an_hour = min(an_hour, written)
    output = _count(reported.get("output_tokens"))
    shares = reported.get("output_tokens_details")
    thought = min(_count(shares.get("thinking_tokens")), output) if isinstance(shares, dict) else 0
    return Usage(
        input=_count(reported.get("input_tokens")),
        cache_read=_count(reported.get("cache_read_input_tokens")),
        cache_write_5m=written - an_hour,
        cache_write_1h=an_hour,
        output=output - thought,
        reasoning=thought,
    )


def _count(value: object) -> int:
    return value if type(value) is int and value > 0 else 0


def service_tier(reported: Json) -> str | None:
    return next((ours for theirs, ours in _SERVICE_TIERS if theirs == reported.get("service_tier")), None)


def reasoning_detail(block: Json, index: int, place: int, model: str) -> Json:
    """A thinking block as an item of `reasoning_details`. `index` is its place in that list, which is how clients join
    the deltas of a stream; `block` is its place among the message's blocks, where that is another. Beside a signature
    or encrypted data stands the model: Anthropic takes them back only for the one that made them."""
    detail: Json = {"index": index, "format": REASONING_FORMAT}
    if place != index:
        detail["block"] = place
    if block.get("type") == "redacted_thinking":
        return {"type": "reasoning.encrypted", "data": text_or(block.get("data"), ""), **detail, "model": model}
    detail = {"type": "reasoning.text", "text": text_or(block.get("thinking"), ""), **detail}
    if signature := block.get("signature"):
        detail["signature"] = signature
        detail["model"] = model
    return detail


def tool_call(block: Json, arguments: str, index: int, context: CallContext) -> Json:
    return {
        "id": text_or(block.get("id"), None) or made_call_id(context, index),
        "type": "function",
        "function": {"name": text_or(block.get("name"), ""), "arguments": arguments},
    }


def made_call_id(context: CallContext, index: int) -> str:
    return f"call_{hashlib.sha256(f'{context.id}:0:{index}'.encode()).hexdigest()[:24]}"


def arguments_of(value: Any) -> str:
    """A tool's input as the JSON text that chat form carries."""
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps({} if value is None else value).decode()
    except orjson.JSONEncodeError:
        raise invalid_answer("the input of a tool is nested too deeply") from None


def annotations_of(citations: object, start: int, end: int) -> list[Json]:
    """OpenAI's url_citation annotations of the citations that have an address; others stay in `anthropic`."""
    if not isinstance(citations, list):
        return []
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "url": citation["url"],
                "title": text_or(citation.get("title"), ""),
                "start_index": start,
                "end_index": end,
            },
        }
        for citation in citations
        if isinstance(citation, dict) and isinstance(citation.get("url"), str)
    ]


def text_or(value: object, default: Any) -> Any:
    """`value` if it is a string with something in it."""
    return value if isinstance(value, str) and value else default
