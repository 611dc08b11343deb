"""What the Anthropic adapter makes of tools, tool_choice and response_format."""

from __future__ import annotations

import orjson
import pytest

from gateway.core.chat import Json
from tests.providers.anthropic_checks import (
    CITY,
    NEWEST,
    OLD,
    assistant,
    build,
    call,
    function,
    json_schema,
    refused,
    result,
    text,
    user,
)

TEXT = {"type": "string"}
EITHER = {
    "type": "object",
    "properties": {"email": TEXT, "phone": TEXT},
    "anyOf": [{"required": ["email"]}, {"required": ["phone"]}],
}


def test_tools_and_their_results() -> None:
    sent, call_ = build(
        {
            "messages": [
                user("a"),
                assistant("both", tool_calls=[call("f", '{"x": "1"}', "c1"), call("g", "", "c2")]),
                result("r1", "c1"),
                result([text("r2"), {"type": "image_url", "image_url": {"url": "https://e.com/i.png"}}], "c2"),
                user("so?"),
            ],
            "tools": [function("f", description="d"), {"type": "function", "function": {"name": "g"}}],
        }
    )
    assert sent["tools"][0]["input_schema"]["required"] == ["x"]
    assert sent["tools"][0]["description"] == "d"
    assert sent["tools"][1] == {"name": "g", "input_schema": {"type": "object", "properties": {}}}
    assert "tool_choice" not in sent
    said, f, g = sent["messages"][1]["content"]
    assert said == text("both")
    assert f == {"type": "tool_use", "id": "c1", "name": "f", "input": {"x": "1"}}
    assert g["input"] == {}
    first, second, third = sent["messages"][2]["content"]
    assert first == {"type": "tool_result", "tool_use_id": "c1", "content": "r1"}
    assert [block["type"] for block in second["content"]] == ["text", "image"]
    assert third == text("so?")
    assert call_.warnings == ()


def test_results_come_before_what_the_user_says() -> None:
    sent, _ = build(
        {"messages": [user("a"), assistant(tool_calls=[call()]), user("wait"), result()], "tools": [function()]}
    )
    assert [block["type"] for block in sent["messages"][2]["content"]] == ["tool_result", "text"]


def test_ids_are_fitted_and_kept_unique_and_paired() -> None:
    talk = [
        user("a"),
        assistant(tool_calls=[call(id="functions.f:0"), call(id="c"), call(id="c")]),
        result("1", "functions.f:0"),
        result("2", "c"),
        result("3", "c"),
        assistant(tool_calls=[call(id="c")]),
        result("4", "c", is_error=True),
    ]
    sent, _ = build({"messages": talk, "tools": [function()]})
    calls = [block["id"] for block in sent["messages"][1]["content"]]
    results = {block["tool_use_id"]: block["content"] for block in sent["messages"][2]["content"]}
    assert [results[id] for id in calls] == ["1", "2", "3"]
    assert calls[1:] == ["c", "c_2"]
    later = sent["messages"][3]["content"][0]["id"]
    assert later == "c_3"
    last = {"type": "tool_result", "tool_use_id": later, "content": "4", "is_error": True}
    assert sent["messages"][4]["content"] == [last]
    assert build({"messages": talk, "tools": [function()]})[0] == sent


@pytest.mark.parametrize("arguments", ["{oops", "[1]", '"x"', "null"])
def test_arguments_that_are_no_object_are_wrapped_loudly(arguments: str) -> None:
    sent, call_ = build(
        {"messages": [user("a"), assistant(tool_calls=[call(arguments=arguments)]), result()], "tools": [function()]}
    )
    assert sent["messages"][1]["content"][0]["input"] == {"arguments": arguments}
    assert call_.warnings[0].startswith("messages.tool_calls: arguments that are not a JSON object")


def test_arguments_nested_beyond_reason_are_refused() -> None:
    deep = '{"a":' * 400 + "1" + "}" * 400
    assert refused({"messages": [user(), assistant(tool_calls=[call(arguments=deep)]), result()]}).param == "messages"


def test_tools_that_anthropic_has_not() -> None:
    custom = {"type": "custom", "custom": {"name": "c"}}
    assert refused({"messages": [user()], "tools": [function(), custom]}).param == "tools[1].type"
    spoken = {"id": "1", "type": "custom", "custom": {"name": "c", "input": "x"}}
    assert refused({"messages": [user(), assistant(tool_calls=[spoken])]}).param == "messages[1].tool_calls[0]"
    assert refused({"messages": [user()], "tools": [{"type": "function", "function": {}}]}).param == "tools[0].function"


