"""Every request that the Anthropic adapter builds is one that the API takes: by the official SDK's types and by its
documented rules (anthropic_checks.py), for each generation of models and a broad set of inputs."""

from __future__ import annotations

import string
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.chat import ChatRequest, Json
from gateway.core.errors import FailureClass, ProviderError
from gateway.providers.anthropic.adapter import AnthropicAdapter
from gateway.providers.anthropic.messages import REASONING_FORMAT
from tests.providers.anthropic_checks import assert_accepted, assistant, build, call, function, result, target, user

MODELS = (
    "claude-3-haiku-20240307", "claude-3-7-sonnet-20250219", "claude-sonnet-4-0", "claude-opus-4-20250514",
    "claude-opus-4-1", "claude-haiku-4-5", "claude-sonnet-4-5-20250929", "claude-opus-4-5", "claude-opus-4-6",
    "claude-sonnet-4-6", "claude-opus-4-7", "claude-opus-4-8", "claude-sonnet-5", "claude-opus-5", "claude-fable-5",
    "claude-fable-5-1", "claude-mythos-5-2", "claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5",
    "claude-next-9", "anthropic.claude-opus-4-6-v1", "someone-elses-model",
)  # fmt: skip

PNG = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64,JVBERi0xLjQK"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "minLength": 1}, "days": {"type": "array", "items": {"type": "integer"}}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
THOUGHT = {"type": "reasoning.text", "text": "hm", "signature": "sig", "format": REASONING_FORMAT, "index": 0}
HIDDEN = {"type": "reasoning.encrypted", "data": "blob", "format": REASONING_FORMAT, "index": 0}


def json_schema(schema: Json, **more: Any) -> Json:
    return {"type": "json_schema", "json_schema": {"name": "weather", "schema": schema, **more}}


