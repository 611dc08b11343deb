"""An upstream that sends anything: the adapter gives OpenAI's exact form or a ProviderError, never anything else."""

from __future__ import annotations

import copy
import json
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway.core.chat import ChatRequest, Json
from gateway.core.errors import ProviderError
from gateway.core.vendor import Vendor
from gateway.core.wire import SseEvent
from gateway.providers.openai.adapter import OpenAIAdapter
from gateway.providers.openai.request import NEUTRAL
from gateway.providers.vendors import VENDORS
from tests.laws import context_for, fold, target_for

ADAPTER = OpenAIAdapter()
OPENAI_ROWS = [vendor for vendor in VENDORS.values() if vendor.adapter == "openai"]
STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=6),
    st.lists(st.one_of(st.none(), st.integers(), st.text(max_size=3), st.just({})), max_size=3),
    st.dictionaries(st.text(max_size=3), st.none() | st.text(max_size=3), max_size=2),
)
ANSWER: Json = {
    "id": "x",
    "object": "chat.completion",
    "created": 5,
    "model": "m",
    "service_tier": "default",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "logprobs": None,
            "message": {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "a"}]},
                    {"type": "text", "text": "b"},
                ],
                "reasoning": "r",
                "refusal": None,
                "reasoning_details": [{"type": "reasoning.text", "text": "t", "index": 0}],
                "tool_calls": [
                    {"id": "c", "type": "function", "index": 0, "function": {"name": "f", "arguments": "{}"}}
                ],
                "function_call": {"name": "f", "arguments": "{}"},
            },
        }
    ],
    "usage": {
        "prompt_tokens": 3,
        "completion_tokens": 4,
        "total_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 1},
    },
}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside `value`."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += places(inner, (*path, key))
    return found


def spoiled(value: Json, path: tuple[Any, ...], strange: Any, remove: bool) -> Json:
    whole = copy.deepcopy(value)
    at: Any = whole
    for key in path[:-1]:
        at = at[key]
    if remove:
        del at[path[-1]]
    else:
        at[path[-1]] = strange
    return whole


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(places(ANSWER)), STRANGE, st.booleans(), st.sampled_from(OPENAI_ROWS))
def test_a_spoiled_answer_is_in_form_or_an_error(path: tuple[Any, ...], strange: Any, remove: bool, row: Any) -> None:
    body = json.dumps(spoiled(ANSWER, path, strange, remove)).encode()
    try:
        answer = ADAPTER.parse_response(body, context_for(target_for(row)))
    except ProviderError as refused:
        reason = refused.failure.reason
    else:
        reason = ""
    if reason:
        assert reason in ("error_in_200", "invalid_body")
        return
    ChatCompletion.model_validate(answer.body, strict=True)
    orjson.dumps(answer.body)
    if answer.usage is not None:
        assert min(answer.usage.input, answer.usage.cache_read, answer.usage.output, answer.usage.reasoning) >= 0


CHUNKS: list[Json] = [
    {"id": "x", "object": "chat.completion.chunk", "created": 5, "model": "m", "service_tier": None,
     "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None, "logprobs": None}]},
    {"id": "x", "choices": [{"index": 0, "delta": {"content": [{"type": "text", "text": "b"}], "reasoning": "r"}}]},
    {"id": "x", "choices": [{"index": 0, "delta": {"reasoning_details": [
        {"type": "reasoning.text", "text": "t", "index": 0}]}}]},
    {"id": "x", "choices": [{"index": 0, "delta": {"tool_calls": [
        {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}]}}]},
    {"id": "x", "choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}}]},
    {"id": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}],
     "x_groq": {"usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}},
    {"id": "x", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}},
]  # fmt: skip
CHUNK_PLACES = [(number, *path) for number, chunk in enumerate(CHUNKS) for path in places(chunk)]


@settings(max_examples=600, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(CHUNK_PLACES), STRANGE, st.booleans()), min_size=1, max_size=2))
@example([((2, "choices", 0, "delta"), {"": "0"}, False), ((2, "choices", 0, "delta", "reasoning_details"), [], False)])
def test_a_spoiled_stream_is_in_form_or_an_error(spoils: list[tuple[tuple[Any, ...], Any, bool]]) -> None:
    events = copy.deepcopy(CHUNKS)
    for (number, *path), strange, remove in spoils:
        try:
            events[number] = spoiled(events[number], tuple(path), strange, remove)
        except (KeyError, IndexError, TypeError):
            continue  # the first spoil took the place of the second away
    parser = ADAPTER.stream_parser(context_for(target_for(VENDORS["openai"])))
    chunks: list[Json] = []
    reason = ""
    try:
        for event in (*(json.dumps(each).encode() for each in events), b"[DONE]"):
            chunks.extend(parser.feed(SseEvent("", event)))
        chunks.extend(parser.finish())
    except ProviderError as refused:
        reason = refused.failure.reason
    if reason:
        assert reason in ("upstream_error", "invalid_sse", "stream_truncated")
        return
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
        assert "usage" not in chunk
    assert parser.done
    ChatCompletion.model_validate(fold(chunks))


