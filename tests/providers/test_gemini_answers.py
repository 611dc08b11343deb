"""What the Gemini adapter reads: parts, calls, thoughts, usage, finish reasons, streams; own small fixtures."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway.core.chat import ChatAnswer, ChatRequest, Json
from gateway.core.errors import Failure, FailureClass, ProviderError
from gateway.core.usage import Usage
from gateway.core.wire import SseEvent
from gateway.providers.base import CallContext
from gateway.providers.gemini.adapter import GeminiAdapter
from gateway.providers.gemini.stream import GeminiStreamParser
from tests.laws import context_for, drive, fold
from tests.providers.gemini_sdk import NEW, gemini, sent

ADAPTER = GeminiAdapter()
CONTEXT = context_for(gemini())


def response(*parts: Json, reason: str | None = "STOP", usage: Json | None = None, **candidate: Any) -> Json:
    made: Json = {"content": {"parts": list(parts), "role": "model"}, **candidate}
    if reason:
        made["finishReason"] = reason
    return {"candidates": [made], "usageMetadata": usage or {"promptTokenCount": 1, "totalTokenCount": 1}}


def whole(payload: Any, context: CallContext = CONTEXT) -> ChatAnswer:
    answer = ADAPTER.parse_response(orjson.dumps(payload), context)
    ChatCompletion.model_validate(answer.body, strict=True)
    return answer


def message_of(*parts: Json, **candidate: Any) -> Json:
    message: Json = whole(response(*parts, **candidate)).body["choices"][0]["message"]
    return message


def sse(*events: Any) -> bytes:
    return b"".join(b"data: " + orjson.dumps(event) + b"\r\n\r\n" for event in events)


def stream(*events: Any, context: CallContext = CONTEXT) -> tuple[list[Json], GeminiStreamParser]:
    chunks, parser = drive(ADAPTER, context, [sse(*events)])
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    assert isinstance(parser, GeminiStreamParser)
    return chunks, parser


def failure_of(run: Any) -> Failure:
    with pytest.raises(ProviderError) as caught:
        run()
    return caught.value.failure


def same_message(chunks: list[Json], expected: Json) -> None:
    """The folded stream is the whole answer's message."""
    folded = fold(chunks)["choices"][0]["message"]
    assert {"refusal": None, **folded} == expected


def test_text() -> None:
    answer = whole({**response({"text": "a"}, {"text": "b"}), "responseId": "r1", "modelVersion": "models/gemini-x"})
    assert answer.body == {
        "id": "r1",
        "object": "chat.completion",
        "created": CONTEXT.created,
        "model": "gemini-x",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "ab", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": Usage(input=1).to_openai(),
    }
    assert answer.finish_reason == "stop"


def test_what_vertex_and_the_tiers_add() -> None:
    usage = {"promptTokenCount": 1, "totalTokenCount": 1, "serviceTier": "standard"}
    body = {**response({"text": "a"}, usage=usage), "createTime": "2026-08-19T14:38:24.827860Z"}
    answer = whole(body)
    assert answer.body["created"] == 1787150304
    assert answer.body["service_tier"] == "default"
    assert answer.body["id"] == CONTEXT.id
    assert answer.body["model"] == NEW
    assert whole({**body, "createTime": "yesterday"}).body["created"] == CONTEXT.created


def test_thoughts_and_signatures() -> None:
    parts: tuple[Json, ...] = (
        {"text": "hm ", "thought": True},
        {"text": "so", "thought": True, "thoughtSignature": "AA=="},
        {"text": "Hi", "thoughtSignature": "AQ=="},
    )
    expected = {
        "role": "assistant",
        "content": "Hi",
        "refusal": None,
        "reasoning_content": "hm so",
        "reasoning_details": [
            {"type": "reasoning.encrypted", "data": "AA==", "format": "google-gemini-v1", "index": 0},
            {"type": "reasoning.encrypted", "data": "AQ==", "format": "google-gemini-v1", "index": 1},
        ],
    }
    assert message_of(*parts) == expected
    chunks, parser = stream(*(response(part, reason=None) for part in parts), response(reason="STOP"))
    same_message(chunks, expected)
    assert parser.text_chars == len("hm so" + "Hi")


