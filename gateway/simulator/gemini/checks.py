"""Checks of a generateContent request as Gemini makes them, beyond names and types: ranges, and what goes with what.

Sources: the API reference, recorded and publicly quoted refusals.
"""

from __future__ import annotations

import re
from typing import Any

from gateway.simulator.gemini.contents import check_contents, content_problems, instruction_problems
from gateway.simulator.gemini.errors import fields_invalid, invalid
from gateway.simulator.gemini.models import ModelFacts
from gateway.simulator.gemini.schemas import json_schema_problems, schema_problems
from gateway.simulator.vendor import Json

FUNCTION_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
NAME_RULE = (
    "Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), "
    "underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128."
)
JSON = "application/json"
MIME_TYPES = ("text/plain", JSON, "text/x.enum", "application/xml", "application/yaml")
RANGES: dict[str, tuple[float, float | None]] = {
    "temperature": (0, 2),
    "topP": (0, 1),
    "topK": (1, None),
    "candidateCount": (1, 8),
    "maxOutputTokens": (1, None),
    "presencePenalty": (-2, 2),
    "frequencyPenalty": (-2, 2),
    "logprobs": (0, 20),
}
MOST_STOPS = 5


def functions_of(request: Json) -> list[Json]:
    """All function declarations of a request."""
    return [function for tool in request.get("tools") or () for function in tool.get("functionDeclarations") or ()]


def check_request(request: Json, model: str, facts: ModelFacts) -> None:
    """Raises Rejected with the error that Gemini would answer."""
    config: Json = request.get("generationConfig") or {}
    problems = content_problems(request.get("contents") or [])
    problems += instruction_problems(request.get("systemInstruction"))
    problems += _tool_problems(request)
    problems += _config_problems(config)
    problems += _choice_problems(request)
    if problems:
        raise fields_invalid(problems)
    check_contents(request["contents"], facts)
    _check_config(request, config, model, facts)
    if "thinkingConfig" in config:
        _check_thinking(config["thinkingConfig"], facts)


def _tool_problems(request: Json) -> list[str]:
    problems: list[str] = []
    names: set[str] = set()
    for index, tool in enumerate(request.get("tools") or ()):
        for number, function in enumerate(tool.get("functionDeclarations") or ()):
            path = f"tools[{index}].function_declarations[{number}]"
            name = function.get("name", "")
            if not FUNCTION_NAME.fullmatch(name):
                problems.append(f"{path}.name: {NAME_RULE}")
            if name in names:
                problems.append(f"{path}.name: Duplicate function declaration found: {name}")
            names.add(name)
            if "parameters" in function and "parametersJsonSchema" in function:
                problems.append(f"{path}: only one of parameters and parameters_json_schema may be set")
            if "parameters" in function:
                problems += schema_problems(function["parameters"], f"{path}.parameters")
            if "parametersJsonSchema" in function:
                problems += json_schema_problems(function["parametersJsonSchema"], f"{path}.parameters_json_schema")
    return problems


def _config_problems(config: Json) -> list[str]:
    path = "generation_config"
    problems: list[str] = []
    for field, (low, high) in RANGES.items():
        value = config.get(field)
        if value is not None and (value < low or (high is not None and value > high)):
            name = re.sub(r"([A-Z])", r"_\1", field).lower()
            wanted = f"in the range [{low:.1f}, {high:.1f}]" if high is not None else "positive"
            problems.append(f"{path}.{name}: {name} must be {wanted}.")
    stops = config.get("stopSequences") or []
    if len(stops) > MOST_STOPS:
        problems.append(f"{path}.stop_sequences: the number of stop sequences must not exceed {MOST_STOPS}.")
    if "" in stops:
        problems.append(f"{path}.stop_sequences[{stops.index('')}]: stop sequence must not be empty.")
    mime = config.get("responseMimeType", "text/plain")
    if mime not in MIME_TYPES:
        problems.append(f"{path}.response_mime_type: allowed mimetypes are {', '.join(MIME_TYPES)}.")
    schemas = [field for field in ("responseSchema", "responseJsonSchema") if field in config]
    if len(schemas) > 1:
        problems.append(f"{path}: only one of response_schema and response_json_schema may be set")
    if schemas and mime not in (JSON, "text/x.enum"):
        problems.append(f"{path}.response_mime_type: must be {JSON} when a response schema is set.")
    if "responseSchema" in config:
        problems += schema_problems(config["responseSchema"], f"{path}.response_schema")
    if "responseJsonSchema" in config:
        problems += json_schema_problems(config["responseJsonSchema"], f"{path}.response_json_schema")
    if config.get("logprobs") is not None and not config.get("responseLogprobs"):
        problems.append(f"{path}.logprobs: only allowed when response_logprobs is true.")
    return problems


def _choice_problems(request: Json) -> list[str]:
    config: Any = (request.get("toolConfig") or {}).get("functionCallingConfig")
    if config is None:
        return []
    path = "tool_config.function_calling_config"
    names = [function.get("name") for function in functions_of(request)]
    mode, allowed = config.get("mode", "AUTO"), config.get("allowedFunctionNames") or []
    problems: list[str] = []
    if not names and mode not in ("AUTO", "MODE_UNSPECIFIED", "NONE"):
        problems.append(f"{path}: Function calling config is set without function_declarations.")
    if allowed and mode not in ("ANY", "VALIDATED"):
        problems.append(f"{path}.allowed_function_names: should be set only when function calling mode is ANY.")
    for index, name in enumerate(allowed):
        if names and name not in names:
            problems.append(f"{path}.allowed_function_names[{index}]: function '{name}' is not declared.")
    return problems


def _check_config(request: Json, config: Json, model: str, facts: ModelFacts) -> None:
    for field in ("presencePenalty", "frequencyPenalty"):
        if config.get(field) and not facts.penalties:
            raise invalid(f"Penalty is not enabled for models/{model}")
    if config.get("responseModalities") not in (None, [], ["TEXT"]):
        raise invalid(
            "The requested combination of response modalities is not supported by the model. models/"
            f"{model} accepts the following combination of response modalities:\n* TEXT\n"
        )
    if functions_of(request) and config.get("responseMimeType") == JSON and not facts.json_with_tools:
        raise invalid("Function calling with a response mime type: 'application/json' is unsupported")


def _check_thinking(thinking: Json, facts: ModelFacts) -> None:
    level, budget = thinking.get("thinkingLevel"), thinking.get("thinkingBudget")
    if level is not None and budget is not None:
        raise invalid("You can only set only one of thinking budget and thinking level.")
    if facts.budget is None:
        if level is not None or budget not in (None, 0) or thinking.get("includeThoughts"):
            raise invalid("Thinking is not supported for this model")
        return
    if level is not None and level != "THINKING_LEVEL_UNSPECIFIED" and level not in facts.levels:
        which = f"Thinking level {level}" if facts.levels else "Thinking level"
        raise invalid(f"{which} is not supported for this model.")
    if budget is None or budget == -1:
        return
    low, high = facts.budget
    if budget == 0:
        if not facts.can_stop_thinking:
            raise invalid("Budget 0 is invalid. This model only works in thinking mode.")
        if thinking.get("includeThoughts"):
            raise invalid("Include_thoughts is only enabled when thinking is enabled.")
    elif not low <= budget <= high:
        raise invalid(f"The thinking budget {budget} is invalid. Please choose a value between {low} and {high}.")
