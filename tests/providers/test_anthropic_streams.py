"""Streams of Anthropic's API that are not as its guide says, and what an estimate and a commit point rest on."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.core.chat import Json, has_content
from gateway.core.errors import FailureClass, ProviderError
from gateway.core.wire import SseEvent
from tests.laws import drive, fold
from tests.providers.anthropic_wire import ADAPTER, THOUGHTS, context, events_of, message, sse


def test_characters_are_counted_for_an_estimate() -> None:
    parser = drive(ADAPTER, context(), [sse(events_of(message(*THOUGHTS)))])[1]
    assert parser.text_chars == len("Let me see.") + len("I will call.") + len('{"x":"1"}')


def test_only_content_commits_a_stream() -> None:
    parser = ADAPTER.stream_parser(context())
    events = events_of(message({"type": "text", "text": "ab"}))
    assert not any(has_content(chunk) for event in events[:3] for chunk in feed(parser, event))
    assert has_content(feed(parser, events[3])[0])


def feed(parser: Any, *events: Json) -> list[Json]:
    return [chunk for event in events for chunk in parser.feed(SseEvent(event.get("type", ""), orjson.dumps(event)))]


def test_a_message_that_begins_twice_is_one() -> None:
    events = events_of(message({"type": "text", "text": "ab"}))
    chunks, _ = drive(ADAPTER, context(), [sse([events[0], *events])])
    assert fold(chunks)["choices"][0]["message"]["content"] == "ab"
    chunks, _ = drive(ADAPTER, context(), [sse([*events[:5], events[0], *events[5:]])])
    assert fold(chunks)["choices"][0]["message"]["content"] == "ab"


def test_another_message_in_the_midst_is_a_truncation() -> None:
    events = events_of(message({"type": "text", "text": "ab"}))
    other = {"type": "message_start", "message": {**events[0]["message"], "id": "msg_2"}}
    with pytest.raises(ProviderError) as raised:
        drive(ADAPTER, context(), [sse([*events[:4], other])])
    assert raised.value.failure.cls is FailureClass.TRUNCATED


def test_a_message_that_begins_with_its_content() -> None:
    whole = message(
        {"type": "text", "text": "a"}, {"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}}, stop="tool_use"
    )
    chunks, parser = drive(
        ADAPTER, context(), [sse([{"type": "message_start", "message": whole}, {"type": "message_stop"}])]
    )
    assert fold(chunks)["choices"] == ADAPTER.parse_response(orjson.dumps(whole), context()).body["choices"]
    assert parser.finish_reason == "tool_calls"


def test_unknown_events_and_deltas_are_passed_over() -> None:
    events = events_of(message({"type": "text", "text": "ab"}, {"type": "compaction", "content": None}))
    grown = {"type": "content_block_delta", "index": 1, "delta": {"type": "compaction_delta", "content": "Summary"}}
    events.insert(7, grown)
    events.insert(3, {"type": "weather", "sunny": True})
    said = fold(drive(ADAPTER, context(), [sse(events)])[0])["choices"][0]["message"]
    assert said["content"] == "ab"


def test_a_block_of_unknown_kind_is_kept_whole() -> None:
    events = events_of(message({"type": "compaction", "content": "One."}))
    events.insert(3, {"type": "content_block_delta", "index": 0, "delta": {"type": "c_delta", "content": " Two."}})
    said = fold(drive(ADAPTER, context(), [sse(events)])[0])["choices"][0]["message"]
    assert said["anthropic"]["content"] == [{"type": "compaction", "content": "One. Two."}]


def test_text_without_its_start() -> None:
    events = events_of(message({"type": "text", "text": "ab"}))
    del events[2]
    assert fold(drive(ADAPTER, context(), [sse(events)])[0])["choices"][0]["message"]["content"] == "ab"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "content_block_delta", "index": 9, "delta": {"type": "input_json_delta", "partial_json": "{"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 5}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a"}},
        {"type": "content_block_start", "index": 0},
        {"type": "message_start", "message": []},
        [],
    ],
)
def test_events_that_make_no_sense(event: object) -> None:
    with pytest.raises(ProviderError) as raised:
        drive(ADAPTER, context(), [b"data: " + orjson.dumps(event) + b"\n\n"])
    assert raised.value.failure.cls is FailureClass.UNKNOWN
    assert raised.value.failure.reason == "invalid_sse"
