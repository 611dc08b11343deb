"""openai SDK: streams, read as chunks, through the `.stream()` helper, and left before their end."""

from __future__ import annotations

import openai
import pytest

from gateway.simulator.server import Simulator
from tests.running import LoopThread, RunningGateway
from tests.sdk.asks import user
from tests.sdk.clients import Caller
from tests.sdk.conftest import eventually

LONG = "wagon " * 40 + "🚂"


def test_chunks(caller: Caller, model: str) -> None:
    chunks = caller.chunks(model=model, messages=user(f"Say exactly: {LONG}"))
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert {chunk.model for chunk in chunks} == {model}
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    assert len(chunks) > 3
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == LONG
    assert [c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason] == ["stop"]
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks)


def test_include_usage(caller: Caller, model: str) -> None:
    ask = {"model": model, "messages": user("What does a shunting engine do?")}
    *chunks, last = caller.chunks(stream_options={"include_usage": True}, **ask)
    assert last.choices == []
    assert all(chunk.usage is None for chunk in chunks)
    whole = caller.create(**ask)
    assert last.usage is not None
    assert whole.usage is not None
    assert last.usage.total_tokens == whole.usage.total_tokens
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == whole.choices[0].message.content


def test_several_choices(caller: Caller, model: str) -> None:
    texts: dict[int, str] = {}
    for chunk in caller.chunks(model=model, messages=user("Tell me about wagons, please."), n=2):
        for choice in chunk.choices:
            texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
    assert texts.keys() == {0, 1}
    assert texts[0] != texts[1]


def test_length(caller: Caller, model: str) -> None:
    chunks = caller.chunks(model=model, messages=user("words: 400"), max_tokens=60)
    assert chunks[-1].choices[0].finish_reason == "length"


def test_helper_events(caller: Caller, model: str) -> None:
    events, final = caller.events(
        model=model, messages=user(f"Say exactly: {LONG}"), stream_options={"include_usage": True}
    )
    deltas = [event for event in events if event.type == "content.delta"]
    assert len(deltas) > 1
    assert "".join(event.delta for event in deltas) == LONG
    assert deltas[-1].snapshot == LONG
    (done,) = [event for event in events if event.type == "content.done"]
    assert done.content == LONG
    assert len([event for event in events if event.type == "chunk"]) > len(deltas)
    choice = final.choices[0]
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", LONG, "stop")
    assert final.usage is not None
    assert final.usage.total_tokens > 0


def test_leaving_closes_the_upstream(
    caller: Caller, loop: LoopThread, gateway: RunningGateway, simulators: dict[str, Simulator], wire: str
) -> None:
    """The model stalls in the middle of its answer; the client reads the beginning and goes."""
    stats = simulators[wire].stats
    closed = stats.closed_early
    text = caller.read_one_and_leave(model=f"{wire}-stalling", messages=user("words: 80"))
    assert text
    record = gateway.records.last()
    assert (record.outcome, record.http_status) == ("client_gone", 499)
    assert record.attempts[0].usage is not None
    assert record.attempts[0].usage.source == "estimated"
    eventually(loop, lambda: stats.closed_early == closed + 1)


@pytest.mark.parametrize("fault", ["breaking", "failing"])
def test_a_stream_that_breaks_raises(caller: Caller, wire: str, fault: str) -> None:
    """After the first content nothing can be retried: the SDK raises, and never takes what it has for the answer."""
    with pytest.raises(openai.APIError) as caught:
        caller.chunks(model=f"{wire}-{fault}", messages=user("words: 80"))
    assert not isinstance(caught.value, openai.APIStatusError)
    assert caught.value.type == "server_error"
    assert caught.value.code == {"breaking": "upstream_invalid_response", "failing": "upstream_unavailable"}[fault]


def test_a_stream_that_fails_before_content_is_an_error_status(caller: Caller, wire: str) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        caller.chunks(model=f"{wire}-down", messages=user("words: 80"))
    assert caught.value.status_code == 503
