"""Checks of the JSON schemas in tools and output formats, as Anthropic refuses them."""

from __future__ import annotations

import re
from typing import Any

from gateway.simulator.anthropic.errors import invalid
from gateway.simulator.mind.shapes import is_schema
from gateway.simulator.vendor import Json

KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
NOT_A_SCHEMA = (
    "JSON schema is invalid. It must match JSON Schema draft 2020-12 (https://json-schema.org/draft/2020-12). Learn "
    "more about tool use at https://docs.claude.com/en/docs/tool-use."
)
NUMBER_WORDS = ("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf")
REFUSED_WORDS = {
    "integer": NUMBER_WORDS,
    "number": NUMBER_WORDS,
    "string": ("maxLength", "minLength"),
    "array": ("maxItems", "uniqueItems"),
    "object": ("maxProperties", "minProperties", "patternProperties"),
}
NESTED = ("properties", "$defs", "definitions")


def check_input_schema(schema: Any, path: str, strict: bool) -> None:
    """A tool's `input_schema`. `path` is such as `tools.0.custom`. Raises Rejected."""
    where = f"{path}.input_schema"
    if not isinstance(schema, dict):
        raise invalid(f"{where}: Input should be a valid dictionary")
    if "type" not in schema:
        raise invalid(f"{where}.type: Field required")
    if schema["type"] != "object":
        raise invalid(f"{where}.type: Input should be 'object'")
    if any(word in schema for word in ("oneOf", "allOf", "anyOf")):
        raise invalid(f"{where}: input_schema does not support oneOf, allOf, or anyOf at the top level")
    if not is_schema(schema):
        raise invalid(f"{where}: {NOT_A_SCHEMA}")
    for key in schema.get("properties") or {}:
        if not KEY.fullmatch(key):
            raise invalid(f"{where}.properties: Property keys should match pattern '^[a-zA-Z0-9_.-]{{1,64}}$'")
    if strict:
        check_structured(schema, path)


def check_output_schema(schema: Any, path: str) -> None:
    """The schema of an output format. Raises Rejected."""
    if not isinstance(schema, dict):
        raise invalid(f"{path}: Input should be a valid dictionary")
    if not is_schema(schema):
        raise invalid(f"{path}: {NOT_A_SCHEMA}")
    check_structured(schema, path)


def check_structured(node: Any, path: str) -> None:
    """The subset of JSON Schema that constrained output allows, all the way down."""
    if not isinstance(node, dict):
        return
    kind = node.get("type")
    kind = kind if isinstance(kind, str) else "object" if "properties" in node else ""
    refused = sorted(set(REFUSED_WORDS.get(kind, ())) & set(node))
    if kind == "object" and node.get("additionalProperties") is not False:
        raise invalid(f"{path}: For 'object' type, 'additionalProperties' must be explicitly set to false")
    if len(refused) == 1:
        raise invalid(f"{path}: For '{kind}' type, property '{refused[0]}' is not supported")
    if refused:
        raise invalid(f"{path}: For '{kind}' type, properties {', '.join(refused)} are not supported")
    if kind == "array" and node.get("minItems", 0) not in (0, 1):
        raise invalid(f"{path}: For 'array' type, 'minItems' values other than 0 or 1 are not supported")
    if "oneOf" in node:
        raise invalid(f"{path}: Schema type 'oneOf' is not supported")
    for part in _parts(node):
        check_structured(part, path)


def _parts(node: Json) -> list[Any]:
    parts = [part for key in NESTED for part in (node.get(key) or {}).values()]
    parts += [part for key in ("anyOf", "allOf") for part in node.get(key) or ()]
    return [*parts, node["items"]] if "items" in node else parts
