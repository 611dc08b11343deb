"""Upstreams that fail: before the first content nobody notices, after it the stream ends in exactly one error event.

Each fault is tried against every wire format. The whole fault matrix is wider; this holds the commit point.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.simulator.server import Simulator
from tests.e2e.conftest import KEY
from tests.running import LoopThread, RunningGateway, running_gateway, snapshot_of, until

CONFIG = """
timeouts: {{connect: 500ms, first_token: 300ms, answer: 300ms, idle: 300ms, total: 10s}}
providers:
  openai:    {{vendor: openai,    base_url: "{openai}/v1"}}
  anthropic: {{vendor: anthropic, base_url: "{anthropic}"}}
  google:    {{vendor: gemini,    base_url: "{gemini}/v1beta"}}
  nowhere:   {{vendor: openai,    base_url: "http://127.0.0.1:1/v1"}}
models:
  gpt:    {{provider: openai,    id: gpt-5.4-mini}}
  claude: {{provider: anthropic, id: claude-haiku-4-5}}
  gemini: {{provider: google,    id: gemini-2.5-flash}}
  gone:   {{provider: nowhere,   id: gpt-5.4-mini}}
  gpt-backed:    {{provider: openai,    id: gpt-5.4-mini, fallbacks: [claude]}}
  claude-backed: {{provider: anthropic, id: claude-haiku-4-5, fallbacks: [gemini]}}
  gemini-backed: {{provider: google,    id: gemini-2.5-flash, fallbacks: [gpt]}}
  gone-backed:   {{provider: nowhere,   id: gpt-5.4-mini, fallbacks: [gpt]}}
routes:
  - {{name: default, chain: [gpt, claude]}}
