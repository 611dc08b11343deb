"""What the Anthropic adapter makes of answers, whole and streamed; each case is checked both ways."""

from __future__ import annotations

import orjson
import pytest

from gateway.core.chat import Json
from gateway.core.errors import FailureClass, ProviderError
from gateway.core.usage import Usage
from gateway.providers.anthropic.messages import REASONING_FORMAT
from gateway.providers.base import CallContext
from tests.laws import assert_split_invariant, assert_truncation_is_visible, drive, fold
from tests.providers.anthropic_checks import ADAPTIVE, CITY, OLD, build, function, json_schema, result, user
from tests.providers.anthropic_wire import ADAPTER, THOUGHTS, USAGE, context, events_of, message, sse


def both_ways(whole: Json, at: CallContext | None = None) -> Json:
    """The choice that `whole` gives, asserted to be the same from its stream, under the laws."""
    at = at or context()
    answer = ADAPTER.parse_response(orjson.dumps(whole), at)
    stream = sse(events_of(whole))
    chunks, parser = drive(ADAPTER, at, [stream])
    assert fold(chunks)["choices"] == answer.body["choices"]
    assert (parser.usage, parser.finish_reason) == (answer.usage, answer.finish_reason)
    assert {chunk["id"] for chunk in chunks} == {answer.body["id"]}
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-1]["choices"][0]["delta"] == {}
    assert_split_invariant(ADAPTER, at, stream)
    assert_truncation_is_visible(ADAPTER, at, stream, len(stream) - 3)
    choice: Json = answer.body["choices"][0]
    return choice


def test_text() -> None:
    choice = both_ways(message({"type": "text", "text": "Hello."}))
    assert choice == {
        "index": 0,
        "message": {"role": "assistant", "content": "Hello.", "refusal": None},
        "logprobs": None,
        "finish_reason": "stop",
    }


def test_the_body_around_the_choice() -> None:
    usage = {**USAGE, "service_tier": "priority"}
    body = ADAPTER.parse_response(orjson.dumps(message(usage=usage, container={"id": "c"})), context()).body
    assert (body["id"], body["object"], body["created"]) == ("msg_1", "chat.completion", 1_700_000_000)
    assert (body["model"], body["service_tier"], body["container"]) == ("claude-opus-4-6", "priority", {"id": "c"})
    assert body["usage"]["total_tokens"] == 30
    bare = {"type": "message", "content": [], "stop_reason": "end_turn"}
    answer = ADAPTER.parse_response(orjson.dumps(bare), context())
    assert (answer.body["id"], answer.body["model"], answer.usage) == ("chatcmpl-test", ADAPTIVE, None)
    assert "usage" not in answer.body


def test_tool_calls_are_numbered_among_themselves() -> None:
    whole = message(
        {"type": "text", "text": "Both."},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": "é"}},
        {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}},
        stop="tool_use",
    )
    choice = both_ways(whole)
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"] == [
        {"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": '{"x":"é"}'}},
        {"id": "toolu_2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]
    assert "anthropic" not in choice["message"]


def test_calls_without_ids_get_the_same_ones_both_ways() -> None:
    choice = both_ways(message({"type": "tool_use", "name": "f", "input": {}}, stop="tool_use"))
    assert choice["message"]["tool_calls"][0]["id"].startswith("call_")


@pytest.mark.parametrize(
    ("stop", "finish", "kept"),
    [
        ("end_turn", "stop", False), ("max_tokens", "length", False), ("tool_use", "stop", False),
        ("model_context_window_exceeded", "length", True), ("pause_turn", "length", True),
        ("refusal", "content_filter", True), ("compaction", "length", True),
        ("something_new", "length", True), (None, "stop", False),
    ],
)  # fmt: skip
def test_finish_reasons(stop: str | None, finish: str, kept: bool) -> None:
    choice = both_ways(message({"type": "text", "text": "a"}, stop=stop))
    assert choice["finish_reason"] == finish
    assert choice["message"].get("anthropic", {}).get("stop_reason") == (stop if kept else None)


def test_the_stop_sequence_is_kept() -> None:
    choice = both_ways(message({"type": "text", "text": "a"}, stop="stop_sequence") | {"stop_sequence": "END"})
    assert (choice["finish_reason"], choice["message"]["anthropic"]) == ("stop", {"stop_sequence": "END"})


def test_a_refusal_explains_itself() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "Not this."}
    choice = both_ways(message(stop="refusal", stop_details=details))
    assert choice["finish_reason"] == "content_filter"
    assert choice["message"]["content"] is None
    assert choice["message"]["refusal"] == "Not this."
    assert choice["message"]["anthropic"] == {"stop_reason": "refusal", "stop_details": details}


def test_an_empty_answer_is_one() -> None:
    assert both_ways(message())["message"] == {"role": "assistant", "content": None, "refusal": None}


def test_thinking() -> None:
    said = both_ways(message(*THOUGHTS, stop="tool_use"))["message"]
    assert said["reasoning_content"] == "Let me see."
    assert said["reasoning_details"] == [
        {"type": "reasoning.text", "text": "Let me see.", "signature": "sig1", "format": REASONING_FORMAT, "index": 0,
         "model": ADAPTIVE},
        {"type": "reasoning.encrypted", "data": "blob", "format": REASONING_FORMAT, "index": 1, "model": ADAPTIVE},
        {"type": "reasoning.text", "text": "", "signature": "sig2", "format": REASONING_FORMAT, "index": 2,
         "block": 3, "model": ADAPTIVE},
    ]  # fmt: skip


