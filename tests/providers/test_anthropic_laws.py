"""The laws of adapters, held over recorded traffic of Anthropic's API: every answer parses and its usage adds up, every
error has its class, streams are the same however they are cut, and one that breaks off never looks complete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.core.chat import Json
from gateway.core.errors import FailureClass, ProviderError
from gateway.providers.anthropic.adapter import AnthropicAdapter
from gateway.providers.base import CallContext
from tests.laws import assert_split_invariant, assert_truncation_is_visible, context_for, drive, fold
from tests.providers.anthropic_checks import assert_legal, target
from tests.shared_data import SHARED, cassettes, load_cassette, needs_shared

ADAPTER = AnthropicAdapter()


def recordings(*kinds: str) -> list[Any]:
    """The recorded exchanges whose names say one of `kinds`: json, sse, error. Counts of tokens are no messages."""
    found = cassettes("anthropic-messages")
    named = [
        param
        for param in found
        if param.values[0] and param.values[0].name[3:].startswith(kinds) and "count_tokens" not in param.values[0].name
    ]
    return named or found[:1]


FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
CLASSES = {400: FailureClass.CALLER_FAULT, 401: FailureClass.CREDENTIAL, 404: FailureClass.MODEL_GONE}


def context(recorded: Json) -> CallContext:
    return context_for(target(recorded["request"]["body"]["model"]))


def body(recorded: Json) -> bytes:
    text: str = recorded["response"]["body_text"]
    return text.encode()


def is_stream(recorded: Json) -> bool:
    return "event: message_start" in recorded["response"]["body_text"]


def reported(recorded: Json) -> Json:
    """What the vendor says of usage and of the ending, read by hand from the recording."""
    if not is_stream(recorded):
        message: Json = orjson.loads(body(recorded))
        return {"usage": message["usage"], "stop_reason": message["stop_reason"]}
    events = [orjson.loads(line[6:]) for line in body(recorded).splitlines() if line.startswith(b"data: ")]
    start = next(event["message"]["usage"] for event in events if event["type"] == "message_start")
    delta = next(event for event in events if event["type"] == "message_delta")
    return {"usage": {**start, **delta["usage"]}, "stop_reason": delta["delta"]["stop_reason"]}


@pytest.mark.parametrize("path", recordings("json", "sse"))
def test_recorded_answers(path: Path) -> None:
    recorded = load_cassette(path)
    if is_stream(recorded):
        chunks, parser = drive(ADAPTER, context(recorded), [body(recorded)])
        whole, usage, finish = fold(chunks), parser.usage, parser.finish_reason
    else:
        answer = ADAPTER.parse_response(body(recorded), context(recorded))
        whole, usage, finish = answer.body, answer.usage, answer.finish_reason
    said = reported(recorded)
    assert usage is not None
    assert usage.prompt_total == sum(
        said["usage"].get(name) or 0
        for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    )
    assert usage.completion_total == said["usage"]["output_tokens"]
    assert usage.reasoning == (said["usage"].get("output_tokens_details") or {}).get("thinking_tokens", 0)
    [choice] = whole["choices"]
    assert finish == choice["finish_reason"] == FINISH[said["stop_reason"]]
    assert whole["id"].startswith("msg_")
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"] or choice["message"]["tool_calls"]
    for call in choice["message"].get("tool_calls", ()):
        assert isinstance(orjson.loads(call["function"]["arguments"]), dict)


@pytest.mark.parametrize("path", recordings("sse"))
def test_recorded_streams_keep_the_laws(path: Path) -> None:
    recorded = load_cassette(path)
    stream = body(recorded)
    assert_split_invariant(ADAPTER, context(recorded), stream, step=1 if len(stream) < 8_000 else 7)
    terminal = stream.index(b'"type":"message_stop"') + len(b'"type":"message_stop"')
    assert_truncation_is_visible(ADAPTER, context(recorded), stream, stream.index(b"}", terminal) + 1)


@pytest.mark.parametrize("path", recordings("error"))
def test_recorded_errors(path: Path) -> None:
    recorded = load_cassette(path)
    status = recorded["response"]["status"]
    failure = ADAPTER.map_error(status, recorded["response"]["headers"], body(recorded))
    expected = CLASSES[status]
    if "prompt is too long" in failure.message:
        expected = FailureClass.CONTEXT_WINDOW
    assert failure.cls is expected
    assert failure.status == status
    assert failure.message == orjson.loads(body(recorded))["error"]["message"]
    with pytest.raises(ProviderError) as raised:
        ADAPTER.parse_response(body(recorded), context(recorded))
    assert raised.value.failure.reason == "error_in_200"


@pytest.mark.parametrize("path", recordings("json", "sse"))
def test_what_the_api_took_is_legal(path: Path) -> None:
    """The checker that holds our requests to the API's rules lets through what the API was seen to accept."""
    recorded = load_cassette(path)
    asked = dict(recorded["request"]["body"])
    asked["messages"] = [
        {**turn, "content": [{"type": "text", "text": turn["content"]}]} if isinstance(turn["content"], str) else turn
        for turn in asked["messages"]
    ]
    asked["system"] = [] if isinstance(asked.get("system"), str) else asked.get("system", [])
    assert_legal(asked)