def test_a_native_tool_goes_through_with_its_beta() -> None:
    tool = {"type": "computer_20251124", "name": "computer", "display_width_px": 800, "display_height_px": 600}
    sent, call_ = build({"messages": [user()], "tools": [tool]})
    assert sent["tools"] == [tool]
    assert dict(call_.headers)["anthropic-beta"] == "computer-use-2025-11-24"


@pytest.mark.parametrize(
    ("wish", "sent_choice"),
    [
        ("none", {"type": "none"}),
        ("auto", {"type": "auto"}),
        ("required", {"type": "any"}),
        ({"type": "function", "function": {"name": "f"}}, {"type": "tool", "name": "f"}),
    ],
)
def test_tool_choice(wish: object, sent_choice: Json) -> None:
    body = {"messages": [user()], "tools": [function("f"), function("g")], "tool_choice": wish}
    assert build(body)[0]["tool_choice"] == sent_choice
    one = build({**body, "parallel_tool_calls": False})[0]["tool_choice"]
    assert one == (sent_choice if wish == "none" else {**sent_choice, "disable_parallel_tool_use": True})


def test_allowed_tools_leave_only_themselves() -> None:
    allowed = {"mode": "auto", "tools": [{"type": "function", "function": {"name": "g"}}]}
    body = {"messages": [user()], "tools": [function("f"), function("g")]}
    sent, _ = build({**body, "tool_choice": {"type": "allowed_tools", "allowed_tools": allowed}})
    assert [tool["name"] for tool in sent["tools"]] == ["g"]
    assert sent["tool_choice"] == {"type": "auto"}
    unknown = {"mode": "auto", "tools": [{"type": "function", "function": {"name": "h"}}]}
    wish = {"type": "allowed_tools", "allowed_tools": unknown}
    assert refused({**body, "tool_choice": wish}).param == "tool_choice.allowed_tools"


