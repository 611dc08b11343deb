"""openai SDK: plain answers and the settings of a request."""

from __future__ import annotations

import pytest

from tests.running import RunningGateway
from tests.sdk.asks import user
from tests.sdk.clients import Caller
from tests.sdk.conftest import MODELS, OTHERS


def test_answer(caller: Caller, model: str) -> None:
    answer = caller.create(model=model, messages=user("Say exactly: wagons roll"))
    assert answer.object == "chat.completion"
    assert answer.model == model
    (choice,) = answer.choices
    assert (choice.index, choice.finish_reason) == (0, "stop")
    assert (choice.message.role, choice.message.content) == ("assistant", "wagons roll")
    assert choice.message.tool_calls is None
    assert choice.message.refusal is None


def test_usage(caller: Caller, gateway: RunningGateway, model: str) -> None:
    usage = caller.create(model=model, messages=user("What does a shunting engine do?")).usage
    assert usage is not None
    assert usage.prompt_tokens > 0
    assert usage.completion_tokens > 0
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    booked = gateway.records.last().usage
    assert booked is not None
    assert (booked.prompt_total, booked.completion_total) == (usage.prompt_tokens, usage.completion_tokens)


def test_cached_tokens(caller: Caller, model: str, request: pytest.FixtureRequest) -> None:
    """A long beginning, marked for the vendor that wants marks, is cached when it comes again."""
    long_text = f"{request.node.name}: " + "the rules of the yard " * 1200
    part = {"type": "text", "text": long_text, "cache_control": {"type": "ephemeral"}}
    messages = [{"role": "system", "content": [part]}, *user("Say exactly: noted")]
    caller.create(model=model, messages=messages)
    usage = caller.create(model=model, messages=messages).usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert 1024 <= (usage.prompt_tokens_details.cached_tokens or 0) <= usage.prompt_tokens


def test_roles_and_turns(caller: Caller, model: str) -> None:
    messages = [
        {"role": "system", "content": "You run a yard."},
        {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "user", "content": "Say exactly: first", "name": "ada"},
        {"role": "assistant", "content": "first"},
        {"role": "user", "content": [{"type": "text", "text": "Say exactly:"}, {"type": "text", "text": " 第二 🚂"}]},
    ]
    assert caller.create(model=model, messages=messages).choices[0].message.content == "第二 🚂"


@pytest.mark.parametrize("stop", ["three", ["never", "three"]])
def test_stop(caller: Caller, model: str, stop: str | list[str]) -> None:
    choice = caller.create(model=model, messages=user("Say exactly: one two three four"), stop=stop).choices[0]
    assert choice.message.content is not None
    assert choice.message.content.rstrip() == "one two"
    assert choice.finish_reason == "stop"


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_length(caller: Caller, model: str, field: str) -> None:
    answer = caller.create(model=model, messages=user("words: 400"), **{field: 60})
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 60


def test_several_choices(caller: Caller, model: str) -> None:
    choices = caller.create(model=model, messages=user("Tell me about wagons, please."), n=3).choices
    assert [choice.index for choice in choices] == [0, 1, 2]
    assert len({choice.message.content for choice in choices}) == 3


def test_logprobs(caller: Caller, model: str) -> None:
    answer = caller.create(model=model, messages=user("Say exactly: yes"), logprobs=True, top_logprobs=2)
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content
    assert "".join(token.token for token in logprobs.content) == "yes"
    assert all(len(token.top_logprobs) == 2 for token in logprobs.content)


def test_seed(caller: Caller, model: str) -> None:
    said = [
        caller.create(model=model, messages=user("Tell me about wagons, please."), seed=seed).choices[0].message.content
        for seed in (7, 7, 8)
    ]
    assert said[0] == said[1] != said[2]


def test_sampling_and_account_fields(caller: Caller, model: str) -> None:
    answer = caller.create(
        model=model,
        messages=user("Say exactly: ready"),
        temperature=0.3,
        user="app-17",
        service_tier="auto",
        prompt_cache_key="yard",
        store=False,
    )
    assert answer.choices[0].message.content == "ready"
    answer = caller.create(model=model, messages=user("Say exactly: ready"), top_p=0.9, safety_identifier="app-17")
    assert answer.choices[0].message.content == "ready"


def test_refusal(caller: Caller, wire: str) -> None:
    """What the vendor's model refuses is told as a refusal or as filtered content, never as a plain answer."""
    choice = caller.create(model=f"{wire}-refusing", messages=user("Hello there, how are you?")).choices[0]
    assert choice.message.refusal or choice.finish_reason == "content_filter"


def test_models(caller: Caller) -> None:
    listed = {model.id: model for model in caller.models()}
    assert {*MODELS.values(), *OTHERS.values()} <= listed.keys()
    for wire, name in MODELS.items():
        assert listed[name].owned_by == caller.model(name).owned_by == wire
        assert caller.model(name).object == "model"