@needs_shared
def test_quoted_errors() -> None:
    quoted: list[Json] = orjson.loads((SHARED / "cassettes/quoted-errors/errors.json").read_bytes())
    ours = [error for error in quoted if error["provider"] == "anthropic"]
    assert ours
    for error in ours:
        if "sse" in error:
            with pytest.raises(ProviderError) as raised:
                drive(ADAPTER, context_for(target()), [error["sse"].encode()])
            assert raised.value.failure.cls is FailureClass.TRANSIENT
        else:
            failure = ADAPTER.map_error(error["status"], error["headers"], orjson.dumps(error["body"]))
            assert failure.cls is FailureClass.TRANSIENT


def fixtures(pattern: str) -> list[Any]:
    folder = SHARED / "cassettes" / "vercel-ai-fixtures" / "anthropic"
    return [pytest.param(path, id=path.name) for path in sorted(folder.glob(pattern))] or [
        pytest.param(None, marks=pytest.mark.skip(reason=f"no fixtures in {SHARED}"))
    ]


@pytest.mark.parametrize("path", fixtures("anthropic-*"))
def test_answers_with_every_kind_of_block(path: Path) -> None:
    """Server tools, citations, compaction, fallbacks...: nothing breaks, and streams keep the laws."""
    if path.suffix == ".json":
        answer = ADAPTER.parse_response(path.read_bytes(), context_for(target()))
        assert answer.finish_reason in ("stop", "length", "tool_calls", "content_filter")
        return
    lines = [line for line in path.read_bytes().splitlines() if line.strip()]
    stream = b"".join(b"data: " + line + b"\n\n" for line in lines)
    chunks, parser = drive(ADAPTER, context_for(target()), [stream])
    assert parser.done
    assert chunks[-1]["choices"][0]["finish_reason"] == parser.finish_reason
    assert_split_invariant(ADAPTER, context_for(target()), stream, step=max(1, len(stream) // 500))


@pytest.mark.parametrize("path", fixtures("anthropic-*.txt"))
def test_a_stream_folds_into_the_whole_message(path: Path) -> None:
    """The blocks that a stream made, sent as a whole message, give the same choice."""
    events = [orjson.loads(line) for line in path.read_bytes().splitlines() if line.strip()]
    ends = next(index for index, event in enumerate(events) if event["type"] == "message_stop")
    events = events[: ends + 1]  # some files hold the streams of several turns
    stream = b"".join(b"data: " + orjson.dumps(event) + b"\n\n" for event in events)
    folded = fold(drive(ADAPTER, context_for(target()), [stream])[0])["choices"]
    whole = ADAPTER.parse_response(orjson.dumps(message_of(events)), context_for(target())).body["choices"]
    assert comparable(folded) == comparable(whole)


@pytest.mark.parametrize("path", recordings("sse"))
def test_a_recorded_stream_folds_into_the_whole_message(path: Path) -> None:
    recorded = load_cassette(path)
    events = [orjson.loads(line[6:]) for line in body(recorded).splitlines() if line.startswith(b"data: ")]
    folded = fold(drive(ADAPTER, context(recorded), [body(recorded)])[0])["choices"]
    whole = ADAPTER.parse_response(orjson.dumps(message_of(events)), context(recorded)).body["choices"]
    assert comparable(folded) == comparable(whole)


def message_of(events: list[Json]) -> Json:
    """The message that a stream of events tells, put together without the adapter."""
    message = dict(events[0]["message"])
    blocks: dict[int, Json] = {}
    json: dict[int, str] = {}
    for event in events:
        if event["type"] == "content_block_start":
            blocks[event["index"]] = dict(event["content_block"])
        elif event["type"] == "content_block_delta":
            block, delta = blocks[event["index"]], event["delta"]
            for name in ("text", "thinking", "signature", "content"):
                if isinstance(delta.get(name), str):
                    block[name] = (block.get(name) or "") + delta[name]
            if delta["type"] == "citations_delta":
                block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
            if delta["type"] == "input_json_delta":
                json[event["index"]] = json.get(event["index"], "") + delta["partial_json"]
        elif event["type"] == "message_delta":
            message |= event["delta"]
    for index, text in json.items():
        if text:
            blocks[index]["input"] = orjson.loads(text)
    return {**message, "content": [blocks[index] for index in sorted(blocks)]}


def comparable(choices: list[Json]) -> list[Json]:
    """JSON texts of arguments differ in white space only."""
    for choice in choices:
        for call in choice["message"].get("tool_calls") or ():
            call["function"]["arguments"] = orjson.loads(call["function"]["arguments"])
    return choices
