"""OpenAI tools, tool_choice and response_format -> Anthropic's tools, tool_choice and output_config.format.

Owns what the model may or must produce besides text. Where a model can't be given a schema for its answer, the answer
is asked for as a forced call of a tool (`answer_tool`), which response.py and stream.py turn back
into content.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.core.chat import Json
from gateway.providers.anthropic.build import Build, plain, refusal
from gateway.providers.anthropic.content import mark_of
from gateway.providers.anthropic.models import ModelFacts
from gateway.providers.anthropic.schema import COMBINATORS, Unenforceable, definition_of, enforceable

MAX_STRICT_TOOLS = 20
_NATIVE_TYPE = re.compile(r"[a-z_0-9]+_20\d{6}")
_TOOL_FIELDS = frozenset({"type", "function", "cache_control"})
_FUNCTION_FIELDS = frozenset({"name", "description", "parameters", "strict", "cache_control"})
_COMPUTER_BETAS = (
    ("computer_20251124", "computer-use-2025-11-24"),
    ("computer_20250124", "computer-use-2025-01-24"),
)


@dataclass(frozen=True, slots=True)
class Production:
    """`choice` is Anthropic's tool_choice; `forced`: it makes the model call a tool. `format` is output_config.format;
    `instructions` are said in the system prompt where nothing can enforce them; `betas` are anthropic-beta values."""

    tools: list[Json]
    choice: Json | None
    forced: bool
    format: Json | None
    instructions: list[str]
    betas: tuple[str, ...] = ()


def translate_production(build: Build) -> Production:
    """Raises ProviderError (CALLER_FAULT) for tools that Anthropic has not."""
    body = build.body
    tools = _tools(build)
    choice, allowed = _choice(build, tools)
    if allowed is not None:
        tools = [tool for tool in tools if isinstance(tool.get("name"), str) and tool["name"] in allowed]
        if not tools:
            raise refusal("tool_choice.allowed_tools", "'allowed_tools' names none of the request's tools.")
    instructions: list[str] = []
    answer, wanted = _answer_format(build, instructions)
    kind = choice["type"] if choice else None
    emulated = answer_tool(body, build.facts)
    if emulated:
        choice = {"type": "any"} if tools and kind != "none" else {"type": "tool", "name": emulated}
        choice["disable_parallel_tool_use"] = True
        description = "Give the final answer by calling this tool, once, with the whole answer."
        tools.append({"name": emulated, "description": description, "input_schema": wanted})
    elif tools and _one_at_a_time(body) and kind != "none":
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    forced = choice is not None and choice["type"] in ("any", "tool")
    if choice and forced and not build.facts.forced_tools:
        instructions.append(_plea(choice))
        build.warn("tool_choice", f"{build.model} can't be forced, it is asked in the system prompt instead")
        choice = {name: value for name, value in choice.items() if name != "name"} | {"type": "auto"}
        forced = False
    betas = tuple(beta for kind, beta in _COMPUTER_BETAS if any(tool.get("type") == kind for tool in tools))
    return Production(tools, choice, forced, answer, instructions, betas)


def answer_tool(body: Json, facts: ModelFacts) -> str | None:
    """The name of the tool that stands in for response_format json_schema, if one does. Both directions ask this."""
    wanted = body.get("response_format")
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        return None
    described = wanted.get("json_schema")
    schema = described.get("schema") if isinstance(described, dict) else None
    if not isinstance(described, dict) or not isinstance(schema, dict) or not _is_plain_object(schema):
        return None
    if facts.json_schema or not facts.forced_tools or _forces_tool(body):
        return None
    taken = [function.get("name") for function in functions_of(body)]
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", str(described.get("name") or "answer"))[:57]
    return f"{name}_answer" if name in taken else name


def is_legacy(body: Json) -> bool:
    """Whether the client speaks of `functions`, the form before `tools`."""
    return bool(body.get("functions")) and not body.get("tools")


def functions_of(body: Json) -> list[Json]:
    listed = [tool.get("function") for tool in body.get("tools") or () if isinstance(tool, dict)]
    return [function for function in (*listed, *(body.get("functions") or ())) if isinstance(function, dict)]


def _forces_tool(body: Json) -> bool:
    choice = body.get("function_call") if is_legacy(body) else body.get("tool_choice")
    if isinstance(choice, dict):
        allowed = choice.get("allowed_tools")
        return not (isinstance(allowed, dict) and allowed.get("mode") != "required")
    return choice == "required"


def _one_at_a_time(body: Json) -> bool:
    return body.get("parallel_tool_calls") is False or is_legacy(body)


def _plea(choice: Json) -> str:
    named = choice.get("name")
    return f"Answer by calling the tool `{named}`." if named else "Answer by calling one of the tools, not with text."


def _tools(build: Build) -> list[Json]:
    tools: list[Json] = []
    strict = 0
    for index, tool in enumerate(build.body.get("tools") or ()):
        path = f"tools[{index}]"
        kind = tool.get("type") if isinstance(tool, dict) else None
        if kind == "function" and isinstance(tool.get("function"), dict):
            made = _function_tool(build, tool["function"], f"{path}.function", strict < MAX_STRICT_TOOLS)
            strict += "strict" in made
            build.report_unknown(tool, _TOOL_FIELDS, "tools")
            if mark := mark_of(build, tool) or mark_of(build, tool["function"]):
                made["cache_control"] = mark
            tools.append(made)
        elif isinstance(kind, str) and _NATIVE_TYPE.fullmatch(kind):
            tools.append(tool)
        else:
            raise refusal(f"{path}.type", f"Anthropic models take tools of type 'function', not {kind!r}.")
    for index, function in enumerate(build.body.get("functions") or ()):
        tools.append(_function_tool(build, function, f"functions[{index}]", False))
    return tools


def _function_tool(build: Build, function: Json, path: str, strict_left: bool) -> Json:
    name, schema = function.get("name"), function.get("parameters") or {"type": "object", "properties": {}}
    if not isinstance(name, str) or not isinstance(schema, dict):
        raise refusal(path, f"'{path}' needs a 'name' and, if any, 'parameters' that are an object.", "invalid_type")
    build.report_unknown(function, _FUNCTION_FIELDS, "tools.function")
    tool: Json = {"name": name}
    if function.get("description"):
        tool["description"] = function["description"]
    if function.get("strict") is True:
        schema = _strict_schema(build, tool, schema, strict_left)
    if not _is_plain_object(schema):
        schema = _object_schema(build, schema)
    tool["input_schema"] = schema
    return tool


def _listed(keywords: list[str]) -> str:
    return ", ".join(map(plain, keywords[:10]))


def _strict_schema(build: Build, tool: Json, schema: Json, strict_left: bool) -> Json:
    if not build.facts.json_schema:
        build.warn("tools.function.strict", f"not enforced by {build.model}, dropped")
        return schema
    if not strict_left:
        build.warn("tools.function.strict", f"dropped beyond {MAX_STRICT_TOOLS} tools, Anthropic's limit")
        return schema
    try:
        strict, moved = enforceable(schema)
    except Unenforceable as reason:
        build.warn("tools.function.strict", f"dropped where parameters have {reason}, which Anthropic can't enforce")
        return schema
    if not _is_plain_object(strict):
        build.warn("tools.function.strict", "dropped where parameters are not one object, Anthropic can't enforce it")
        return schema
    if moved:
        build.warn("tools.function.parameters", f"not enforced, moved to descriptions: {_listed(moved)}")
    tool["strict"] = True
    return strict


def _is_plain_object(schema: Json) -> bool:
    """Whether the root of a tool's schema is as the API takes it."""
    return schema.get("type") == "object" and not any(name in schema for name in COMBINATORS)


