"""Nothing that an upstream or a client sends makes the Gemini adapter fail in any other way than ProviderError."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import orjson
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.chat import ChatRequest, Json
from gateway.core.errors import Failure, FailureClass, ProviderError
from gateway.core.wire import SseEvent
from gateway.providers.gemini.adapter import GeminiAdapter
from tests.laws import as_json, context_for, fold
from tests.providers.gemini_sdk import NEW, OLD, gemini, send

ADAPTER = GeminiAdapter()
BODIES: list[Json] = [
    {"model": "auto", "messages": []},
    {"model": "auto", "messages": [], "functions": [{"name": "f"}], "n": 2, "top_logprobs": 2},
]

T = TypeVar("T")


def outcome(run: Callable[[], T]) -> tuple[Failure | None, T | None]:
    """The failure or the value; any other exception than ProviderError breaks the test."""
    try:
        return None, run()
    except ProviderError as error:
        return error.failure, None


junk = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def maybe(*likely: Any) -> st.SearchStrategy[Any]:
    """One of the likely values, seldom junk."""
    values = st.one_of(*[value if isinstance(value, st.SearchStrategy) else st.just(value) for value in likely])
    return st.integers(0, 19).flatmap(lambda number: values if number else junk)


def record(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({}, optional=fields)


text = st.text(max_size=5)
parts = record(
    text=maybe(text, ""),
    thought=maybe(True, False),
    thoughtSignature=maybe("AA=="),
    functionCall=maybe(record(name=maybe("f"), args=maybe({"x": 1}), id=maybe("1", ""))),
    inlineData=maybe(record(mimeType=maybe("image/png", "audio/wav"), data=maybe("AAAA"))),
    executableCode=junk,
)
tokens = st.lists(maybe(record(token=maybe(text), logProbability=maybe(-1.5))), max_size=3)
candidates = record(
    content=maybe(record(parts=maybe(st.lists(maybe(parts), max_size=4)), role=junk)),
    index=maybe(0, 1, 5, 10**9),
    finishReason=maybe("STOP", "MAX_TOKENS", "SAFETY", "OTHER", "MALFORMED_FUNCTION_CALL", "NEW", 1, 2, 77),
    logprobsResult=maybe(
        record(
            chosenCandidates=maybe(tokens),
            topCandidates=maybe(st.lists(maybe(record(candidates=maybe(tokens))), max_size=3)),
        )
    ),
    groundingMetadata=junk,
    safetyRatings=junk,
)
counts = maybe(0, 1, 50, -1)
details = maybe(st.lists(maybe(record(modality=maybe("TEXT", "AUDIO", 4), tokenCount=counts)), max_size=3))
usages = record(
    promptTokenCount=counts,
    cachedContentTokenCount=counts,
    candidatesTokenCount=counts,
    thoughtsTokenCount=counts,
    toolUsePromptTokenCount=counts,
    totalTokenCount=counts,
    promptTokensDetails=details,
    cacheTokensDetails=details,
    candidatesTokensDetails=details,
    serviceTier=maybe("standard"),
)
errors = record(code=maybe(400, 429, 503), message=maybe(text), status=maybe("UNAVAILABLE"), details=junk)
responses = record(
    candidates=maybe(st.lists(maybe(candidates), max_size=3)),
    usageMetadata=maybe(usages),
    promptFeedback=maybe(record(blockReason=maybe("SAFETY"))),
    responseId=maybe("r"),
    modelVersion=maybe("m"),
    createTime=maybe("2026-08-19T14:38:24Z", "9999-12-31T23:59:59Z"),
)
payloads = st.one_of(
    responses, responses, junk, st.fixed_dictionaries({"error": maybe(errors)}), st.lists(responses, max_size=3)
)


@given(payloads, st.sampled_from(BODIES))
def test_whole_answers(payload: Any, body: Json) -> None:
    failure, answer = outcome(lambda: ADAPTER.parse_response(orjson.dumps(payload), context_for(gemini(), body)))
    if failure is not None or answer is None:
        assert failure is not None
        assert failure.message
        return
    as_json(answer.body)
    assert answer.body["choices"]
    assert answer.finish_reason in ("stop", "length", "tool_calls", "content_filter", "function_call")
    if answer.usage is not None:
        assert min(answer.usage.to_openai()[name] for name in ("prompt_tokens", "completion_tokens")) >= 0
        assert answer.usage.input >= 0


@given(st.lists(payloads, max_size=5), st.sampled_from(BODIES))
def test_streams(events: list[Any], body: Json) -> None:
    parser = ADAPTER.stream_parser(context_for(gemini(), body))

    def read() -> list[Json]:
        chunks = [chunk for payload in events for chunk in parser.feed(SseEvent("", orjson.dumps(payload)))]
        return [*chunks, *parser.finish()]

    failure, chunks = outcome(read)
    if failure is not None or chunks is None:
        assert failure is not None
        assert failure.message
        return
    as_json(chunks)
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert all(choice["finish_reason"] for choice in fold(chunks)["choices"])


tame_parts = st.one_of(
    st.fixed_dictionaries({"text": text}, optional={"thought": st.booleans(), "thoughtSignature": st.just("AA==")}),
    st.fixed_dictionaries(
        {"functionCall": st.fixed_dictionaries({"name": st.just("f")}, optional={"args": st.just({"x": 1})})},
        optional={"thoughtSignature": st.just("AA==")},
    ),
    st.just({"executableCode": {"code": "1"}}),
    st.just({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}),
)
tame_events = st.lists(st.tuples(st.integers(0, 1), st.lists(tame_parts, max_size=3)), max_size=5)


@given(tame_events, st.sampled_from(["STOP", "MAX_TOKENS", "SAFETY"]), st.sampled_from(BODIES))
def test_a_stream_folds_to_the_whole_answer(spoken: list[tuple[int, list[Json]]], reason: str, body: Json) -> None:
    """The same parts give the same message, whether they come in one answer or in events cut anywhere."""
    context = context_for(gemini(), body)
    usage = {"promptTokenCount": 3, "totalTokenCount": 5}
    events: list[Json] = [{"candidates": [{"index": index, "content": {"parts": said}}]} for index, said in spoken]
    ended = [{"index": index, "content": {}, "finishReason": reason} for index in sorted({0, *(i for i, _ in spoken)})]
    events.append({"candidates": ended, "usageMetadata": usage})
    candidates = [
        {**end, "content": {"parts": [part for index, said in spoken if index == end["index"] for part in said]}}
        for end in ended
    ]
    whole = ADAPTER.parse_response(orjson.dumps({"candidates": candidates, "usageMetadata": usage}), context)
    parser = ADAPTER.stream_parser(context)
    chunks = [chunk for each in events for chunk in parser.feed(SseEvent("", orjson.dumps(each)))]
    assert parser.finish() == ()
    folded = fold(chunks)["choices"]
    for choice in folded:
        choice["message"]["refusal"] = None
    assert folded == whole.body["choices"]
    assert parser.usage == whole.usage
    assert parser.finish_reason == whole.finish_reason


@given(st.binary(max_size=40))
def test_bytes_that_are_no_json(data: bytes) -> None:
    outcome(lambda: ADAPTER.parse_response(data, context_for(gemini())))
    outcome(lambda: ADAPTER.stream_parser(context_for(gemini())).feed(SseEvent("", data)))
    assert ADAPTER.map_error(500, {}, data).cls is FailureClass.TRANSIENT


@given(st.integers(300, 599), payloads | junk)
def test_errors(status: int, payload: Any) -> None:
    failure = ADAPTER.map_error(status, {}, orjson.dumps(payload))
    assert isinstance(failure.cls, FailureClass)
    assert failure.reason


calls = record(
    id=maybe("1", "2"),
    type=maybe("function"),
    function=maybe(record(name=maybe("f"), arguments=maybe("{}", "{", '{"a":[1]}'))),
    extra_content=maybe({"google": {"thought_signature": "AA=="}}),
)
media = st.sampled_from(
    [
        {"type": "text", "text": "x"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}},
    ]
)
messages = record(
    role=st.sampled_from(["system", "developer", "user", "assistant", "tool", "function"]),
    content=maybe("x", "", st.lists(maybe(media), max_size=3)),
    tool_calls=maybe(st.lists(maybe(calls), max_size=3)),
    tool_call_id=maybe("1", "2"),
    name=maybe("f"),
    reasoning_content=maybe("r"),
    reasoning_details=maybe([{"format": "google-gemini-v1", "data": "AA=="}]),
    function_call=maybe({"name": "f", "arguments": "{}"}),
)
likely_messages = st.lists(
    st.sampled_from(
        [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "u"},
            {"role": "user", "content": ""},
            {"role": "assistant", "content": "a"},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "f"}}]},
            {"role": "tool", "tool_call_id": "1", "content": "t"},
        ]
    ),
    max_size=6,
)


@given(likely_messages | st.lists(messages, max_size=4), st.sampled_from([NEW, OLD, "gemini-3.8-flash", "other"]))
def test_conversations(history: list[Any], model: str) -> None:
    """Any conversation is either refused, naming the field, or gives a request that Google's types read."""
    failure, _ = outcome(lambda: send({"messages": history}, gemini(model)))
    assert failure is None or (failure.cls is FailureClass.CALLER_FAULT and failure.param)


