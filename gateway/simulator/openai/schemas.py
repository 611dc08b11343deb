"""Checks of the JSON schemas in tools and response formats, as OpenAI refuses them."""

from __future__ import annotations

from typing import Any

from gateway.simulator.mind.shapes import NotASchema, check_shape
from gateway.simulator.openai.errors import invalid
from gateway.simulator.vendor import Json, Rejected

NOT_IN_STRICT = ("allOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "default")
ROOT_WORDS = ("oneOf", "anyOf", "allOf", "enum", "not")

Where = tuple[str, ...]


class BadSchema(Exception):
    """What is wrong with a schema, in OpenAI's words."""


def check_function(schema: Any, name: str, strict: bool, param: str) -> None:
    """A tool's `parameters`. Raises Rejected."""
    try:
        _check(schema, strict)
    except BadSchema as error:
        raise invalid(f"Invalid schema for function '{name}': {error}", param, "invalid_function_parameters") from None


def check_format(schema: Any, name: str, strict: bool) -> None:
    """A response format's `schema`. Raises Rejected."""
    try:
        _check(schema, strict)
    except BadSchema as error:
        raise _bad_format(name, str(error)) from None


def _bad_format(name: str, why: str) -> Rejected:
    return invalid(f"Invalid schema for response_format '{name}': {why}", "response_format", None)


def _check_root(schema: Any) -> None:
    kind = schema.get("type") if isinstance(schema, dict) else None
    if kind != "object":
        shown = f'"{kind}"' if isinstance(kind, str) else '"None"'
        raise BadSchema(f"schema must be a JSON Schema of 'type: \"object\"', got 'type: {shown}'.")
    if any(word in schema for word in ROOT_WORDS):
        words = "/".join(f"'{word}'" for word in ROOT_WORDS)
        raise BadSchema(f"schema must have type 'object' and not have {words} at the top level.")


def _check(schema: Any, strict: bool) -> None:
    _check_root(schema)
    try:
        check_shape(schema)
    except NotASchema as error:
        raise BadSchema(f"In context={error.where!r}, {error}.") from None
    _walk(schema, (), strict)


def _walk(schema: Any, where: Where, strict: bool) -> None:
    if isinstance(schema, bool):
        if strict:
            raise BadSchema(f"In context={_shown(where)}, schema must have a 'type' key.")
        return
    kinds = schema.get("type")
    if kinds == "array" and "items" not in schema and "prefixItems" not in schema:
        raise BadSchema(f"In context={_shown(where)}, array schema missing items.")
    if strict:
        _check_strict(schema, where)
    for key in ("properties", "$defs", "definitions"):
        for name, part in (schema.get(key) or {}).items():
            _walk(part, (*where, key, name), strict)
    if "items" in schema:
        _walk(schema["items"], (*where, "items"), strict)
    for index, part in enumerate(schema.get("anyOf") or ()):
        _walk(part, (*where, "anyOf", str(index)), strict)


def _check_strict(schema: Json, where: Where) -> None:
    """The subset of JSON Schema that `strict: true` allows."""
    shown = _shown(where)
    for word in NOT_IN_STRICT:
        if word in schema:
            raise BadSchema(f"In context={shown}, '{word}' is not permitted.")
    if "$ref" in schema and len(schema) > 1:
        others = sorted(set(schema) - {"$ref", "$defs"})
        if others:
            raise BadSchema(f"context={shown}, $ref cannot have keywords {set(others)}.")
    if not {"type", "$ref", "anyOf", "enum", "const"} & set(schema):
        raise BadSchema(f"In context={shown}, schema must have a 'type' key.")
    if schema.get("type") != "object" and "properties" not in schema:
        return
    if schema.get("additionalProperties") is not False:
        raise BadSchema(f"In context={shown}, 'additionalProperties' is required to be supplied and to be false.")
    absent = [name for name in schema.get("properties") or {} if name not in (schema.get("required") or ())]
    extra = [name for name in schema.get("required") or () if name not in (schema.get("properties") or {})]
    if absent:
        raise BadSchema(
            f"In context={shown}, 'required' is required to be supplied and to be an array including every key in "
            f"properties. Missing '{absent[0]}'."
        )
    if extra:
        raise BadSchema(f"In context={shown}, 'required' is invalid. Extra required key '{extra[0]}' supplied.")


def _shown(where: Where) -> str:
    return repr(where)
