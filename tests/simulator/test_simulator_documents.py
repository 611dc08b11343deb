"""Documents for JSON schemas: always valid, and with the prompt's values where the types match."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gateway.simulator.mind.documents import write_document
from gateway.simulator.mind.patterns import example_of
from gateway.simulator.mind.values import Values

VALIDATOR = Draft202012Validator


def is_valid(document: Any, schema: Any) -> bool:
    return bool(VALIDATOR(schema, format_checker=VALIDATOR.FORMAT_CHECKER).is_valid(document))


FORMATS = ("date", "date-time", "email", "ipv4", "uuid", "time", "uri")
NAMES = st.sampled_from(["city", "count", "tags", "when", "note", "x"])
PROMPTS = st.sampled_from(
    [
        "",
        "hi",
        "Book 3 rooms in Oslo, Norway for 'Ada' and 'Bob' at 12.5 euro",
        "city: Rome, count=-7",
        "數量 5 「北京」",
    ]
)


def whole_numbers() -> st.SearchStrategy[Any]:
    return st.builds(
        lambda low, size, step: {"type": "integer", "minimum": low, "maximum": low + size, **step},
        st.integers(-20, 20),
        st.integers(10, 50),
        st.sampled_from([{}, {"multipleOf": 5}]),
    )


def strings() -> st.SearchStrategy[Any]:
    return st.builds(
        lambda least, more: {"type": "string", "minLength": least, "maxLength": least + more},
        st.integers(0, 30),
        st.integers(0, 30),
    )


SCALARS = st.one_of(
    st.sampled_from([{"type": kind} for kind in ("string", "number", "integer", "boolean", "null")]),
    st.sampled_from([{"type": ["string", "null"]}, {"enum": ["red", 2, None]}, {"const": {"a": [1]}}, {}]),
    st.just({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
    st.just({"type": "string", "pattern": "^[A-Z]{3}-\\d+$"}),
    st.sampled_from([{"type": "string", "format": name} for name in FORMATS]),
    whole_numbers(),
    strings(),
)  # fmt: skip


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    properties = st.dictionaries(NAMES, inner, max_size=4)
    objects = st.builds(
        lambda parts, required, closed: {
            "type": "object",
            "properties": parts,
            **({"required": sorted(parts)[:required]} if required is not None else {}),
            **({"additionalProperties": False} if closed else {}),
        },
        properties,
        st.none() | st.integers(0, 4),
        st.booleans(),
    )
    arrays = st.builds(
        lambda items, least, unique: {"type": "array", "items": items, "minItems": least, "uniqueItems": unique},
        inner,
        st.integers(0, 2),
        st.just(False),
    )
    unions = st.builds(lambda options: {"anyOf": options}, st.lists(inner, min_size=1, max_size=3))
    merged = st.builds(lambda parts: {"allOf": parts, "type": "object"}, st.lists(objects, min_size=1, max_size=2))
    return st.one_of(objects, arrays, unions, merged)


def conflicts(schema: Any) -> bool:
    """Whether an `allOf` gives one property two schemas, or closes one part to another's: few documents fit those."""
    if isinstance(schema, list):
        return any(map(conflicts, schema))
    if not isinstance(schema, dict):
        return False
    if "allOf" in schema:
        parts = schema["allOf"]
        names = [name for part in parts for name in part["properties"]]
        if len(names) != len(set(names)) or (len(parts) > 1 and any("additionalProperties" in p for p in parts)):
            return True
    return any(map(conflicts, schema.values()))


@given(schema=st.recursive(SCALARS, nested, max_leaves=8).filter(lambda s: not conflicts(s)), prompt=PROMPTS)
@settings(max_examples=400, deadline=None)
def test_documents_are_valid(schema: Any, prompt: str) -> None:
    document = write_document(schema, prompt)
    assert is_valid(document, schema), (document, schema)


def properties(**parts: Any) -> dict[str, Any]:
    return {"type": "object", "properties": parts, "required": list(parts)}


INT, NUM, STR = {"type": "integer"}, {"type": "number"}, {"type": "string"}
NODE = {
    "$defs": {"Node": properties(label=STR, children={"type": "array", "items": {"$ref": "#/$defs/Node"}})},
    "$ref": "#/$defs/Node",
}


