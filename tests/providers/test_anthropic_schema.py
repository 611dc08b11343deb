"""Which part of a JSON Schema is enforced by Anthropic, and which schemas are not enforced at all."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gateway.core.chat import Json
from gateway.providers.anthropic.schema import Unenforceable, enforceable

TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": ["string", "null"], "maxLength": 3}, {"anyOf": [{"type": "string", "description": "(maxLength: 3)"},
         {"type": "null"}]}),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        ({"type": "string", "enum": ["a", None]}, {"enum": ["a", None]}),
        ({"const": 1}, {"const": 1}),
        ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
        ({"type": "string", "format": "color"}, {"type": "string", "description": '(format: "color")'}),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 1}, {"type": "array", "items": {"type": "integer"},
         "minItems": 1}),
        ({"type": "array", "items": {"type": "integer"}, "maxItems": 2}, {"type": "array", "items": {"type": "integer"},
         "description": "(maxItems: 2)"}),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string", "minLength": 1}}},
         {"$defs": {"a": {"type": "string", "description": "(minLength: 1)"}}, "$ref": "#/$defs/a"}),
        ({"properties": {"a": {"type": "null"}}}, {"type": "object", "properties": {"a": {"type": "null"}},
         "additionalProperties": False}),
        ({"type": "number", "description": "N.", "minimum": 0, "$comment": "x"},
         {"description": "N.\n\n(minimum: 0)", "type": "number"}),
        ({"type": "object", "properties": {}, "additionalProperties": False},
         {"type": "object", "properties": {}, "additionalProperties": False}),
        ({"allOf": [{"$ref": "#/$defs/a"}], "title": "A", "$defs": {"a": TEXT}},
         {"$defs": {"a": TEXT}, "title": "A", "anyOf": [{"$ref": "#/$defs/a"}]}),
        ({"type": "string", "anyOf": [{"const": "a"}, TEXT]},
         {"anyOf": [{"const": "a"}, TEXT], "description": '(type: "string")'}),
        ({"type": ["string", "string"]}, {"anyOf": [TEXT]}),
    ],
)  # fmt: skip
def test_what_is_enforced(schema: Json, expected: Json) -> None:
    before = orjson.dumps(schema)
    assert enforceable(schema)[0] == expected
    assert orjson.dumps(schema) == before


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "properties": {"a": {"type": "object", "patternProperties": {"^x": {}}}}},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"items": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"},
        {"type": "array", "items": False},
        {"type": "object", "properties": "{}", "additionalProperties": False},
        {"type": "object", "properties": {"a": TEXT}, "allOf": [{"properties": {"b": TEXT}}]},
        {"type": "object", "properties": {"a": TEXT}, "oneOf": [{"properties": {"kind": {"const": "x"}}}]},
        {"type": "array", "items": TEXT, "anyOf": [{"type": "array", "items": {"const": "a"}}]},
        {"allOf": [{"properties": {"a": TEXT}}, {"properties": {"b": TEXT}}]},
        {"anyOf": [TEXT], "oneOf": [TEXT]},
        {"$ref": "#/$defs/a", "properties": {"b": TEXT}, "$defs": {"a": {"properties": {"a": TEXT}}}},
        {"$ref": "https://example.com/schema"},
        {"$defs": {"a~/b": {"type": "array", "items": {"$ref": "#/$defs/a~0~1b"}}}, "$ref": "#/$defs/a~0~1b"},
        {},
        {"description": "any JSON"},
        {"type": "array", "items": {}},
        {"type": "array", "items": True},
        {"type": "array", "prefixItems": [{"const": 1}], "items": TEXT},
        {"type": "object", "properties": {"a": TEXT}, "additionalProperties": True},
        {"type": "object", "properties": {"a": TEXT}, "required": ["b"]},
        {"type": "object", "properties": {"a": TEXT}, "if": {}, "then": {"properties": {"b": TEXT}}},
        {"type": "text"},
        {"type": {"a": 1}},
        {"type": ["string", ["null"]]},
        {"$ref": 1},
    ],
)
def test_what_can_not_be_enforced(schema: Json) -> None:
    with pytest.raises(Unenforceable):
        enforceable(schema)


def test_definitions_may_refer_to_each_other_in_long_chains() -> None:
    links: Json = {f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(3_000)}
    schema = {"$ref": "#/$defs/d0", "$defs": {**links, "d3000": TEXT}}
    assert enforceable(schema) == (schema, [])
    with pytest.raises(Unenforceable, match="recursion"):
        enforceable({"$ref": "#/$defs/d0", "$defs": {**links, "d3000": {"$ref": "#/$defs/d0"}}})


def test_nesting_beyond_reason_is_not_enforced() -> None:
    schema: Json = TEXT
    for _ in range(190):
        schema = {"type": ["array"], "items": schema}
    with pytest.raises(Unenforceable, match="deep nesting"):
        enforceable(schema)


JSON = st.recursive(
    st.sampled_from([None, True, 0, 1, "", "a", "b"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b"]), inner),
    max_leaves=5,
)


def objects(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Schemas that describe all the keys that JSON has here, for closing an object is no secret."""
    properties = st.fixed_dictionaries({"a": inner, "b": inner})
    return st.fixed_dictionaries(
        {"type": st.sampled_from(["object", ["object", "null"]]), "properties": properties},
        optional={
            "required": st.sampled_from([["a"], ["b"], ["c"]]),
            "additionalProperties": st.booleans(),
            "anyOf": st.lists(inner | st.just({"required": ["a"]}), min_size=1, max_size=2),
            "if": inner,
        },
    )


def others(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    listed = st.lists(inner, min_size=1, max_size=2)
    combined = st.fixed_dictionaries(
        {},
        optional={"anyOf": listed, "oneOf": listed, "allOf": listed, "type": st.just("string"), "enum": st.just([1])},
    )
    arrays = st.fixed_dictionaries(
        {"type": st.just("array")}, optional={"items": inner, "prefixItems": listed, "minItems": st.integers(0, 2)}
    )
    referring = st.fixed_dictionaries(
        {"$ref": st.just("#/$defs/d")}, optional={"type": st.just("null"), "allOf": listed}
    )
    return combined | arrays | referring


SCHEMAS = st.recursive(
    st.sampled_from(
        [TEXT, {"type": "integer"}, {"type": ["string", "null"]}, {"const": "a"}, {"enum": ["a", None, True]},
         {"type": "string", "minLength": 1}, {"enum": [["a"]]}, {}, {"type": "array"},
         {"type": "boolean", "const": True}]
    ),
    lambda inner: objects(inner) | others(inner),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(schema=SCHEMAS, definition=SCHEMAS, values=st.lists(JSON, min_size=5, max_size=20))
def test_what_is_enforced_forbids_nothing_that_the_schema_allows(
    schema: Json, definition: Json, values: list[Any]
) -> None:
    whole = {**schema, "$defs": {"d": definition}}
    try:
        enforced, _ = enforceable(whole)
    except Unenforceable:
        return
    asked, kept = Draft202012Validator(whole), Draft202012Validator(enforced)
    for value in values:
        assert kept.is_valid(value) or not asked.is_valid(value), (whole, enforced, value)
