"""Messages on OpenAI's wire format, fitted to what a vendor takes back.

Owns roles, the message fields of other vendors, tool call ids and content parts. A message that fits is passed on as
it is, the same object. Reasoning goes back under the name the vendor uses; reasoning that it does not take is left
out, with one warning for the whole request.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from gateway.core.chat import SDK_COPIES, Json
from gateway.core.vendor import Vendor
from gateway.providers.openai.legacy import function_message_to_tool

Warnings = dict[str, None]
"""Warnings in order, each once."""

PLAIN_FIELDS = frozenset({"role", "content", "tool_calls", "tool_call_id"})
_PLAIN_ROLES = frozenset({"user", "system", "assistant"})
_CALL_FIELDS = frozenset({"id", "type", "function", "custom"})
_FUNCTION_FIELDS = frozenset({"name", "arguments"})
_REASONING_FIELDS = frozenset({"reasoning_content", "reasoning", "reasoning_details", "thinking_blocks"})
FOREIGN_REASONING = "messages: reasoning of another vendor was left out"

_SHORT_ID = re.compile(r"[a-zA-Z0-9]{9}")


def translate_messages(messages: list[Json], vendor: Vendor, warnings: Warnings) -> list[Json]:
    """The messages as `vendor` takes them; `messages` itself where all of them fit."""
    if vendor.prefill_flag is None and all(map(_is_plain_turn, messages)):
        return messages
    taken = PLAIN_FIELDS | vendor.message_extras
    special_roles = _special_roles(vendor)
    translated: list[Json] | None = None
    for position, message in enumerate(messages):
        if (
            message.keys() <= taken
            and message.get("role") not in special_roles
            and "tool_calls" not in message
            and isinstance(message.get("content"), str)
            and not (vendor.short_tool_ids and "tool_call_id" in message)
        ):
            continue
        fitted = _translate(message, taken, vendor, warnings)
        if fitted is not message:
            translated = translated or list(messages)
            translated[position] = fitted
    if vendor.prefill_flag is not None and messages and messages[-1].get("role") == "assistant":
        translated = translated or list(messages)
        if not translated[-1].get("tool_calls"):
            translated[-1] = {vendor.prefill_flag: True, **translated[-1]}
    return messages if translated is None else translated


def _is_plain_turn(message: Json) -> bool:
    """A role that every vendor knows and a text, and nothing else: most messages of most requests."""
    return len(message) == 2 and type(message.get("content")) is str and message.get("role") in _PLAIN_ROLES


def _special_roles(vendor: Vendor) -> tuple[str, ...]:
    legacy = ("function",) if "functions" in vendor.unsupported else ()
    return legacy if vendor.developer_role else ("developer", *legacy)


def _translate(message: Json, taken: frozenset[str], vendor: Vendor, warnings: Warnings) -> Json:
    fitted = message
    if "functions" in vendor.unsupported and (message.get("role") == "function" or message.get("function_call")):
        fitted = function_message_to_tool(message)
    if not fitted.keys() <= taken or None in fitted.values():
        fitted = _without_extras(fitted, taken, vendor, warnings)
    if fitted.get("role") == "developer" and not vendor.developer_role:
        fitted = {**fitted, "role": "system"}
    if "tool_calls" in fitted:
        fitted = _with_fitted_calls(fitted, taken, vendor, warnings)
    if vendor.short_tool_ids and "tool_call_id" in fitted:
        fitted = {**fitted, "tool_call_id": short_id(fitted["tool_call_id"])}
    content = fitted.get("content")
    if isinstance(content, list) and "cache_control" not in taken:
        parts = strip_cache_control(content, "messages", vendor, warnings)
        if parts is not content:
            fitted = {**fitted, "content": parts}
    return fitted


def _without_extras(message: Json, taken: frozenset[str], vendor: Vendor, warnings: Warnings) -> Json:
    """Only fields that the vendor takes; nulls mean absent, but for content."""
    kept = {
        name: value for name, value in message.items() if name in taken and (value is not None or name == "content")
    }
    for name, value in message.items():
        if name in taken or name in SDK_COPIES or value is None or value == "" or value == [] or value == {}:
            continue
        if name in _REASONING_FIELDS:
            if not _keep_reasoning(name, value, kept, taken):
                warnings[FOREIGN_REASONING] = None
        elif name == "refusal" and not kept.get("content"):
            kept["content"] = value
        else:
            warnings[f"messages: {name} not supported by {vendor.name}, dropped"] = None
    return kept


def _keep_reasoning(name: str, value: Any, kept: Json, taken: frozenset[str]) -> bool:
    """Reasoning text goes under the vendor's own name for it. A blob never does: it is its vendor's alone."""
    if name in ("reasoning_content", "reasoning") and isinstance(value, str):
        for theirs in ("reasoning_content", "reasoning"):
            if theirs in taken:
                kept.setdefault(theirs, value)
                return True
    return False


def _with_fitted_calls(message: Json, taken: frozenset[str], vendor: Vendor, warnings: Warnings) -> Json:
    calls = message["tool_calls"]
    if not calls:
        return {name: value for name, value in message.items() if name != "tool_calls"}
    fitted = [_fit_call(call, taken, vendor, warnings) for call in calls]
    if all(new is old for new, old in zip(fitted, calls, strict=True)):
        return message
    return {**message, "tool_calls": fitted}


def _fit_call(call: Json, taken: frozenset[str], vendor: Vendor, warnings: Warnings) -> Json:
    fitted = call
    if not call.keys() <= _CALL_FIELDS:
        fitted = {name: value for name, value in call.items() if name in _CALL_FIELDS or name in taken}
        for name, value in call.items():
            if name in fitted or name == "index" or not value:
                continue
            if name == "extra_content":
                warnings[FOREIGN_REASONING] = None
            else:
                warnings[f"messages: tool_calls[].{name} not supported by {vendor.name}, dropped"] = None
    function = call.get("function")
    if isinstance(function, dict) and not function.keys() <= _FUNCTION_FIELDS:
        for name in sorted(function.keys() - _FUNCTION_FIELDS - SDK_COPIES):
            warnings[f"messages: tool_calls[].function.{name} not supported by {vendor.name}, dropped"] = None
        kept = {name: value for name, value in function.items() if name in _FUNCTION_FIELDS}
        fitted = {**fitted, "function": kept}
    if vendor.short_tool_ids and "id" in fitted:
        fitted = {**fitted, "id": short_id(fitted["id"])}
    return fitted


def fill_in_reasoning(messages: list[Json]) -> list[Json]:
    """Assistant messages that another vendor wrote, with a blank where a vendor wants reasoning back (DeepSeek answers
    400 to a missing and to an empty one)."""
    return [
        {**message, "reasoning_content": " "}
        if message.get("role") == "assistant" and not message.get("reasoning_content")
        else message
        for message in messages
    ]


def short_id(call_id: Any) -> str:
    """Nine letters or digits for a tool call id; the same for its call and its result."""
    text = str(call_id)
    return text if _SHORT_ID.fullmatch(text) else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:9]


def strip_cache_control(items: list[Json], path: str, vendor: Vendor, warnings: Warnings) -> list[Json]:
    """Content parts or tools without Anthropic's cache marks, which other vendors refuse."""
    if not any("cache_control" in item for item in items if isinstance(item, dict)):
        return items
    warnings[f"{path}: cache_control not supported by {vendor.name}, dropped"] = None
    return [
        {name: value for name, value in item.items() if name != "cache_control"} if isinstance(item, dict) else item
        for item in items
    ]
