"""Whole answers and streams of OpenAI's wire format: what vendors leave out, add, and do differently."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway.core.chat import ChatAnswer, Json
from gateway.core.errors import FailureClass as Class
from gateway.core.errors import ProviderError
from gateway.core.usage import Usage
from gateway.core.wire import SseEvent
from gateway.providers.base import CallContext, StreamParser
from gateway.providers.openai.adapter import OpenAIAdapter
from gateway.providers.openai.usage import read_usage, usage_object
from gateway.providers.vendors import VENDORS
from tests.laws import context_for, drive, fold, target_for

ADAPTER = OpenAIAdapter()


def context(row: str = "openai-compatible", body: Json | None = None) -> CallContext:
    return context_for(target_for(VENDORS[row], "some-model"), body)


def parse(answer: Any, row: str = "openai-compatible", body: Json | None = None) -> ChatAnswer:
    return ADAPTER.parse_response(answer if isinstance(answer, bytes) else orjson.dumps(answer), context(row, body))


def choice(message: Json | None = None, **fields: Any) -> Json:
    return {"index": 0, "message": message or {"content": "Hi"}, "finish_reason": "stop", **fields}


def stream(*events: Any, row: str = "openai-compatible", body: Json | None = None) -> tuple[list[Json], StreamParser]:
    lines = [event if isinstance(event, bytes) else orjson.dumps(event) for event in events]
    return drive(ADAPTER, context(row, body), [b"data: " + line + b"\n\n" for line in lines])


def delta(value: Json | None, **fields: Any) -> Json:
    return {"id": "c-1", "created": 7, "model": "m", "choices": [{"index": 0, "delta": value, **fields}]}


def call(**fields: Any) -> Json:
    return {"tool_calls": [fields]}


STOP = delta({}, finish_reason="stop")


# whole answers


def test_an_answer_of_almost_nothing_is_filled_in() -> None:
    answer = parse({"choices": [{"message": {"content": "Hi"}}]})
    assert answer.body == {
        "id": "chatcmpl-test",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "some-model",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi", "refusal": None},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
    }
    assert (answer.usage, answer.finish_reason) == (None, "stop")
    ChatCompletion.model_validate(answer.body)


def test_a_vendors_extras_are_kept() -> None:
    answer = parse(
        {
            "id": "x",
            "model": "m",
            "created": 12.7,
            "citations": ["u"],
            "choices": [choice({"content": "Hi", "images": [1]}, seed=3)],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "cost": 0.1},
        }
    ).body
    assert (answer["citations"], answer["created"], answer["usage"]["cost"]) == (["u"], 12, 0.1)
    assert (answer["choices"][0]["seed"], answer["choices"][0]["message"]["images"]) == (3, [1])


def test_tool_calls_get_what_they_lack() -> None:
    calls = [
        {"function": {"name": "a", "arguments": None}, "index": 0},
        {"id": "", "function": {"name": "b", "arguments": {"x": [1]}}},
        {"id": "keep", "type": "function", "function": {"name": "c", "arguments": "{}"}, "extra_content": {"g": 1}},
    ]
    first = parse({"id": "x", "choices": [{"message": {"tool_calls": calls}}]}).body["choices"][0]
    again = parse({"id": "x", "choices": [{"message": {"tool_calls": calls}}]}).body["choices"][0]
    assert first == again, "generated ids differ between two readings of one answer"
    made = first["message"]["tool_calls"]
    assert first["finish_reason"] == "tool_calls"
    assert first["message"]["content"] is None
    assert [each["function"]["arguments"] for each in made] == ["", '{"x":[1]}', "{}"]
    assert len({each["id"] for each in made}) == 3
    assert made[0]["id"].startswith("call_")
    assert made[2] == calls[2]
    assert all("index" not in each and each["type"] == "function" for each in made)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("eos", "stop"),
        ("end_turn", "stop"),
        ("COMPLETE", "stop"),
        ("model_length", "length"),
        ("MAX_TOKENS", "length"),
        ("TOOL_CALL", "tool_calls"),
        ("model_context_window_exceeded", "length"),
        ("ERROR_LIMIT", "length"),
        ("SAFETY", "content_filter"),
        ("sensitive", "content_filter"),
        ("ERROR_TOXIC", "content_filter"),
        ("content_filter: RECITATION", "content_filter"),
        ("never_heard_of", "length"),
        ("repetition", "length"),
        (": ", "length"),
    ],
)
def test_finish_reasons_are_openais(raw: str, expected: str) -> None:
    """A word that nobody knows is never a "stop": nobody knows that the answer is whole."""
    whole = parse({"choices": [choice(finish_reason=raw)]}).body["choices"][0]
    assert (whole["finish_reason"], whole["native_finish_reason"]) == (expected, raw)
    chunks, parser = stream(delta({"content": "a"}), delta({}, finish_reason=raw))
    assert chunks[-1]["choices"][0]["finish_reason"] == parser.finish_reason == expected


@pytest.mark.parametrize(
    "raw",
    [
        "error",
        "abort",
        "cancelled",
        "insufficient_system_resource",
        "network_error",
        "malformed_function_call",
        "MALFORMED_FUNCTION_CALL",
        "function_call_filter: MALFORMED_FUNCTION_CALL",
    ],
)
def test_an_answer_that_broke_off_is_an_error(raw: str) -> None:
    with pytest.raises(ProviderError) as whole:
        parse({"choices": [choice(finish_reason=raw)]})
    assert (whole.value.failure.cls, whole.value.failure.reason) == (Class.TRANSIENT, "error_in_200")
    with pytest.raises(ProviderError) as streamed:
        stream(delta({"content": "a"}), delta({}, finish_reason=raw))
    assert (streamed.value.failure.cls, streamed.value.failure.reason) == (Class.TRANSIENT, "upstream_error")


def test_typed_content_is_taken_apart() -> None:
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm. "}, {"type": "text", "text": "Yes."}]},
        {"type": "text", "text": "It is "},
        {"type": "reference", "reference_ids": [1]},
        {"type": "text", "text": "four."},
    ]
    message = parse({"choices": [choice({"content": parts})]}).body["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("It is four.", "Hm. Yes.")
    assert message["content_parts"] == parts
    chunks, parser = stream(delta({"content": parts[:1]}), delta({"content": [parts[1], parts[3]]}), STOP)
    folded = fold(chunks)["choices"][0]["message"]
    assert (folded["content"], folded["reasoning_content"]) == ("It is four.", "Hm. Yes.")
    assert parser.text_chars == len("It is four.Hm. Yes.")


def test_azure_without_a_message_is_a_filtered_answer() -> None:
    answer = parse({"choices": [{"index": 0, "finish_reason": "content_filter", "logprobs": None}]}, "azure")
    assert answer.finish_reason == "content_filter"
    assert answer.body["choices"][0]["message"] == {"role": "assistant", "content": None, "refusal": None}


@pytest.mark.parametrize(
    ("body", "cls", "reason"),
    [
        (b"", Class.UNKNOWN, "invalid_body"),
        (b"<html>Bad gateway</html>", Class.UNKNOWN, "invalid_body"),
        (b'{"choices": [{"index": 0, "message": {"con', Class.UNKNOWN, "invalid_body"),
        (b"[]", Class.UNKNOWN, "invalid_body"),
        (b'{"choices": []}', Class.UNKNOWN, "invalid_body"),
        (b'{"choices": [7]}', Class.UNKNOWN, "invalid_body"),
        (b'{"choices": [{"message": {"content": 7}}]}', Class.UNKNOWN, "invalid_body"),
        (b'{"choices": [{"message": {"tool_calls": [{"function": {}}]}}]}', Class.UNKNOWN, "invalid_body"),
        (b'{"error": {"message": "x", "code": 429}}', Class.RATE_LIMIT, "error_in_200"),
        (b'{"error": {"message": "boom", "type": "server_error"}}', Class.TRANSIENT, "error_in_200"),
        (b'{"error": "model \'x\' not found"}', Class.MODEL_GONE, "error_in_200"),
        (b'[{"error": {"code": 503, "message": "x", "status": "UNAVAILABLE"}}]', Class.TRANSIENT, "error_in_200"),
        (b'{"object": "error", "message": "boom", "code": 400}', Class.CALLER_FAULT, "error_in_200"),
        (b'{"choices": [{"error": {"code": 502, "message": "x"}}]}', Class.TRANSIENT, "error_in_200"),
    ],
)  # fmt: skip
def test_what_is_no_answer(body: bytes, cls: Class, reason: str) -> None:
    with pytest.raises(ProviderError) as raised:
        parse(body)
    assert (raised.value.failure.cls, raised.value.failure.reason) == (cls, reason)


# usage

USAGES: list[tuple[Json, Usage]] = [
    ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, Usage(input=10, output=5)),
    (
        {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
         "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 2, "cache_write_tokens": 3},
         "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 1}},
        Usage(input=1, cache_read=4, cache_write_5m=3, input_audio=2, output=2, reasoning=2, output_audio=1),
    ),
    ({"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10, "prompt_cache_hit_tokens": 8},
     Usage(input=1, cache_read=8, output=1)),
    ({"prompt_tokens": 9, "completion_tokens": 1, "num_cached_tokens": 3}, Usage(input=6, cache_read=3, output=1)),
    ({"prompt_tokens": 9, "completion_tokens": 1, "cached_tokens": 2}, Usage(input=7, cache_read=2, output=1)),
    # xAI: reasoning beside completion_tokens, inside the total
    ({"prompt_tokens": 12, "completion_tokens": 1, "total_tokens": 303,
      "completion_tokens_details": {"reasoning_tokens": 290}}, Usage(input=12, output=1, reasoning=290)),
    # a total that says more than any detail
    ({"prompt_tokens": 12, "completion_tokens": 1, "total_tokens": 20}, Usage(input=12, output=1, reasoning=7)),
    # more reasoning than completion (OpenRouter), more cached than prompt (Grok on Azure)
    ({"prompt_tokens": 43, "completion_tokens": 10, "total_tokens": 53,
      "completion_tokens_details": {"reasoning_tokens": 11}}, Usage(input=43, reasoning=10)),
    ({"prompt_tokens": 78, "completion_tokens": 9, "total_tokens": 87,
      "prompt_tokens_details": {"cached_tokens": 158}}, Usage(cache_read=78, output=9)),
    ({"input_tokens": 3, "output_tokens": 4}, Usage(input=3, output=4)),
    ({"prompt_tokens": 0, "completion_tokens": 26, "total_tokens": 26}, Usage(output=26)),
    ({"prompt_tokens": 3.0, "completion_tokens": "4", "total_tokens": True}, Usage(input=3)),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "expected"), USAGES)
def test_usage_is_disjoint_and_sums_to_the_total(raw: Json, expected: Usage) -> None:
    usage = read_usage(raw)
    assert usage == expected
    rendered = usage_object(raw, expected)
    assert rendered["total_tokens"] == rendered["prompt_tokens"] + rendered["completion_tokens"] == expected.total


@pytest.mark.parametrize(
    "raw", [None, [], "x", {}, {"total_tokens": 5}, {"prompt_tokens": -1}, {"prompt_tokens": None}]
)
def test_no_counts_are_no_usage(raw: Any) -> None:
    assert read_usage(raw) is None
    assert "usage" not in parse({"choices": [choice()], "usage": raw}).body


def test_the_vendors_own_counts_survive_beside_ours() -> None:
    raw = {
        "prompt_tokens": 9,
        "completion_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 1, "image_tokens": 4},
        "completion_tokens_details": {"accepted_prediction_tokens": 2, "rejected_prediction_tokens": 1},
    }
    rendered = usage_object(raw, read_usage(raw) or Usage())
    assert rendered["prompt_tokens_details"]["image_tokens"] == 4
    assert rendered["completion_tokens_details"]["accepted_prediction_tokens"] == 2


# streams


def test_a_stream_of_text() -> None:
    chunks, parser = stream(
        delta({"role": "assistant", "content": ""}),
        delta({"content": "Hel"}),
        delta({"content": "lo"}, logprobs={"content": []}),
        delta({"content": "!"}, finish_reason="stop"),
        {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}},
        b"[DONE]",
        row="openai",
    )
    assert [each["choices"][0]["delta"] for each in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "Hel"},
        {"content": "lo"},
        {"content": "!"},
        {},
    ]
    assert [each["choices"][0]["finish_reason"] for each in chunks] == [None, None, None, None, "stop"]
    for each in chunks:
        ChatCompletionChunk.model_validate(each)
    assert parser.done
    assert (parser.usage, parser.text_chars) == (Usage(input=1, output=2), 6)


def test_facts_about_the_prompt_ride_on_the_first_chunk() -> None:
    chunks, _ = stream(
        {"id": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
        delta({"content": "a"}),
        STOP,
        b"[DONE]",
        row="azure",
    )
    assert chunks[0]["prompt_filter_results"] == [{"prompt_index": 0}]
    assert "prompt_filter_results" not in chunks[1]
    assert {each["id"] for each in chunks} == {"c-1"}


def test_several_choices_end_each_for_itself() -> None:
    def both(first: Json, second: Json) -> Json:
        return {"id": "c-1", "choices": [{"index": 1, **first}, {"index": 0, **second}]}

    chunks, parser = stream(
        both({"delta": {"content": "b"}}, {"delta": {"content": "a"}}),
        both({"delta": {"content": "B"}, "finish_reason": "length"}, {"delta": {"content": "A"}}),
        STOP,
    )
    folded = fold(chunks)["choices"]
    assert [(each["message"]["content"], each["finish_reason"]) for each in folded] == [
        ("aA", "stop"),
        ("bB", "length"),
    ]
    assert parser.finish_reason == "length", "the finish reason is that of the first choice seen"


TOOL_STREAMS: list[tuple[str, list[Json], list[tuple[str, str]]]] = [
    (
        "fragments by index",
        [
            call(index=0, id="a", type="function", function={"name": "look", "arguments": ""}),
            call(index=0, function={"arguments": '{"x"'}),
            call(index=0, id="", type="function", function={"name": None, "arguments": ":1}"}),
            call(index=1, id="b", function={"name": "ping", "arguments": "{}"}),
        ],
        [("look", '{"x":1}'), ("ping", "{}")],
    ),
    (
        "no index, whole calls (Mistral)",
        [{"tool_calls": [{"id": "a", "function": {"name": "look", "arguments": "{}"}},
                         {"id": "b", "function": {"name": "ping", "arguments": "{}"}}]}],
        [("look", "{}"), ("ping", "{}")],
    ),
    (
        "no index and no id in later fragments",
        [call(id="a", function={"name": "look", "arguments": "{"}), call(function={"arguments": "}"})],
        [("look", "{}")],
    ),
    (
        "one index for all calls (Gemini's layer)",
        [{"tool_calls": [{"index": 0, "id": "a", "function": {"name": "look", "arguments": "{}"}},
                         {"index": 0, "id": "b", "function": {"name": "ping", "arguments": "{}"}}]}],
        [("look", "{}"), ("ping", "{}")],
    ),
    (
        "a new id on every fragment",
        [call(index=0, id="a", function={"name": "look", "arguments": "{"}),
         call(index=0, id="z", function={"arguments": "}"})],
        [("look", "{}")],
    ),
    (
        "numbered from 3 with gaps",
        [call(index=3, id="a", function={"name": "look", "arguments": "{}"}),
         call(index=9, id="b", function={"name": "ping", "arguments": "{}"})],
        [("look", "{}"), ("ping", "{}")],
    ),
    (
        "the name repeated on every fragment",
        [call(index=0, id="a", function={"name": "look", "arguments": "{"}),
         call(index=0, id="a", function={"name": "look", "arguments": "}"})],
        [("look", "{}")],
    ),
    (
        "arguments as an object, or null",
        [call(index=0, id="a", function={"name": "look", "arguments": {"x": 1}}),
         call(index=1, id="b", function={"name": "ping", "arguments": None})],
        [("look", '{"x":1}'), ("ping", "")],
    ),
    ("no id at all", [call(index=0, function={"name": "look", "arguments": "{}"})], [("look", "{}")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fragments", "expected"), [case[1:] for case in TOOL_STREAMS], ids=[c[0] for c in TOOL_STREAMS]
)
def test_tool_calls_of_every_kind_of_vendor(fragments: list[Json], expected: list[tuple[str, str]]) -> None:
    chunks, parser = stream(*(delta(each) for each in fragments), delta({}, finish_reason="tool_calls"))
    calls = fold(chunks)["choices"][0]["message"]["tool_calls"]
    assert [(each["function"]["name"], each["function"]["arguments"]) for each in calls] == expected
    assert len({each["id"] for each in calls}) == len(expected)
    seen: set[int] = set()
    for each in chunks:
        ChatCompletionChunk.model_validate(each)
        for fragment in each["choices"][0]["delta"].get("tool_calls", []):
            assert ("id" in fragment) == ("type" in fragment) == (fragment["index"] not in seen)
            seen.add(fragment["index"])
    assert parser.text_chars == sum(len(arguments) for _, arguments in expected)


def test_what_a_vendor_repeats_is_told_once() -> None:
    """OpenRouter and Perplexity give the role with each delta, and empty deltas after the finish reason."""
    chunks, _ = stream(
        delta({"role": "assistant", "content": "a", "reasoning": None}),
        delta({"role": "assistant", "content": ""}),
        delta({"role": "assistant", "content": ""}, finish_reason="stop"),
        delta({"role": "assistant", "content": ""}, finish_reason="stop", message={"content": "a"}),
    )
    assert [each["choices"][0]["delta"] for each in chunks] == [{"role": "assistant", "content": "a"}, {}]


def test_reasoning_blobs_are_numbered_so_that_only_fragments_share_a_number() -> None:
    def blobs(*items: Json) -> Json:
        return delta({"content": "", "reasoning_details": list(items)})

    chunks, _ = stream(
        blobs({"type": "reasoning.summary", "summary": "s", "index": 0}),
        blobs(
            {"type": "reasoning.text", "text": "a", "format": None, "index": 0},
            {"type": "reasoning.text", "text": "b", "format": "f", "index": 0},
        ),
        blobs({"type": "reasoning.encrypted", "data": "e", "index": 0}),
        blobs({"type": "reasoning.text", "signature": "sig", "format": "f", "index": 0}),
        STOP,
    )
    assert fold(chunks)["choices"][0]["message"]["reasoning_details"] == [
        {"type": "reasoning.summary", "summary": "s", "index": 0},
        {"type": "reasoning.text", "text": "ab", "format": "f", "signature": "sig", "index": 1},
        {"type": "reasoning.encrypted", "data": "e", "index": 2},
    ]


@pytest.mark.parametrize(
    ("events", "row"),
    [
        ([delta({"content": "a"})], "openai"),
        ([delta({"content": "a"}), STOP], "openai"),
        ([delta({"content": "a"})], "openai-compatible"),
        ([delta({"content": "a"}), b"[DONE]"], "openai"),
        ([delta({"content": "a"}), b"[DONE]"], "openai-compatible"),
        ([b"[DONE]"], "openai"),
        ([], "openai-compatible"),
        ([{"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 0}}], "openai-compatible"),
    ],
)
def test_a_stream_without_its_end_is_truncated(events: list[Any], row: str) -> None:
    with pytest.raises(ProviderError) as raised:
        stream(*events, row=row)
    assert (raised.value.failure.cls, raised.value.failure.reason) == (Class.TRUNCATED, "stream_truncated")


@pytest.mark.parametrize(
    ("event", "cls"),
    [
        (SseEvent("", b'{"error":{"message":"Rate limit reached","code":"rate_limit_exceeded"}}'), Class.RATE_LIMIT),
        (SseEvent("error", b'{"message":"boom","type":"server_error"}'), Class.TRANSIENT),
        (SseEvent("error", b"Internal Server Error"), Class.TRANSIENT),
        (SseEvent("", b'[{"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED"}}]'), Class.RATE_LIMIT),
        (SseEvent("", b'{"object":"error","message":"maximum context length","code":400}'), Class.CONTEXT_WINDOW),
        (SseEvent("", b'{"choices":[],"error":{"message":"x","code":502}}'), Class.TRANSIENT),
        (SseEvent("", b'{"id":"a","choices":[{"delta":{}}],"x_groq":{"error":"over capacity"}}'), Class.TRANSIENT),
        (SseEvent("", b'{"detail":"Not authenticated, invalid api key"}'), Class.CREDENTIAL),
    ],
)  # fmt: skip
def test_error_events_are_classified(event: SseEvent, cls: Class) -> None:
    with pytest.raises(ProviderError) as raised:
        ADAPTER.stream_parser(context()).feed(event)
    assert (raised.value.failure.cls, raised.value.failure.reason) == (cls, "upstream_error")


@pytest.mark.parametrize("data", [b"{", b"7", b"[1]", b'"x"', b'{"choices": 7}', b'{"choices": [7]}', b"\xff",
                                  b'{"choices": [{"delta": 7}]}', b'{"choices": [{"delta": {"content": 7}}]}',
                                  b'{"choices": [{"delta": {"tool_calls": 7}}]}', b'{"choices": {"a": 1}}',
                                  b'{"choices": [{"delta": {}, "finish_reason": 7}]}'])  # fmt: skip
def test_what_is_no_chunk(data: bytes) -> None:
    with pytest.raises(ProviderError) as raised:
        ADAPTER.stream_parser(context()).feed(SseEvent("", data))
    assert (raised.value.failure.cls, raised.value.failure.reason) == (Class.UNKNOWN, "invalid_sse")


def test_empty_events_are_nothing() -> None:
    parser = ADAPTER.stream_parser(context())
    assert list(parser.feed(SseEvent("", b""))) == []
    assert list(parser.feed(SseEvent("", b"  "))) == []
    assert list(parser.feed(SseEvent("", b"{}"))) == []


def test_a_client_that_speaks_functions_is_answered_in_functions() -> None:
    asked: Json = {"model": "m", "messages": [], "functions": [{"name": "look"}]}
    calls = [{"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}]
    whole = parse({"choices": [choice({"tool_calls": calls}, finish_reason="tool_calls")]}, "meta", asked)
    assert whole.finish_reason == "function_call"
    assert whole.body["choices"][0]["message"]["function_call"] == {"name": "look", "arguments": "{}"}
    assert "tool_calls" not in whole.body["choices"][0]["message"]
    chunks, parser = stream(
        delta(call(index=0, id="a", function={"name": "look", "arguments": ""})),
        delta(call(index=0, function={"arguments": "{}"})),
        delta({}, finish_reason="tool_calls"),
        b"[DONE]",
        row="meta",
        body=asked,
    )
    deltas = [each["choices"][0]["delta"] for each in chunks]
    assert [each.get("function_call") for each in deltas] == [
        {"name": "look", "arguments": ""},
        {"arguments": "{}"},
        None,
    ]
    assert parser.finish_reason == chunks[-1]["choices"][0]["finish_reason"] == "function_call"


def test_a_strange_service_tier_before_the_first_choice_stands_aside() -> None:
    chunks, _ = stream(
        {"service_tier": 1, "choices": None},
        {"id": "x", "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": None}]},
        {"id": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    )
    assert chunks[0]["native_service_tier"] == 1
    assert "service_tier" not in chunks[0]


def test_a_finish_reason_that_is_no_word_is_refused_not_raised() -> None:
    message = {"role": "assistant", "content": "Hi", "refusal": None}
    for odd in (7, {"a": 1}, ["stop"], True):
        with pytest.raises(ProviderError) as raised:
            parse({"choices": [choice(message, finish_reason=odd, logprobs=None)]})
        assert (raised.value.failure.cls, raised.value.failure.reason) == (Class.UNKNOWN, "invalid_body")
    for nothing in (None, "", []):
        answer = parse({"choices": [choice(message, finish_reason=nothing, logprobs=None)]})
        assert answer.finish_reason == "stop"


def test_parts_of_unknown_kinds_join_in_the_sdk() -> None:
    odd = {"type": "hologram", "frames": 3}
    chunks, _ = stream(
        {"id": "x", "choices": [{"index": 0, "delta": {"content": [odd, None]}, "finish_reason": None}]},
        {"id": "x", "choices": [{"index": 0, "delta": {"content": [odd]}, "finish_reason": None}]},
        {"id": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    )
    parts = fold(chunks)["choices"][0]["message"]["content_parts"]
    assert parts == [{**odd, "index": 0}, {"value": None, "index": 1}, {**odd, "index": 2}]
