"""A JSON document that is valid under a JSON schema, with values from the prompt where the types match.

Reads JSON Schema 2020-12 and draft 7 and OpenAPI 3.0 schemas (upper-case types, `nullable`), as far as the vendors take
them. Not read: `not`, `if`, `dependentRequired`, `patternProperties`, remote references.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from json import JSONDecodeError, JSONDecoder
from typing import Any

from gateway.simulator.mind.strings import write_string
from gateway.simulator.mind.values import NUMBER, Values, as_number

Json = dict[str, Any]

DEEP = 5
TOO_DEEP = 10
MOST_ITEMS = 16
YES = frozenset({"true", "yes", "on", "1"})
NO = frozenset({"false", "no", "off", "0"})


def write_document(schema: Json, text: str) -> Any:
    """A value valid under `schema`. A JSON literal in `text` that fits is taken as it is, what it lacks is added."""
    writer = _Writer(schema, Values(text))
    literal = writer.literal()
    return literal if literal is not None else writer.write(schema, "", 0)


def literals(text: str) -> Iterator[Any]:
    """Every JSON object or array written out in a text, the outermost first."""
    for index, char in enumerate(text):
        if char in "{[":
            try:
                value, _ = JSONDecoder().raw_decode(text, index)
            except (JSONDecodeError, RecursionError):
                continue
            yield value


class _Writer:
    __slots__ = ("root", "values")

    def __init__(self, root: Json, values: Values) -> None:
        self.root = root
        self.values = values

    def literal(self) -> Any:
        """The first JSON object or array written in the prompt that has the schema's shape."""
        for value in literals(self.values.text):
            if self.fits(value, self.root):
                return value
            if isinstance(value, dict) and value and self.fits(value, {**self.resolve(self.root), "required": []}):
                return {**value, **self._lacking(value)}
        return None

    def _lacking(self, value: Json) -> Json:
        """The required properties that an object has not: null where that is allowed."""
        schema = self.resolve(self.root)
        properties = schema.get("properties") or {}
        absent = [name for name in schema.get("required") or () if name not in value]
        nullable = [name for name in absent if self.fits(None, properties.get(name, {}))]
        return {name: None if name in nullable else self.write(properties.get(name, {}), name, 1) for name in absent}

    def resolve(self, given: Any) -> Json:
        """The schema without `$ref` and `allOf` at its top."""
        schema: Json = given if isinstance(given, dict) else {}
        for _ in range(TOO_DEEP):
            target = schema.get("$ref")
            if not isinstance(target, str):
                break
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**self._at(target), **rest}
        if isinstance(schema.get("allOf"), list):
            merged = {key: value for key, value in schema.items() if key != "allOf"}
            for part in map(self.resolve, schema["allOf"]):
                merged = _merge(merged, part)
            return merged
        return schema

    def _at(self, reference: str) -> Json:
        node: Any = self.root
        if reference == "#":
            return self.root
        for step in reference.removeprefix("#/").split("/"):
            step = step.replace("~1", "/").replace("~0", "~").replace("%24", "$")
            node = node.get(step) if isinstance(node, dict) else None
        return node if isinstance(node, dict) else {}

    def write(self, schema: Any, name: str, depth: int) -> Any:
        schema = self.resolve(schema)
        if depth > TOO_DEEP or "const" in schema:
            return schema.get("const")
        if schema.get("enum"):
            return self._member(schema["enum"])
        for union in ("anyOf", "oneOf"):
            if schema.get(union):
                rest = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf", "discriminator")}
                return self.write(_merge(rest, self._branch(schema[union], depth)), name, depth + 1)
        kind = kind_of(schema)
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth)
        if kind in ("integer", "number"):
            return self._number(schema, name, whole=kind == "integer")
        if kind == "boolean":
            return self._boolean(schema, name)
        return None if kind == "null" else write_string(schema, name, self.values)

    def _member(self, members: list[Any]) -> Any:
        """The enum's member that the prompt mentions, or the first that is not null."""
        for member in members:
            if isinstance(member, str) and self.values.mentions(member):
                return member
        return next((member for member in members if member is not None), None)

    def _branch(self, branches: list[Any], depth: int) -> Json:
        """The branch of a union whose constants the prompt mentions, or the first that is not null."""
        options = [self.resolve(branch) for branch in branches]
        nulls = [option for option in options if kind_of(option) == "null"]
        real = [option for option in options if kind_of(option) != "null"]
        if depth >= DEEP and nulls:
            return nulls[0]
        if depth >= DEEP:
            real.sort(key=lambda option: kind_of(option) in ("object", "array"))
        for option in real:
            if self._is_mentioned(option):
                return option
        return real[0] if real else {"type": "null"}

    def _is_mentioned(self, option: Json) -> bool:
        constants = [option.get("const"), option.get("title")]
        for value in (option.get("properties") or {}).values():
            resolved = self.resolve(value)
            constants += [resolved.get("const"), *(resolved.get("enum") or [None])[:1]]
        return any(isinstance(constant, str) and self.values.mentions(constant) for constant in constants)

    def _object(self, schema: Json, depth: int) -> Json:
        properties: Json = schema.get("properties") or {}
        required = schema.get("required")
        ordering = schema.get("propertyOrdering") or schema.get("property_ordering") or list(properties)
        wanted = set(properties if required is None else required)
        if required is None and depth >= DEEP:
            wanted = set()
        document: Json = {}
        for name in dict.fromkeys([*ordering, *properties, *sorted(wanted)]):
            part = properties.get(name, {})
            if name in wanted or (name in properties and self._is_given(part, name)):
                document[name] = self.write(part, name, depth + 1)
        extra = schema.get("additionalProperties")
        for index in range(len(document), schema.get("minProperties") or 0):
            document[f"key_{index + 1}"] = self.write(extra if isinstance(extra, dict) else {}, "", depth + 1)
        return document

    def _is_given(self, schema: Any, name: str) -> bool:
        """Whether the prompt speaks of an optional property."""
        resolved = self.resolve(schema)
        if any(isinstance(member, str) and self.values.mentions(member) for member in resolved.get("enum") or ()):
            return True
        return kind_of(resolved) not in ("object", "array") and self.values.named(name) is not None

    def _array(self, schema: Json, depth: int) -> list[Any]:
        items = self.resolve(schema.get("items", {}))
        least, most = int(schema.get("minItems") or 0), int(schema.get("maxItems") or MOST_ITEMS)
        values = [self.write(part, "", depth + 1) for part in schema.get("prefixItems") or ()]
        kind = kind_of(items)
        if values and schema.get("items") is False:
            return values
        wanted = 0 if values or depth >= DEEP else 1
        if not values and "enum" not in items and "const" not in items:
            available: dict[str, list[Any]] = {
                "integer": self.values.numbers,
                "number": self.values.numbers,
                "string": self.values.strings,
            }
            wanted = max(wanted, len(available.get(kind, ())))
        for _ in range(max(least, min(wanted, most)) - len(values)):
            values.append(self.write(items, "", depth + 1))
        return _distinct(values, items) if schema.get("uniqueItems") else values

    def _number(self, schema: Json, name: str, *, whole: bool) -> int | float:
        low, high = _bounds(schema)
        step = schema.get("multipleOf")
        named = self.values.named(name) if name else None
        value: int | float | None = None
        if named is not None and NUMBER.fullmatch(named):
            value = as_number(named)
            if value in self.values.numbers:
                self.values.numbers.remove(value)
            value = value if low <= value <= high and (not whole or float(value).is_integer()) else None
        if value is None:
            value = self.values.take_number(whole, low, high)
        if value is None:
            default = schema.get("default")
            value = default if isinstance(default, (int, float)) and low <= default <= high else min(max(1, low), high)
        if step:
            value = math.floor(value / step) * step
            value = value + step if value < low else value
        return math.ceil(value) if whole else value

    def _boolean(self, schema: Json, name: str) -> bool:
        named = (self.values.named(name) or "").lower() if name else ""
        if named in YES or named in NO:
            return named in YES
        return bool(schema.get("default", True))

    def fits(self, value: Any, schema: Any, depth: int = 0) -> bool:
        """A quick check of shape (types, required and known properties, constants), not of every keyword."""
        schema = self.resolve(schema)
        for union in ("anyOf", "oneOf"):
            if schema.get(union):
                return any(self.fits(value, branch, depth + 1) for branch in schema[union])
        if "const" in schema or schema.get("enum"):
            return bool(value == schema["const"] if "const" in schema else value in schema["enum"])
        if value is None and (schema.get("nullable") or "null" in (schema.get("type") or ())):
            return True
        kind = kind_of(schema)
        if kind == "object" and isinstance(value, dict):
            properties = schema.get("properties") or {}
            known = schema.get("additionalProperties") is not False and not properties
            return set(schema.get("required") or ()) <= set(value) and all(
                self.fits(part, properties[key], depth + 1) if key in properties else known
                for key, part in value.items()
            )
        if kind == "array" and isinstance(value, list):
            return all(self.fits(part, schema.get("items", {}), depth + 1) for part in value)
        return isinstance(value, _PYTHON_TYPES.get(kind, object)) and isinstance(value, bool) == (kind == "boolean")