def test_function_calls() -> None:
    parts: tuple[Json, ...] = (
        {"functionCall": {"name": "f", "args": {"x": 1.5}, "id": "abc"}, "thoughtSignature": "AA=="},
        {"functionCall": {"name": "g"}},
        {"functionCall": {"name": "g", "args": {}}},
        {"text": ""},
    )
    message = message_of(*parts)
    calls = message["tool_calls"]
    assert message["content"] is None
    assert calls[0] == {
        "id": "abc",
        "type": "function",
        "function": {"name": "f", "arguments": '{"x":1.5}'},
        "extra_content": {"google": {"thought_signature": "AA=="}},
    }
    assert calls[1]["function"] == calls[2]["function"] == {"name": "g", "arguments": "{}"}
    assert calls[1]["id"] != calls[2]["id"]
    assert calls[1]["id"].startswith("call_")
    assert whole(response(*parts)).finish_reason == "tool_calls"
    assert whole(response(*parts, reason="MAX_TOKENS")).finish_reason == "length"
    chunks, parser = stream(*(response(part, reason=None) for part in parts), response(reason="STOP"))
    same_message(chunks, message)
    assert parser.finish_reason == "tool_calls"
    assert chunks[0]["choices"][0]["delta"]["tool_calls"][0]["extra_content"]


def test_legacy_functions_are_answered_in_their_own_form() -> None:
    body = {"model": "auto", "messages": [], "functions": [{"name": "f"}]}
    context = context_for(gemini(), body)
    parts = [{"functionCall": {"name": "f", "args": {"x": 1}}}, {"functionCall": {"name": "f", "args": {}, "id": "b"}}]
    answer = whole(response(*parts), context)
    message = answer.body["choices"][0]["message"]
    assert message["function_call"] == {"name": "f", "arguments": '{"x":1}'}
    assert [call["id"] for call in message["tool_calls"]] == ["b"]
    assert answer.finish_reason == "function_call"
    chunks, _ = stream(*(response(part, reason=None) for part in parts), response(), context=context)
    same_message(chunks, message)


def test_candidates_become_choices() -> None:
    payload = {
        "candidates": [
            {"content": {"parts": [{"text": "two"}]}, "finishReason": "MAX_TOKENS", "index": 1},
            {"content": {"parts": [{"text": "one"}]}, "finishReason": "STOP", "index": 0},
        ]
    }
    answer = whole(payload)
    assert [choice["message"]["content"] for choice in answer.body["choices"]] == ["one", "two"]
    assert answer.finish_reason == "stop"
    assert answer.usage is None
    assert "usage" not in answer.body


