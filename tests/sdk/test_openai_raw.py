"""openai SDK: the views of an answer below its types."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.running import RunningGateway
from tests.sdk.asks import WEATHER, user
from tests.sdk.clients import Caller
from tests.sdk.conftest import MODELS


def test_raw_response(caller: Caller, gateway: RunningGateway, wire: str, model: str) -> None:
    raw = caller.raw(model=model, messages=user("Say exactly: raw"))
    assert raw.headers["content-type"] == "application/json"
    assert (raw.headers["x-gateway-model"], raw.headers["x-gateway-provider"]) == (model, wire)
    assert float(raw.headers["x-gateway-cost-usd"]) > 0
    answer = raw.parse()
    assert answer.choices[0].message.content == "raw"
    assert answer._request_id == raw.headers["x-request-id"] == gateway.records.last().request_id


def test_streaming_response(caller: Caller, model: str) -> None:
    headers, lines = caller.lines(model=model, messages=user("Say exactly: raw"), stream=True)
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["x-gateway-model"] == model
    events = [line.removeprefix("data: ") for line in lines if line]
    assert all(line.startswith("data: ") for line in lines if line)
    assert events[-1] == "[DONE]"
    deltas = [json.loads(event)["choices"][0]["delta"] for event in events[:-1]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "raw"


def test_streaming_response_of_a_whole_answer(caller: Caller, model: str) -> None:
    _, lines = caller.lines(model=model, messages=user("Say exactly: raw"))
    assert json.loads("".join(lines))["choices"][0]["message"]["content"] == "raw"


@pytest.mark.parametrize(
    ("vendor", "fields", "named"),
    [
        ("anthropic", {"seed": 7}, "seed"),
        ("gemini", {"tools": [WEATHER], "parallel_tool_calls": False}, "parallel_tool_calls"),
        ("gemini", {"reasoning_effort": "none"}, "reasoning_effort"),
    ],
)
def test_what_is_left_out_is_said(caller: Caller, vendor: str, fields: dict[str, Any], named: str) -> None:
    raw = caller.raw(model=MODELS[vendor], messages=user("Say exactly: raw"), **fields)
    assert f"{named}: " in raw.headers["x-gateway-warnings"]
    assert raw.parse().choices[0].message.content == "raw"