"""
WIRES = {"gpt": "openai", "claude": "anthropic", "gemini": "gemini"}
ASK = {"messages": [{"role": "user", "content": "Say exactly: one two three four five six seven eight nine ten"}]}
TEXT = "one two three four five six seven eight nine ten"

BEFORE_CONTENT = [
    ("401", 502, "upstream_misconfigured"),
    ("403", 502, "upstream_misconfigured"),
    ("404", 502, "upstream_misconfigured"),
    ("429", 429, "rate_limit_exceeded"),
    ("500", 503, "upstream_unavailable"),
    ("503", 503, "upstream_unavailable"),
    ("529", 503, "upstream_unavailable"),
    ("insufficient_quota", 503, "upstream_unavailable"),
    ("stall_before_head", 504, "upstream_timeout"),
    ("stall_after_head", 504, "upstream_timeout"),
    ("cut_before_head", 503, "upstream_unavailable"),
    ("rst_before_head", 503, "upstream_unavailable"),
    ("cut_after_head", 502, "upstream_invalid_response"),
    ("redirect", 502, "upstream_invalid_response"),
    ("garbage", 502, "upstream_invalid_response"),
    ("html", 502, "upstream_invalid_response"),
    ("empty", 502, "upstream_invalid_response"),
    ("truncated_body", 502, "upstream_invalid_response"),
    ("error_in_200", 503, "upstream_unavailable"),
]
# A stream has no announced length that its body could fall short of.
BOTH_WAYS = [
    (*row, stream) for row in BEFORE_CONTENT for stream in (False, True) if (row[0], stream) != ("truncated_body", True)
]
MID_STREAM = {
    "stall_mid": "upstream_timeout",
    "cut_mid": "upstream_invalid_response",
    "rst_mid": "upstream_invalid_response",
    "no_terminal": "upstream_invalid_response",
    "garbage_line": "upstream_invalid_response",
    "error_mid": "upstream_unavailable",
}


@pytest.fixture(scope="module")
def backed(loop: LoopThread, simulators: dict[str, Simulator]) -> Iterator[RunningGateway]:
    urls = {vendor: simulator.base_url for vendor, simulator in simulators.items()}
    with running_gateway(loop, snapshot_of(CONFIG.format(**urls))) as running:
        yield running


@pytest.fixture(autouse=True)
def no_fault_is_left(simulators: dict[str, Simulator], backed: RunningGateway, loop: LoopThread) -> Iterator[None]:
    yield
    for simulator in simulators.values():
        simulator.clear_fault()
    loop.run(backed.forget_faults())


def post(gateway: RunningGateway, **fields: Any) -> httpx.Response:
    with httpx.Client(base_url=gateway.base_url, timeout=20) as client:
        return client.post("/chat/completions", json={**ASK, **fields})


def events(response: httpx.Response) -> list[Any]:
    assert response.headers["content-type"].startswith("text/event-stream")
    data = [line[6:] for line in response.text.split("\n") if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in data]


def text_of(found: list[Any]) -> str:
    pieces = [c["choices"][0]["delta"].get("content") for c in found if isinstance(c, dict) and c.get("choices")]
    return "".join(piece or "" for piece in pieces)


@pytest.mark.parametrize("model", WIRES)
@pytest.mark.parametrize(("fault", "stream"), [(fault, stream) for fault, _, _, stream in BOTH_WAYS])
def test_before_content_the_next_model_takes_over(
    backed: RunningGateway, simulators: dict[str, Simulator], fault: str, model: str, stream: bool
) -> None:
    simulators[WIRES[model]].set_fault(fault)
    answer = post(backed, model=f"{model}-backed", stream=stream)
    assert answer.status_code == 200, answer.text
    if stream:
        found = events(answer)
        assert text_of(found) == TEXT
        assert found[-1] == "[DONE]"
    else:
        assert answer.json()["choices"][0]["message"]["content"] == TEXT
    assert answer.headers["x-gateway-attempts"] == "2"
    record = backed.records.last()
    assert record.attempts[0].failure is not None
    assert record.attempts[1].failure is None
    assert record.outcome == "ok"


@pytest.mark.parametrize("model", WIRES)
@pytest.mark.parametrize(("fault", "status", "code", "stream"), BOTH_WAYS)
def test_with_nobody_left_the_client_gets_a_status(
    backed: RunningGateway,
    simulators: dict[str, Simulator],
    fault: str,
    status: int,
    code: str,
    model: str,
    stream: bool,
) -> None:
    simulators[WIRES[model]].set_fault(fault)
    answer = post(backed, model=model, stream=stream)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == code
    assert answer.headers["x-should-retry"] == "false"
    assert "127.0.0.1" not in error["message"]
    assert backed.records.last().outcome == "error"


@pytest.mark.parametrize("stream", [False, True])
def test_an_address_where_nobody_listens(backed: RunningGateway, stream: bool) -> None:
    answer = post(backed, model="gone", stream=stream)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "upstream_unavailable")
    assert post(backed, model="gone-backed", stream=stream).status_code == 200
    failure = backed.records.last().attempts[0].failure
    assert failure is not None
    assert failure.reason == "connect_error"


@pytest.mark.parametrize("model", WIRES)
@pytest.mark.parametrize("fault", MID_STREAM)
def test_after_content_one_error_event_and_no_done(
    backed: RunningGateway, simulators: dict[str, Simulator], fault: str, model: str
) -> None:
    simulators[WIRES[model]].set_fault(fault)
    answer = post(backed, model=f"{model}-backed", stream=True)
    assert answer.status_code == 200
    found = events(answer)
    assert set(found[-1]) == {"error"}, found[-1]
    assert set(found[-1]["error"]) == {"message", "type", "param", "code"}
    assert found[-1]["error"]["code"] == MID_STREAM[fault]
    assert [event for event in found if event == "[DONE]" or "error" in event] == found[-1:]
    assert TEXT.startswith(text_of(found))
    assert text_of(found)
    finishes = [c["choices"][0]["finish_reason"] for c in found[:-1] if c["choices"]]
    assert not any(finishes), "a finish reason before the terminal event"
    record = backed.records.last()
    assert (record.outcome, record.http_status, len(record.attempts)) == ("error", 200, 1)
    assert record.attempts[0].usage is not None
    assert record.attempts[0].usage.source == "estimated"
    assert record.attempts[0].usage.output > 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", WIRES)
def test_the_callers_fault_is_passed_on_and_not_tried_elsewhere(
    backed: RunningGateway, simulators: dict[str, Simulator], model: str, stream: bool
) -> None:
    simulators[WIRES[model]].set_fault("400")
    answer = post(backed, model=f"{model}-backed", stream=stream)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert len(backed.records.last().attempts) == 1


@pytest.mark.parametrize("model", WIRES)
def test_context_overflow_is_openais_own_error(
    backed: RunningGateway, simulators: dict[str, Simulator], model: str
) -> None:
    simulators[WIRES[model]].set_fault("context_length")
    answer = post(backed, model=model)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == ("context_length_exceeded", "messages")


@pytest.mark.parametrize("model", WIRES)
def test_retry_after_is_told(backed: RunningGateway, simulators: dict[str, Simulator], model: str) -> None:
    simulators[WIRES[model]].set_fault("429", retry_after=7)
    answer = post(backed, model=model)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "7"


@pytest.mark.parametrize("model", WIRES)
@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_closes_the_upstream(
    gateway: RunningGateway, simulators: dict[str, Simulator], loop: LoopThread, model: str, stream: bool
) -> None:
    """Also before any head, and also without a stream: or a vendor goes on billing for nobody."""
    simulator = simulators[WIRES[model]]
    simulator.set_fault("stall_mid" if stream else "stall_before_head")
    before, asked = simulator.stats.closed_early, simulator.stats.requests
    ended = len(gateway.records.ended)

    request = json.dumps({**ASK, "model": model, "stream": stream}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {KEY}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(request)}\r\n\r\n"
    )
    host, port = gateway.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 5) as client:
        client.sendall(head.encode() + request)
        if stream:
            with client.makefile("rb") as answer:
                until(lambda: answer.readline().startswith(b"data: "))
        else:
            until(lambda: simulator.stats.requests > asked)
    record = gateway.records.wait_for(ended + 1)[-1]
    assert (record.outcome, record.http_status) == ("client_gone", 499)
    assert len(record.attempts) == 1
    until(lambda: simulator.stats.closed_early > before)
    if stream:
        assert record.attempts[0].usage is not None