def test_streams_of_several_candidates() -> None:
    context = context_for(gemini(), {"model": "auto", "messages": [], "n": 2})
    usage = {"promptTokenCount": 1, "totalTokenCount": 1}
    events = [
        {"candidates": [{"index": 0, "content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}]},
        {"candidates": [{"index": 1, "content": {"parts": [{"text": "b"}]}}], "usageMetadata": usage},
        {"candidates": [{"index": 1, "content": {"parts": [{"text": "c"}]}, "finishReason": "MAX_TOKENS"}]},
    ]
    for length in (1, 2):
        parser = ADAPTER.stream_parser(context)
        for event in events[:length]:
            parser.feed(sse_event(event))
        assert not parser.done
    chunks, parser = stream(*events, context=context)
    assert parser.done
    assert parser.finish_reason == "stop"
    assert [(c["message"]["content"], c["finish_reason"]) for c in fold(chunks)["choices"]] == [
        ("a", "stop"),
        ("bc", "length"),
    ]
    assert failure_of(lambda: stream(*events[:2], context=context)).cls is FailureClass.TRUNCATED


def sse_event(payload: Any) -> SseEvent:
    return SseEvent("", orjson.dumps(payload))


def test_stream_chunks_begin_with_the_role_and_end_with_the_reason() -> None:
    chunks, parser = stream(
        {**response({"text": "a"}, reason=None), "responseId": "r1"}, {**response({"text": "b"}), "responseId": "r2"}
    )
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": "a"},
        {"content": "b"},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, "stop"]
    assert {chunk["id"] for chunk in chunks} == {"r1"}
    assert parser.text_chars == 2


def test_usage_may_trail_the_finish_reason() -> None:
    finished = {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}]}
    chunks, parser = stream(finished, {"usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3}})
    assert parser.usage == Usage(input=3)
    assert parser.done
    assert parser.feed(sse_event(response({"text": "late"}))) == ()
    without, silent = stream(finished)
    assert without == chunks
    assert silent.usage is None
    assert not silent.done


def test_a_done_marker_is_ignored() -> None:
    chunks, _ = drive(ADAPTER, CONTEXT, [sse(response({"text": "a"})) + b"data: [DONE]\n\n"])
    assert fold(chunks)["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("events", [(), (response({"text": "a"}, reason=None),), ({"usageMetadata": {}},)])
def test_streams_without_an_end_are_truncated(events: tuple[Any, ...]) -> None:
    failure = failure_of(lambda: stream(*events))
    assert (failure.cls, failure.reason) == (FailureClass.TRUNCATED, "stream_truncated")


@pytest.mark.parametrize(
    ("metadata", "usage"),
    [
        (
            {
                "promptTokenCount": 100,
                "cachedContentTokenCount": 60,
                "candidatesTokenCount": 20,
                "thoughtsTokenCount": 5,
                "toolUsePromptTokenCount": 7,
                "totalTokenCount": 132,
            },
            Usage(input=47, cache_read=60, output=20, reasoning=5),
        ),
        (
            {
                "promptTokenCount": 100,
                "cachedContentTokenCount": 60,
                "candidatesTokenCount": 30,
                "totalTokenCount": 130,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 50},
                    {"modality": "AUDIO", "tokenCount": 50},
                ],
                "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 20}],
                "candidatesTokensDetails": [{"modality": 4, "tokenCount": 10}],
            },
            Usage(input=10, input_audio=30, cache_read=40, cache_read_audio=20, output=20, output_audio=10),
        ),
        ({"promptTokenCount": 5, "totalTokenCount": 9}, Usage(input=5, output=4)),
        ({"promptTokenCount": 5, "thoughtsTokenCount": 4, "totalTokenCount": 9}, Usage(input=5, reasoning=4)),
        # Thoughts counted among the candidates' tokens.
        (
            {"promptTokenCount": 5, "candidatesTokenCount": 10, "thoughtsTokenCount": 4, "totalTokenCount": 15},
            Usage(input=5, output=6, reasoning=4),
        ),
        ({"promptTokenCount": "many", "totalTokenCount": None, "promptTokensDetails": 3}, Usage()),
    ],
)
def test_usage(metadata: Json, usage: Usage) -> None:
    assert whole(response({"text": "a"}, usage=metadata)).usage == usage
    assert stream(response({"text": "a"}, usage=metadata))[1].usage == usage


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("CONTINUATION", "length"),
        *(
            (reason, "content_filter")
            for reason in (
                "SAFETY",
                "RECITATION",
                "LANGUAGE",
                "BLOCKLIST",
                "PROHIBITED_CONTENT",
                "SPII",
                "IMAGE_SAFETY",
                "IMAGE_PROHIBITED_CONTENT",
                "IMAGE_RECITATION",
                "MODEL_ARMOR",
                "OTHER",
                "SOMETHING_NEW",
            )
        ),
    ],
)
def test_finish_reasons(reason: str, finish: str) -> None:
    answer = whole(response({"text": "a"}, reason=reason, finishMessage="why", safetyRatings=[{"blocked": True}]))
    assert answer.finish_reason == finish
    google = answer.body["choices"][0]["message"].get("extra_content", {}).get("google")
    if finish == "content_filter":
        assert google == {"finish_reason": reason, "finish_message": "why", "safety_ratings": [{"blocked": True}]}
    else:
        assert google is None
    chunks, parser = stream(
        response({"text": "a"}, reason=reason, finishMessage="why", safetyRatings=[{"blocked": True}])
    )
    assert parser.finish_reason == finish
    same_message(chunks, answer.body["choices"][0]["message"])