def test_one_call_at_a_time_without_a_choice() -> None:
    sent, _ = build({"messages": [user()], "tools": [function()], "parallel_tool_calls": False})
    assert sent["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


def test_a_choice_without_tools() -> None:
    sent, call_ = build({"messages": [user()], "tool_choice": "required"})
    assert "tool_choice" not in sent
    assert call_.warnings == ("tool_choice: dropped, there are no tools",)


def test_a_model_that_can_not_be_forced_is_asked() -> None:
    sent, call_ = build({"messages": [user()], "tools": [function()], "tool_choice": "required"}, NEWEST)
    assert sent["tool_choice"] == {"type": "auto"}
    assert "calling one of the tools" in sent["system"][0]["text"]
    assert call_.warnings == (f"tool_choice: {NEWEST} can't be forced, it is asked in the system prompt instead",)


def test_tools_of_the_history_are_defined_even_when_none_may_be_called() -> None:
    sent, _ = build({"messages": [user("a"), assistant(tool_calls=[call("f")]), result()]})
    assert sent["tools"] == [{"name": "f", "input_schema": {"type": "object"}}]
    assert sent["tool_choice"] == {"type": "none"}


def test_strict_tools() -> None:
    parameters = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
    tool = function("f", strict=True, parameters=parameters)
    sent, call_ = build({"messages": [user()], "tools": [tool]})
    assert sent["tools"][0]["strict"] is True
    assert sent["tools"][0]["input_schema"]["additionalProperties"] is False
    assert sent["tools"][0]["input_schema"]["properties"]["n"] == {"type": "integer", "description": "(minimum: 1)"}
    assert call_.warnings == ("tools.function.parameters: not enforced, moved to descriptions: minimum",)
    sent, call_ = build({"messages": [user()], "tools": [tool]}, OLD)
    assert sent["tools"][0] == {"name": "f", "input_schema": parameters}
    assert call_.warnings == (f"tools.function.strict: not enforced by {OLD}, dropped",)


def test_fields_of_tools_that_nobody_reads_are_named() -> None:
    _, call_ = build({"messages": [user()], "tools": [{**function(examples=[1]), "mood": "good"}]})
    assert call_.warnings == (
        "tools.function.examples: not supported by anthropic, dropped",
        "tools.mood: not supported by anthropic, dropped",
    )


def test_legacy_functions() -> None:
    sent, _ = build(
        {
            "messages": [
                user("a"),
                assistant(function_call={"name": "f", "arguments": "{}"}),
                {"role": "function", "name": "f", "content": "r"},
            ],
            "functions": [{"name": "f", "parameters": {"type": "object", "properties": {}}}],
            "function_call": {"name": "f"},
        }
    )
    assert sent["tool_choice"] == {"type": "tool", "name": "f", "disable_parallel_tool_use": True}
    assert sent["messages"][1]["content"][0]["id"] == sent["messages"][2]["content"][0]["tool_use_id"]


def test_a_strict_tool_keeps_its_parameters_where_they_can_not_be_enforced() -> None:
    sent, call_ = build({"messages": [user()], "tools": [function("f", strict=True, parameters=EITHER)]})
    schema = {name: value for name, value in EITHER.items() if name != "anyOf"}
    assert sent["tools"] == [{"name": "f", "input_schema": schema}]
    assert call_.warnings == (
        "tools.function.strict: dropped where parameters have rules beside anyOf, which Anthropic can't enforce",
        "tools.function.parameters: anyOf at the root was merged into one object",
    )


def test_a_strict_tool_of_several_objects_is_not_strict() -> None:
    one, two = ({"type": "object", "properties": {name: {"type": "string"}}, "required": [name]} for name in "ab")
    variants = {"type": "object", "anyOf": [one, {"$ref": "#/$defs/two"}], "$defs": {"two": two}}
    sent, call_ = build({"messages": [user()], "tools": [function("f", strict=True, parameters=variants)]})
    assert "strict" not in sent["tools"][0]
    assert sent["tools"][0]["input_schema"]["properties"] == {"a": {"type": "string"}, "b": {"type": "string"}}
    assert len(call_.warnings) == 2


def test_a_schema_with_variants_at_its_root_is_no_tool_of_an_older_model() -> None:
    sent, call_ = build({"messages": [user()], "response_format": json_schema(EITHER)}, OLD)
    assert "tools" not in sent
    assert orjson.dumps(EITHER).decode() in sent["system"][-1]["text"]
    assert call_.warnings == (f"response_format: asked for in the system prompt, {OLD} can't enforce it",)


def test_json_schema_is_enforced_and_the_rest_described() -> None:
    sent, call_ = build({"messages": [user()], "response_format": json_schema(CITY, description="A city.")})
    assert sent["output_config"] == {
        "format": {
            "type": "json_schema",
            "schema": {
                "description": "A city.",
                "type": "object",
                "properties": {"city": {"type": "string", "description": '(pattern: "^A")'}},
                "additionalProperties": False,
                "required": ["city"],
            },
        }
    }
    assert call_.warnings == ("response_format: not enforced, moved to descriptions: pattern",)


def test_json_schema_of_an_older_model_is_a_forced_tool() -> None:
    sent, call_ = build({"messages": [user()], "response_format": json_schema(CITY)}, OLD)
    assert sent["tools"][0]["name"] == "answer"
    assert sent["tools"][0]["input_schema"] == CITY
    assert sent["tool_choice"] == {"type": "tool", "name": "answer", "disable_parallel_tool_use": True}
    assert call_.warnings == ()
    sent, _ = build({"messages": [user()], "tools": [function("answer")], "response_format": json_schema(CITY)}, OLD)
    assert [tool["name"] for tool in sent["tools"]] == ["answer", "answer_answer"]
    assert sent["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "an object with free keys"),
        ({"type": "object", "properties": {"a": {"$ref": "#"}}}, "recursion"),
        (EITHER, "rules beside anyOf"),
        ({"type": "object", "properties": {"a": {}}}, "a schema without a type"),
    ],
)
def test_json_schema_that_can_not_be_enforced_is_asked_for_in_words(schema: Json, why: str) -> None:
    sent, call_ = build({"messages": [user()], "response_format": json_schema(schema)})
    assert "output_config" not in sent
    assert orjson.dumps(schema).decode() in sent["system"][-1]["text"]
    assert call_.warnings == (f"response_format: asked for in the system prompt, Anthropic can't enforce {why}",)


def test_json_object_is_asked_for_in_words() -> None:
    sent, call_ = build({"messages": [user()], "response_format": {"type": "json_object"}})
    assert "JSON object" in sent["system"][0]["text"]
    assert call_.warnings == ("response_format: a JSON object is asked for in the system prompt, not enforced",)
    assert refused({"messages": [user()], "response_format": {"type": "grammar"}}).param == "response_format.type"
