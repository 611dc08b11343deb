"""What tools, functions and the choice among them may look like (OpenAI API reference, ChatCompletionTool)."""

from __future__ import annotations

from typing import Any

from gateway.core.errors import BadRequest
from gateway.http.fields import (
    boolean,
    check_fields,
    object_,
    one_of,
    require,
    string,
    type_name,
    wrong_type,
)

MAX_TOOLS = 128
NAME = r"[a-zA-Z0-9_-]+"


def check_function(value: Any, path: str) -> None:
    object_(value, path)
    require(value, path, "name", string(max_length=128, min_length=1, pattern=NAME))
    check_fields(value, path, {"description": string(), "strict": boolean})
    parameters = value.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise wrong_type(f"{path}.parameters", "an object", parameters)
    if parameters and parameters.get("type", "object") != "object":
        raise BadRequest(
            f"Invalid schema for function '{value['name']}': schema must be a JSON Schema of 'type: \"object\"', "
            f"got 'type: \"{parameters['type']}\"'.",
            code="invalid_function_parameters",
            param=f"{path.removesuffix('.function')}.parameters",
        )
    if parameters and not isinstance(parameters.get("properties") or {}, dict):
        raise BadRequest(
            f"Invalid schema for function '{value['name']}': {type_name(parameters['properties'])} is not valid under "
            "'properties', expected an object.",
            code="invalid_function_parameters",
            param=f"{path.removesuffix('.function')}.parameters",
        )


def check_tool(value: Any, path: str) -> None:
    object_(value, path)
    kind = require(value, path, "type", string())
    if kind == "function":
        check_function(require(value, path, "function", object_), f"{path}.function")


def check_tool_choice(value: Any, path: str) -> None:
    if isinstance(value, str):
        one_of("none", "auto", "required")(value, path)
        return
    if not isinstance(value, dict):
        raise wrong_type(path, "a string or an object", value)
    kind = require(value, path, "type", string())
    if kind == "function":
        function = require(value, path, "function", object_)
        require(function, f"{path}.function", "name", string())
    elif kind == "allowed_tools":
        require(value, path, "allowed_tools", object_)


def check_function_call(value: Any, path: str) -> None:
    if isinstance(value, str):
        one_of("none", "auto")(value, path)
    elif isinstance(value, dict):
        require(value, path, "name", string())
    else:
        raise wrong_type(path, "a string or an object", value)
