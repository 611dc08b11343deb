"""What a chat completion request may look like (OpenAI API reference, CreateChatCompletionRequest).

Owns the checks that hold whatever model serves the request; what only some vendors take is for their adapters, and
fields unknown here travel on. Fields that would choose the upstream, or carry a credential, are refused.
"""

from __future__ import annotations

from typing import Any

from gateway.config.snapshot import Server
from gateway.core.chat import ChatRequest
from gateway.core.errors import BadRequest
from gateway.http.fields import (
    Check,
    anything,
    array,
    boolean,
    check_fields,
    integer,
    invalid_value,
    number,
    object_,
    one_of,
    require,
    string,
    string_or_strings,
    unsupported_choice,
)
from gateway.http.message_schema import check_messages
from gateway.http.tool_schema import MAX_TOOLS, NAME, check_function, check_function_call, check_tool, check_tool_choice

MAX_CHOICES = 128

_REFUSED = frozenset(
    {
        "api_base",
        "base_url",
        "api_key",
        "api_version",
        "organization",
        "custom_llm_provider",
        "extra_headers",
        "default_headers",
        "headers",
        "proxy",
    }
)
"""Other gateways let clients point them at any host, or set headers, by these: SSRF, and keys sent to strangers."""


def check_chat_request(body: dict[str, Any], server: Server) -> ChatRequest:
    """The request, valid whatever model serves it. Raises BadRequest with `param` naming the field."""
    for name, value in body.items():
        check = _FIELDS.get(name)
        if check is None:
            if name in _REFUSED:
                raise BadRequest(f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name)
        elif value is not None:
            check(value, name)
    if body.get("model") is None:
        raise BadRequest("You must provide a model parameter.", code="missing_required_parameter", param="model")
    check_messages(body, server.max_messages)
    _check_combinations(body)
    return ChatRequest(body)


def _check_response_format(value: Any, path: str) -> None:
    object_(value, path)
    kind = require(value, path, "type", string())
    if kind not in ("text", "json_object", "json_schema"):
        raise unsupported_choice(f"{path}.type", kind, ("json_object", "json_schema", "text"))
    if kind == "json_schema":
        schema = require(value, path, "json_schema", object_)
        where = f"{path}.json_schema"
        require(schema, where, "name", string(max_length=64, min_length=1, pattern=NAME))
        check_fields(schema, where, {"description": string(), "schema": object_, "strict": boolean})


def _check_logit_bias(value: Any, path: str) -> None:
    object_(value, path)
    for token, bias in value.items():
        number(-100, 100)(bias, f"{path}.{token[:40]}")


def _check_metadata(value: Any, path: str) -> None:
    object_(value, path)
    if len(value) > 16:
        raise invalid_value(path, f"Invalid '{path}': too many properties. Expected at most 16, but got {len(value)}.")
    for name, member in value.items():
        string(max_length=64)(name, path)
        string(max_length=512)(member, f"{path}.{name}")


def _check_stream_options(value: Any, path: str) -> None:
    object_(value, path)
    check_fields(value, path, {"include_usage": boolean, "include_obfuscation": boolean})


def _check_prediction(value: Any, path: str) -> None:
    object_(value, path)
    require(value, path, "type", string())


_FIELDS: dict[str, Check] = {
    "model": string(max_length=256, min_length=1),
    "messages": anything,
    "stream": boolean,
    "stream_options": _check_stream_options,
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "n": integer(1, MAX_CHOICES),
    "max_tokens": integer(1),
    "max_completion_tokens": integer(1),
    "stop": string_or_strings(4),
    "presence_penalty": number(-2, 2),
    "frequency_penalty": number(-2, 2),
    "logit_bias": _check_logit_bias,
    "logprobs": boolean,
    "top_logprobs": integer(0, 20),
    "seed": integer(),
    "user": string(),
    "safety_identifier": string(),
    "prompt_cache_key": string(),
    "service_tier": string(),
    "reasoning_effort": one_of("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    "verbosity": one_of("low", "medium", "high"),
    "tools": array(check_tool, max_length=MAX_TOOLS),
    "tool_choice": check_tool_choice,
    "parallel_tool_calls": boolean,
    "functions": array(check_function, max_length=MAX_TOOLS, min_length=1),
    "function_call": check_function_call,
    "response_format": _check_response_format,
    "metadata": _check_metadata,
    "store": boolean,
    "modalities": array(string(), of="strings"),
    "audio": object_,
    "prediction": _check_prediction,
    "web_search_options": object_,
}


def _check_combinations(body: dict[str, Any]) -> None:
    """What is right alone and wrong together."""
    if body.get("stream_options") is not None and body.get("stream") is not True:
        raise BadRequest(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )
    if not body.get("tools"):
        for name in ("tool_choice", "parallel_tool_calls"):
            value = body.get(name)
            if value is not None and value != "none" and value != "auto":
                raise BadRequest(
                    f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified.", param=name
                )
    if body.get("top_logprobs") is not None and body.get("logprobs") is not True:
        raise BadRequest(
            "Invalid 'top_logprobs': 'logprobs' must be set to true when 'top_logprobs' is set.", param="top_logprobs"
        )
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        raise BadRequest(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            code="invalid_parameter_combination",
            param="max_tokens",
        )
