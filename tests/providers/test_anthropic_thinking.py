"""reasoning_effort and thinking: the form that each model takes, and thinking that comes back."""

from __future__ import annotations

import pytest

from gateway.core.chat import Json
from gateway.providers.anthropic.messages import REASONING_FORMAT
from tests.providers.anthropic_checks import (
    ADAPTIVE,
    BUDGET,
    NEWEST,
    OLD,
    assistant,
    build,
    call,
    function,
    result,
    text,
    user,
)


@pytest.mark.parametrize(
    ("model", "level", "thinking", "effort", "warnings"),
    [
        (BUDGET, "low", {"type": "enabled", "budget_tokens": 2048}, None, 0),
        (BUDGET, "none", None, None, 0),
        ("claude-opus-4-5", "max", {"type": "enabled", "budget_tokens": 32000}, "high", 1),
        (ADAPTIVE, "medium", {"type": "adaptive"}, "medium", 0),
        (ADAPTIVE, "xhigh", {"type": "adaptive"}, "max", 1),
        (ADAPTIVE, "none", None, None, 0),
        ("claude-opus-4-8", "minimal", {"type": "adaptive", "display": "summarized"}, "low", 1),
        ("claude-sonnet-5", "none", {"type": "disabled"}, None, 0),
        ("claude-sonnet-5-5", "none", {"type": "between_tools"}, None, 0),
        (NEWEST, "none", None, "low", 1),
        (NEWEST, "xhigh", {"type": "adaptive", "display": "summarized"}, "xhigh", 0),
        ("claude-3-haiku-20240307", "high", None, None, 1),
    ],
)
def test_reasoning_effort(model: str, level: str, thinking: Json | None, effort: str | None, warnings: int) -> None:
    sent, call_ = build({"messages": [user()], "reasoning_effort": level}, model)
    assert sent.get("thinking") == thinking
    assert sent.get("output_config", {}).get("effort") == effort
    assert len(call_.warnings) == warnings


def test_nothing_is_said_of_thinking_when_the_client_says_nothing() -> None:
    for model in (OLD, BUDGET, ADAPTIVE, "claude-sonnet-5", NEWEST):
        assert "thinking" not in build({"messages": [user()]}, model)[0]


def test_a_budget_stays_below_max_tokens() -> None:
    body = {"messages": [user()], "max_completion_tokens": 4000}
    sent, call_ = build({**body, "reasoning_effort": "high"}, BUDGET)
    assert sent["thinking"] == {"type": "enabled", "budget_tokens": 2000}
    assert call_.warnings == ()
    native = {"thinking": {"type": "enabled", "budget_tokens": 9000, "display": "omitted"}}
    sent, call_ = build({**body, **native}, BUDGET)
    assert sent["thinking"] == {"type": "enabled", "budget_tokens": 3999, "display": "omitted"}
    assert call_.warnings == ("thinking.budget_tokens: 9000 brought between 1024 and max_tokens",)
    sent, call_ = build({"messages": [user()], "max_tokens": 1024, "reasoning_effort": "high"}, BUDGET)
    assert "thinking" not in sent
    assert call_.warnings == ("reasoning_effort: thinking was switched off, it needs more than 1024 output tokens",)


def test_native_thinking_is_forwarded_or_put_in_the_models_form() -> None:
    enabled = {"messages": [user()], "thinking": {"type": "enabled", "budget_tokens": 5000}}
    assert build(enabled, ADAPTIVE)[0]["thinking"] == enabled["thinking"]
    sent, call_ = build(enabled, NEWEST)
    assert sent["thinking"]["type"] == "adaptive"
    assert call_.warnings == (f"thinking: sent as adaptive, {NEWEST} takes no token budget",)
    sent, call_ = build({"messages": [user()], "thinking": {"type": "adaptive"}}, BUDGET)
    assert sent["thinking"] == {"type": "enabled", "budget_tokens": 8192}
    assert len(call_.warnings) == 1


