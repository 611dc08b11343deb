"""How often a validator may have to look, before it is let loose on a schema that a client wrote.

A schema of a kilobyte can ask for 2**40 evaluations: two references to a definition that holds two references, and so
on. No library bounds that, so the number is bounded from the text of the schema beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

MOST = 200_000
"""Work that is taken on for one answer, in looks at a subschema: ten milliseconds or so."""

MOST_DEPTH = 32
"""Values that are nested deeper are not judged: the count has as many layers."""

MOST_COUNTED = 2_000
"""Subschemas, at all their depths, that are counted before giving up."""

_SIZE_OF_A_LOOK = 16
"""Bytes of an enum, a constant or a list of names that weigh as much as one look."""

_IN_PLACE_LISTS = ("allOf", "anyOf", "oneOf")
_IN_PLACE = ("not", "if", "then", "else")
_BELOW = (
    "additionalProperties",
    "items",
    "additionalItems",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_BELOW_NAMED = ("properties", "patternProperties")
_NOT_FOLLOWED = frozenset({"$dynamicRef", "$recursiveRef", "$anchor", "$id", "id"})
"""References by other ways than a pointer into the schema are not counted, so schemas with them are not judged."""


class NotCounted(Exception):
    """The schema refers in a way that this count does not follow, or asks for too much."""


def depth_of(value: Any) -> int:
    level, depth = [value], 0
    while level:
        depth += 1
        level = [
            child
            for node in level
            if isinstance(node, (dict, list))
            for child in (node.values() if isinstance(node, dict) else node)
        ]
    return depth


def evaluations(schema: Any, depth: int) -> int:
    """The most work that validating one value per name, nested `depth` deep, can be. Raises NotCounted."""
    if depth > MOST_DEPTH:
        raise NotCounted
    return _Count(schema).of(schema, depth)


class _Count:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._known: dict[tuple[int, int], int] = {}

    def of(self, schema: Any, depth: int) -> int:
        if not isinstance(schema, dict) or depth < 0:
            return 1
        if not _NOT_FOLLOWED.isdisjoint(schema):
            raise NotCounted
        place = (id(schema), depth)
        if place not in self._known:
            if len(self._known) >= MOST_COUNTED:
                raise NotCounted
            self._known[place] = 0  # a circle that consumes nothing adds nothing: the validator breaks it, too
            total = 1 + _size_of(schema) + sum(self.of(part, depth) for part in self._in_place(schema))
            total += sum(self.of(part, depth - 1) for part in _below(schema))
            if total > MOST:
                raise NotCounted
            self._known[place] = total
        return self._known[place]

    def _in_place(self, schema: dict[str, Any]) -> Iterator[Any]:
        for keyword in _IN_PLACE_LISTS:
            if isinstance(schema.get(keyword), list):
                yield from schema[keyword]
        for keyword in _IN_PLACE:
            if keyword in schema:
                yield schema[keyword]
        for keyword in ("dependentSchemas", "dependencies"):
            if isinstance(schema.get(keyword), dict):
                yield from schema[keyword].values()
        if "$ref" in schema:
            yield self._resolved(schema["$ref"])

    def _resolved(self, reference: Any) -> Any:
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise NotCounted
        node = self._root
        for step in filter(None, reference[1:].split("/")):
            name = step.replace("~1", "/").replace("~0", "~")
            try:
                node = node[int(name)] if isinstance(node, list) else node[name]
            except (KeyError, IndexError, ValueError, TypeError):
                raise NotCounted from None
        return node


def _size_of(schema: dict[str, Any]) -> int:
    """What comparing with the schema's own lists weighs."""
    lists = [schema[keyword] for keyword in ("enum", "const", "required") if keyword in schema]
    return len(orjson.dumps(lists)) // _SIZE_OF_A_LOOK if lists else 0


def _below(schema: dict[str, Any]) -> Iterator[Any]:
    for keyword in _BELOW:
        value = schema.get(keyword)
        if isinstance(value, list):
            yield from value
        elif isinstance(value, dict):
            yield value
    if isinstance(schema.get("prefixItems"), list):
        yield from schema["prefixItems"]
    for keyword in _BELOW_NAMED:
        if isinstance(schema.get(keyword), dict):
            yield from schema[keyword].values()