@given(st.lists(st.tuples(st.sampled_from(["", "error", "ping"]), st.binary(max_size=40)), max_size=5))
def test_any_bytes_as_events(events: list[tuple[str, bytes]]) -> None:
    parser = ADAPTER.stream_parser(context_for(target_for(VENDORS["openai-compatible"])))
    try:
        for name, data in events:
            parser.feed(SseEvent(name, data))
        parser.finish()
    except ProviderError:
        return
    raise AssertionError("a stream without any answer passed as complete")


@pytest.mark.parametrize("streamed", [False, True])
def test_nesting_beyond_what_can_be_written_is_an_error(streamed: bool) -> None:
    deep: Any = "x"
    for _ in range(400):
        deep = [deep]
    calls = [{"id": "a", "index": 0, "function": {"name": "f", "arguments": {"a": deep}}}]
    chunk = SseEvent("", json.dumps({"choices": [{"delta": {"tool_calls": calls}}]}).encode())
    answer = json.dumps({"choices": [{"message": {"tool_calls": calls}}]}).encode()
    context = context_for(target_for(VENDORS["openai"]))
    parser = ADAPTER.stream_parser(context)
    with pytest.raises(ProviderError) as raised:
        parser.feed(chunk) if streamed else ADAPTER.parse_response(answer, context)
    assert raised.value.failure.reason == ("invalid_sse" if streamed else "invalid_body")


ASKED = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=6),
    st.lists(st.text(max_size=3), max_size=2),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
)
"""Values as the edge may hand them over: it reads JSON with orjson, whose integers have 64 bits."""

MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "developer", "user", "assistant", "tool", "function"])},
    optional={
        "content": st.none() | st.text(max_size=5) | st.just([{"type": "text", "text": "a", "cache_control": {}}]),
        "name": st.text(max_size=3),
        "tool_call_id": st.text(max_size=12),
        "tool_calls": st.lists(
            st.just({"id": "call_1", "type": "function", "index": 0, "function": {"name": "f", "arguments": "{}"}}),
            max_size=2,
        ),
        "reasoning_content": ASKED,
        "reasoning_details": ASKED,
        "refusal": ASKED,
        "annotations": ASKED,
        "x_anything": ASKED,
    },
)
NAMES = (
    "temperature", "top_p", "n", "stop", "seed", "max_tokens", "max_completion_tokens", "reasoning_effort", "stream",
    "stream_options", "tool_choice", "metadata", "logit_bias", "service_tier", "anything", "thinking", "function_call",
)  # fmt: skip
FIELDS = st.dictionaries(st.sampled_from(NAMES), ASKED, max_size=6)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(MESSAGE, max_size=4),
    FIELDS,
    st.sampled_from(OPENAI_ROWS),
    st.sampled_from(["gpt-5.6", "o3", "grok-4", "x"]),
)
def test_any_request_is_translated_and_nothing_is_lost_silently(
    messages: list[Json], fields: Json, row: Vendor, model: str
) -> None:
    body = {"model": "auto", "messages": messages, **fields}
    before = copy.deepcopy(body)
    target = target_for(row, model)
    made = ADAPTER.build_request(ChatRequest(body), target)
    assert body == before
    assert ADAPTER.build_request(ChatRequest(body), target) == made
    sent = orjson.loads(made.body)
    assert sent["model"] == model
    assert len(sent["messages"]) == len(messages)
    assert not sent.keys() & row.unsupported
    warned = {warning.split(":")[0].split(".")[0] for warning in made.warnings}
    elsewhere = {
        "max_tokens": "max_completion_tokens",
        "max_completion_tokens": "max_tokens",
        "function_call": "tool_choice",
        **dict(row.renamed),
    }
    for name, value in fields.items():
        neutral = value is None or value == NEUTRAL.get(name) or (name == "temperature" and value == 1)
        asks_nothing = name in ("stream_options", "function_call", "tool_choice", "reasoning_effort")
        if not neutral and not asks_nothing:
            assert name in sent or elsewhere.get(name) in sent or name in warned, name