@pytest.mark.parametrize(
    ("reason", "parts", "cls"),
    [
        ("MALFORMED_FUNCTION_CALL", [], FailureClass.TRANSIENT),
        ("MALFORMED_FUNCTION_CALL", [{"text": "a"}], FailureClass.TRANSIENT),
        ("UNEXPECTED_TOOL_CALL", [], FailureClass.TRANSIENT),
        ("NO_IMAGE", [], FailureClass.TRANSIENT),
        ("MISSING_THOUGHT_SIGNATURE", [], FailureClass.UNKNOWN),
        ("OTHER", [], FailureClass.UNKNOWN),
        ("SOMETHING_NEW", [], FailureClass.UNKNOWN),
        (99, [], FailureClass.UNKNOWN),
        (["x"], [], FailureClass.UNKNOWN),
    ],
)
def test_no_answer_is_a_failure_and_never_a_stop(reason: Any, parts: list[Json], cls: FailureClass) -> None:
    payload = response(*parts, reason=reason)
    failure = failure_of(lambda: whole(payload))
    assert (failure.cls, failure.reason) == (cls, "error_in_200")
    failure = failure_of(lambda: stream(payload))
    assert (failure.cls, failure.reason) == (cls, "upstream_error")


def test_filtered_answers_without_content() -> None:
    answer = whole({"candidates": [{"content": {}, "finishReason": "SAFETY"}]})
    assert answer.finish_reason == "content_filter"
    assert answer.body["choices"][0]["message"]["content"] is None


def test_a_blocked_prompt_is_a_failure_of_content_policy() -> None:
    blocked = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 9}}
    for run in (lambda: whole(blocked), lambda: stream(blocked)):
        failure = failure_of(run)
        assert (failure.cls, failure.reason, failure.code) == (
            FailureClass.CONTENT_POLICY,
            "filtered",
            "content_filter",
        )
        assert "PROHIBITED_CONTENT" in failure.message
    assert whole({**response({"text": "a"}), "promptFeedback": {"safetyRatings": []}}).finish_reason == "stop"


def test_what_gemini_adds_is_kept_beside_the_message() -> None:
    code: Json = {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "AA=="}
    parts: tuple[Json, ...] = (
        code,
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
        {"text": "1"},
        {"somethingNew": {"a": 1}},
        {"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}},
        {},
    )
    grounding = {"webSearchQueries": ["q"]}
    message = message_of(*parts, groundingMetadata=grounding, citationMetadata={"citationSources": []})
    assert message["content"] == "1"
    assert message["extra_content"] == {
        "google": {
            "parts": [code, parts[1], parts[3], parts[4]],
            "grounding_metadata": grounding,
            "citation_metadata": {"citationSources": []},
        }
    }
    assert "reasoning_details" not in message
    chunks, _ = stream(
        *(response(part, reason=None) for part in parts),
        response(groundingMetadata=grounding, citationMetadata={"citationSources": []}),
    )
    same_message(chunks, message)


def test_images_in_answers() -> None:
    parts: tuple[Json, ...] = (
        {"inlineData": {"mimeType": "image/png", "data": "DRAFT"}, "thought": True},
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thoughtSignature": "AA=="},
    )
    message = message_of(*parts)
    assert message["images"] == [
        {
            "type": "image_url",
            "index": 0,
            "image_url": {"url": "data:image/png;base64,AAAA"},
            "extra_content": {"google": {"thought_signature": "AA=="}},
        }
    ]
    chunks, _ = stream(*(response(part, reason=None) for part in parts), response())
    same_message(chunks, message)


def test_logprobs() -> None:
    result = {
        "chosenCandidates": [{"token": "é", "logProbability": -0.5, "tokenId": 1}, {"token": "b"}],
        "topCandidates": [
            {"candidates": [{"token": "é", "logProbability": -0.5}, {"token": "x", "logProbability": -2}]},
        ],
    }
    context = context_for(gemini(), {"model": "auto", "messages": [], "logprobs": True, "top_logprobs": 1})
    expected = {
        "content": [
            {
                "token": "é",
                "logprob": -0.5,
                "bytes": [195, 169],
                "top_logprobs": [{"token": "é", "logprob": -0.5, "bytes": [195, 169]}],
            },
            {"token": "b", "logprob": 0.0, "bytes": [98], "top_logprobs": []},
        ],
        "refusal": None,
    }
    payload = response({"text": "éb"}, logprobsResult=result)
    assert whole(payload, context).body["choices"][0]["logprobs"] == expected
    chunks, _ = stream(payload, context=context)
    assert fold(chunks)["choices"][0]["logprobs"] == expected
    twice = whole([response({"text": "éb"}, logprobsResult=result, reason=None), payload], context)
    assert len(twice.body["choices"][0]["logprobs"]["content"]) == 4


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"1",
        b'"x"',
        b"{}",
        b'{"candidates":[]}',
        b'{"candidates":[{}]}',
        b'{"candidates":{}}',
        b'{"candidates":[1]}',
        b'{"candidates":[{"content":"x"}]}',
        b'{"candidates":[{"content":{"parts":"x"}}]}',
        b'{"candidates":[{"content":{"parts":[1]}}]}',
        b'{"candidates":[{"content":{"parts":[{"text":1}]}}]}',
        b'{"candidates":[{"content":{"parts":[{"functionCall":{}}]}}]}',
        b'{"candidates":[{"content":{"parts":[{"functionCall":1}]}}]}',
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","willContinue":true}}]}}]}',
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":'
        + b"[" * 400
        + b"]" * 400
        + b"}}]}}]}",
        b'{"candidates":[{"finishReason":"STOP","groundingMetadata":' + b"[" * 400 + b"1" + b"]" * 400 + b"}]}",
    ],
)
def test_answers_that_gemini_does_not_give(body: bytes) -> None:
    failure = failure_of(lambda: ADAPTER.parse_response(body, CONTEXT))
    assert (failure.cls, failure.reason) == (FailureClass.UNKNOWN, "invalid_body")
    failure = failure_of(lambda: drive(ADAPTER, CONTEXT, [b"data: " + body + b"\n\n"]))
    assert failure.reason in ("invalid_sse", "stream_truncated")


