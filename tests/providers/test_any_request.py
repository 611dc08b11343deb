"""Whatever the gateway's own checks let through, however malformed inside: an adapter makes a request of it, or refuses
it as the client's fault. It never raises anything else, and never changes what the client sent."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.config.snapshot import Server
from gateway.core.chat import ChatRequest, Json
from gateway.core.errors import BadRequest, FailureClass, ProviderError
from gateway.core.vendor import Target
from gateway.http.chat_schema import check_chat_request
from gateway.providers.registry import adapter_for
from gateway.providers.vendors import VENDORS
from tests.laws import target_for

MODELS = {
    "anthropic": ("claude-opus-4-6", "claude-haiku-4-5", "claude-sonnet-4-0"),
    "gemini": ("gemini-3.1-pro-preview", "gemini-2.0-flash"),
    "openai": ("gpt-5.4",),
    "mistral": ("mistral-medium-latest",),
    "deepseek": ("deepseek-v4-flash",),
}
TARGETS = [target_for(VENDORS[vendor], model) for vendor, models in MODELS.items() for model in models]

NAMES = ["type", "name", "function", "tools", "mode", "$ref", "properties", "enum", "a"]
JUNK = st.recursive(
    st.sampled_from([None, True, False, 0, 1.5, 2**63, "", "a", "object", "#", "#/$defs/a", "é"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=2),
    max_leaves=4,
)


def or_junk(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly what `strategy` gives."""
    return st.integers(0, 5).flatmap(lambda roll: strategy if roll else JUNK)


def schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    named = or_junk(st.fixed_dictionaries({"a": inner}))
    listed = or_junk(st.lists(inner, min_size=1, max_size=2))
    return st.fixed_dictionaries(
        {},
        optional={
            "type": or_junk(st.sampled_from(["object", "string", "array", ["string", "null"]])),
            "properties": named,
            "$defs": named,
            "definitions": named,
            "anyOf": listed,
            "oneOf": listed,
            "allOf": listed,
            "items": inner,
            "required": or_junk(st.just(["a"])),
            "additionalProperties": or_junk(st.booleans()),
            "enum": or_junk(st.just(["a"])),
            "const": JUNK,
            "$ref": or_junk(st.sampled_from(["#", "#/$defs/a", "#/definitions/a"])),
            "format": or_junk(st.just("date")),
            "minItems": or_junk(st.just(1)),
            "description": or_junk(st.just("d")),
        },
    )


SCHEMAS = st.recursive(JUNK, schemas, max_leaves=6).filter(lambda schema: isinstance(schema, dict))
FUNCTIONS = st.fixed_dictionaries(
    {"name": st.just("f")}, optional={"parameters": or_junk(SCHEMAS), "strict": st.just(True), "cache_control": JUNK}
)
TOOLS = st.fixed_dictionaries(
    {"type": st.sampled_from(["function", "function", "custom", "computer_20250124"])},
    optional={"function": or_junk(FUNCTIONS), "name": JUNK, "custom": JUNK},
)
NAMED = {"type": "function", "function": {"name": "f"}}
CHOICES = st.one_of(
    st.sampled_from(["auto", "none", "required", NAMED]),
    st.fixed_dictionaries(
        {
            "type": st.just("allowed_tools"),
            "allowed_tools": st.fixed_dictionaries({}, optional={"mode": JUNK, "tools": or_junk(st.just([NAMED]))}),
        }
    ),
    st.fixed_dictionaries({"type": or_junk(st.just("custom"))}, optional={"function": JUNK, "custom": JUNK}),
)
CALLS = st.fixed_dictionaries(
    {"id": st.sampled_from(["c", "d"]), "type": st.just("function")},
    optional={"function": or_junk(st.fixed_dictionaries({"name": st.just("f"), "arguments": or_junk(st.just("{}"))}))},
)
MESSAGES = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["system", "user", "assistant", "tool"]),
        "content": or_junk(st.sampled_from(["hi", "", [{"type": "text", "text": "hi"}]])),
    },
    optional={
        "tool_call_id": st.sampled_from(["c", "d"]),
        "tool_calls": or_junk(st.lists(CALLS, min_size=1, max_size=2)),
        "reasoning_details": JUNK,
        "anthropic": JUNK,
        "extra_content": JUNK,
    },
)
ANSWERS = st.fixed_dictionaries({"name": st.just("n"), "schema": SCHEMAS})
REQUESTS = st.fixed_dictionaries(
    {"model": st.just("auto"), "messages": st.lists(MESSAGES, min_size=1, max_size=3)},
    optional={
        "tools": st.lists(TOOLS, min_size=1, max_size=2),
        "functions": st.lists(FUNCTIONS, min_size=1, max_size=1),
        "tool_choice": CHOICES,
        "response_format": st.fixed_dictionaries({"type": st.just("json_schema"), "json_schema": ANSWERS}),
        "thinking": JUNK,
        "google": JUNK,
        "extra_body": JUNK,
        "cache_control": JUNK,
    },
)


def build(request: Json, target: Target) -> None:
    before = orjson.dumps(request)
    try:
        orjson.loads(adapter_for(target.vendor).build_request(ChatRequest(request), target).body)
    except ProviderError as error:
        assert error.failure.cls is FailureClass.CALLER_FAULT  # noqa: PT017
    assert orjson.dumps(request) == before


@settings(max_examples=600, deadline=None)
@given(request=REQUESTS)
def test_any_request(request: Json) -> None:
    try:
        check_chat_request(request, Server())
    except BadRequest:
        assume(False)
    for target in TARGETS:
        build(request, target)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.upstream_id)
@pytest.mark.parametrize(
    "schema",
    [
        {"$defs": [1]},
        {"definitions": True, "allOf": 1},
        {"definitions": {"a": {}}, "$defs": None},
        {"type": "string", "format": ["date"]},
        {"type": [["string"]]},
        {"type": {"a": 1}},
    ],
)
def test_malformed_schemas(schema: Json, target: Target) -> None:
    user = {"role": "user", "content": "hi"}
    answer = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    build({"model": "auto", "messages": [user], "response_format": answer}, target)
    tool = {"type": "function", "function": {"name": "f", "strict": True, "parameters": schema}}
    build({"model": "auto", "messages": [user], "tools": [tool]}, target)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.upstream_id)
@pytest.mark.parametrize("tools", [1, "f", {"a": 1}, [1], [{"function": "f"}], [{"function": {"name": ["f"]}}]])
def test_malformed_lists_of_allowed_tools(tools: Any, target: Target) -> None:
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": tools}}
    native = {"type": "computer_20250124", "name": ["f"], "function": {"name": ["f"]}}
    for offered in ([{"type": "function", "function": {"name": "f"}}], [native]):
        user = {"role": "user", "content": "hi"}
        build({"model": "auto", "messages": [user], "tools": offered, "tool_choice": choice}, target)
