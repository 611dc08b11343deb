"""Checks of schemas: Gemini's own subset of OpenAPI (`Schema`), and JSON schemas where the API takes those."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.simulator.mind.shapes import NotASchema, check_shape
from gateway.simulator.vendor import Json

FORMATS = {
    "STRING": ("enum", "date-time"),
    "NUMBER": ("float", "double"),
    "INTEGER": ("int32", "int64"),
}
ONLY_FOR = {
    "properties": "OBJECT",
    "required": "OBJECT",
    "items": "ARRAY",
    "minItems": "ARRAY",
    "maxItems": "ARRAY",
    "enum": "STRING",
}


def schema_problems(schema: Json, path: str) -> list[str]:
    """What is wrong with a `Schema` that was read, as `path.properties: should be non-empty for OBJECT type`."""
    problems: list[str] = []
    kind = schema.get("type", "TYPE_UNSPECIFIED")
    for field, owner in ONLY_FOR.items():
        if schema.get(field) and kind != owner:
            problems.append(f"{path}.{_snake(field)}: only allowed for {owner} type")
    style = schema.get("format")
    if style and kind in FORMATS and style not in FORMATS[kind]:
        allowed = " and ".join(f"'{name}'" for name in FORMATS[kind])
        problems.append(f"{path}.format: only {allowed} are supported for {kind} type")
    if style == "enum" and not schema.get("enum"):
        problems.append(f"{path}.enum: should be non-empty for STRING type with enum format")
    if kind == "ARRAY" and "items" not in schema:
        problems.append(f"{path}.items: missing field.")
    properties: Json = schema.get("properties") or {}
    if kind == "OBJECT" and not properties:
        problems.append(f"{path}.properties: should be non-empty for OBJECT type")
    if properties:
        for index, name in enumerate(schema.get("required") or ()):
            if name not in properties:
                problems.append(f"{path}.required[{index}]: property is not defined")
    for member in schema.get("enum") or ():
        if member == "":
            problems.append(f"{path}.enum[{schema['enum'].index(member)}]: cannot be empty")
    for name, part in properties.items():
        problems += schema_problems(part, f"{path}.properties[{name}]")
    if "items" in schema:
        problems += schema_problems(schema["items"], f"{path}.items")
    for index, part in enumerate(schema.get("anyOf") or ()):
        problems += schema_problems(part, f"{path}.any_of[{index}]")
    return problems


def _snake(name: str) -> str:
    return {"minItems": "min_items", "maxItems": "max_items"}.get(name, name)


def json_schema_problems(schema: Any, path: str) -> list[str]:
    """What is wrong with a JSON schema: its shape, its types, references that lead nowhere."""
    if not isinstance(schema, dict):
        return [f"{path}: must be a JSON schema object"]
    try:
        check_shape(schema)
    except NotASchema as error:
        return [f"{'.'.join((path, *error.where))}: {error}"]
    return [f"{path}: reference '{target}' not found" for target in _references(schema) if not _leads(target, schema)]


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for part in node.values():
            yield from _references(part)
    elif isinstance(node, list):
        for part in node:
            yield from _references(part)


def _leads(reference: str, root: Json) -> bool:
    if reference == "#":
        return True
    if not reference.startswith("#/"):
        return False
    node: Any = root
    for step in reference[2:].split("/"):
        node = node.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
    return isinstance(node, (dict, bool))
