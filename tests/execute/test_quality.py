"""Defects that answers show, whole and streamed alike; and schemas and answers that were made to hurt."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.core.chat import ChatRequest, Json
from gateway.core.quality import DEFECTS
from gateway.execute.quality import MAX_JUDGED_CHARS, Judge, Witness
from gateway.execute.schema_cost import MOST, NotCounted, evaluations
from gateway.execute.schemas import VALIDATORS_KEPT

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
    "additionalProperties": False,
}
JSON_OBJECT = {"response_format": {"type": "json_object"}}
SCHEMA = {"response_format": {"type": "json_schema", "json_schema": {"name": "p", "schema": PERSON}}}
TOOLS = {
    "tools": [
        {"type": "function", "function": {"name": "save", "parameters": PERSON}},
        {"type": "function", "function": {"name": "ping"}},
        {"type": "custom", "custom": {"name": "shell"}},
    ]
}


def request_of(**more: Any) -> ChatRequest:
    return ChatRequest({"model": "auto", "messages": [{"role": "user", "content": "hi"}], **more})


def call_of(name: str, arguments: str) -> Json:
    return {"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}


def whole_of(*messages: Json, finish: str = "stop") -> Json:
    return {"choices": [{"index": n, "message": m, "finish_reason": finish} for n, m in enumerate(messages)]}


def judged(request: ChatRequest, body: Json) -> tuple[str, ...]:
    """Whole and streamed have to agree."""
    judge = Judge()
    found = judge.whole(request, body)
    witness = judge.witness(request)

    def see(choice: Json, delta: Json, finish: str | None = None) -> None:
        if witness.watching:
            witness.see([{"choices": [{"index": choice["index"], "delta": delta, "finish_reason": finish}]}])

    for choice in body["choices"]:
        message = dict(choice["message"])
        for number, call in enumerate(message.pop("tool_calls", None) or ()):
            inner = call.get("function") or call["custom"]
            kind = "function" if "function" in call else "custom"
            half = len(inner.get("arguments", "")) // 2
            pieces = [inner.get("arguments", "")[:half], inner.get("arguments", "")[half:]]
            for place, piece in enumerate(pieces):
                told = {"index": number, kind: {"arguments": piece} | ({"name": inner["name"]} if not place else {})}
                see(choice, {"tool_calls": [told]})
        text = message.pop("content", None) or ""
        for at in range(0, len(text), 1000):
            see(choice, {"content": text[at : at + 1000]})
        see(choice, message)
        see(choice, {}, choice["finish_reason"])
    assert witness.verdict(body["choices"][0]["finish_reason"]) == found
    return found


CASES = [
    ({}, whole_of({"content": "fine"}), ()),
    ({}, whole_of({"content": "cut of"}, finish="length"), ("truncated",)),
    ({}, whole_of({"content": "no"}, finish="content_filter"), ("refused",)),
    ({}, whole_of({"content": ""}), ("empty",)),
    ({}, whole_of({"content": None}), ("empty",)),
    (JSON_OBJECT, whole_of({"content": '{"a": [1]}'}), ()),
    (JSON_OBJECT, whole_of({"content": "[1]"}), ("invalid_json",)),
    (JSON_OBJECT, whole_of({"content": "```json\n{}\n```"}), ("invalid_json",)),
    (JSON_OBJECT, whole_of({"content": '{"a": '}, finish="length"), ("truncated", "invalid_json")),
    (SCHEMA, whole_of({"content": '{"name": "Ada", "age": 36}'}), ()),
    (SCHEMA, whole_of({"content": '{"name": "Ada", "age": -1}'}), ("schema_mismatch",)),
    (SCHEMA, whole_of({"content": '{"name": "Ada", "x": 1}'}), ("schema_mismatch",)),
    (SCHEMA, whole_of({"content": "Ada"}), ("invalid_json",)),
    (SCHEMA, whole_of({"content": None, "refusal": "I can't"}), ("refused",)),
    (SCHEMA, whole_of({"content": '{"name": "A"}'}, {"content": '{"name": 5}'}), ("schema_mismatch",)),
    ({**SCHEMA, **TOOLS}, whole_of({"content": None, "tool_calls": [call_of("ping", "")]}, finish="tool_calls"), ()),
    (TOOLS, whole_of({"tool_calls": [call_of("save", '{"name": "Ada"}')]}, finish="tool_calls"), ()),
    (TOOLS, whole_of({"tool_calls": [call_of("save", '{"age": 1}')]}), ("tool_arguments_invalid",)),
    (TOOLS, whole_of({"tool_calls": [call_of("save", '{"name": ')]}), ("tool_arguments_invalid",)),
    (TOOLS, whole_of({"tool_calls": [call_of("ping", "{}"), call_of("delete", "{}")]}), ("tool_unknown",)),
    (TOOLS, whole_of({"tool_calls": [{"custom": {"name": "shell", "input": "ls {"}}]}), ()),
    ({}, whole_of({"content": None, "reasoning_content": "hm"}, finish="length"), ("truncated", "empty")),
    ({}, whole_of({"content": None, "refusal": "I can't"}), ("refused",)),
    ({}, whole_of({"content": None, "audio": {"data": "x"}}), ()),
    (TOOLS, whole_of({"content": None, "audio": {"data": "x"}}), ()),
    ({}, whole_of({"content": "", "images": [{"type": "image_url"}]}), ()),
    ({}, whole_of({"content": None, "tool_calls": [call_of("save", "{}")]}, finish="tool_calls"), ("tool_unknown",)),
    ({"n": 2}, whole_of({"content": "fine"}, {"content": ""}), ("empty",)),
    ({**SCHEMA, **TOOLS}, whole_of({"content": "Let me", "tool_calls": [call_of("ping", "{}")]}), ()),
    (TOOLS, whole_of({"content": "x" * (2 * MAX_JUDGED_CHARS), "tool_calls": [call_of("save", "{}")]}),
     ("tool_arguments_invalid",)),
    (TOOLS, whole_of({"tool_calls": [call_of("save", '{"' + "x" * MAX_JUDGED_CHARS)]}, finish="length"),
     ("truncated",)),
    ({"tools": [*TOOLS["tools"], {"type": "computer_20250124", "name": "computer"}]},
     whole_of({"tool_calls": [call_of("computer", '{"action": "click"}')]}), ()),
]  # fmt: skip


@pytest.mark.parametrize(("more", "body", "defects"), CASES)
def test_defects(more: Any, body: Json, defects: tuple[str, ...]) -> None:
    assert judged(request_of(**more), body) == defects
    assert set(defects) <= set(DEFECTS)


def test_a_plain_stream_is_followed_until_something_was_said() -> None:
    def said(*deltas: Json, **more: Any) -> Witness:
        witness = Judge().witness(request_of(**more))
        for delta in deltas:
            witness.see([{"choices": [{"index": 0, "delta": delta}]}])
        return witness

    assert said({"role": "assistant", "content": ""}, {"reasoning_content": "hm"}).watching
    assert not said({"content": "Hi"}).watching
    assert said({"content": "Hi"}, **TOOLS).watching
    assert said({"content": "Hi"}, n=2).watching
    assert said({"content": "Hi"}).verdict("length") == ("truncated",)
    assert said({"reasoning_content": "hm"}).verdict("stop") == ("empty",)
    assert said().verdict("tool_calls") == ("tool_unknown",)
    assert said({"content": "Hi"}, {"content": 5}).verdict("content_filter") == ("refused",)


def test_the_choice_that_was_cut_off_counts_wherever_it_stands() -> None:
    for order in ((0, 1), (1, 0)):
        witness = Judge().witness(request_of(n=2))
        for index in order:
            finish = "length" if index == 1 else "stop"
            witness.see([{"choices": [{"index": index, "delta": {"content": "Hi"}, "finish_reason": finish}]}])
        assert witness.verdict("stop") == ("truncated",)


def test_a_stream_keeps_no_more_than_it_judges() -> None:
    deltas = [{"content": "x" * 1000}] * 1000
    witness = Judge().witness(request_of(**TOOLS))
    witness.see([{"choices": [{"index": 0, "delta": delta}]} for delta in deltas])
    assert witness._kept == 0
    witness = Judge().witness(request_of(**JSON_OBJECT))
    witness.see([{"choices": [{"index": 0, "delta": delta}]} for delta in deltas])
    witness.see([{"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}])
    assert witness._choices[0].text is None
    assert witness.verdict("length") == ("truncated",)


def test_the_older_functions() -> None:
    request = request_of(functions=[{"name": "save", "parameters": PERSON}])
    judge = Judge()
    message = {"content": None, "function_call": {"name": "save", "arguments": "{}"}}
    assert judge.whole(request, whole_of(message)) == ("tool_arguments_invalid",)


def test_what_is_too_large_is_not_judged() -> None:
    text = '{"a": "' + "x" * MAX_JUDGED_CHARS + '"'
    assert judged(request_of(**JSON_OBJECT), whole_of({"content": text})) == ()
    deep = "[" * 5000
    assert judged(request_of(**JSON_OBJECT), whole_of({"content": deep})) == ()


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:1/schema"},
        {"$ref": "file:///etc/passwd"},
        {"type": "nonsense"},
        {"pattern": "(?=lookahead)"},
        {"$dynamicRef": "#x"},
        {"properties": {"p" * 40_000: {"type": "string"}}},
        "a string",
        5,
        None,
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
    ],
)
def test_a_schema_that_can_not_be_judged_is_broken_by_nothing(schema: Any) -> None:
    more = {"response_format": {"type": "json_schema", "json_schema": {"name": "p", "schema": schema}}}
    assert Judge().whole(request_of(**more), whole_of({"content": '{"name": "Ada"}'})) == ()


def doubling(levels: int, *, below: bool) -> Json:
    """Each definition asks twice for the next, for the same value or for its property `a`."""

    def pair(target: Json) -> Json:
        return (
            {"allOf": [{"properties": {"a": target}}, {"properties": {"a": target}}]}
            if below
            else {"allOf": [target, target]}
        )

    definitions: Json = {f"d{n}": pair({"$ref": f"#/$defs/d{n + 1}"}) for n in range(levels)}
    definitions[f"d{levels}"] = {"type": "string"}
    return {"$defs": definitions, "$ref": "#/$defs/d0"}


@pytest.mark.parametrize("below", [True, False])
def test_a_schema_that_would_take_for_ever_is_not_begun(below: bool) -> None:
    value: Any = "x"
    for _ in range(40):
        value = {"a": value}
    schema = doubling(40, below=below)
    with pytest.raises(NotCounted):
        evaluations(schema, 41)
    more = {"response_format": {"type": "json_schema", "json_schema": {"name": "p", "schema": schema}}}
    # Without the bound this would not come back.
    assert Judge().whole(request_of(**more), whole_of({"content": json.dumps(value)})) == ()


def test_recursive_schemas_are_judged_as_deep_as_the_value_goes() -> None:
    tree = {
        "type": "object",
        "properties": {"v": {"type": "integer"}, "kids": {"type": "array", "items": {"$ref": "#"}}},
    }
    assert evaluations(tree, 10) < 100
    more = {"response_format": {"type": "json_schema", "json_schema": {"name": "p", "schema": tree}}}
    judge = Judge()
    assert judge.whole(request_of(**more), whole_of({"content": '{"v": 1, "kids": [{"v": 2}]}'})) == ()
    broken = '{"v": 1, "kids": [{"v": "two"}]}'
    assert judge.whole(request_of(**more), whole_of({"content": broken})) == ("schema_mismatch",)
    assert evaluations({"$defs": {"a/b": {"items": [{}, {"$ref": "#/$defs/a~1b"}]}}, "$ref": "#/$defs/a~1b"}, 3) < MOST


def test_compiled_schemas_are_kept_up_to_a_bound() -> None:
    judge = Judge()
    for number in range(VALIDATORS_KEPT + 50):
        schema = {"type": "object", "title": str(number)}
        more = {"response_format": {"type": "json_schema", "json_schema": {"name": "p", "schema": schema}}}
        assert judge.whole(request_of(**more), whole_of({"content": "5"})) == ("schema_mismatch",)
    assert len(judge._schemas._compiled) == VALIDATORS_KEPT


@pytest.mark.parametrize(
    "body", [{}, {"choices": None}, {"choices": [5]}, {"choices": [{"message": {"tool_calls": [5]}}]}]
)
def test_a_strange_answer_is_no_exception(body: Json) -> None:
    assert Judge().whole(request_of(**TOOLS), body) == ()


ARRAYS = {"type": "array", "items": {"enum": [[number] for number in range(4500)]}}
WIDE = {"items": {"$ref": "#"}, "properties": {f"p{number}": {} for number in range(2000)}}


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (ARRAYS, json.dumps([[9999]] * 1900)),
        (WIDE, "[" * 200 + "]" * 200),
        ({"properties": {f"p{number}": {"pattern": "(a{1,50}){1,50}"} for number in range(200)}}, "{}"),
        ({"properties": {"a": {"pattern": "(a{1,500}){1,500}"}}}, '{"a": "b"}'),
    ],
)
def test_schemas_that_were_made_to_hurt_are_not_judged(schema: Any, text: str) -> None:
    more = {"response_format": {"type": "json_schema", "json_schema": {"name": "p", "schema": schema}}}
    assert Judge().whole(request_of(**more), whole_of({"content": text})) == ()


def test_all_calls_of_an_answer_share_one_budget() -> None:
    names = {f"p{number}": {"enum": ["x" * 100]} for number in range(200)}
    tool = {"type": "function", "function": {"name": "save", "parameters": {"type": "object", "properties": names}}}
    broken = whole_of({"tool_calls": [call_of("save", '{"p0": 5}')]})
    assert Judge().whole(request_of(tools=[tool]), broken) == ("tool_arguments_invalid",)
    calls = [call_of("save", '{"p0": "' + "x" * 100 + '"}')] * 200 + [call_of("save", '{"p0": 5}')]
    assert Judge().whole(request_of(tools=[tool]), whole_of({"tool_calls": calls})) == (), "the last is not judged"
