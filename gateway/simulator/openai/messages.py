"""Checks of the messages: roles, content parts by role, and that tool calls and tool results belong together."""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from typing import Any

from gateway.simulator.openai.errors import empty_array, invalid, missing, no_match, unknown, wrong_type
from gateway.simulator.openai.models import ModelFacts
from gateway.simulator.vendor import Json

ROLES = "'system', 'assistant', 'user', 'function', 'tool', and 'developer'"
NAME = re.compile(r"[^\s<|\\/>]+")
NAME_PATTERN = "^[^\\s<|\\\\/>]+$"
LONGEST_CALL_ID = 40
DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,")

FIELDS = {
    "system": {"role", "content", "name"},
    "developer": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {"role", "content", "name", "refusal", "tool_calls", "function_call", "audio", "annotations"},
    "tool": {"role", "content", "tool_call_id", "name"},
    "function": {"role", "content", "name"},
}
PARTS = {
    "user": ("text", "image_url", "input_audio", "file"),
    "assistant": ("text", "refusal"),
}
PART_FIELDS = {
    "text": {"type", "text", "prompt_cache_breakpoint"},
    "refusal": {"type", "refusal"},
    "image_url": {"type", "image_url", "prompt_cache_breakpoint"},
    "input_audio": {"type", "input_audio", "prompt_cache_breakpoint"},
    "file": {"type", "file", "prompt_cache_breakpoint"},
}


def check_messages(messages: Any, facts: ModelFacts) -> None:
    """Raises Rejected."""
    if not isinstance(messages, list):
        raise wrong_type("messages", "an array of objects", messages)
    if not messages:
        raise empty_array("messages")
    for index, message in enumerate(messages):
        _check_message(message, index, facts)
    _check_turns(messages)


def _check_message(message: Any, index: int, facts: ModelFacts) -> None:
    path = f"messages[{index}]"
    if not isinstance(message, dict):
        raise wrong_type(path, "an object", message)
    role = message.get("role")
    if role is None:
        raise missing(f"{path}.role")
    if not isinstance(role, str) or role not in FIELDS:
        raise invalid(f"Invalid value: '{role}'. Supported values are: {ROLES}.", f"{path}.role", "invalid_value")
    if role in ("system", "developer") and not facts.instructions:
        text = f"Unsupported value: '{path}.role' does not support '{role}' with this model."
        raise invalid(text, f"{path}.role", "unsupported_value")
    if not message.keys() <= FIELDS[role]:
        raise unknown(f"{path}.{min(message.keys() - FIELDS[role])}")
    name = message.get("name")
    if name is not None and (not isinstance(name, str) or not NAME.fullmatch(name)):
        raise no_match(f"{path}.name", NAME_PATTERN)
    content = message.get("content")
    if role == "assistant":
        _check_assistant(message, path)
    elif role == "tool" and not isinstance(message.get("tool_call_id"), str):
        raise missing(f"{path}.tool_call_id")
    if isinstance(content, str) or (content is None and role in ("assistant", "function")):
        return
    if not isinstance(content, list):
        raise wrong_type(f"{path}.content", "one of a string or array of objects", content)
    if not content:
        raise empty_array(f"{path}.content")
    allowed = PARTS.get(role, ("text",))
    for number, part in enumerate(content):
        _check_part(part, f"{path}.content[{number}]", allowed, path, facts)


def _check_assistant(message: Json, path: str) -> None:
    calls = message.get("tool_calls")
    if message.get("content") is None and not any(
        message.get(other) is not None for other in ("tool_calls", "function_call", "refusal", "audio")
    ):
        raise invalid("Invalid value for 'content': expected a string, got null.", f"{path}.content", None)
    if calls is None:
        return
    if not isinstance(calls, list):
        raise wrong_type(f"{path}.tool_calls", "an array of objects", calls)
    if not calls:
        raise empty_array(f"{path}.tool_calls")
    for index, call in enumerate(calls):
        _check_call(call, f"{path}.tool_calls[{index}]")


def _check_call(call: Any, path: str) -> None:
    if not isinstance(call, dict):
        raise wrong_type(path, "an object", call)
    for key in ("id", "type", "function"):
        if key not in call:
            raise missing(f"{path}.{key}")
    if set(call) - {"id", "type", "function"}:
        raise unknown(f"{path}.{min(set(call) - {'id', 'type', 'function'})}")
    if not isinstance(call["id"], str):
        raise wrong_type(f"{path}.id", "a string", call["id"])
    if len(call["id"]) > LONGEST_CALL_ID:
        text = f"string too long. Expected a string with maximum length {LONGEST_CALL_ID}, but got a string with length"
        raise invalid(
            f"Invalid '{path}.id': {text} {len(call['id'])} instead.", f"{path}.id", "string_above_max_length"
        )
    if call["type"] != "function":
        text = f"Invalid value: '{call['type']}'. Supported values are: 'function'."
        raise invalid(text, f"{path}.type", "invalid_value")
    function = call["function"]
    if not isinstance(function, dict):
        raise wrong_type(f"{path}.function", "an object", function)
    for key in ("name", "arguments"):
        if key not in function:
            raise missing(f"{path}.function.{key}")
        if not isinstance(function[key], str):
            raise wrong_type(f"{path}.function.{key}", "a string", function[key])
    if set(function) - {"name", "arguments"}:
        raise unknown(f"{path}.function.{min(set(function) - {'name', 'arguments'})}")