SEARCH = (
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
    {"type": "text", "text": "It is so.", "citations": [
        {"type": "web_search_result_location", "url": "https://e.com", "title": "E", "cited_text": "so",
         "encrypted_index": "i"},
        {"type": "char_location", "cited_text": "so", "document_index": 0, "document_title": None,
         "start_char_index": 0, "end_char_index": 2},
    ]},
    {"type": "text", "text": " Indeed."},
)  # fmt: skip


def test_server_tools_and_citations() -> None:
    said = both_ways(message({"type": "text", "text": "Hm. "}, *SEARCH))["message"]
    assert said["content"] == "Hm. It is so. Indeed."
    assert said["annotations"] == [
        {
            "type": "url_citation",
            "url_citation": {"url": "https://e.com", "title": "E", "start_index": 4, "end_index": 13},
        }
    ]
    assert said["anthropic"] == {"model": ADAPTIVE, "content": [{"type": "text", "text": "Hm. "}, *SEARCH]}


@pytest.mark.parametrize("blocks", [THOUGHTS, SEARCH, THOUGHTS[:3], THOUGHTS[4:], ({"type": "text", "text": "a"},)])
def test_an_answer_goes_back_as_the_same_blocks(blocks: tuple[Json, ...]) -> None:
    said = both_ways(message(*blocks))["message"]
    talk = [user(), said, result("ok", "toolu_1") if blocks[-1]["type"] == "tool_use" else user("and?")]
    sent, outgoing = build({"messages": talk, "tools": [function()]}, ADAPTIVE)
    assert sent["messages"][1]["content"] == list(blocks)
    assert outgoing.warnings == ()


def test_a_paused_turn_goes_back_without_a_nudge() -> None:
    said = both_ways(message(*SEARCH[:1], stop="pause_turn"))["message"]
    tool = {"type": "web_search_20250305", "name": "web_search"}
    sent, outgoing = build({"messages": [user(), said], "tools": [tool]}, ADAPTIVE)
    assert sent["messages"][-1] == {"role": "assistant", "content": list(SEARCH[:1])}
    assert outgoing.warnings == ()


def test_a_stand_in_tool_becomes_content() -> None:
    at = context(OLD, response_format=json_schema(CITY))
    choice = both_ways(
        message({"type": "tool_use", "id": "t", "name": "answer", "input": {"city": "A"}}, stop="tool_use"), at
    )
    assert choice["message"] == {"role": "assistant", "content": '{"city":"A"}', "refusal": None}
    assert choice["finish_reason"] == "stop"
    at = context(OLD, response_format=json_schema(CITY), tools=[function("f")])
    choice = both_ways(message({"type": "tool_use", "id": "t", "name": "f", "input": {}}, stop="tool_use"), at)
    assert choice["message"]["content"] is None
    assert choice["finish_reason"] == "tool_calls"


def test_legacy_functions_are_answered_in_their_form() -> None:
    at = context(functions=[{"name": "f"}])
    whole = message({"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}}, stop="tool_use")
    answer = ADAPTER.parse_response(orjson.dumps(whole), at)
    assert answer.body["choices"][0]["message"]["function_call"] == {"name": "f", "arguments": '{"x":1}'}
    assert answer.finish_reason == "function_call"
    chunks, parser = drive(ADAPTER, at, [sse(events_of(whole))])
    deltas = [chunk["choices"][0]["delta"].get("function_call", {}) for chunk in chunks]
    assert "".join(delta.get("arguments", "") for delta in deltas) == '{"x":1}'
    assert deltas[0]["name"] == "f"
    assert parser.finish_reason == "function_call"


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        ({"input_tokens": 5, "output_tokens": 7}, Usage(input=5, output=7)),
        (
            {"input_tokens": 5, "output_tokens": 7, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 9},
            Usage(input=5, output=7, cache_read=3, cache_write_5m=9),
        ),
        (
            {"input_tokens": 5, "output_tokens": 7, "cache_creation_input_tokens": 9,
             "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 5}},
            Usage(input=5, output=7, cache_write_5m=4, cache_write_1h=5),
        ),
        (
            {"input_tokens": 5, "output_tokens": 7, "output_tokens_details": {"thinking_tokens": 6},
             "server_tool_use": {"web_search_requests": 2}, "cache_creation": None},
            Usage(input=5, output=1, reasoning=6),
        ),
        ({"input_tokens": -1, "output_tokens": "many", "output_tokens_details": {"thinking_tokens": 6}}, Usage()),
    ],
)  # fmt: skip
def test_usage_is_disjoint(reported: Json, expected: Usage) -> None:
    answer = ADAPTER.parse_response(orjson.dumps(message(usage=reported)), context())
    assert answer.usage == expected
    assert drive(ADAPTER, context(), [sse(events_of(message(usage=reported)))])[1].usage == expected


def test_a_streams_counts_are_cumulative() -> None:
    events = events_of(message({"type": "text", "text": "a"}, usage={"input_tokens": 61, "output_tokens": 9}))
    events[0]["message"]["usage"] = {"input_tokens": 43, "output_tokens": 1, "cache_read_input_tokens": 8}
    parser = drive(ADAPTER, context(), [sse(events)])[1]
    assert parser.usage == Usage(input=61, output=9, cache_read=8)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"type":"message","content":"hi"}', b'{"content":[1]}']
)
def test_bodies_that_are_no_message(body: bytes) -> None:
    with pytest.raises(ProviderError) as raised:
        ADAPTER.parse_response(body, context())
    assert (raised.value.failure.cls, raised.value.failure.reason) == (FailureClass.UNKNOWN, "invalid_body")