LOOP = [user("weather?"), assistant(tool_calls=[call()]), result("sunny")]
TOOLED = {"tools": [function("f"), function("g", strict=True)]}
CASES: dict[str, Json] = {
    "text": {"messages": [user("hi")]},
    "stream": {"messages": [user("hi")], "stream": True, "stream_options": {"include_usage": True}},
    "system": {"messages": [{"role": "system", "content": "a"}, {"role": "developer", "content": "b"}, user()]},
    "system only": {"messages": [{"role": "system", "content": "say hello"}]},
    "system late": {"messages": [user("a"), assistant("b"), {"role": "system", "content": "c"}, user("d")]},
    "system last": {"messages": [user("a"), assistant("b"), {"role": "developer", "content": "c"}]},
    "system after user": {"messages": [user("a"), {"role": "system", "content": "c"}]},
    "system in a loop": {"messages": [*LOOP[:2], {"role": "system", "content": "c"}, LOOP[2]], **TOOLED},
    "systems everywhere": {
        "messages": [
            {"role": "system", "content": "1"}, user("a"), {"role": "system", "content": "2"},
            {"role": "system", "content": "3"}, assistant("b"), {"role": "system", "content": "4"}, user("d"),
            {"role": "system", "content": [{"type": "text", "text": "5"}]},
        ]
    },
    "users in a row": {"messages": [user("a"), user("b"), assistant("c"), assistant("d"), user("e")]},
    "begins with assistant": {"messages": [assistant("a"), user("b")]},
    "prefill": {"messages": [user("a"), assistant("The answer is ")]},
    "empty": {
        "messages": [user(""), assistant(""), user("   "), assistant(None), user([{"type": "text", "text": ""}])]
    },
    "names": {"messages": [user("a", name="ann")]},
    "images": {
        "messages": [
            user([
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
            ])
        ]
    },
    "files": {
        "messages": [
            user([
                {"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}},
                {"type": "file", "file": {"file_data": "JVBERi0xLjQK"}},
                {"type": "file", "file": {"file_data": "data:text/plain;base64,aGVsbG8="}},
                {"type": "file", "file": {"file_data": PNG}},
                {"type": "file", "file": {"file_data": "https://example.com/a.pdf"}},
            ])
        ]
    },
    "refusal part": {
        "messages": [user("a"), assistant([{"type": "refusal", "refusal": "no"}], refusal="no"), user("b")]
    },
    "tools": {"messages": [user()], **TOOLED},
    "tool loop": {"messages": LOOP, **TOOLED},
    "tool loop without tools": {"messages": LOOP},
    "parallel results": {
        "messages": [
            user("a"), assistant("both", tool_calls=[call(id="a.1"), call("g", '{"x": 1}', id="b/2")]),
            result("r1", "a.1"),
            result([{"type": "text", "text": "r2"}, {"type": "image_url", "image_url": {"url": PNG}}], "b/2"),
            user("and?"),
        ],
        **TOOLED,
    },
    "repeated ids": {
        "messages": [
            user("a"), assistant(tool_calls=[call(id="c"), call(id="c")]), result("1", "c"), result("2", "c"),
            assistant(tool_calls=[call(id="c")]), result("3", "c"),
            assistant(tool_calls=[call(id="")]), result("4", ""),
        ],
        **TOOLED,
    },
    "bad arguments": {
        "messages": [
            user("a"), assistant(tool_calls=[call(arguments="{oops"), call(arguments="[1]", id="2"),
            call(arguments="", id="3")]), result(), result("", "2"), result(None, "3"),
        ],
        **TOOLED,
    },
    "user before result": {"messages": [*LOOP[:2], user("wait"), LOOP[2]], **TOOLED},
    "legacy": {
        "messages": [
            user("a"), assistant(function_call={"name": "f", "arguments": "{}"}),
            {"role": "function", "name": "f", "content": "r"},
        ],
        "functions": [{"name": "f"}],
        "function_call": {"name": "f"},
    },
    "choice none": {"messages": [user()], **TOOLED, "tool_choice": "none"},
    "choice auto, one at a time": {"messages": [user()], **TOOLED, "tool_choice": "auto", "parallel_tool_calls": False},
    "choice required": {"messages": [user()], **TOOLED, "tool_choice": "required"},
    "choice named": {
        "messages": [user()], **TOOLED, "tool_choice": {"type": "function", "function": {"name": "g"}},
        "reasoning_effort": "high",
    },
    "choice allowed": {
        "messages": [user()], **TOOLED,
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {
            "mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]}},
    },
    "forced and prefilled": {"messages": [user(), assistant("I")], **TOOLED, "tool_choice": "required"},
    "tools without parameters": {"messages": [user()], "tools": [{"type": "function", "function": {"name": "f"}}]},
    "tools with variants": {
        "messages": [user()],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {
            "anyOf": [{"type": "object", "properties": {"a": {"type": "string"}}}, {"properties": {"b": {}}}]}}}],
    },
    "many strict tools": {"messages": [user()], "tools": [function(f"f{i}", strict=True) for i in range(25)]},
    "native tools": {
        "messages": [user()], "tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 1}],
    },
    "json_schema": {"messages": [user()], "response_format": json_schema(SCHEMA, strict=True)},
    "json_schema and tools": {"messages": LOOP, **TOOLED, "response_format": json_schema(SCHEMA, description="d")},
    "json_schema and forced": {
        "messages": [user()], **TOOLED, "tool_choice": "required", "response_format": json_schema(SCHEMA),
    },
    "json_schema and thinking": {
        "messages": [user()], "response_format": json_schema(SCHEMA), "reasoning_effort": "low",
    },
    "json_schema and prefill": {"messages": [user(), assistant("{")], "response_format": json_schema(SCHEMA)},
    "json_schema free": {"messages": [user()], "response_format": json_schema({"type": "object"})},
    "json_schema of a list": {
        "messages": [user()], "response_format": json_schema({"type": "array", "items": {"type": "string"}}),
    },
    "json_object": {"messages": [user()], "response_format": {"type": "json_object"}},
    "thinking": {"messages": [user()], "reasoning_effort": "medium", "temperature": 0.2, "top_p": 0.5, "top_k": 4},
    "thinking, few tokens": {"messages": [user()], "reasoning_effort": "high", "max_completion_tokens": 500},
    "thinking, some tokens": {"messages": [user()], "reasoning_effort": "max", "max_completion_tokens": 1100},
    "thinking native": {
        "messages": [user()], "thinking": {"type": "enabled", "budget_tokens": 9000}, "max_tokens": 4000,
    },
    "thinking adaptive": {"messages": [user()], "thinking": {"type": "adaptive", "display": "omitted"}},
    "thinking off": {"messages": [user()], "thinking": {"type": "disabled"}, "reasoning_effort": "max"},
    "thinking prefilled": {"messages": [user(), assistant("so ")], "reasoning_effort": "high"},
    "thinking returned": {
        "messages": [
            LOOP[0],
            assistant(tool_calls=[call()], reasoning_content="hm", reasoning_details=[THOUGHT, {**HIDDEN, "index": 1}]),
            LOOP[2],
        ],
        **TOOLED, "reasoning_effort": "high",
    },
    "thinking lost": {"messages": LOOP, **TOOLED, "reasoning_effort": "high"},
    "thinking of others": {
        "messages": [
            user("a"), assistant("b", reasoning_content="r", reasoning_details=[{**THOUGHT, "format": "other"}]),
            user("c"),
        ]
    },
    "sampling": {"messages": [user()], "temperature": 1.7, "top_p": 0.9, "top_k": 20},
    "sampling defaults": {"messages": [user()], "temperature": 1, "top_p": 1},
    "stops": {"messages": [user()], "stop": ["\n", " ", "END", ""]},
    "stop": {"messages": [user()], "stop": "END"},
    "account": {
        "messages": [user()], "user": "ann@example.com", "safety_identifier": "u-1", "metadata": {"team": "x"},
        "service_tier": "priority",
    },
    "everything else": {
        "messages": [user()], "n": 1, "seed": 1, "logprobs": True, "top_logprobs": 3, "logit_bias": {"5": 1},
        "presence_penalty": 1, "frequency_penalty": 0.5, "store": True, "verbosity": "low",
        "prediction": {"type": "content"},
        "modalities": ["text"], "prompt_cache_key": "k", "prompt_cache_retention": "24h", "web_search_options": {},
        "unheard_of": 1, "service_tier": "flex", "parallel_tool_calls": True,
    },
    "cache marks": {
        "messages": [
            {"role": "system", "content": "s", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            user([{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]),
            assistant(tool_calls=[call()]), result(cache_control={"type": "ephemeral"}),
        ],
        "tools": [{**function(), "cache_control": {"type": "ephemeral"}}],
        "cache_control": {"type": "ephemeral"},
    },
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_sent_is_accepted(case: str) -> None:
    for model in MODELS:
        sent, _ = build(CASES[case], model)
        assert sent["model"] == model
        assert_results_follow(sent["messages"])


def assert_results_follow(turns: list[Json]) -> None:
    """Each call of a tool is answered at the beginning of the next turn, and nothing else is."""
    for turn, following in zip(turns, [*turns[1:], {"content": []}], strict=True):
        calls = [block["id"] for block in turn["content"] if block["type"] == "tool_use"]
        results = [block["tool_use_id"] for block in following["content"] if block["type"] == "tool_result"]
        assert sorted(calls) == sorted(results), f"{calls} are answered by {results}"


@pytest.mark.parametrize("case", CASES)
def test_limits_of_the_target_are_kept(case: str) -> None:
    sent, _ = build(CASES[case], "claude-haiku-4-5", max_output=2_000)
    assert sent["max_tokens"] <= 2_000


def test_the_checker_finds_faults() -> None:
    good, outgoing = build({"messages": [user()]})
    for bad in (
        {**good, "seed": 1},
        {**good, "max_tokens": "many"},
        {**good, "messages": [{"role": "user", "content": [{"type": "text", "text": "a", "extra": 1}]}]},
        {**good, "messages": [{"role": "user", "content": [{"type": "text", "text": " "}]}]},
        {**good, "messages": [{"role": "assistant", "content": [{"type": "text", "text": "a"}]}]},
        {**good, "thinking": {"type": "enabled", "budget_tokens": 5}},
        {**good, "temperature": 2},
        {name: value for name, value in good.items() if name != "max_tokens"},
    ):
        with pytest.raises(AssertionError):
            assert_accepted(bad, outgoing)


def assert_refused(error: ProviderError) -> None:
    assert error.failure.cls is FailureClass.CALLER_FAULT
    assert error.failure.reason == "refused_to_translate"
    assert error.failure.param


BLANK = st.sampled_from(["", " ", "\n\t"])
TEXT = st.one_of(BLANK, st.text(string.printable, max_size=8), st.just("é\u2028"))
IDS = st.sampled_from(["a", "b", "", "x y", "call_1", "ü" * 70])
PARTS = st.lists(
    st.one_of(
        st.builds(lambda text: {"type": "text", "text": text}, TEXT),
        st.just({"type": "image_url", "image_url": {"url": PNG}}),
        st.just({"type": "refusal", "refusal": "no"}),
    ),
    max_size=3,
)
DETAILS = st.lists(
    st.one_of(st.just(THOUGHT), st.just(HIDDEN), st.builds(lambda i: {**THOUGHT, "index": i}, st.integers(0, 4))),
    max_size=3,
)
MESSAGES = st.lists(
    st.one_of(
        st.builds(lambda c: {"role": "system", "content": c}, TEXT),
        st.builds(lambda c: {"role": "user", "content": c}, st.one_of(TEXT, PARTS)),
        st.builds(
            lambda content, ids, details, arguments: {
                "role": "assistant",
                "content": content,
                "tool_calls": [call(arguments=arguments, id=i) for i in ids],
                "reasoning_details": details,
            },
            st.one_of(st.none(), TEXT),
            st.lists(IDS, max_size=3),
            DETAILS,
            st.sampled_from(["{}", "", "nope", "[]", '{"a": 1}']),
        ),
        st.builds(lambda c, i: {"role": "tool", "content": c, "tool_call_id": i}, st.one_of(TEXT, PARTS), IDS),
    ),
    min_size=1,
    max_size=7,
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "reasoning_effort": st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"]),
        "thinking": st.sampled_from(
            [{"type": "enabled", "budget_tokens": 2000}, {"type": "adaptive"}, {"type": "disabled"}]
        ),
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "max_completion_tokens": st.integers(1, 200_000),
        "tools": st.just([function("f"), function("g", strict=True)]),
        "tool_choice": st.sampled_from(["none", "auto", "required", {"type": "function", "function": {"name": "f"}}]),
        "response_format": st.sampled_from(
            [json_schema(SCHEMA), {"type": "json_object"}, json_schema({"type": "object"})]
        ),
        "parallel_tool_calls": st.booleans(),
        "stop": st.lists(TEXT, max_size=3),
    },
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(messages=MESSAGES, options=OPTIONS, model=st.sampled_from(MODELS))
def test_any_conversation_is_accepted_or_refused_in_words(messages: list[Json], options: Json, model: str) -> None:
    try:
        build({"messages": messages, **options}, model)
    except ProviderError as error:
        assert_refused(error)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(
    part=st.dictionaries(st.sampled_from(["type", "text", "image_url", "file", "refusal", "cache_control"]), JSON),
    kind=st.sampled_from(["text", "image_url", "file", "input_audio", "refusal", "video"]),
    arguments=JSON,
)
def test_wrongly_typed_parts_never_break_the_translation(part: Json, kind: str, arguments: object) -> None:
    body = {
        "model": "auto",
        "messages": [
            user([{**part, "type": kind}]),
            assistant(tool_calls=[{"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}]),
            result(),
        ],
    }
    try:
        outgoing = AnthropicAdapter().build_request(ChatRequest(body), target())
    except ProviderError as error:
        assert_refused(error)
    else:
        assert orjson.loads(outgoing.body)["messages"]
