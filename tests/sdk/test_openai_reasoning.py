"""openai SDK: reasoning, and what of it has to come back in the next turn.

A message of the SDK keeps fields it does not know, so an app that appends it gives thoughts and their signatures back
without knowing of them. The simulators refuse thoughts that were changed, and Gemini's refuses calls without theirs.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.sdk.asks import STRICT_WEATHER, WEATHER, user
from tests.sdk.clients import Caller
from tests.sdk.conftest import MODELS, OTHERS

QUESTION = "What is the weather in Paris?"


@pytest.mark.parametrize("effort", ["low", "high"])
def test_effort(caller: Caller, model: str, effort: str) -> None:
    answer = caller.create(model=model, messages=user("Which wagon is the heaviest?"), reasoning_effort=effort)
    assert answer.choices[0].message.content
    usage = answer.usage
    assert usage is not None
    assert usage.completion_tokens_details is not None
    assert 0 < (usage.completion_tokens_details.reasoning_tokens or 0) < usage.completion_tokens


def test_reasoning_content(caller: Caller, model: str) -> None:
    answer = caller.create(model=model, messages=user("Which wagon is the heaviest?"), reasoning_effort="high")
    extra = answer.choices[0].message.model_extra or {}
    assert isinstance(extra.get("reasoning_content"), str)
    assert "wagon" in extra["reasoning_content"]


def test_reasoning_content_streamed(caller: Caller, model: str) -> None:
    ask = {"model": model, "messages": user("Which wagon is the heaviest?"), "reasoning_effort": "high"}
    deltas = [chunk.choices[0].delta for chunk in caller.chunks(**ask)]
    places = [place for place, delta in enumerate(deltas) if (delta.model_extra or {}).get("reasoning_content")]
    text = "".join((deltas[place].model_extra or {})["reasoning_content"] for place in places)
    whole = caller.create(**ask).choices[0].message
    assert text == (whole.model_extra or {}).get("reasoning_content")
    assert places[-1] < min(place for place, delta in enumerate(deltas) if delta.content)


def test_no_effort(caller: Caller, model: str) -> None:
    answer = caller.create(model=model, messages=user("Say exactly: quick"), reasoning_effort="none")
    assert answer.choices[0].message.content == "quick"
    details = answer.usage.completion_tokens_details if answer.usage else None
    assert details is None or not details.reasoning_tokens


BOTH_MODELS = pytest.mark.parametrize("models", [MODELS, OTHERS], ids=["first", "other"])
"""Claude Sonnet 4.6 thinks adaptively, Haiku 4.5 by a budget, for which the API insists on signed thoughts."""


def follow_up(message: Any) -> list[Any]:
    """The conversation after a first answer that called the tool."""
    (call,) = message.tool_calls
    return [*user(QUESTION), message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]


@BOTH_MODELS
def test_thoughts_come_back_with_the_result(caller: Caller, wire: str, models: dict[str, str]) -> None:
    ask = {"model": models[wire], "tools": [WEATHER], "reasoning_effort": "high"}
    first = caller.create(messages=user(QUESTION), **ask).choices[0].message
    raw = caller.raw(messages=follow_up(first), **ask)
    second = raw.parse().choices[0].message
    assert second.content == "The tool returned: sunny"
    assert "left out" not in raw.headers.get("x-gateway-warnings", "")
    assert "placeholder" not in raw.headers.get("x-gateway-warnings", "")
    third = caller.raw(messages=[*follow_up(first), second, *user("Say exactly: bye")], **ask)
    assert third.parse().choices[0].message.content == "bye"
    assert "left out" not in third.headers.get("x-gateway-warnings", "")


@BOTH_MODELS
def test_streamed_thoughts_come_back_with_the_result(caller: Caller, wire: str, models: dict[str, str]) -> None:
    """From the `.stream()` helper, which puts the message together from its deltas."""
    ask = {"model": models[wire], "tools": [STRICT_WEATHER], "reasoning_effort": "high"}
    _, final = caller.events(messages=user(QUESTION), **ask)
    raw = caller.raw(messages=follow_up(final.choices[0].message), **ask)
    assert raw.parse().choices[0].message.content == "The tool returned: sunny"
    assert "left out" not in raw.headers.get("x-gateway-warnings", "")
    assert "placeholder" not in raw.headers.get("x-gateway-warnings", "")