_PYTHON_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def kind_of(schema: Json) -> str:
    """The schema's type in lower case: the first that is not null of several; guessed where none is given."""
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((member for member in kind if str(member).lower() != "null"), "null")
    if isinstance(kind, str) and kind.upper() != "TYPE_UNSPECIFIED":
        return kind.lower()
    if "properties" in schema or "additionalProperties" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    return "string"


def _merge(first: Json, second: Json) -> Json:
    merged = {**first, **second}
    if "properties" in first and "properties" in second:
        merged["properties"] = {**first["properties"], **second["properties"]}
    if "required" in first and "required" in second:
        merged["required"] = [*first["required"], *second["required"]]
    return merged


def _bounds(schema: Json) -> tuple[float, float]:
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    whole = kind_of(schema) == "integer"
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if isinstance(above, (int, float)) and not isinstance(above, bool):
        low = max(low, math.floor(above) + 1 if whole else math.nextafter(above, math.inf))
    if isinstance(below, (int, float)) and not isinstance(below, bool):
        high = min(high, math.ceil(below) - 1 if whole else math.nextafter(below, -math.inf))
    return low, high


def _distinct(values: list[Any], items: Json) -> list[Any]:
    """The values with repeats changed where that is possible, else dropped."""
    members = [member for member in items.get("enum") or () if member not in values]
    unique: list[Any] = []
    for index, value in enumerate(values):
        if value in unique:
            if members:
                value = members.pop(0)
            elif isinstance(value, str) and "enum" not in items:
                value = f"{value} {index + 1}"
            elif isinstance(value, (int, float)) and not isinstance(value, bool):
                value += index * (items.get("multipleOf") or 1)
        if value not in unique:
            unique.append(value)
    return unique