def _object_schema(build: Build, schema: Json) -> Json:
    """The API takes only a plain object at the root: variants there are merged into their common properties."""
    merged = {name: value for name, value in schema.items() if name not in COMBINATORS}
    properties = _properties_of(schema)
    for name in ("allOf", "anyOf", "oneOf"):
        listed = schema.get(name)
        variants = [variant for variant in listed if isinstance(variant, dict)] if isinstance(listed, list) else []
        if variants:
            build.warn("tools.function.parameters", f"{name} at the root was merged into one object")
        definitions = [_definition(schema, variant) for variant in variants]
        for definition in {id(each): each for each in definitions}.values():  # a definition may be named many times
            for key, value in _properties_of(definition).items():
                properties.setdefault(key, value)
    return {**merged, "type": "object", "properties": properties}


def _definition(root: Json, schema: Json) -> Json:
    """What a variant refers to, where it is a reference to one of the root's definitions."""
    reference = schema.get("$ref")
    found = definition_of(reference)
    if found is None or str(reference).count("/") > 2:
        return schema
    holder, name = root.get(found[0]), found[1]
    definition = holder.get(name) if isinstance(holder, dict) else None
    return definition if isinstance(definition, dict) else schema


def _properties_of(schema: Json) -> Json:
    properties = schema.get("properties")
    return dict(properties) if isinstance(properties, dict) else {}


