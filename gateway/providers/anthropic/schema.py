"""JSON Schema -> the part of it that Anthropic enforces (structured outputs and strict tools).

Owns schemas only. Unenforced keywords move into descriptions, where the model still reads them. Some schemas can't be
enforced at all without changing what they allow (recursion, objects with free keys): those are asked for in words.
Source: Anthropic's structured outputs guide, "JSON Schema limitations", as the official SDK applies it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from gateway.core.chat import Json

STRING_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)
_ANNOTATIONS = ("title", "description")
_MEANINGLESS = frozenset({"$schema", "$id", "$comment", "$anchor"})
_SCALARS = ({"type": "string"}, {"type": "number"}, {"type": "boolean"}, {"type": "null"})


class Unenforceable(ValueError):
    """The schema allows something that Anthropic's grammar can't; the message names it."""


def enforceable(schema: Json) -> tuple[Json, list[str]]:
    """`schema` within the enforced subset, and the keywords that were moved into descriptions, each once, sorted.

    Raises Unenforceable.
    """
    if _is_recursive(schema):
        raise Unenforceable("recursion")
    moved: set[str] = set()
    return _convert(schema, moved), sorted(moved)


def _convert(schema: Any, moved: set[str]) -> Json:
    if not isinstance(schema, dict):
        if schema is False:
            raise Unenforceable("the schema `false`")
        schema = {}
    rest = {name: value for name, value in schema.items() if name not in _MEANINGLESS}
    out: Json = {}
    for name in ("$defs", "definitions"):
        if isinstance(rest.get(name), dict):
            out[name] = {key: _convert(value, moved) for key, value in rest.pop(name).items()}
    if "$ref" in rest:
        out["$ref"] = rest.pop("$ref")
        moved.update(name for name in rest if name not in _ANNOTATIONS)
        return out
    for name in _ANNOTATIONS:
        if isinstance(rest.get(name), str):
            out[name] = rest.pop(name)
    _convert_kind(rest, out, moved)
    if rest:
        moved.update(rest)
        words = "; ".join(f"{name}: {orjson.dumps(value).decode()}" for name, value in rest.items())
        out["description"] = f"{out['description']}\n\n({words})" if out.get("description") else f"({words})"
    return out


def _convert_kind(rest: Json, out: Json, moved: set[str]) -> None:
    """Move what is enforced from `rest` to `out`."""
    kind = rest.pop("type", None)
    literal = next((name for name in ("const", "enum") if _is_literal(name, rest)), None)
    if literal:
        out[literal] = rest.pop(literal)
        return
    for name in ("anyOf", "oneOf", "allOf"):
        if isinstance(rest.get(name), list) and rest[name]:
            if name == "oneOf":
                moved.add("oneOf")
            target = "allOf" if name == "allOf" else "anyOf"
            out[target] = [_convert(variant, moved) for variant in rest.pop(name)]
            return
    if isinstance(kind, list):
        shared = {name: rest.pop(name) for name in list(rest)}
        out["anyOf"] = [_convert({"type": one, **_keywords_of(one, shared)}, moved) for one in kind]
        return
    kind = kind or ("object" if "properties" in rest else "array" if "items" in rest else None)
    if kind is None:
        moved.add("a schema without a type")
        out["anyOf"] = [dict(scalar) for scalar in _SCALARS]
        return
    out["type"] = kind
    if kind == "object":
        _convert_object(rest, out, moved)
    elif kind == "array":
        if "items" in rest:
            out["items"] = _convert(rest.pop("items"), moved)
        if rest.get("minItems") in (0, 1):
            out["minItems"] = rest.pop("minItems")
    elif kind == "string" and rest.get("format") in STRING_FORMATS:
        out["format"] = rest.pop("format")


def _convert_object(rest: Json, out: Json, moved: set[str]) -> None:
    properties = rest.pop("properties", None) or {}
    if not isinstance(properties, dict):
        raise Unenforceable("properties that are not an object")
    extra = rest.pop("additionalProperties", None)
    if isinstance(extra, dict) or "patternProperties" in rest or (not properties and extra is not False):
        raise Unenforceable("an object with free keys")
    out["properties"] = {name: _convert(value, moved) for name, value in properties.items()}
    out["additionalProperties"] = False
    if isinstance(rest.get("required"), list):
        out["required"] = rest.pop("required")


def _is_literal(name: str, schema: Json) -> bool:
    if name not in schema:
        return False
    values = schema[name] if name == "enum" else [schema[name]]
    return isinstance(values, list) and bool(values) and not any(isinstance(value, dict | list) for value in values)


_OWN_KEYWORDS = (
    ("object", frozenset({"properties", "required", "additionalProperties", "patternProperties"})),
    ("array", frozenset({"items", "minItems", "maxItems", "uniqueItems", "prefixItems"})),
    ("string", frozenset({"format", "pattern", "minLength", "maxLength"})),
    ("number", frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})),
)


def _keywords_of(kind: str, keywords: Json) -> Json:
    """Those of a multi-typed schema's keywords that speak of `kind`."""
    kind = "number" if kind == "integer" else kind
    foreign = {name for owner, names in _OWN_KEYWORDS if owner != kind for name in names}
    return {name: value for name, value in keywords.items() if name not in foreign}


def _is_recursive(schema: Json) -> bool:
    """Whether a definition refers to itself, directly or through others, or anything to the root."""
    edges: dict[str, set[str]] = {}
    for holder in ("$defs", "definitions"):
        for name, definition in (schema.get(holder) or {}).items():
            edges[f"#/{holder}/{name}"] = set(_references(definition))
    if "#" in set(_references(schema)):
        return True
    while edges:
        leaves = [name for name, targets in edges.items() if not targets & edges.keys()]
        if not leaves:
            return True
        for name in leaves:
            del edges[name]
    return False


def _references(node: Any) -> Iterable[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)
