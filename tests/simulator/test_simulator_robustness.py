"""Whatever comes in, a simulator answers as its vendor does and never breaks."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.simulator.server import Simulator
from gateway.simulator.wire import Request
from tests.simulator.clients import MODELS, VENDORS, call

NOT_JSON = {
    "openai": ("/v1/chat/completions", "We could not parse the JSON body of your request."),
    "anthropic": ("/v1/messages", "The request body is not valid JSON"),
    "gemini": ("/v1beta/models/gemini-2.5-flash:generateContent", "Invalid JSON payload received."),
}


@pytest.mark.parametrize("raw", [b'{"model":', b"", b"\xff\xfe", b"[" * 2000])
async def test_not_json(simulator: Simulator, raw: bytes) -> None:
    path, message = NOT_JSON[simulator.vendor]
    seen = await call(simulator, path, raw)
    assert seen.status == 400
    assert seen.json()["error"]["message"].startswith(message)


@pytest.mark.parametrize("raw", [b"[]", b"3", b"null", b'"x"', b"{}"])
async def test_json_that_is_no_request(simulator: Simulator, raw: bytes) -> None:
    path, _ = NOT_JSON[simulator.vendor]
    assert (await call(simulator, path, raw)).status == 400


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/nope"), ("GET", "/"), ("DELETE", "/v1/files/x")])
async def test_unknown_paths(simulator: Simulator, method: str, path: str) -> None:
    assert (await call(simulator, path, None, method=method)).status == 404


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
PICTURE = {"type": "url", "url": "https://example.com/a.png"}
TEXT = {"type": "text", "text": "3"}
RICH: dict[str, dict[str, Any]] = {
    "openai": {
        "model": "gpt-4o",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Add 2"}, {"type": "image_url", "image_url": {"url": "https://a.b"}}]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "3"},
        ],
        "tools": [{"type": "function", "function": {"name": "add", "parameters": SCHEMA, "strict": True}}],
        "tool_choice": {"type": "function", "function": {"name": "add"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}},
        "stop": ["x"],
        "stream": True,
        "stream_options": {"include_usage": True},
        "metadata": {"a": "b"},
        "store": True,
        "n": 2,
        "logprobs": True,
        "top_logprobs": 2,
    },
    "anthropic": {
        "model": "claude-haiku-4-5",
        "max_tokens": 3000,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Add 2"}, {"type": "image", "source": PICTURE}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "add", "input": {"a": 2}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": [TEXT]}]},
        ],
        "tools": [{"name": "add", "input_schema": SCHEMA, "strict": True}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
        "thinking": {"type": "disabled"},
        "stop_sequences": ["x"],
        "metadata": {"user_id": "u"},
        "stream": True,
    },
    "gemini": {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Add 2"}, {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}]},
            {"role": "model", "parts": [{"functionCall": {"name": "add", "args": {"a": 2}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "add", "response": {"r": 3}}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "add", "parametersJsonSchema": SCHEMA}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["add"]}},
        "generationConfig": {
            "temperature": 1,
            "stopSequences": ["x"],
            "thinkingConfig": {"thinkingBudget": 100, "includeThoughts": True},
            "candidateCount": 2,
        },
    },
}  # fmt: skip
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-3, 3) | st.text(max_size=4) | st.just("object"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "text", "name"]), inner),
    max_leaves=4,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inner for place in places(part, (*path, key)))]


@pytest.mark.parametrize("vendor", VENDORS)
@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_a_wrong_value_anywhere_is_answered(vendor: str, data: st.DataObject) -> None:
    body = copy.deepcopy(RICH[vendor])
    for _ in range(data.draw(st.integers(1, 2))):
        *path, last = data.draw(st.sampled_from([place for place in places(body) if place]))
        holder: Any = body
        for key in path:
            holder = holder[key]
        holder[last] = data.draw(JUNK)
    path_, _ = NOT_JSON[vendor]
    request = Request("POST", path_, "", {"anthropic-version": "2023-06-01"}, orjson.dumps(body))
    simulator = Simulator(vendor)
    reply = simulator.respond(request)
    assert isinstance(reply, bytes)
    assert reply.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 ", b"HTTP/1.1 404 ")), reply
    assert set(simulator.stats.outcomes()) <= {"ok", "400", "404"}


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_request_that_is_broken_above_is_whole(vendor: str) -> None:
    path, _ = NOT_JSON[vendor]
    path = path.replace("gemini-2.5-flash", MODELS["gemini"])
    request = Request("POST", path, "", {"anthropic-version": "2023-06-01"}, orjson.dumps(RICH[vendor]))
    reply = Simulator(vendor).respond(request)
    assert isinstance(reply, bytes)
    assert reply.startswith(b"HTTP/1.1 200 "), reply
