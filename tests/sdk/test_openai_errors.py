"""openai SDK: every failure is the SDK's own exception with OpenAI's fields, and nothing is asked twice."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from gateway.simulator.server import Simulator
from tests.running import RunningGateway
from tests.sdk.asks import WEATHER, user
from tests.sdk.clients import Caller
from tests.sdk.conftest import FAULTS


def raised(caller: Caller, kind: type[openai.APIStatusError], **ask: Any) -> openai.APIStatusError:
    """The error of a request, whole or streamed, which has to be exactly of `kind`."""
    with pytest.raises(kind) as caught:
        caller.create(**ask)
    with pytest.raises(kind):
        caller.chunks(**ask)
    error = caught.value
    assert type(error) is kind
    assert error.request_id
    assert isinstance(error.body, dict)
    assert error.body.keys() == {"message", "type", "param", "code"}
    return error


def test_wrong_key(gateway: RunningGateway) -> None:
    with openai.OpenAI(base_url=gateway.base_url, api_key="sk-wrong-0123456789abcdef") as client:
        asked = len(gateway.records.started)
        with pytest.raises(openai.AuthenticationError) as caught:
            client.chat.completions.create(model="auto", messages=user("hi"))  # type: ignore[arg-type]
        with pytest.raises(openai.AuthenticationError):
            client.models.list()
    assert (caught.value.code, caught.value.type) == ("invalid_api_key", "invalid_request_error")
    assert len(gateway.records.started) == asked + 1


def test_unknown_model(caller: Caller) -> None:
    error = raised(caller, openai.NotFoundError, model="no-such-model", messages=user("hi"))
    assert error.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        caller.model("no-such-model")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 3}, "temperature"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name"),
        ({"tools": [WEATHER], "tool_choice": "sometimes"}, "tool_choice"),
        ({"extra_body": {"api_base": "http://127.0.0.1"}}, "api_base"),
    ],
)
def test_wrong_parameter(
    caller: Caller, simulators: dict[str, Simulator], wire: str, model: str, fields: dict[str, Any], param: str
) -> None:
    served = simulators[wire].stats.requests
    error = raised(caller, openai.BadRequestError, **{"model": model, "messages": user("hi"), **fields})
    assert error.param == param
    assert error.type == "invalid_request_error"
    assert simulators[wire].stats.requests == served


def test_what_only_the_vendor_refuses(caller: Caller, model: str) -> None:
    """The edge can't know that a result without its call is refused: the vendor's words come through."""
    orphan = {"role": "tool", "tool_call_id": "call_nobody_made", "content": "sunny"}
    error = raised(caller, openai.BadRequestError, model=model, messages=[*user("hi"), orphan])
    assert error.message


def test_context_length(caller: Caller, wire: str) -> None:
    error = raised(caller, openai.BadRequestError, model=f"{wire}-overlong", messages=user("hi"))
    assert (error.code, error.param) == ("context_length_exceeded", "messages")


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ("limited", openai.RateLimitError, "rate_limit_exceeded"),
        ("down", openai.InternalServerError, "upstream_unavailable"),
    ],
)
def test_an_exhausted_plan_is_asked_once(
    caller: Caller,
    gateway: RunningGateway,
    simulators: dict[str, Simulator],
    wire: str,
    fault: str,
    kind: type[openai.APIStatusError],
    code: str,
) -> None:
    """The client would retry twice, each time through all the gateway's own attempts; the gateway tells it not to."""
    asked = len(gateway.records.started)
    served = simulators[wire].stats.requests
    with pytest.raises(kind) as caught:
        caller.create(model=f"{wire}-{fault}", messages=user("hi"))
    assert caught.value.code == code
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert len(gateway.records.started) == asked + 1
    assert simulators[wire].stats.requests - served == len(gateway.records.last().attempts) <= 3
    if fault == "limited":
        assert caught.value.response.headers["retry-after"] == FAULTS[fault].rpartition("=")[2]


def test_the_gateways_timeout(caller: Caller, gateway: RunningGateway, wire: str) -> None:
    asked = len(gateway.records.started)
    with pytest.raises(openai.InternalServerError) as caught:
        caller.create(model=f"{wire}-hasty", messages=user("hi"))
    assert (caught.value.status_code, caught.value.code) == (504, "upstream_timeout")
    assert len(gateway.records.started) == asked + 1


def test_the_clients_timeout(caller: Caller, gateway: RunningGateway, wire: str) -> None:
    with pytest.raises(openai.APITimeoutError):
        caller.patient(0.2).create(model=f"{wire}-hanging", messages=user("hi"))
    assert gateway.records.last().outcome == "client_gone"


def test_filtered(caller: Caller, wire: str) -> None:
    """The vendor's filter shows as OpenAI's finish reason, and `.parse()` raises what it raises for OpenAI."""
    ask = {"model": f"{wire}-filtering", "messages": user("Hello there, how are you?")}
    assert caller.create(**ask).choices[0].finish_reason == "content_filter"
    with pytest.raises(openai.ContentFilterFinishReasonError):
        caller.parse(**ask)
