"""The other fields of a chat request: mapped, or named in a warning."""

from __future__ import annotations

import pytest

from gateway.core.vendor import Vendor
from tests.providers.anthropic_checks import (
    ADAPTIVE,
    BUDGET,
    CITY,
    EPHEMERAL,
    NEWEST,
    OLD,
    assistant,
    build,
    call,
    function,
    json_schema,
    refused,
    result,
    text,
    user,
)


def test_max_tokens() -> None:
    body = {"messages": [user()]}
    assert build(body, BUDGET)[0]["max_tokens"] == 64_000
    assert build(body, BUDGET, max_output=32_000)[0]["max_tokens"] == 32_000
    assert build({**body, "max_tokens": 7})[0]["max_tokens"] == 7
    assert build({**body, "max_tokens": 7, "max_completion_tokens": 9})[0]["max_tokens"] == 9
    sent, call_ = build({**body, "max_completion_tokens": 50_000}, BUDGET, max_output=32_000)
    assert sent["max_tokens"] == 32_000
    assert call_.warnings == ("max_completion_tokens: 50000 lowered to 32000, the model's maximum",)


def test_sampling() -> None:
    body = {"messages": [user()]}
    sent, call_ = build({**body, "temperature": 1.4}, BUDGET)
    assert sent["temperature"] == 1.0
    assert call_.warnings == ("temperature: 1.4 lowered to 1.0, anthropic's maximum",)
    sent, call_ = build({**body, "temperature": 0.5, "top_p": 0.9, "top_k": 5}, BUDGET)
    assert (sent["temperature"], sent["top_k"], "top_p" in sent) == (0.5, 5, False)
    assert call_.warnings == (f"top_p: {BUDGET} takes temperature or top_p, not both; top_p was dropped",)
    sent, call_ = build({**body, "temperature": 1, "top_p": 0.9}, BUDGET)
    assert (sent["top_p"], "temperature" in sent, call_.warnings) == (0.9, False, ())
    sent, _ = build({**body, "temperature": 0.5, "top_p": 0.9}, OLD)
    assert (sent["temperature"], sent["top_p"]) == (0.5, 0.9)
    sent, call_ = build({**body, "temperature": 0.5, "top_p": 1, "top_k": 1}, NEWEST)
    assert not sent.keys() & {"temperature", "top_p", "top_k"}
    assert call_.warnings == (f"temperature: {NEWEST} takes none, dropped", f"top_k: {NEWEST} takes none, dropped")
    sent, call_ = build({**body, "temperature": 0.5, "top_p": 0.96, "top_k": 1, "reasoning_effort": "low"}, BUDGET)
    assert (sent["top_p"], sent.keys() & {"temperature", "top_k"}) == (0.96, set())
    assert call_.warnings == (
        "temperature: must be 1 while thinking, dropped",
        "top_k: not allowed while thinking, dropped",
    )


def test_stop() -> None:
    sent, call_ = build({"messages": [user()], "stop": ["\n", "END"]})
    assert sent["stop_sequences"] == ["END"]
    assert len(call_.warnings) == 1
    assert build({"messages": [user()], "stop": "END"})[0]["stop_sequences"] == ["END"]
    assert "stop_sequences" not in build({"messages": [user()], "stop": []})[0]


def test_user_ids_that_name_a_person_are_hashed() -> None:
    body = {"messages": [user()]}
    assert build({**body, "user": "u-42"})[0]["metadata"] == {"user_id": "u-42"}
    assert build({**body, "safety_identifier": "s_1", "metadata": {"user_id": "m_1"}})[0]["metadata"] == {
        "user_id": "m_1"
    }
    for name in ("ann@example.com", "+1 555 123 4567", "15551234567", "x" * 300):
        sent, call_ = build({**body, "user": name})
        assert len(sent["metadata"]["user_id"]) == 64
        assert call_.warnings == ("user: sent as its SHA-256, Anthropic takes opaque ids only",)


