"""Every wrong request gets OpenAI's own words, its code, and the field's name in `param`."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.config.snapshot import Server
from gateway.core.errors import BadRequest
from gateway.http.chat_schema import check_chat_request

SERVER = Server()
HI = [{"role": "user", "content": "hi"}]
FUNCTION = {"name": "f", "parameters": {"type": "object", "properties": {}}}
TOOL = {"type": "function", "function": FUNCTION}


def refused(**fields: Any) -> BadRequest:
    body = {"model": "auto", "messages": HI, **fields}
    with pytest.raises(BadRequest) as caught:
        check_chat_request(body, SERVER)
    error = caught.value
    assert error.status == 400
    assert error.type == "invalid_request_error"
    return error


def user(content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


@pytest.mark.parametrize(
    ("fields", "param", "code", "message"),
    [
        (
            {"messages": []},
            "messages",
            "empty_array",
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
        ),
        ({"messages": None}, "messages", "missing_required_parameter", "Missing required parameter: 'messages'."),
        (
            {"messages": "hi"},
            "messages",
            "invalid_type",
            "Invalid type for 'messages': expected an array of objects, but got a string instead.",
        ),
        ({"messages": ["hi"]}, "messages[0]", "invalid_type", "expected an object, but got a string instead."),
        ({"messages": [{}]}, "messages[0].role", "missing_required_parameter", "'messages[0].role'."),
        (
            {"messages": [{"role": "bot", "content": "x"}]},
            "messages[0].role",
            "invalid_value",
            "Invalid value: 'bot'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', "
            "and 'developer'.",
        ),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing_required_parameter", ""),
        ({"messages": user(None)}, "messages[0].content", "invalid_type", "but got null instead."),
        ({"messages": user(7)}, "messages[0].content", "invalid_type", "but got an integer instead."),
        ({"messages": user([])}, "messages[0].content", "empty_array", ""),
        ({"messages": user([{}])}, "messages[0].content[0].type", "missing_required_parameter", ""),
        ({"messages": user([{"type": "text"}])}, "messages[0].content[0].text", "missing_required_parameter", ""),
        (
            {"messages": user([{"type": "image_url", "image_url": {"url": "/etc/passwd"}}])},
            "messages[0].content[0].image_url.url",
            "invalid_image_url",
            "",
        ),
        (
            {"messages": user([{"type": "input_audio", "input_audio": {"format": "wav"}}])},
            "messages[0].content[0].input_audio.data",
            "missing_required_parameter",
            "",
        ),
        (
            {"messages": user([{"type": "file", "file": {}}])},
            "messages[0].content[0].file.file_data",
            "missing_required_parameter",
            "",
        ),
        (
            {"messages": [{"role": "tool", "content": "x"}]},
            "messages[0].tool_call_id",
            "missing_required_parameter",
            "",
        ),
        (
            {"messages": [*HI, {"role": "assistant", "tool_calls": [{"id": "a", "type": "function"}]}]},
            "messages[1].tool_calls[0].function",
            "missing_required_parameter",
            "",
        ),
        (
            {
                "messages": [
                    *HI,
                    {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {}}}]},
                ]
            },
            "messages[1].tool_calls[0].function.arguments",
            "invalid_type",
            "expected a string, but got an object instead.",
        ),
        ({"messages": [*HI, {"role": "assistant", "tool_calls": []}]}, "messages[1].tool_calls", "empty_array", ""),
        (
            {"temperature": "hot"},
            "temperature",
            "invalid_type",
            "Invalid type for 'temperature': expected a decimal, but got a string instead.",
        ),
        ({"temperature": True}, "temperature", "invalid_type", "but got a boolean instead."),
        (
            {"temperature": -1},
            "temperature",
            "decimal_below_min_value",
            "Invalid 'temperature': decimal below minimum value. Expected a value >= 0, but got -1 instead.",
        ),
        ({"temperature": 2.5}, "temperature", "decimal_above_max_value", "<= 2, but got 2.5 instead."),
        ({"top_p": 1.01}, "top_p", "decimal_above_max_value", ""),
        ({"n": 0}, "n", "integer_below_min_value", ""),
        ({"n": 129}, "n", "integer_above_max_value", ""),
        ({"n": 1.5}, "n", "invalid_type", "expected an integer, but got a decimal instead."),
        ({"max_tokens": 0}, "max_tokens", "integer_below_min_value", ""),
        ({"stop": 3}, "stop", "invalid_type", ""),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop", "array_above_max_length", "maximum length 4"),
        ({"stop": ["a", 1]}, "stop[1]", "invalid_type", ""),
        ({"seed": "x"}, "seed", "invalid_type", ""),
        ({"stream": "yes"}, "stream", "invalid_type", ""),
        ({"stream_options": {"include_usage": True}}, "stream_options", None, "only allowed when 'stream' is enabled"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "integer_above_max_value", ""),
        ({"top_logprobs": 2}, "top_logprobs", None, "'logprobs' must be set to true"),
        ({"logit_bias": {"50256": 101}}, "logit_bias.50256", "decimal_above_max_value", ""),
        ({"reasoning_effort": "huge"}, "reasoning_effort", "invalid_value", "Supported values are: 'none', "),
        ({"response_format": {"type": "yaml"}}, "response_format.type", "invalid_value", "'json_object', "),
        (
            {"response_format": {"type": "json_schema"}},
            "response_format.json_schema",
            "missing_required_parameter",
            "",
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a b"}}},
            "response_format.json_schema.name",
            "invalid_value",
            "does not match pattern",
        ),
        ({"tools": [{"type": "function"}]}, "tools[0].function", "missing_required_parameter", ""),
        (
            {"tools": [{"type": "function", "function": {"name": "two words"}}]},
            "tools[0].function.name",
            "invalid_value",
            "",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "string"}}}]},
            "tools[0].parameters",
            "invalid_function_parameters",
            "",
        ),
        ({"tools": [TOOL] * 129}, "tools", "array_above_max_length", ""),
        ({"tool_choice": "required"}, "tool_choice", None, "only allowed when 'tools' are specified"),
        ({"tools": [TOOL], "tool_choice": "maybe"}, "tool_choice", "invalid_value", ""),
        ({"parallel_tool_calls": False}, "parallel_tool_calls", None, ""),
        ({"metadata": {"k": 1}}, "metadata.k", "invalid_type", ""),
        ({"metadata": {"k" * 65: "v"}}, "metadata", "string_above_max_length", ""),
        ({"model": ""}, "model", "empty_string", ""),
        ({"model": 7}, "model", "invalid_type", ""),
        ({"model": None}, "model", "missing_required_parameter", ""),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "max_tokens", "invalid_parameter_combination", ""),
        ({"api_base": "http://evil.invalid"}, "api_base", "unknown_parameter", "Unknown parameter: 'api_base'."),
        ({"base_url": "x"}, "base_url", "unknown_parameter", ""),
        ({"api_key": "x"}, "api_key", "unknown_parameter", ""),
        ({"extra_headers": {}}, "extra_headers", "unknown_parameter", ""),
    ],
)
def test_refusals(fields: dict[str, Any], param: str, code: str | None, message: str) -> None:
    error = refused(**fields)
    assert error.param == param
    assert error.code == code
    assert message in error.message


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"temperature": 0, "top_p": 1, "n": 1, "stop": None, "max_tokens": None},
        {"stop": "x"},
        {"stream": True, "stream_options": {"include_usage": True}},
        {"logprobs": True, "top_logprobs": 0},
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}, "parallel_tool_calls": True},
        {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "none"},
        {"functions": [FUNCTION], "function_call": {"name": "f"}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}, "strict": True}}},
        {"messages": [{"role": "assistant", "content": None, "refusal": None, "tool_calls": None}]},
        {"messages": [{"role": "developer", "content": [{"type": "text", "text": ""}]}]},
        {"messages": [{"role": "function", "name": "f", "content": None}]},
        {"messages": [{"role": "user", "content": ["plain strings are parts too"]}]},
        {"messages": [{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "x"}}]}]},
        {"a_field_of_some_vendor": {"deep": [1]}},
    ],
)
def test_accepted(fields: dict[str, Any]) -> None:
    body = {"model": "auto", "messages": HI, **fields}
    assert check_chat_request(body, SERVER).body is body


def test_too_many_messages() -> None:
    with pytest.raises(BadRequest) as caught:
        check_chat_request({"model": "auto", "messages": HI * 3}, Server(max_messages=2))
    assert caught.value.param == "messages"
    assert caught.value.code == "array_above_max_length"


def test_a_long_value_is_not_echoed_whole() -> None:
    error = refused(messages=[{"role": "r" * 10_000, "content": "x"}])
    assert len(error.message) < 400