def test_a_whole_answer_may_leave_out_its_finish_reason() -> None:
    assert whole(response({"text": "a"}, reason=None)).finish_reason == "stop"
    assert whole(response({"functionCall": {"name": "f"}}, reason=None)).finish_reason == "tool_calls"
    assert whole(response({"text": "a"}, reason="FINISH_REASON_UNSPECIFIED")).finish_reason == "stop"


ERROR = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}


@pytest.mark.parametrize("payload", [ERROR, [ERROR]])
def test_errors_inside_a_200(payload: Any) -> None:
    failure = failure_of(lambda: whole(payload))
    assert (failure.cls, failure.reason) == (FailureClass.TRANSIENT, "error_in_200")
    for events in ((payload,), (response({"text": "a"}, reason=None), payload)):
        failure = failure_of(lambda events=events: stream(*events))
        assert (failure.cls, failure.reason, failure.status) == (FailureClass.TRANSIENT, "upstream_error", 503)


def test_signatures_survive_to_the_next_turn() -> None:
    """What Gemini signed goes through a client that keeps whole messages and comes back signed in the same places."""
    answered = [
        {"text": "thinking", "thought": True},
        {"text": "Let me look. ", "thoughtSignature": "AA=="},
        {"functionCall": {"name": "f", "args": {"x": [1, None]}, "id": "c1"}, "thoughtSignature": "AQ=="},
        {"functionCall": {"name": "g", "args": {}, "id": "c2"}},
    ]
    chunks, _ = stream(*(response(part, reason=None) for part in answered), response())
    streamed = fold(chunks)["choices"][0]["message"]
    for message in (message_of(*answered), streamed):
        history = [
            {"role": "user", "content": "go"},
            message,
            {"role": "tool", "tool_call_id": "c1", "content": "1"},
            {"role": "tool", "tool_call_id": "c2", "content": "2"},
        ]
        body = {"model": "auto", "messages": history}
        call = ADAPTER.build_request(ChatRequest(body), gemini())
        assert call.warnings == ()
        assert sent(body)["contents"][1]["parts"] == answered[1:]
