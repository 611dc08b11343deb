"""F16 to F20 over many requests: who is in trouble is left alone, and comes back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fault_server import Peer
from tests.faults.rig import WAYS, Rig, chain, saying, wants_stream
from tests.faults.wires import OPENAI, TEXT, json_response
from tests.running import LoopThread, until

ILL = json_response({"error": {"message": "Oops", "type": "server_error", "param": None, "code": None}}, 500)
LIMITED = {"error": {"message": "Slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}
BROKE = {
    "error": {"message": "You exceeded your current quota", "type": "insufficient_quota", "param": None, "code": None}
}


def openai_error(message: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


class Provider:
    """Says `bad` until it is well."""

    def __init__(self, bad: bytes) -> None:
        self.bad = bad
        self.well = False

    async def __call__(self, peer: Peer) -> None:
        while True:
            request = await peer.read_request()
            good = OPENAI.stream if wants_stream(request) else OPENAI.whole
            await peer.send(good if self.well else self.bad)


def answered_by(rig: Rig, stream: bool = False) -> str:
    answer = rig.ask(stream=stream)
    assert (answer.status, answer.text) == (200, TEXT), answer.response.text
    return str(answer.headers["x-gateway-provider"])


@pytest.mark.fault(20)
@pytest.mark.parametrize("stream", WAYS)
def test_a_burst_of_errors(loop: LoopThread, stream: bool) -> None:
    """A hundred requests: a handful find out, the others are not even tried there."""
    with chain(loop, Provider(ILL), more="breakers: {consecutive: 5, open: 1h, max_open: 2h}") as rig:
        assert {answered_by(rig, stream) for _ in range(100)} == {"b"}
        assert rig.posts(rig.a) == 5
        last = rig.record
        assert [attempt.candidate.model for attempt in last.attempts] == ["b"]
        assert last.plan is not None
        (why,) = last.plan.trace.put_back
        assert why.name == "a"
        assert "breaker is open" in why.reason


QUOTING = {
    "tool": openai_error("Invalid schema for function 'on_unauthorized': 'type' is missing.", "tools[0].function"),
    "tool without param": openai_error("Invalid schema for function 'get_rate-limit': 'type' is missing."),
    "call": openai_error("Invalid parameter: 'tool_call_id' of 'call_model_1' not found in the previous message."),
    "address": openai_error(
        "Error while downloading https://example.com/models/removed.png.", code="invalid_image_url"
    ),
}


@pytest.mark.fault(22)
@pytest.mark.parametrize("stream", WAYS)
@pytest.mark.parametrize("what", QUOTING)
def test_what_a_client_calls_its_things_puts_nothing_out_of_service(loop: LoopThread, what: str, stream: bool) -> None:
    """The provider's 400 quotes the request: it is that request's own, and the next one is served by the same key."""
    provider = Provider(json_response(QUOTING[what], 400))
    with chain(loop, provider) as rig:
        answer = rig.ask(stream=stream)
        assert (answer.status, answer.error) == (400, QUOTING[what]["error"])
        assert rig.posts(rig.b) == 0
        provider.well = True
        assert answered_by(rig, stream) == "a"


@pytest.mark.fault(20)
def test_a_probe_finds_out_that_it_is_well(loop: LoopThread) -> None:
    provider = Provider(ILL)
    with chain(loop, provider, more="breakers: {consecutive: 3, open: 200ms, max_open: 400ms}") as rig:
        for _ in range(3):
            assert answered_by(rig) == "b"
        provider.well = True
        until(lambda: answered_by(rig) == "a")
        assert answered_by(rig) == "a"


@pytest.mark.fault(20)
def test_all_of_them_are_in_trouble(loop: LoopThread) -> None:
    """The best of them is asked all the same, so that no cooldown can lock a route."""
    a, b = Provider(ILL), Provider(ILL)
    with chain(loop, a, b, more="breakers: {consecutive: 2, open: 1h, max_open: 2h}") as rig:
        for _ in range(6):
            answer = rig.ask()
            assert (answer.status, answer.error["code"]) == (503, "upstream_unavailable")
        asked = rig.posts(rig.a) + rig.posts(rig.b)
        a.well = b.well = True
        answer = rig.ask()
        assert (answer.status, answer.text) == (200, TEXT)
        assert "in trouble" in answer.headers["x-gateway-warnings"]
        assert rig.posts(rig.a) + rig.posts(rig.b) == asked + 1


@pytest.mark.fault(16)
def test_a_rate_limit_is_respected_by_the_requests_that_follow(loop: LoopThread) -> None:
    limited = saying(json_response(LIMITED, 429, retry_after="60"))
    with chain(loop, limited) as rig:
        assert {answered_by(rig) for _ in range(10)} == {"b"}
        assert rig.posts(rig.a) == 1


@pytest.mark.fault(16)
def test_a_rate_limit_is_over_when_the_vendor_said(loop: LoopThread) -> None:
    provider = Provider(json_response(LIMITED, 429, retry_after="0.2"))
    with chain(loop, provider) as rig:
        assert answered_by(rig) == "b"
        provider.well = True
        until(lambda: answered_by(rig) == "a")


@pytest.mark.fault(17)
def test_a_wait_of_an_hour_is_clamped(loop: LoopThread) -> None:
    provider = Provider(json_response(LIMITED, 429, retry_after="3600"))
    with chain(loop, provider, more="breakers: {open: 100ms, max_open: 200ms}") as rig:
        assert answered_by(rig) == "b"
        provider.well = True
        until(lambda: answered_by(rig) == "a")


@pytest.mark.fault(18)
def test_out_of_quota_is_left_alone_for_long(loop: LoopThread, caplog: pytest.LogCaptureFixture) -> None:
    with chain(loop, saying(json_response(BROKE, 429))) as rig:
        assert {answered_by(rig) for _ in range(10)} == {"b"}
        assert rig.posts(rig.a) == 1
    assert any(line.levelname in ("ERROR", "WARNING") for line in caplog.records)


@pytest.mark.fault(21)
@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_provider_that_does_not_let_us_in_is_asked_once(loop: LoopThread, status: int) -> None:
    error = {"error": {"message": "No", "type": "invalid_request_error", "param": None, "code": None}}
    with chain(loop, saying(json_response(error, status))) as rig:
        assert {answered_by(rig) for _ in range(10)} == {"b"}
        assert rig.posts(rig.a) == 1


@pytest.mark.fault(22)
def test_the_callers_faults_trip_nothing(loop: LoopThread) -> None:
    provider = Provider(json_response({"error": {"message": "No", "type": "invalid_request_error"}}, 400))
    with chain(loop, provider, more="breakers: {consecutive: 2}") as rig:
        for _ in range(20):
            assert rig.ask().status == 400
        provider.well = True
        assert answered_by(rig) == "a"