def test_a_forced_tool_switches_thinking_off() -> None:
    body = {"messages": [user()], "tools": [function()], "tool_choice": "required"}
    sent, call_ = build({**body, "reasoning_effort": "high"}, ADAPTIVE)
    assert "thinking" not in sent
    assert call_.warnings == (
        "reasoning_effort: thinking was switched off, Anthropic allows none while a tool is forced",
    )
    sent, call_ = build(body, "claude-sonnet-5")
    assert sent["thinking"] == {"type": "disabled"}
    assert call_.warnings == ()
    assert "thinking" not in build(body, "claude-fable-5")[0]


def test_calls_without_their_thinking_switch_a_budget_off_but_not_adaptive_thinking() -> None:
    loop = [user("a"), assistant(tool_calls=[call()]), result()]
    body = {"messages": loop, "tools": [function()], "reasoning_effort": "high"}
    sent, call_ = build(body, BUDGET)
    assert "thinking" not in sent
    assert call_.warnings == (
        "reasoning_effort: thinking was switched off, the tool calls in the history came without their thinking",
    )
    assert build(body, ADAPTIVE)[0]["thinking"] == {"type": "adaptive"}
    over = [*loop, assistant("done"), user("next")]
    assert build({**body, "messages": over}, BUDGET)[0]["thinking"]["type"] == "enabled"


def test_thinking_goes_back_in_its_place() -> None:
    detail = {"type": "reasoning.text", "text": "hm", "signature": "s1", "format": REASONING_FORMAT, "index": 0}
    details = [
        detail,
        {"type": "reasoning.encrypted", "data": "blob", "format": REASONING_FORMAT, "index": 1},
        {**detail, "text": "", "signature": "s2", "index": 2, "block": 3},
    ]
    spoken = assistant("I will call", reasoning_content="hm", reasoning_details=details, tool_calls=[call()])
    sent, call_ = build({"messages": [user("a"), spoken, result()], "tools": [function()]}, ADAPTIVE)
    assert sent["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "s1"},
        {"type": "redacted_thinking", "data": "blob"},
        text("I will call"),
        {"type": "thinking", "thinking": "", "signature": "s2"},
        {"type": "tool_use", "id": "call_1", "name": "f", "input": {}},
    ]
    assert call_.warnings == ()


@pytest.mark.parametrize(
    "extras",
    [
        {"reasoning_content": "hm"},
        {"reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "s", "format": "openai-v1"}]},
        {"reasoning_details": [{"type": "reasoning.text", "text": "hm", "format": REASONING_FORMAT, "index": 0}]},
        {"reasoning_details": ["?"]},
    ],
)
def test_foreign_or_unsigned_reasoning_is_left_out_with_one_warning(extras: Json) -> None:
    talk = [user("a"), assistant("b", **extras), user("c"), assistant("d", **extras), user("e")]
    sent, call_ = build({"messages": talk})
    assert sent["messages"][1]["content"] == [text("b")]
    assert call_.warnings == ("messages: reasoning of another vendor was left out",)


def test_thinking_of_another_model_is_left_out() -> None:
    detail = {"type": "reasoning.text", "text": "hm", "signature": "s", "format": REASONING_FORMAT, "index": 0}
    talk = [user("a"), assistant("b", reasoning_details=[{**detail, "model": BUDGET}]), user("c")]
    assert build({"messages": talk}, BUDGET)[0]["messages"][1]["content"][0]["type"] == "thinking"
    sent, call_ = build({"messages": talk}, ADAPTIVE)
    assert sent["messages"][1]["content"] == [text("b")]
    assert call_.warnings == ("messages: thinking of another model was left out, Anthropic binds it to its model",)


def test_bound_thinking_may_be_dropped_rather_than_refused() -> None:
    detail = {"type": "reasoning.text", "text": "hm", "signature": "s", "format": REASONING_FORMAT, "index": 0}
    talk = [user("a"), assistant("b", reasoning_details=[detail]), user("c")]
    sent, call_ = build({"messages": talk}, NEWEST)
    assert sent["thinking"] == {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}}
    assert dict(call_.headers)["anthropic-beta"] == "thinking-binding-controls-2026-08-01"
    assert "anthropic-beta" not in dict(build({"messages": talk}, ADAPTIVE)[1].headers)
