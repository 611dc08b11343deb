"""Tools and the choice among them: OpenAI's `tools`, `tool_choice` and their older forms `functions` and
`function_call` as Gemini's `tools[].functionDeclarations` and `toolConfig.functionCallingConfig`.

Source: Gemini API guide "Function calling" (modes AUTO, ANY, NONE, VALIDATED; allowedFunctionNames only with ANY and
VALIDATED).
"""

from __future__ import annotations

from typing import Any

from gateway.core.chat import Json
from gateway.providers.gemini.facts import ModelFacts
from gateway.providers.gemini.notes import Warnings, note, refusal
from gateway.providers.gemini.schema import readable_schema


def uses_legacy_functions(body: Json) -> bool:
    """Whether the client speaks the form before `tools` and expects `function_call` in the answer."""
    return bool(body.get("functions")) and not body.get("tools")


def build_tools(body: Json, facts: ModelFacts, warnings: Warnings) -> tuple[list[Json], Json | None]:
    """`functionDeclarations` and `functionCallingConfig` (None: Gemini's default, AUTO)."""
    declarations, strict = _declarations(body, warnings)
    if uses_legacy_functions(body):
        choice, param = body.get("function_call"), "function_call"
        choice = {"type": "function", "function": choice} if isinstance(choice, dict) else choice
    else:
        choice, param = body.get("tool_choice"), "tool_choice"
    if body.get("parallel_tool_calls") is False and declarations:
        note(warnings, "parallel_tool_calls: gemini can't be held to one call at a time, dropped")
    if not declarations:
        if choice not in (None, "none", "auto"):
            note(warnings, f"{param}: there are no tools, dropped")
        return [], None
    declarations, config = _choose(choice, param, declarations, facts)
    if strict and (config is None or config["mode"] == "AUTO"):
        if facts.at_least(2, 5):
            config = {"mode": "VALIDATED"}
        else:
            note(warnings, f"tools: strict is not supported by {facts.name}, dropped")
    return declarations, config


def _declarations(body: Json, warnings: Warnings) -> tuple[list[Json], bool]:
    """All functions, and whether any of them is strict."""
    declarations, strict = [], False
    if uses_legacy_functions(body):
        for index, function in enumerate(body["functions"]):
            declarations.append(_declaration(function, f"functions[{index}]", warnings))
        return declarations, False
    for index, tool in enumerate(body.get("tools") or ()):
        where = f"tools[{index}]"
        if not isinstance(tool, dict) or tool.get("type", "function") != "function":
            kind = tool.get("type") if isinstance(tool, dict) else None
            raise refusal(where, f"Gemini takes function tools only, not {str(kind)[:40]!r}.")
        declarations.append(_declaration(tool.get("function"), f"{where}.function", warnings))
        strict = strict or tool["function"].get("strict") is True
        for name in tool:
            if name not in ("type", "function"):
                note(warnings, f"tools: {name} is not supported by gemini, dropped")
    return declarations, strict


def _declaration(function: Any, where: str, warnings: Warnings) -> Json:
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise refusal(where, "A function has a name.", "invalid_type")
    declaration = {"name": function["name"]}
    for name, value in function.items():
        if value is None or name in ("name", "strict"):
            continue
        if name == "description":
            declaration["description"] = value
        elif name == "parameters":
            if not isinstance(value, dict):
                raise refusal(f"{where}.parameters", "parameters is a JSON Schema.", "invalid_function_parameters")
            if value:
                declaration["parametersJsonSchema"] = readable_schema(value)
        else:
            note(warnings, f"tools: {name} of functions is not supported by gemini, dropped")
    return declaration


def _choose(choice: Any, param: str, declarations: list[Json], facts: ModelFacts) -> tuple[list[Json], Json | None]:
    """The declarations that stay and the calling config for a `tool_choice`."""
    if choice is None or choice == "auto":
        return declarations, None
    if choice == "none":
        return declarations, {"mode": "NONE"}
    if choice == "required":
        return declarations, {"mode": "ANY"}
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind == "function":
        return declarations, {"mode": "ANY", "allowedFunctionNames": [_function_name(choice, param)]}
    if kind == "allowed_tools":
        return _allow(choice.get("allowed_tools"), param, declarations, facts)
    raise refusal(param, f"Gemini can't be asked for {str(kind or choice)[:40]!r}; choose a function or a mode.")


def _allow(allowed: Any, param: str, declarations: list[Json], facts: ModelFacts) -> tuple[list[Json], Json | None]:
    if not isinstance(allowed, dict):
        raise refusal(f"{param}.allowed_tools", "allowed_tools has a mode and a list of tools.", "invalid_type")
    listed = allowed.get("tools") or []
    if not isinstance(listed, list):
        raise refusal(f"{param}.allowed_tools.tools", "allowed_tools has a mode and a list of tools.", "invalid_type")
    names = [_function_name(tool, f"{param}.allowed_tools.tools") for tool in listed]
    if allowed.get("mode") == "required":
        return declarations, {"mode": "ANY", "allowedFunctionNames": names}
    if facts.at_least(2, 5):
        return declarations, {"mode": "VALIDATED", "allowedFunctionNames": names}
    # AUTO takes no names, so an older model is offered the allowed ones only.
    return [declaration for declaration in declarations if declaration["name"] in names], None


def _function_name(choice: Any, param: str) -> str:
    function = choice.get("function") if isinstance(choice, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str):
        raise refusal(param, "Gemini's tool choice names a function: {type: function, function: {name}}.")
    return name
