"""Upstream data is not to be trusted: whatever comes, the Anthropic adapter answers or raises ProviderError."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.chat import Json
from gateway.core.errors import FailureClass, ProviderError
from gateway.core.wire import SseEvent
from gateway.providers.anthropic.adapter import AnthropicAdapter
from tests.laws import context_for
from tests.providers.anthropic_checks import ADAPTIVE, CITY, OLD, function, json_schema, target, user

ADAPTER = AnthropicAdapter()
CONTEXTS = (
    context_for(target(ADAPTIVE)),
    context_for(target(OLD), {"model": "auto", "messages": [user()], "response_format": json_schema(CITY)}),
    context_for(target(ADAPTIVE), {"model": "auto", "messages": [user()], "functions": [function()["function"]]}),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.floats(allow_nan=False), st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=5,
)
KINDS = ["text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "compaction", "?", "answer"]


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(strategy, strategy, strategy, JSON)


BLOCKS = st.fixed_dictionaries(
    {"type": maybe(st.sampled_from(KINDS))},
    optional={
        "text": maybe(st.text(max_size=3)), "thinking": maybe(st.text(max_size=3)), "signature": maybe(st.just("s")),
        "data": maybe(st.just("d")), "id": maybe(st.sampled_from(["a", "b"])),
        "name": maybe(st.sampled_from(["f", "answer"])),
        "input": JSON, "citations": JSON, "caller": JSON, "toolset_name": JSON,
    },
)  # fmt: skip
DELTAS = st.fixed_dictionaries(
    {
        "type": maybe(
            st.sampled_from(
                ["text_delta", "thinking_delta", "signature_delta", "input_json_delta", "citations_delta", "new_delta"]
            )
        )
    },
    optional={
        "text": maybe(st.text(max_size=3)), "thinking": maybe(st.text(max_size=3)), "signature": maybe(st.just("s")),
        "partial_json": maybe(st.sampled_from(["{", "}", '"a":1', ""])), "citation": JSON, "citations": JSON,
    },
)  # fmt: skip
ENDINGS = {
    "stop_reason": maybe(st.sampled_from(["end_turn", "tool_use", "refusal", "pause_turn"])),
    "stop_sequence": JSON,
    "stop_details": JSON,
    "usage": maybe(st.dictionaries(st.sampled_from(["input_tokens", "output_tokens", "cache_creation"]), JSON)),
    "container": JSON,
}
MESSAGES = st.fixed_dictionaries(
    {"content": maybe(st.lists(maybe(BLOCKS), max_size=3))},
    optional={
        "id": maybe(st.just("msg_1")),
        "model": JSON,
        "type": maybe(st.just("message")),
        "error": JSON,
        **ENDINGS,
    },
)
INDEX = maybe(st.integers(0, 2))
EVENTS = st.one_of(
    st.fixed_dictionaries({"type": st.just("message_start"), "message": maybe(MESSAGES)}),
    st.fixed_dictionaries({"type": st.just("content_block_start"), "index": INDEX, "content_block": maybe(BLOCKS)}),
    st.fixed_dictionaries({"type": st.just("content_block_delta"), "index": INDEX, "delta": maybe(DELTAS)}),
    st.fixed_dictionaries({"type": st.just("content_block_stop"), "index": INDEX}),
    st.fixed_dictionaries(
        {"type": st.just("message_delta"), "delta": maybe(st.fixed_dictionaries({}, optional=ENDINGS)), "usage": JSON}
    ),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["ping", "message_stop", "error", "new"])}, optional={"error": JSON}
    ),
    JSON,
)


@settings(max_examples=600, deadline=None)
@given(events=st.lists(EVENTS, max_size=10), which=st.sampled_from(range(len(CONTEXTS))))
def test_any_stream(events: list[Any], which: int) -> None:
    parser = ADAPTER.stream_parser(CONTEXTS[which])
    chunks: list[Json] = []
    try:
        for event in events:
            if not parser.done:
                chunks.extend(parser.feed(SseEvent("", orjson.dumps(event))))
        chunks.extend(parser.finish())
    except ProviderError as error:
        assert isinstance(error.failure.cls, FailureClass)  # noqa: PT017
    else:
        assert parser.done
        assert chunks[-1]["choices"][0]["finish_reason"] == parser.finish_reason
    finished = [chunk for chunk in chunks if chunk["choices"][0]["finish_reason"]]
    assert len(finished) == (1 if parser.done else 0), "only the terminal event finishes a choice"
    orjson.dumps(chunks)


@settings(max_examples=600, deadline=None)
@given(message=maybe(MESSAGES), which=st.sampled_from(range(len(CONTEXTS))))
def test_any_body(message: object, which: int) -> None:
    try:
        answer = ADAPTER.parse_response(orjson.dumps(message), CONTEXTS[which])
    except ProviderError as error:
        assert error.failure.reason in ("invalid_body", "error_in_200")  # noqa: PT017
    else:
        assert answer.body["choices"][0]["finish_reason"] == answer.finish_reason
        orjson.dumps(answer.body)


@settings(max_examples=300, deadline=None)
@given(body=st.one_of(st.binary(max_size=40), JSON.map(orjson.dumps)), status=st.integers(300, 599))
def test_any_error(body: bytes, status: int) -> None:
    failure = ADAPTER.map_error(status, {"retry-after": "x"}, body)
    assert isinstance(failure.cls, FailureClass)


def test_input_nested_beyond_reason() -> None:
    deep = b'{"a":' * 300 + b"1" + b"}" * 300
    for kind in (b"tool_use", b"server_tool_use"):
        block = b'{"type":"%b","id":"t","name":"f","input":%b}' % (kind, deep)
        with pytest.raises(ProviderError) as raised:
            ADAPTER.parse_response(b'{"type":"message","content":[%b]}' % block, CONTEXTS[0])
        assert raised.value.failure.cls is FailureClass.UNKNOWN
        parser = ADAPTER.stream_parser(CONTEXTS[0])
        parser.feed(SseEvent("", b'{"type":"content_block_start","index":0,"content_block":%b}' % block))
        with pytest.raises(ProviderError) as raised:
            parser.feed(SseEvent("", b'{"type":"message_stop"}'))
        assert raised.value.failure.cls is FailureClass.UNKNOWN
