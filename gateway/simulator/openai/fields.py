"""The fields of a chat completion request, each with the check that OpenAI makes of its value."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from gateway.simulator.openai.errors import empty_array, invalid, missing, no_match, unknown, wrong_type
from gateway.simulator.openai.schemas import check_format, check_function

NAME_PATTERN = "^[a-zA-Z0-9_-]+$"
NAME = re.compile(r"[a-zA-Z0-9_-]+")
LONGEST_NAME = 64
MOST_TOOLS = 128
MOST_STOPS = 4
MOST_METADATA = 16
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
TIERS = ("auto", "default", "flex", "scale", "priority", "fast")

Check = Callable[[str, Any], None]


def _string(path: str, value: Any) -> None:
    if not isinstance(value, str):
        raise wrong_type(path, "a string", value)


def _boolean(path: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise wrong_type(path, "a boolean", value)


def _object(path: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise wrong_type(path, "an object", value)


def _one_of(*members: str) -> Check:
    def check(path: str, value: Any) -> None:
        if not isinstance(value, str):
            raise wrong_type(path, f"one of {listed(members)}", value)
        if value not in members:
            raise invalid(f"Invalid value: '{value}'. Supported values are: {listed(members)}.", path, "invalid_value")

    return check


def listed(members: tuple[str, ...]) -> str:
    quoted = [f"'{member}'" for member in members]
    return ", ".join(quoted[:-1]) + f", and {quoted[-1]}" if len(quoted) > 2 else " and ".join(quoted)


def _between(low: float | None, high: float | None, *, whole: bool) -> Check:
    kind = "integer" if whole else "decimal"

    def check(path: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            raise wrong_type(path, f"{'an' if whole else 'a'} {kind}", value)
        if low is not None and value < low:
            text = f"{kind} below minimum value. Expected a value >= {low:g}, but got {value} instead."
            raise invalid(f"Invalid '{path}': {text}", path, f"{kind}_below_min_value")
        if high is not None and value > high:
            text = f"{kind} above maximum value. Expected a value <= {high:g}, but got {value} instead."
            raise invalid(f"Invalid '{path}': {text}", path, f"{kind}_above_max_value")

    return check


def _stop(path: str, value: Any) -> None:
    if isinstance(value, str):
        return
    if not isinstance(value, list) or not all(isinstance(stop, str) for stop in value):
        raise wrong_type(path, "one of a string or array of strings", value)
    if len(value) > MOST_STOPS:
        text = f"array too long. Expected an array with maximum length {MOST_STOPS}, but got an array with length"
        raise invalid(f"Invalid '{path}': {text} {len(value)} instead.", path, "array_above_max_length")


def _metadata(path: str, value: Any) -> None:
    _object(path, value)
    if len(value) > MOST_METADATA:
        text = f"too many properties. Expected an object with at most {MOST_METADATA} properties"
        raise invalid(f"Invalid '{path}': {text}, but got {len(value)} instead.", path, "object_above_max_properties")
    for key, entry in value.items():
        _string(f"{path}.{key}", entry)


def _stream_options(path: str, value: Any) -> None:
    _object(path, value)
    for key, option in value.items():
        if key not in ("include_usage", "include_obfuscation"):
            raise unknown(f"{path}.{key}")
        _boolean(f"{path}.{key}", option)


def _logit_bias(path: str, value: Any) -> None:
    _object(path, value)
    for key, bias in value.items():
        _between(-100, 100, whole=False)(f"{path}.{key}", bias)


def _modalities(path: str, value: Any) -> None:
    if value != ["text"]:
        raise invalid("This model does not support the requested modalities.", path, "unsupported_value")


def _response_format(path: str, value: Any) -> None:
    _object(path, value)
    _one_of("json_object", "json_schema", "text")(f"{path}.type", value.get("type"))
    extra = set(value) - ({"type", "json_schema"} if value["type"] == "json_schema" else {"type"})
    if extra:
        raise unknown(f"{path}.{min(extra)}")
    if value["type"] != "json_schema":
        return
    asked = value.get("json_schema")
    if asked is None:
        raise missing(f"{path}.json_schema")
    _object(f"{path}.json_schema", asked)
    for key in asked:
        if key not in ("name", "description", "schema", "strict"):
            raise unknown(f"{path}.json_schema.{key}")
    _name(f"{path}.json_schema.name", asked.get("name"))
    if asked.get("schema") is None:
        raise missing(f"{path}.json_schema.schema")
    check_format(asked["schema"], asked["name"], asked.get("strict") is True)


def _name(path: str, value: Any) -> None:
    if value is None:
        raise missing(path)
    _string(path, value)
    if not NAME.fullmatch(value):
        raise no_match(path, NAME_PATTERN)
    if len(value) > LONGEST_NAME:
        text = f"string too long. Expected a string with maximum length {LONGEST_NAME}, but got a string with length"
        raise invalid(f"Invalid '{path}': {text} {len(value)} instead.", path, "string_above_max_length")


def _tools(path: str, value: Any) -> None:
    if not isinstance(value, list):
        raise wrong_type(path, "an array of objects", value)
    if not value:
        raise empty_array(path)
    if len(value) > MOST_TOOLS:
        text = f"array too long. Expected an array with maximum length {MOST_TOOLS}, but got an array with length"
        raise invalid(f"Invalid '{path}': {text} {len(value)} instead.", path, "array_above_max_length")
    for index, tool in enumerate(value):
        _object(f"{path}[{index}]", tool)
        if "type" not in tool:
            raise missing(f"{path}[{index}].type")
        _one_of("function")(f"{path}[{index}].type", tool["type"])
        if set(tool) - {"type", "function"}:
            raise unknown(f"{path}[{index}].{min(set(tool) - {'type', 'function'})}")
        if "function" not in tool:
            raise missing(f"{path}[{index}].function")
        _function(f"{path}[{index}].function", tool["function"], f"{path}[{index}].function.parameters")


def _function(path: str, function: Any, param: str) -> None:
    _object(path, function)
    for key in function:
        if key not in ("name", "description", "parameters", "strict"):
            raise unknown(f"{path}.{key}")
    _name(f"{path}.name", function.get("name"))
    if function.get("description") is not None:
        _string(f"{path}.description", function["description"])
    if function.get("strict") is not None:
        _boolean(f"{path}.strict", function["strict"])
    if function.get("parameters") is not None:
        check_function(function["parameters"], function["name"], function.get("strict") is True, param)


def _functions(path: str, value: Any) -> None:
    if not isinstance(value, list):
        raise wrong_type(path, "an array of objects", value)
    if not value:
        raise empty_array(path)
    for index, function in enumerate(value):
        _function(f"{path}[{index}]", function, f"{path}[{index}].parameters")


def _tool_choice(path: str, value: Any) -> None:
    if isinstance(value, str):
        _one_of("none", "auto", "required")(path, value)
        return
    _object(path, value)
    _one_of("function", "allowed_tools")(f"{path}.type", value.get("type"))
    kind = value["type"]
    if not isinstance(value.get(kind), dict):
        raise missing(f"{path}.{kind}")
    if kind == "function":
        _name(f"{path}.function.name", value["function"].get("name"))
    else:
        _one_of("auto", "required")(f"{path}.allowed_tools.mode", value[kind].get("mode"))


def _accept(path: str, value: Any) -> None:
    """Fields whose inside is not looked at."""


FIELDS: dict[str, Check] = {
    "model": _string,
    "messages": _accept,
    "temperature": _between(0, 2, whole=False),
    "top_p": _between(0, 1, whole=False),
    "frequency_penalty": _between(-2, 2, whole=False),
    "presence_penalty": _between(-2, 2, whole=False),
    "max_tokens": _between(1, None, whole=True),
    "max_completion_tokens": _between(1, None, whole=True),
    "n": _between(1, 128, whole=True),
    "seed": _between(-(2**63), 2**63 - 1, whole=True),
    "top_logprobs": _between(0, 20, whole=True),
    "logprobs": _boolean,
    "stream": _boolean,
    "store": _boolean,
    "parallel_tool_calls": _boolean,
    "user": _string,
    "safety_identifier": _string,
    "prompt_cache_key": _string,
    "prompt_cache_retention": _one_of("in_memory", "in-memory", "24h"),
    "prompt_cache_options": _object,
    "service_tier": _one_of(*TIERS),
    "reasoning_effort": _one_of(*EFFORTS),
    "verbosity": _one_of("low", "medium", "high"),
    "modalities": _modalities,
    "stop": _stop,
    "metadata": _metadata,
    "stream_options": _stream_options,
    "logit_bias": _logit_bias,
    "response_format": _response_format,
    "tools": _tools,
    "tool_choice": _tool_choice,
    "functions": _functions,
    "function_call": _accept,
    "prediction": _object,
    "web_search_options": _object,
    "moderation": _object,
    "audio": _object,
}
