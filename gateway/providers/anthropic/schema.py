"""JSON Schema -> the part of it that Anthropic enforces (structured outputs and strict tools).

Owns schemas only. Unenforced keywords move into descriptions, where the model still reads them: what is enforced may
allow more than the client's schema, but never other things. Some schemas can't be enforced without forbidding what they
allow (recursion, objects with free keys, rules beside a combinator): those are asked for in words.
Source: Anthropic's structured outputs guide, "JSON Schema limitations", as the official SDK applies it.
"""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any
from urllib.parse import unquote

import orjson

from gateway.core.chat import Json

STRING_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)
MAX_NESTING = 100
"""Schemas within schemas; JSON writers and Python's stack end not far beyond."""
COMBINATORS = ("anyOf", "oneOf", "allOf")
_KINDS = frozenset({"object", "array", "string", "integer", "number", "boolean", "null"})
_DEFINITIONS = ("$defs", "definitions")
_ANNOTATIONS = ("title", "description")
_MEANINGLESS = frozenset({"$schema", "$id", "$comment", "$anchor"})
_SHAPES = frozenset({"properties", "patternProperties", "required", "items", "prefixItems", *COMBINATORS})
"""Keywords that say with a combinator or a reference beside them what a value holds: neither is right alone."""
_FURTHER_PROPERTIES = frozenset({"if", "dependentSchemas", "dependencies"})
"""Keywords that may describe properties which closing the object would forbid."""


class Unenforceable(ValueError):
    """The schema allows something that Anthropic's grammar can't, or is none; the message names it."""


def enforceable(schema: Json) -> tuple[Json, list[str]]:
    """`schema` within the enforced subset, and the keywords that were moved into descriptions, each once, sorted.

    Raises Unenforceable.
    """
    if _is_recursive(schema):
        raise Unenforceable("recursion")
    moved: set[str] = set()
    return _convert(schema, moved, 0), sorted(moved)


def definition_of(reference: object) -> tuple[str, str] | None:
    """The holder ("$defs" or "definitions") and the name of the root's definition that a `$ref` leads to or into."""
    parts = reference.split("/", 3) if isinstance(reference, str) else ()
    if len(parts) < 3 or parts[0] != "#" or parts[1] not in _DEFINITIONS:
        return None
    return parts[1], unquote(parts[2]).replace("~1", "/").replace("~0", "~")


def _convert(schema: Any, moved: set[str], depth: int) -> Json:
    if schema is False:
        raise Unenforceable("the schema `false`")
    if not isinstance(schema, dict):
        raise Unenforceable("a schema without a type")
    if depth > MAX_NESTING:
        raise Unenforceable("such deep nesting")
    rest = {name: value for name, value in schema.items() if name not in _MEANINGLESS}
    out: Json = {}
    for name in _DEFINITIONS:
        if isinstance(rest.get(name), dict):
            out[name] = {key: _convert(value, moved, depth + 1) for key, value in rest.pop(name).items()}
    if "$ref" in rest:
        out["$ref"] = rest.pop("$ref")
        if definition_of(out["$ref"]) is None:
            raise Unenforceable("references beyond its definitions")
        if not rest.keys().isdisjoint(_SHAPES):
            raise Unenforceable("rules beside a $ref")
        moved.update(name for name in rest if name not in _ANNOTATIONS)
        return out
    for name in _ANNOTATIONS:
        if isinstance(rest.get(name), str):
            out[name] = rest.pop(name)
    _convert_kind(rest, out, moved, depth)
    if rest:
        moved.update(rest)
        words = "; ".join(f"{name}: {orjson.dumps(value).decode()}" for name, value in rest.items())
        out["description"] = f"{out['description']}\n\n({words})" if out.get("description") else f"({words})"
    return out


def _convert_kind(rest: Json, out: Json, moved: set[str], depth: int) -> None:
    """Move what is enforced from `rest` to `out`."""
    if literal := next((name for name in ("const", "enum") if _is_literal(name, rest)), None):
        rest.pop("type", None)
        out[literal] = rest.pop(literal)
        return
    if combinator := next((name for name in COMBINATORS if isinstance(rest.get(name), list) and rest[name]), None):
        _convert_variants(combinator, rest, out, moved, depth)
        return
    kind = rest.pop("type", None)
    kind = kind or ("object" if "properties" in rest else "array" if "items" in rest else None)
    if kind is None:
        raise Unenforceable("a schema without a type")
    kinds = kind if isinstance(kind, list) else [kind]
    if not all(isinstance(one, str) and one in _KINDS for one in kinds):
        raise Unenforceable("an unknown type")
    if isinstance(kind, list):
        shared = {name: rest.pop(name) for name in list(rest)}
        variants = ({"type": one, **_keywords_of(one, shared)} for one in dict.fromkeys(kinds))
        out["anyOf"] = [_convert(variant, moved, depth + 1) for variant in variants]
        return
    out["type"] = kind
    if kind == "object":
        _convert_object(rest, out, moved, depth)
    elif kind == "array":
        _convert_array(rest, out, moved, depth)
    elif kind == "string" and isinstance(rest.get("format"), str) and rest["format"] in STRING_FORMATS:
        out["format"] = rest.pop("format")


def _convert_variants(combinator: str, rest: Json, out: Json, moved: set[str], depth: int) -> None:
    """Each variant stands alone. One schema under allOf is a way to put words beside a `$ref`; several would each be
    closed to the others' properties."""
    variants = rest.pop(combinator)
    if not rest.keys().isdisjoint(_SHAPES):
        raise Unenforceable(f"rules beside {combinator}")
    if combinator == "allOf" and len(variants) > 1:
        raise Unenforceable("several schemas under allOf")
    if combinator == "oneOf":
        moved.add("oneOf")
    out["anyOf"] = [_convert(variant, moved, depth + 1) for variant in variants]


def _convert_object(rest: Json, out: Json, moved: set[str], depth: int) -> None:
    properties = rest.pop("properties", None) or {}
    if not isinstance(properties, dict):
        raise Unenforceable("properties that are not an object")
    extra = rest.pop("additionalProperties", None)
    is_open = extra is True or isinstance(extra, dict) or (not properties and extra is not False)
    if is_open or "patternProperties" in rest:
        raise Unenforceable("an object with free keys")
    if not rest.keys().isdisjoint(_FURTHER_PROPERTIES):
        raise Unenforceable("properties under a condition")
    out["properties"] = {name: _convert(value, moved, depth + 1) for name, value in properties.items()}
    out["additionalProperties"] = False
    if isinstance(rest.get("required"), list):
        out["required"] = rest.pop("required")
        if not all(isinstance(name, str) and name in properties for name in out["required"]):
            raise Unenforceable("required properties that are not described")


def _convert_array(rest: Json, out: Json, moved: set[str], depth: int) -> None:
    if "items" in rest:
        if "prefixItems" in rest:
            raise Unenforceable("a tuple")
        out["items"] = _convert(rest.pop("items"), moved, depth + 1)
    if rest.get("minItems") in (0, 1):
        out["minItems"] = rest.pop("minItems")


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
    if "#" in _references(schema):
        return True
    graph = {
        (holder, name): [target for reference in _references(definition) if (target := definition_of(reference))]
        for holder in _DEFINITIONS
        if isinstance(schema.get(holder), dict)
        for name, definition in schema[holder].items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        return True
    return False


def _references(node: Any) -> Iterator[str]:
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