def _choice(build: Build, tools: list[Json]) -> tuple[Json | None, set[str] | None]:
    """tool_choice in Anthropic's form, and the names that allowed_tools leaves (None: all)."""
    legacy = is_legacy(build.body)
    field = "function_call" if legacy else "tool_choice"
    wish: Any = build.body.get(field)
    if wish is None:
        return None, None
    if not tools:
        if wish not in ("none", "auto"):
            build.warn(field, "dropped, there are no tools")
        return None, None
    if wish in ("auto", "none"):
        return {"type": wish}, None
    if wish == "required":
        return {"type": "any"}, None
    if isinstance(wish, dict) and wish.get("type") == "allowed_tools":
        return _allowed(wish.get("allowed_tools"))
    name = None
    if isinstance(wish, dict):
        named = wish if legacy else wish.get("function")
        name = named.get("name") if isinstance(named, dict) else None
    if not isinstance(name, str):
        raise refusal(
            field, f"'{field}' must be none, auto, required, a function or allowed_tools for Anthropic models."
        )
    return {"type": "tool", "name": name}, None


def _allowed(allowed: Any) -> tuple[Json, set[str] | None]:
    if not isinstance(allowed, dict):
        raise refusal("tool_choice.allowed_tools", "'allowed_tools' must be an object.", "invalid_type")
    listed = allowed.get("tools") or []
    if not isinstance(listed, list):
        raise refusal("tool_choice.allowed_tools.tools", "'allowed_tools.tools' must be a list.", "invalid_type")
    named = [tool.get("function") or tool for tool in listed if isinstance(tool, dict)]
    names = {str(function.get("name")) for function in named if isinstance(function, dict)}
    if not names:
        return {"type": "none"}, None
    return {"type": "any" if allowed.get("mode") == "required" else "auto"}, names


def _answer_format(build: Build, instructions: list[str]) -> tuple[Json | None, Json | None]:
    """output_config.format, and the schema for the tool that stands in for it; words go to `instructions`."""
    wanted = build.body.get("response_format")
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if wanted is None or kind in (None, "text"):
        return None, None
    described = wanted.get("json_schema") if kind == "json_schema" else None
    schema = described.get("schema") if isinstance(described, dict) else None
    if not isinstance(described, dict) or not isinstance(schema, dict):
        if kind not in ("json_object", "json_schema"):
            raise refusal("response_format.type", f"Anthropic models have no response format {kind!r}.")
        build.warn("response_format", "a JSON object is asked for in the system prompt, not enforced")
        instructions.append("Answer with one valid JSON object and nothing else: no prose, no code fence.")
        return None, None
    if description := described.get("description"):
        schema = {"description": description, **schema}
    if answer_tool(build.body, build.facts):
        return None, schema
    if build.facts.json_schema:
        try:
            enforced, moved = enforceable(schema)
        except Unenforceable as reason:
            build.warn("response_format", f"asked for in the system prompt, Anthropic can't enforce {reason}")
        else:
            if moved:
                build.warn("response_format", f"not enforced, moved to descriptions: {_listed(moved)}")
            return {"type": "json_schema", "schema": enforced}, None
    elif _forces_tool(build.body):
        build.warn("response_format", "left out while tool_choice forces a tool")
        return None, None
    else:
        build.warn("response_format", f"asked for in the system prompt, {build.model} can't enforce it")
    text = orjson.dumps(schema).decode()
    instructions.append(
        f"Answer with one JSON document that is valid against this JSON Schema, and nothing else: {text}"
    )
    return None, None