@pytest.mark.parametrize(
    ("wish", "sent_tier", "warned"),
    [("auto", "auto", False), ("default", "standard_only", False), ("priority", "auto", True),
     ("flex", "standard_only", True), ("scale", None, True), (None, None, False)],
)  # fmt: skip
def test_service_tier(wish: str | None, sent_tier: str | None, warned: bool) -> None:
    sent, call_ = build({"messages": [user()], "service_tier": wish})
    assert sent.get("service_tier") == sent_tier
    assert bool(call_.warnings) is warned


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", 7), ("logprobs", True), ("top_logprobs", 2), ("logit_bias", {"1": 2}), ("presence_penalty", 0.1),
        ("frequency_penalty", -1), ("prediction", {"type": "content", "content": "x"}), ("store", True),
        ("verbosity", "high"), ("prompt_cache_key", "k"), ("prompt_cache_retention", "24h"), ("web_search_options", {}),
        ("audio", {"voice": "x"}), ("moderation", {}), ("inference_geo", "us"), ("no_such_field", 0),
    ],
)  # fmt: skip
def test_what_anthropic_can_not_be_told_is_named(name: str, value: object) -> None:
    sent, call_ = build({"messages": [user()], name: value})
    assert name not in sent
    assert call_.warnings == (f"{name}: not supported by anthropic, dropped",)


def test_warnings_can_stand_in_a_header() -> None:
    odd = {"a\r\nset-cookie: x": 1, "é": 1, "x" * 100: 1}
    assert build({"messages": [user()], **odd})[1].warnings == ("(an odd name): not supported by anthropic, dropped",)
    assert len(build({"messages": [user()], **{f"field{i}": 1 for i in range(99)}})[1].warnings) == 41
    _, call_ = build({"messages": [user()], "response_format": json_schema({"type": "string", "k\n": 1})})
    assert call_.warnings == ("response_format: not enforced, moved to descriptions: (an odd name)",)


@pytest.mark.parametrize(
    ("name", "value"),
    [("logprobs", False), ("presence_penalty", 0), ("store", False), ("n", 1), ("modalities", ["text"]),
     ("logit_bias", {}), ("seed", None), ("verbosity", "medium"), ("stream_options", {"include_usage": True})],
)  # fmt: skip
def test_what_asks_for_nothing_is_not(name: str, value: object) -> None:
    assert build({"messages": [user()], name: value})[1].warnings == ()


def test_requests_for_what_no_claude_has() -> None:
    assert refused({"messages": [user()], "n": 2}).param == "n"
    assert refused({"messages": [user()], "modalities": ["text", "audio"]}).param == "modalities"


def test_fields_that_the_vendor_row_refuses() -> None:
    row = Vendor("lookalike", "anthropic", unsupported=frozenset({"top_k", "stop"}))
    sent, call_ = build({"messages": [user()], "top_k": 5, "stop": "x"}, "other-model", vendor=row)
    assert not sent.keys() & {"top_k", "stop_sequences"}
    assert call_.warnings == (
        "top_k: not supported by lookalike, dropped",
        "stop: not supported by lookalike, dropped",
    )


def test_cache_marks_go_through() -> None:
    hour = {"type": "ephemeral", "ttl": "1h"}
    sent, call_ = build(
        {
            "messages": [
                {"role": "system", "content": "s", "cache_control": hour},
                user([text("a", cache_control=EPHEMERAL), text("b")], cache_control=EPHEMERAL),
                assistant("c", tool_calls=[call()], cache_control=EPHEMERAL),
                result(cache_control=EPHEMERAL),
            ],
            "tools": [{**function(), "cache_control": EPHEMERAL}],
            "cache_control": EPHEMERAL,
        }
    )
    assert sent["system"] == [text("s", cache_control=hour)]
    assert [block["cache_control"] for block in sent["messages"][0]["content"]] == [EPHEMERAL, EPHEMERAL]
    assert "cache_control" not in sent["messages"][1]["content"][0]
    assert sent["messages"][1]["content"][1]["cache_control"] == EPHEMERAL
    assert sent["messages"][2]["content"][0]["cache_control"] == EPHEMERAL
    assert sent["tools"][0]["cache_control"] == EPHEMERAL
    assert sent["cache_control"] == EPHEMERAL
    assert call_.warnings == ()


def test_openais_cache_breakpoints_become_marks() -> None:
    part = text("a", prompt_cache_breakpoint={"mode": "explicit"})
    sent, call_ = build({"messages": [user([part])]})
    assert sent["messages"][0]["content"] == [text("a", cache_control=EPHEMERAL)]
    assert call_.warnings == ()


def test_native_output_config_is_merged() -> None:
    sent, _ = build(
        {"messages": [user()], "output_config": {"effort": "low"}, "response_format": json_schema(CITY)}, ADAPTIVE
    )
    assert sent["output_config"]["effort"] == "low"
    assert sent["output_config"]["format"]["type"] == "json_schema"


def test_streaming_is_asked_for() -> None:
    assert build({"messages": [user()], "stream": True})[0]["stream"] is True
    assert "stream" not in build({"messages": [user()], "stream": False})[0]