def _check_part(part: Any, path: str, allowed: tuple[str, ...], message: str, facts: ModelFacts) -> None:
    if not isinstance(part, dict):
        raise wrong_type(path, "an object", part)
    kind = part.get("type")
    if kind is None:
        raise missing(f"{path}.type")
    if kind not in allowed:
        listed = ", ".join(f"'{name}'" for name in allowed)
        raise invalid(f"Invalid value: '{kind}'. Supported values are: {listed}.", f"{path}.type", "invalid_value")
    if set(part) - PART_FIELDS[kind]:
        raise unknown(f"{path}.{min(set(part) - PART_FIELDS[kind])}")
    inner = part.get(kind)
    if inner is None:
        raise missing(f"{path}.{kind}")
    if kind in ("text", "refusal"):
        if not isinstance(inner, str):
            raise wrong_type(f"{path}.{kind}", "a string", inner)
        return
    if not isinstance(inner, dict):
        raise wrong_type(f"{path}.{kind}", "an object", inner)
    if kind == "image_url":
        _check_image(inner, f"{path}.image_url")
    elif kind == "input_audio":
        if not facts.audio:
            text = f"Invalid '{message}'. Content blocks are expected to be either text or image_url type."
            raise invalid(text, message, "invalid_value")
        _check_audio(inner, f"{path}.input_audio")
    else:
        _check_file(inner, f"{path}.file")


def _check_image(image: Json, path: str) -> None:
    url = image.get("url")
    if not isinstance(url, str):
        raise missing(f"{path}.url") if url is None else wrong_type(f"{path}.url", "a string", url)
    if set(image) - {"url", "detail"}:
        raise unknown(f"{path}.{min(set(image) - {'url', 'detail'})}")
    if image.get("detail") not in (None, "auto", "low", "high", "original"):
        text = f"Invalid value: '{image['detail']}'. Supported values are: 'low', 'high', and 'auto'."
        raise invalid(text, f"{path}.detail", "invalid_value")
    if url.startswith("data:"):
        _check_data(url, f"{path}.url", "image/")
    elif not url.startswith(("http://", "https://")):
        text = f"Invalid '{path}.url'. Expected a valid URL, but got a value with an invalid format."
        raise invalid(text, f"{path}.url", "invalid_value")


def _check_data(url: str, path: str, media: str) -> None:
    """A base64 data URL of the right kind."""
    found = DATA_URL.match(url[:200])
    if found is None or not found.group(1).startswith(media):
        kind = found.group(1) if found else "a value without the 'data:' prefix"
        text = f"Invalid '{path}'. Expected a base64-encoded data URL with a MIME type of '{media}*', but got {kind}."
        raise invalid(text, path, "invalid_value")
    _check_base64(url[found.end() :], path)


def _check_base64(data: str, path: str) -> None:
    try:
        a2b_base64(data, strict_mode=True)
    except (Error, ValueError):
        raise invalid(f"Invalid base64 data in '{path}'.", path, "invalid_base64") from None


def _check_audio(audio: Json, path: str) -> None:
    if audio.get("format") not in ("wav", "mp3"):
        text = f"Invalid value: '{audio.get('format')}'. Supported values are: 'wav' and 'mp3'."
        raise invalid(text, f"{path}.format", "invalid_value")
    if not isinstance(audio.get("data"), str):
        raise missing(f"{path}.data")
    _check_base64(audio["data"], f"{path}.data")


def _check_file(file: Json, path: str) -> None:
    if set(file) - {"file_id", "file_data", "filename"}:
        raise unknown(f"{path}.{min(set(file) - {'file_id', 'file_data', 'filename'})}")
    if isinstance(file.get("file_id"), str):
        return
    data = file.get("file_data")
    if not isinstance(data, str):
        raise missing(f"{path}.file_id")
    if not isinstance(file.get("filename"), str):
        raise missing(f"{path}.filename")
    _check_data(data, f"{path}.file_data", "application/pdf")


def _check_turns(messages: list[Json]) -> None:
    """Each tool call is answered before anything else is said, and nothing is answered that was not called."""
    waiting: dict[str, None] = {}
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                text = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
                raise invalid(f"Invalid parameter: {text}", f"messages.[{index}].role", None)
            continue
        if waiting:
            _check_answered(waiting, messages[:index])
        waiting = dict.fromkeys(call["id"] for call in message.get("tool_calls") or ())
    if waiting:
        _check_answered(waiting, messages)


def _check_answered(waiting: dict[str, None], before: list[Json]) -> None:
    answered = set()
    for message in reversed(before):
        if message["role"] != "tool":
            break
        answered.add(message["tool_call_id"])
    absent = [call for call in waiting if call not in answered]
    if absent:
        text = (
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            "'tool_call_id'. The following tool_call_ids did not have response messages: "
        )
        raise invalid(text + ", ".join(absent), "messages", None)
