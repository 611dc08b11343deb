"""Through one address to three wire formats: answers, streams, headers and records."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from gateway.simulator.server import Simulator
from tests.e2e.conftest import CLOSE_KEY, KEY
from tests.running import RunningGateway

WIRES = {"gpt": "openai", "claude": "anthropic", "gemini": "google"}


@pytest.fixture
def client(gateway: RunningGateway) -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.base_url, api_key=KEY, max_retries=0)


@pytest.mark.parametrize("model", WIRES)
def test_a_whole_answer(client: openai.OpenAI, gateway: RunningGateway, model: str) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": "Say exactly: wagons roll"}]
    )
    answer = raw.parse()
    assert answer.choices[0].message.content == "wagons roll"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    headers = raw.headers
    assert headers["x-gateway-model"] == model
    assert headers["x-gateway-provider"] == WIRES[model]
    assert headers["x-gateway-route"] == "pinned"
    assert headers["x-gateway-task"] == "unsure"
    assert headers["x-gateway-attempts"] == "1"
    assert float(headers["x-gateway-cost-usd"]) > 0
    assert headers["x-gateway-config"] == gateway.gateway.current().snapshot.hash
    record = gateway.records.last()
    assert record.request_id == headers["x-request-id"] == headers["x-gateway-request-id"]
    assert (record.outcome, record.http_status, record.principal) == ("ok", 200, "app")
    assert record.usage is not None
    assert record.usage.total == answer.usage.total_tokens
    assert record.usage.source == "reported"
    assert record.cost_nano_usd is not None


@pytest.mark.parametrize("include_usage", [False, True])
@pytest.mark.parametrize("model", WIRES)
def test_a_stream(client: openai.OpenAI, gateway: RunningGateway, model: str, include_usage: bool) -> None:
    options = {"stream_options": {"include_usage": True}} if include_usage else {}
    chunks = list(
        client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": "Say exactly: one two three"}],
            stream=True,
            **options,  # type: ignore[call-overload]
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "one two three"
    assert len({chunk.id for chunk in chunks}) == 1
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]
    with_usage = [chunk for chunk in chunks if chunk.usage]
    record = gateway.records.last()
    assert record.usage is not None
    assert record.first_token is not None
    if include_usage:
        assert with_usage == [chunks[-1]]
        assert chunks[-1].choices == []
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.total_tokens == record.usage.total
    else:
        assert with_usage == []
    assert record.usage.source == "reported"


@pytest.mark.parametrize("model", WIRES)
def test_a_stream_and_a_whole_answer_say_the_same(client: openai.OpenAI, gateway: RunningGateway, model: str) -> None:
    messages = [{"role": "user", "content": "What does a shunting engine do?"}]
    whole = client.chat.completions.create(model=model, messages=messages)  # type: ignore[arg-type]
    streamed = client.chat.completions.create(model=model, messages=messages, stream=True)  # type: ignore[call-overload]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in streamed if chunk.choices)
    assert text == whole.choices[0].message.content
    first, second = gateway.records.last(), gateway.records.ended[-2]
    assert first.usage is not None
    assert second.usage is not None
    assert (first.usage.prompt_total, first.usage.completion_total) == (
        second.usage.prompt_total,
        second.usage.completion_total,
    )


def test_routes_decide_for_auto(client: openai.OpenAI) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    raw = client.chat.completions.with_raw_response.create(
        model="auto",
        messages=[{"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture]}],  # type: ignore[list-item]
    )
    assert raw.headers["x-gateway-route"] == "pictures"
    assert raw.headers["x-gateway-model"] == "gemini"
    assert raw.headers["x-gateway-task"] == "unsure+multimodal"
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
    assert raw.headers["x-gateway-route"] == "default"
    assert raw.headers["x-gateway-model"] == "gpt"


def test_what_was_left_out_is_said(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="claude", messages=[{"role": "user", "content": "hi"}], seed=7, logit_bias={"1": 1}
    )
    warnings = raw.headers["x-gateway-warnings"]
    assert "seed" in warnings
    assert "logit_bias" in warnings


def test_models(client: openai.OpenAI) -> None:
    names = {model.id: model.owned_by for model in client.models.list()}
    assert names == {
        "auto": "switchyard",
        "gpt-4o": "switchyard",
        "gpt": "openai",
        "gpt-4o-mini": "openai",
        "claude": "anthropic",
        "gemini": "google",
    }
    assert client.models.retrieve("claude").owned_by == "anthropic"
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("nope")
    assert caught.value.code == "model_not_found"


def test_a_key_sees_and_reaches_the_models_that_are_open_to_it(gateway: RunningGateway) -> None:
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=CLOSE_KEY, max_retries=0)
    assert {model.id for model in client.models.list()} == {"auto", "gpt-4o", "claude"}
    hi: Any = [{"role": "user", "content": "hi"}]
    raw = client.chat.completions.with_raw_response.create(model="auto", messages=hi)
    assert raw.headers["x-gateway-model"] == "claude"
    for name in ("gpt", "openai/gpt-5.4-mini"):
        with pytest.raises(openai.NotFoundError) as caught:
            client.chat.completions.create(model=name, messages=hi)
        assert caught.value.code == "model_not_found"


def test_provider_and_id_pin_a_catalogue_entry(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="anthropic/claude-sonnet-4-6", messages=[{"role": "user", "content": "hi"}]
    )
    assert raw.headers["x-gateway-model"] == "claude"


def test_losing_a_provider_changes_only_headers(
    client: openai.OpenAI, simulators: dict[str, Simulator], gateway: RunningGateway
) -> None:
    ask = {"model": "auto", "messages": [{"role": "user", "content": "Say exactly: still here"}]}
    simulators["openai"].set_fault("cut_before_head")
    try:
        raw = client.chat.completions.with_raw_response.create(**ask)  # type: ignore[arg-type]
        streamed = client.chat.completions.create(**ask, stream=True)  # type: ignore[call-overload]
        text = "".join(chunk.choices[0].delta.content or "" for chunk in streamed if chunk.choices)
    finally:
        simulators["openai"].clear_fault()
    assert raw.parse().choices[0].message.content == text == "still here"
    assert (raw.headers["x-gateway-model"], raw.headers["x-gateway-attempts"]) == ("claude", "2")
    kinds = [(attempt.candidate.model, attempt.kind) for attempt in gateway.records.last().attempts]
    assert kinds == [("gpt", "first"), ("claude", "fallback")]


def test_a_model_that_can_not_is_passed_over(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="claude", messages=[{"role": "user", "content": "hi"}], n=2
    )
    assert raw.headers["x-gateway-model"] == "gemini"
    assert len(raw.parse().choices) == 2
