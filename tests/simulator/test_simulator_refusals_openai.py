"""What OpenAI refuses, and in which words: one broken rule per case, everything else as it should be."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.simulator.server import Simulator
from tests.simulator.cases import ASKED, Body, Change, case, messages, setting, without
from tests.simulator.clients import call

FUNCTION = {"name": "add", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}
TOOL = {"type": "function", "function": FUNCTION}
CALL = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "3"}


def part(**fields: Any) -> Change:
    return messages({"role": "user", "content": [fields]})


def tool(**fields: Any) -> Change:
    return setting(tools=[{"type": "function", "function": {**FUNCTION, **fields}}])


def strict(**schema: Any) -> Change:
    wanted = {"name": "doc", "strict": True, "schema": {"type": "object", **schema}}
    return setting(response_format={"type": "json_schema", "json_schema": wanted})


OPENAI = [
    case("no model", without("model"), "you must provide a model parameter"),
    case("no messages", without("messages"), "Missing required parameter: 'messages'.", param="messages"),
    case("unknown field", setting(top_k=3), "Unknown parameter: 'top_k'.", code="unknown_parameter"),
    case("messages a string", setting(messages="hi"), "Invalid type for 'messages': expected an array of objects"),
    case("empty messages", messages(), "Invalid 'messages': empty array.", code="empty_array", param="messages"),
    case("bad role", messages({"role": "bot", "content": "x"}), "Invalid value: 'bot'.", param="messages[0].role"),
    case("no role", messages({"content": "x"}), "Missing required parameter: 'messages[0].role'."),
    case("message extra", messages({**ASKED, "id": "1"}), "Unknown parameter: 'messages[0].id'."),
    case("null content", messages({"role": "user", "content": None}), "but got null instead.", code="invalid_type"),
    case("empty parts", messages({"role": "user", "content": []}), "Invalid 'messages[0].content': empty array."),
    case("name with blank", messages({**ASKED, "name": "a b"}), "Invalid 'messages[0].name': string does not match"),
    case("unknown part", part(type="video", video="x"), "Invalid value: 'video'.", param="messages[0].content[0].type"),
    case("text missing", part(type="text"), "Missing required parameter: 'messages[0].content[0].text'."),
    case("part extra", part(type="text", text="x", cache_control={}), "Unknown parameter: 'messages[0].content[0].ca"),
    case("image without url", part(type="image_url", image_url={}), "image_url.url'."),
    case("image url of nothing", part(type="image_url", image_url={"url": "cat.png"}), "Expected a valid URL"),
    case("image not base64", part(type="image_url", image_url={"url": "data:image/png;base64,?"}), "Invalid base64"),
    case("image of text", part(type="image_url", image_url={"url": "data:text/plain;base64,YQ=="}), "MIME type"),
    case("audio", part(type="input_audio", input_audio={}), "expected to be either text or image_url type."),
    case("file without name", part(type="file", file={"file_data": "x"}), "messages[0].content[0].file.filename"),
    case(
        "image from the system",
        messages({"role": "system", "content": [{"type": "image_url", "image_url": {"url": "https://x.y"}}]}, ASKED),
        "Invalid value: 'image_url'. Supported values are: 'text'.",
    ),
    case("assistant empty", messages(ASKED, {"role": "assistant", "content": None}), "expected a string, got null."),
    case("calls empty", messages(ASKED, {"role": "assistant", "tool_calls": []}), "tool_calls': empty array"),
    case(
        "long call id",
        messages(ASKED, {**CALLED, "tool_calls": [{**CALL, "id": "c" * 41}]}),
        "string too long. Expected a string with maximum length 40",
    ),
    case(
        "arguments an object",
        messages(ASKED, {**CALLED, "tool_calls": [{**CALL, "function": {"name": "f", "arguments": {}}}]}),
        "expected a string, but got an object instead.",
    ),
    case("result of nothing", messages(ASKED, RESULT), "must be a response to a preceeding message with 'tool_calls'."),
    case("call without result", messages(ASKED, CALLED, ASKED), "did not have response messages: call_1"),
    case("call at the end", messages(ASKED, CALLED), "did not have response messages: call_1"),
    case("result without id", messages(ASKED, CALLED, {"role": "tool", "content": "3"}), "messages[2].tool_call_id"),
    case("too hot", setting(temperature=2.5), "decimal above maximum value. Expected a value <= 2, but got 2.5 instea"),
    case("too cold", setting(temperature=-1), "decimal below minimum value.", code="decimal_below_min_value"),
    case("temperature a string", setting(temperature="1"), "expected a decimal, but got a string instead."),
    case("n 0", setting(n=0), "integer below minimum value.", param="n"),
    case("limit 0", setting(max_tokens=0), "Invalid 'max_tokens': integer below minimum value."),
    case("two limits", setting(max_tokens=5, max_completion_tokens=5), "at the same time is not supported."),
    case("five stops", setting(stop=list("abcde")), "Expected an array with maximum length 4, but got an array with l"),
    case("stream a string", setting(stream="yes"), "Invalid type for 'stream': expected a boolean, but got a string"),
    case("options without stream", setting(stream_options={}), "only allowed when 'stream' is enabled."),
    case("top without logprobs", setting(top_logprobs=2), "'logprobs' must be enabled"),
    case("metadata unstored", setting(metadata={"a": "b"}), "only allowed when 'store' is enabled."),
    case("effort of none", setting(reasoning_effort="low"), "Unrecognized request argument supplied: reasoning_effort"),
    case("tier", setting(service_tier="gold"), "Invalid value: 'gold'.", param="service_tier"),
    case("no tools", setting(tools=[]), "Invalid 'tools': empty array.", param="tools"),
    case("flat tool", setting(tools=[{"type": "function", "name": "add"}]), "Unknown parameter: 'tools[0].name'."),
    case("tool name", tool(name="a b"), "Invalid 'tools[0].function.name': string does not match pattern."),
    case("tool schema", tool(parameters={"type": "string"}), 'schema must be a JSON Schema of \'type: "object"\''),
    case(
        "list without items",
        tool(parameters={"type": "object", "properties": {"a": {"type": "array"}}}),
        "Invalid schema for function 'add': In context=('properties', 'a'), array schema missing items.",
        code="invalid_function_parameters",
        param="tools[0].function.parameters",
    ),
    case("loose strict tool", tool(strict=True), "'additionalProperties' is required to be supplied and to be false."),
    case("choice without tools", setting(tool_choice="auto"), "only allowed when 'tools' are specified."),
    case("parallel without tools", setting(parallel_tool_calls=True), "only allowed when 'tools' are specified."),
    case(
        "choice of nothing",
        setting(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "sub"}}),
        "Tool choice 'sub' not found in 'tools' parameter.",
    ),
    case("word json", setting(response_format={"type": "json_object"}), "'messages' must contain the word 'json'"),
    case("format", setting(response_format={"type": "yaml"}), "Invalid value: 'yaml'."),
    case("format empty", setting(response_format={"type": "json_schema"}), "'response_format.json_schema'."),
    case(
        "strict missing",
        strict(properties={"a": {"type": "string"}}, additionalProperties=False),
        "'required' is required to be supplied and to be an array including every key in properties. Missing 'a'.",
        param="response_format",
    ),
    case(
        "strict default",
        strict(
            properties={"a": {"type": "string", "default": "x"}}, required=["a"], additionalProperties=False
        ),
        "In context=('properties', 'a'), 'default' is not permitted.",
    ),
    case("reasoning limit", setting(model="o3", max_tokens=9), "Use 'max_completion_tokens' instead."),
    case("reasoning heat", setting(model="gpt-5", temperature=0), "Only the default (1) value is supported."),
    case("reasoning stop", setting(model="gpt-5.4", stop="x"), "'stop' is not supported with this model."),
    case("effort minimal", setting(model="gpt-5.6-terra", reasoning_effort="minimal"), "does not support 'minimal'"),
    case("tools and effort", setting(model="gpt-5.4", tools=[TOOL], reasoning_effort="low"), "Function tools with re"),
    case("tools unless none", setting(model="gpt-5.6-terra", tools=[TOOL]), "set reasoning_effort to 'none'."),
    case("meta: effort none", setting(model="muse-spark-1.3", reasoning_effort="none"), "does not support 'none'"),
    case("meta: choice", setting(model="muse-spark-1.3", tools=[TOOL], tool_choice="none"), "Only 'auto'"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message", "more"), OPENAI)
async def test_openai_refuses(openai_simulator: Simulator, change: Change, message: str, more: Body) -> None:
    body = {"model": "gpt-4o", "messages": [ASKED]}
    change(body)
    seen = await call(openai_simulator, "/v1/chat/completions", body)
    error = seen.json()["error"]
    assert (seen.status, error["type"]) == (400, "invalid_request_error"), error
    assert set(error) == {"message", "type", "param", "code"}
    assert message in error["message"]
    assert {key: error[key] for key in more} == more