@pytest.mark.parametrize(
    ("schema", "prompt", "document"),
    [
        (properties(input=INT), "What is 3 * 12? use it with input 3", {"input": 3}),
        (properties(a=INT, b=INT), "What is 3 * 12?", {"a": 3, "b": 12}),
        (properties(a=INT, b=NUM), "between 2.5 and 4", {"a": 4, "b": 2.5}),
        (properties(n=INT), "n=1,250 of them", {"n": 1250}),
        (properties(days=INT), "Stay 4 days in room 12", {"days": 4}),
        (properties(city=STR), "What is the weather in San Francisco, CA?", {"city": "San Francisco, CA"}),
        (properties(city=STR), "Какая погода в Москве?", {"city": "Москве"}),
        (properties(name=STR), "顧客「你好啊集团」を登録", {"name": "你好啊集团"}),
        (properties(customer_name=STR), 'with customer name "ACME" and 3', {"customer_name": "ACME"}),
        (properties(a=STR, b=STR), "Use 'one' and “two”", {"a": "one", "b": "two"}),
        (properties(tags={"type": "array", "items": STR}), "Tag it 'x', 'y', 'z'", {"tags": ["x", "y", "z"]}),
        (properties(all={"type": "array", "items": INT}), "Sum 4, 5 and 6", {"all": [4, 5, 6]}),
        (properties(unit={"enum": ["celsius", "fahrenheit"]}), "in Fahrenheit please", {"unit": "fahrenheit"}),
        (properties(ok={"type": "boolean"}), "ok: no", {"ok": False}),
        (properties(mail={"type": "string", "format": "email"}), "Write to a.b@c.de!", {"mail": "a.b@c.de"}),
        (properties(day={"type": "string", "format": "date"}), "on 2026-03-04", {"day": "2026-03-04"}),
        (properties(zip={"type": "string", "pattern": "^\\d{5}$"}), "near 12345", {"zip": "12345"}),
        (properties(age={"type": "integer", "maximum": 150}), "Born 1980, 45 now", {"age": 45}),
        (properties(v={"type": ["integer", "null"]}), "take 5", {"v": 5}),
        (properties(v={"anyOf": [{"type": "null"}, STR]}), "take 'this'", {"v": "this"}),
        ({"type": "object", "properties": {"a": INT, "b": STR}, "required": ["a"]}, "7 it is", {"a": 7}),
        (
            {"type": "object", "properties": {"a": INT, "unit": {"enum": ["kg", "lb"]}}, "required": ["a"]},
            "7 lb",
            {"a": 7, "unit": "lb"},
        ),
        (properties(a=INT, b=INT), 'Take {"b": 1, "a": 2} as it is', {"b": 1, "a": 2}),
        (properties(a=INT, b={"type": ["string", "null"]}), 'Take {"a": 2}', {"a": 2, "b": None}),
        ({"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}}, "for Ada", {"a": "Ada"}),
        (
            {"oneOf": [properties(kind={"const": "cat"}), properties(kind={"const": "dog"}, name=STR)]},
            "a dog named Rex",
            {"kind": "dog", "name": "Rex"},
        ),
        (NODE, "root 'r'", {"label": "r", "children": [{"label": "label: root 'r'", "children": []}]}),
    ],
)
def test_values_come_from_the_prompt(schema: Any, prompt: str, document: Any) -> None:
    made = write_document(schema, prompt)
    if schema is NODE:
        assert made["label"] == "r"
        assert is_valid(made, schema)
    else:
        assert made == document


def test_unique_items_differ() -> None:
    schema = {"type": "array", "items": {"enum": ["a", "b", "c"]}, "minItems": 3, "uniqueItems": True}
    assert sorted(write_document(schema, "")) == ["a", "b", "c"]
    numbers = {"type": "array", "items": {"type": "integer"}, "minItems": 4, "uniqueItems": True}
    assert is_valid(write_document(numbers, "2 and 2"), numbers)


@pytest.mark.parametrize(
    "pattern",
    ["^[a-z]+$", "^\\d{3}-\\d{4}$", "(foo|bar)baz?", "^[^\"]+$", "^#[0-9A-Fa-f]{6}$", "\\w+@\\w+", "x{2,}", "^$", "."],
)  # fmt: skip
def test_patterns(pattern: str) -> None:
    made = example_of(pattern)
    assert made is not None
    assert re.search(pattern, made)


@pytest.mark.parametrize("pattern", ["(", "(?=a)b"])
def test_patterns_that_nothing_is_made_for(pattern: str) -> None:
    assert example_of(pattern) is None
    assert isinstance(write_document({"type": "string", "pattern": pattern}, "hi"), str)


@pytest.mark.parametrize(
    ("text", "strings", "numbers"),
    [
        ("Jason is 25, likes “tea” and 'milk' in New York. Paris too", ["tea", "milk", "New York"], [25]),
        ("It's Bob's car, isn't it?", ["Bob's"], []),
        ("call f1(3) v2.0 -4 1.5e3 x7", [], [3, -4]),
        ("12345678901234567890", [], [1.2345678901234567e19]),
    ],
)
def test_values(text: str, strings: list[str], numbers: list[float]) -> None:
    values = Values(text)
    assert (values.strings, values.numbers) == (strings, numbers)


def test_a_long_text_is_read_in_time_that_grows_with_it() -> None:
    text = "Word 1 'q' " * 20_000
    assert len(Values(text).numbers) == 20_000
