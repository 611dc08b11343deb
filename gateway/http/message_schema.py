"""What a message of a chat request may look like (OpenAI API reference, ChatCompletionRequestMessage)."""

from __future__ import annotations

from typing import Any

from gateway.core.errors import BadRequest
from gateway.http.fields import (
    Check,
    array,
    check_fields,
    check_length,
    missing,
    object_,
    one_of,
    require,
    string,
    unsupported_choice,
    wrong_type,
)

_ROLES = ("system", "assistant", "user", "function", "tool", "developer")


def check_messages(body: dict[str, Any], limit: int) -> None:
    """`messages` must be there and hold 1 to `limit` valid messages. Raises BadRequest."""
    messages = body.get("messages")
    if messages is None:
        raise missing("messages")
    if not isinstance(messages, list):
        raise wrong_type("messages", "an array of objects", messages)
    check_length(messages, "messages", limit, 1)
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            raise wrong_type(f"messages[{index}]", "an object", message)
        role = message.get("role")
        content = message.get("content")
        # The common case first: a plain text turn needs no further look.
        if (role == "user" or role == "system") and type(content) is str and len(message) == 2:
            continue
        _check_message(message, f"messages[{index}]")


def _check_message(message: dict[str, Any], path: str) -> None:
    role = require(message, path, "role", string())
    if role not in _ROLES:
        raise unsupported_choice(f"{path}.role", role, _ROLES)
    content = message.get("content")
    if isinstance(content, list):
        check_length(content, f"{path}.content", None, 1 if role == "user" else 0)
        for index, part in enumerate(content):
            _check_part(part, f"{path}.content[{index}]")
    elif content is None:
        if role != "assistant" and role != "function":
            if "content" not in message:
                raise missing(f"{path}.content")
            raise wrong_type(f"{path}.content", "a string or an array of objects", content)
    elif not isinstance(content, str):
        raise wrong_type(f"{path}.content", "a string or an array of objects", content)
    if role == "tool":
        require(message, path, "tool_call_id", string())
    if role == "function":
        require(message, path, "name", string())
    name = message.get("name")
    if name is not None:
        string()(name, f"{path}.name")
    _check_calls(message, path, _TOOL_CALLS if role == "assistant" else _ANY_TOOL_CALLS)


def _check_calls(message: dict[str, Any], path: str, check_tool_calls: Check) -> None:
    """Whatever the role: calls travel on from where they stand, and are read there."""
    calls = message.get("tool_calls")
    if calls is not None:
        check_tool_calls(calls, f"{path}.tool_calls")
    call = message.get("function_call")
    if call is not None:
        _check_named_call(call, f"{path}.function_call")
    refusal = message.get("refusal")
    if refusal is not None:
        string()(refusal, f"{path}.refusal")


def _check_named_call(value: Any, path: str) -> None:
    object_(value, path)
    require(value, path, "name", string())
    require(value, path, "arguments", string())


def _check_tool_call(value: Any, path: str) -> None:
    object_(value, path)
    require(value, path, "id", string())
    check_fields(value, path, {"function": object_})
    if value.get("type", "function") == "function":
        _check_named_call(require(value, path, "function", object_), f"{path}.function")


_TOOL_CALLS = array(_check_tool_call, min_length=1)
_ANY_TOOL_CALLS = array(_check_tool_call)


def _check_part(part: Any, path: str) -> None:
    if isinstance(part, str):
        return
    object_(part, path)
    kind = require(part, path, "type", string())
    check = _PARTS.get(kind)
    if check is not None:
        check(part, path)


def _check_text_part(part: dict[str, Any], path: str) -> None:
    require(part, path, "text", string())


def _check_refusal_part(part: dict[str, Any], path: str) -> None:
    require(part, path, "refusal", string())


def _check_image_part(part: dict[str, Any], path: str) -> None:
    image = require(part, path, "image_url", object_)
    url = require(image, f"{path}.image_url", "url", string())
    if not url.startswith(("https://", "http://", "data:", "gs://")):
        raise BadRequest(
            f"Invalid '{path}.image_url.url': expected a data: URL or an http(s) URL.",
            code="invalid_image_url",
            param=f"{path}.image_url.url",
        )
    detail = image.get("detail")
    if detail is not None:
        one_of("auto", "low", "high", "original")(detail, f"{path}.image_url.detail")


def _check_audio_part(part: dict[str, Any], path: str) -> None:
    audio = require(part, path, "input_audio", object_)
    require(audio, f"{path}.input_audio", "data", string())
    require(audio, f"{path}.input_audio", "format", string())


def _check_file_part(part: dict[str, Any], path: str) -> None:
    file = require(part, path, "file", object_)
    check_fields(file, f"{path}.file", {"file_data": string(), "file_id": string(), "filename": string()})
    if not (file.get("file_data") or file.get("file_id")):
        raise missing(f"{path}.file.file_data")


_PARTS: dict[str, Check] = {
    "text": _check_text_part,
    "refusal": _check_refusal_part,
    "image_url": _check_image_part,
    "input_audio": _check_audio_part,
    "file": _check_file_part,
}
