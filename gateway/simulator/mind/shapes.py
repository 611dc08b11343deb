"""Whether a JSON value is a JSON schema at all: each keyword has a value of its kind, all the way down."""

from __future__ import annotations

from typing import Any

TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
SCHEMA_MAPS = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
SCHEMA_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
SCHEMAS = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")
COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
TEXTS = ("$ref", "$id", "$schema", "title", "description", "format", "pattern")
MOST_DEPTH = 40


class NotASchema(Exception):
    """`where` is the path inside the schema; the message says what is wrong with the value there."""

    def __init__(self, where: tuple[str, ...], message: str) -> None:
        super().__init__(message)
        self.where = where


def check_shape(schema: Any, where: tuple[str, ...] = ()) -> None:
    """Raises NotASchema."""
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise NotASchema(where, f"{schema!r} is not of type 'object', 'boolean'")
    if len(where) > 2 * MOST_DEPTH:
        raise NotASchema(where, "the schema is nested too deeply")
    _check_type(schema, where)
    _check_plain(schema, where)
    for key in SCHEMA_MAPS:
        parts = schema.get(key, {})
        if not isinstance(parts, dict):
            raise NotASchema((*where, key), f"{parts!r} is not of type 'object'")
        for name, part in parts.items():
            check_shape(part, (*where, key, name))
    for key in SCHEMA_LISTS:
        parts = schema.get(key, [])
        if not isinstance(parts, list) or (key in schema and not parts):
            raise NotASchema((*where, key), f"{parts!r} is not a list of schemas")
        for index, part in enumerate(parts):
            check_shape(part, (*where, key, str(index)))
    for key in SCHEMAS:
        if key in schema:
            check_shape(schema[key], (*where, key))


def _check_type(schema: dict[str, Any], where: tuple[str, ...]) -> None:
    if "type" not in schema:
        return
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    for kind in kinds:
        if not isinstance(kind, str) or kind not in TYPES:
            raise NotASchema((*where, "type"), f"{kind!r} is not valid under any of the given schemas")
    if not kinds:
        raise NotASchema((*where, "type"), "[] is not valid under any of the given schemas")


def _check_plain(schema: dict[str, Any], where: tuple[str, ...]) -> None:
    """The keywords that hold no schemas."""
    required = schema.get("required", [])
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise NotASchema((*where, "required"), f"{required!r} is not a list of strings")
    if "enum" in schema and (not isinstance(schema["enum"], list) or not schema["enum"]):
        raise NotASchema((*where, "enum"), f"{schema['enum']!r} is not a list of values")
    for key in TEXTS:
        if key in schema and not isinstance(schema[key], str):
            raise NotASchema((*where, key), f"{schema[key]!r} is not of type 'string'")
    for key in (*COUNTS, *BOUNDS):
        value = schema.get(key, 1)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise NotASchema((*where, key), f"{value!r} is not of type 'number'")
        if (key in COUNTS and value < 0) or (key == "multipleOf" and value <= 0):
            raise NotASchema((*where, key), f"{value!r} is less than the minimum")


def is_schema(value: Any) -> bool:
    try:
        check_shape(value)
    except NotASchema:
        return False
    return True
