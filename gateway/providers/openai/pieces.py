"""The pieces that whole answers and chunks share, brought into OpenAI's exact form.

Finish reasons, reasoning under its vendor's name, content given as typed parts, tool call arguments and ids. Pure
functions over values that a vendor sent: they trust no type.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from gateway.core.chat import Json

FINISH_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "stop": "stop",
        "eos": "stop",
        "eos_token": "stop",
        "end_turn": "stop",
        "stop_sequence": "stop",
        "complete": "stop",
        "completed": "stop",
        "done": "stop",
        "normal": "stop",
        "length": "length",
        "max_tokens": "length",
        "max_output_tokens": "length",
        "model_length": "length",
        "model_context_window_exceeded": "length",
        "error_limit": "length",
        "incomplete": "length",
        "tool_calls": "tool_calls",
        "tool_call": "tool_calls",
        "tool_use": "tool_calls",
        "function_call": "function_call",
        "content_filter": "content_filter",
        "content_filtered": "content_filter",
        "safety": "content_filter",
        "sensitive": "content_filter",
        "error_toxic": "content_filter",
        "recitation": "content_filter",
        "blocklist": "content_filter",
        "prohibited_content": "content_filter",
        "spii": "content_filter",
        "refusal": "content_filter",
        "guardrail_intervened": "content_filter",
    }
)
SERVICE_TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})
_DEFAULT_TIERS = frozenset({"on_demand", "standard"})
_BROKEN_OFF = frozenset({
    "error", "abort", "aborted", "cancelled", "canceled", "user_cancel", "failed", "timeout", "network_error",
    "insufficient_system_resource", "malformed_function_call", "malformed_tool_use", "malformed_model_output",
    "unexpected_tool_call", "function_call_filter",
})  # fmt: skip


def finish_reason(raw: str) -> str:
    """OpenAI's word for a vendor's finish reason.

    "length" for a word that nobody knows: not finished, as far as one can tell, and a word of OpenAI's, since SDKs with
    a closed enum (.NET) lose the whole answer over any other.
    """
    return FINISH_REASONS.get(raw) or FINISH_REASONS.get(_first_word(raw), "length")


def broke_off(raw: str) -> bool:
    """Whether a vendor's finish reason says that the answer is none: generation failed, or made an unusable call."""
    return raw not in FINISH_REASONS and _first_word(raw) in _BROKEN_OFF


def _first_word(raw: str) -> str:
    """Gemini's OpenAI-compatible API adds its own reason: "content_filter: RECITATION"."""
    return raw.partition(":")[0].strip().lower()


def take_service_tier(answer: Json) -> None:
    """A service_tier in OpenAI's words: names for the default one are translated (Groq's "on_demand"), any
    other stands as native_service_tier."""
    tier = answer["service_tier"]
    if tier is None or (isinstance(tier, str) and tier in SERVICE_TIERS):
        return
    if isinstance(tier, str) and tier in _DEFAULT_TIERS:
        answer["service_tier"] = "default"
    else:
        answer["native_service_tier"] = answer.pop("service_tier")


class Parts(NamedTuple):
    """Content parts taken apart: their text, their thinking, and whether other kinds were among them."""

    text: str
    thinking: str
    others: bool


def split_parts(parts: list[Any]) -> Parts:
    """Mistral's typed content: text parts, and thinking parts whose thinking is text or again text parts."""
    text: list[str] = []
    thinking: list[str] = []
    others = False
    for part in parts:
        if isinstance(part, str):
            text.append(part)
            continue
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in ("text", "output_text") and isinstance(part.get("text"), str):
            text.append(part["text"])
        elif kind in ("thinking", "reasoning"):
            inner = part.get("thinking", part.get("text"))
            thinking.append(split_parts(inner).text if isinstance(inner, list) else as_text(inner))
        else:
            others = True
    return Parts("".join(text), "".join(thinking), others)


def take_reasoning(message: Json) -> None:
    """Rename a vendor's `reasoning` text to reasoning_content; drop either where it is null.

    A `reasoning` that is not text stays as the vendor's own.
    """
    if "reasoning" in message:
        reasoning = message["reasoning"]
        if reasoning is None:
            del message["reasoning"]
        elif isinstance(reasoning, str):
            del message["reasoning"]
            if not message.get("reasoning_content"):
                message["reasoning_content"] = reasoning
    if "reasoning_content" in message and not isinstance(message["reasoning_content"], str):
        value = message.pop("reasoning_content")
        if value is not None:
            message["reasoning_content"] = as_text(value)


def take_parts(message: Json) -> None:
    """Split a `content` given as typed parts into content and reasoning_content. Where other kinds of parts were among
    them the vendor's list stays as `content_parts`."""
    parts = message["content"]
    split = split_parts(parts)
    message["content"] = split.text
    if split.thinking:
        message["reasoning_content"] = split.thinking + (message.get("reasoning_content") or "")
    if split.others:
        message["content_parts"] = parts


def as_text(value: Any) -> str:
    """Text as it is, null as nothing, anything else as its JSON (tool arguments given as an object).

    Raises ValueError for a value nested too deeply to be written.
    """
    if isinstance(value, str):
        return value
    try:
        return "" if value is None else orjson.dumps(value).decode()
    except TypeError:
        raise ValueError("the answer is nested too deeply") from None


def call_id(answer_id: str, choice: int, call: int) -> str:
    """A tool call's id where the vendor gave none: the same for the same answer and place."""
    digest = hashlib.sha256(f"{answer_id}/{choice}/{call}".encode("utf-8", "replace")).hexdigest()
    return f"call_{digest[:24]}"