@given(
    record(
        temperature=st.none() | st.floats(0, 2),
        stop=st.none() | st.text(max_size=3) | st.lists(st.text(min_size=1, max_size=3), max_size=7),
        seed=st.none() | st.integers(-(2**63), 2**63 - 1),
        max_tokens=st.none() | st.integers(1, 10**6),
        n=st.none() | st.integers(1, 8),
        logprobs=st.none() | st.booleans(),
        top_logprobs=st.none() | st.integers(0, 20),
        reasoning_effort=st.sampled_from([None, "none", "minimal", "low", "medium", "high", "xhigh"]),
        response_format=st.sampled_from([None, {"type": "text"}, {"type": "json_object"}]),
        tools=st.sampled_from([None, [], [{"type": "function", "function": {"name": "f", "strict": True}}]]),
        tool_choice=st.sampled_from(
            [None, "none", "auto", "required", {"type": "function", "function": {"name": "f"}}]
        ),
        service_tier=st.sampled_from([None, "auto", "default", "flex", "priority", "scale"]),
        modalities=st.sampled_from([None, ["text"], ["text", "audio"], ["text", "image"]]),
    ),
    st.sampled_from([NEW, OLD, "gemini-3.8-flash", "gemini-2.0-flash", "other"]),
)
def test_settings(body: Json, model: str) -> None:
    failure, _ = outcome(lambda: send(body, gemini(model, max_output=8192)))
    assert failure is None or (failure.cls is FailureClass.CALLER_FAULT and failure.param)


def test_a_request_is_read_but_never_changed() -> None:
    """`send` compares the client's body before and after; here once with everything in it."""
    body = {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}], "tools": [], "google": {}}
    assert ChatRequest({"model": "auto", **body}).messages == body["messages"]
    send(body)
