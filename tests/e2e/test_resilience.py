"""Breakers, keys and repetitions over real sockets: what the client sees and what each upstream gets to see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import openai
import pytest

from gateway.providers.openai.adapter import OpenAIAdapter
from tests.e2e.upstreams import ANSWER, OK, Yard, refusal, yard
from tests.fault_server import FaultServer, Peer, response
from tests.running import until

CONFIG = """
classify: {{text_model: none}}
breakers: {{consecutive: 3}}
providers:
  a: {{vendor: openai, base_url: "{a}", api_keys: {{one: "${{ONE}}", two: "${{TWO}}"}}}}
  b: {{vendor: openai, base_url: "{b}"}}
  single: {{vendor: openai, base_url: "{a}"}}
  claude: {{vendor: anthropic, base_url: "{a}"}}
models:
  a: {{provider: a, id: gpt-5.4-mini}}
  b: {{provider: b, id: gpt-5.4-mini}}
  alone: {{provider: single, id: gpt-5.4-mini}}
  opus: {{provider: claude, id: claude-opus-4-6, fallbacks: [b]}}
  backed: {{provider: single, id: gpt-5.4-mini, fallbacks: [b]}}
routes: [{{name: default, chain: [a, b]}}]
"""
ENV = {"ONE": "canary-one-0123456789", "TWO": "canary-two-0123456789"}


@pytest.fixture
def both() -> Iterator[Yard]:
    with yard(CONFIG, ENV) as running:
        yield running


def test_keys_take_turns(both: Yard) -> None:
    for _ in range(4):
        assert both.post().status_code == 200
    assert both.a.keys == [ENV["ONE"], ENV["TWO"]] * 2
    keys = [record.attempts[0].key for record in both.gateway.records.wait_for(4)]
    assert keys == ["one", "two", "one", "two"]


def test_a_rate_limit_changes_the_key_and_rests_it(both: Yard) -> None:
    both.a.by_key[ENV["ONE"]] = refusal(429, retry_after="30")
    assert both.post().status_code == 200
    attempts = both.gateway.records.last().attempts
    assert [(attempt.key, attempt.kind) for attempt in attempts] == [("one", "first"), ("two", "retry")]
    assert both.states()["a", "one"] == ("open", "rate_limited")
    both.a.forget()
    for _ in range(3):
        assert both.post().status_code == 200
    assert both.a.keys == [ENV["TWO"]] * 3, "the key that is limited is not asked"
    both.a.by_key.clear()
    both.clock.ahead = 30.0
    both.a.forget()
    for _ in range(3):
        both.post()
    assert ENV["ONE"] in both.a.keys


def test_with_every_key_limited_the_next_model_answers(both: Yard) -> None:
    both.a.answer = refusal(429, retry_after="30")
    assert both.post().headers["x-gateway-model"] == "b"
    assert len(both.gateway.records.last().attempts) == 3
    both.a.forget()
    answer = both.post()
    assert (answer.headers["x-gateway-model"], answer.headers["x-gateway-attempts"]) == ("b", "1")
    assert both.a.keys == []
    plan = both.gateway.records.last().plan
    assert plan is not None
    assert [(put.name, put.reason.partition(" for ")[0]) for put in plan.trace.put_back] == [
        ("a", "its breaker is open (rate_limited)")
    ]
    assert "x-gateway-warnings" not in answer.headers


def test_a_refused_key_is_not_used_again(both: Yard) -> None:
    both.a.by_key[ENV["ONE"]] = refusal(401, "invalid_api_key")
    assert both.post().headers["x-gateway-attempts"] == "2"
    both.a.forget()
    for _ in range(4):
        assert both.post().status_code == 200
    assert both.a.keys == [ENV["TWO"]] * 4


def test_a_server_error_is_not_the_keys_fault(both: Yard) -> None:
    both.a.answer = refusal(500)
    answer = both.post()
    assert (answer.headers["x-gateway-model"], answer.headers["x-gateway-attempts"]) == ("b", "2")
    assert both.states()["a", "one"] == ("closed", "")


def test_out_of_quota_rests_for_long(both: Yard) -> None:
    both.a.answer = refusal(429, "insufficient_quota")
    assert both.post("backed").headers["x-gateway-model"] == "b"
    assert both.states()["backed", "default"] == ("open", "quota")
    both.clock.ahead = 599.0
    assert both.post("backed").headers["x-gateway-attempts"] == "1"
    both.a.answer = OK
    both.clock.ahead = 601.0
    assert both.post("backed").headers["x-gateway-model"] == "backed"
    assert both.states()["backed", "default"] == ("closed", "")


def test_a_dead_primary_is_passed_by_and_comes_back(both: Yard) -> None:
    both.a.answer = refusal(503)
    for _ in range(3):
        assert both.post("backed").headers["x-gateway-attempts"] == "2"
    both.a.forget()
    for _ in range(5):
        answer = both.post("backed")
        assert (answer.headers["x-gateway-model"], answer.headers["x-gateway-attempts"]) == ("b", "1")
    assert both.a.keys == []
    both.clock.ahead = 5.0
    assert both.post("backed").headers["x-gateway-attempts"] == "2", "one request tries, and nobody notices"
    both.a.forget()
    both.clock.ahead = 14.0
    both.post("backed")
    assert both.a.keys == [], "the second wait is twice as long"
    both.clock.ahead = 15.1
    both.a.answer = OK
    assert both.post("backed").headers["x-gateway-model"] == "backed"
    assert both.states()["backed", "default"] == ("closed", "")


def test_with_nobody_well_the_best_is_asked_all_the_same(both: Yard) -> None:
    both.a.answer = both.b.answer = refusal(429, retry_after="60")
    both.a.answer = refusal(429, retry_after="20")
    failed = both.post("backed")
    assert (failed.status_code, failed.headers["retry-after"]) == (429, "20")
    both.a.answer = OK
    answer = both.post("backed")
    assert (answer.status_code, answer.headers["x-gateway-model"]) == (200, "backed")
    assert answer.headers["x-gateway-warnings"].startswith("every model that may serve this request is in trouble")


@pytest.mark.parametrize(
    ("wait", "told"), [("1", "1"), ("3600", "300"), ("soon", "1"), ("Wed, 25 Nov 2026 10:00:30 GMT", "30")]
)
def test_a_rate_limit_tells_the_shortest_wait(both: Yard, wait: str, told: str) -> None:
    both.a.answer = refusal(429, retry_after=wait, date="Wed, 25 Nov 2026 10:00:00 GMT")
    answer = both.post("alone")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, told)
    assert answer.json()["error"]["code"] == "rate_limit_exceeded"
    assert len(both.a.keys) == 1


def test_a_server_error_at_the_last_one_is_repeated_once(both: Yard) -> None:
    both.a.answer = refusal(503)
    answer = both.post("alone")
    assert (answer.status_code, answer.headers["x-should-retry"]) == (503, "false")
    assert len(both.a.keys) == 2


def test_repetitions_are_a_share_of_the_requests() -> None:
    patient = CONFIG.replace("{{consecutive: 3}}", "{{consecutive: 1000, min_requests: 1000}}")
    with yard(patient, ENV) as running:
        running.a.answer = refusal(500)
        for _ in range(31):
            running.post("alone")
        assert len(running.a.keys) == 31 + 10 + 3, "what is saved up at first, and a tenth"


def test_who_is_in_trouble_is_not_asked_twice(both: Yard) -> None:
    both.a.answer = refusal(500)
    for _ in range(4):
        both.post("alone")
    assert len(both.a.keys) == 2 + 1 + 1 + 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_openais_sdk_makes_one_request_when_our_plan_is_exhausted(both: Yard, status: int) -> None:
    both.a.answer = refusal(status, retry_after="1")
    client = openai.OpenAI(base_url=both.gateway.base_url, api_key="any", max_retries=2)
    with client, pytest.raises(openai.APIStatusError):
        client.chat.completions.create(model="alone", messages=[{"role": "user", "content": "hi"}])
    assert len(both.gateway.records.ended) == 1


CHAINS = """
classify: {{text_model: none}}
providers:
  a: {{vendor: openai, base_url: "{a}"}}
  b: {{vendor: openai, base_url: "{b}"}}
models:
  small: {{provider: a, id: gpt-5.4-mini, context: 1000}}
  other: {{provider: a, id: gpt-5.4-mini, context: 900}}
  big:   {{provider: b, id: gpt-5.4-mini, context: 100000}}
routes:
  - name: default
    chain: [small, other]
    on_context_window: [other, big]
    on_content_policy: [big]
"""


@pytest.mark.parametrize("code", ["context_length_exceeded", "content_filter"])
def test_a_route_has_chains_of_their_own_for_two_failures(code: str) -> None:
    with yard(CHAINS) as running:
        running.a.answer = refusal(400, code)
        answer = running.post()
        assert (answer.status_code, answer.headers["x-gateway-model"]) == (200, "big")
        assert answer.headers["x-gateway-attempts"] == "2"
        assert {state for state, _ in running.states().values()} == {"closed"}


def test_a_prompt_that_is_plainly_too_long_begins_there() -> None:
    with yard(CHAINS) as running:
        answer = running.post(text="word " * 5000)
        assert (answer.status_code, answer.headers["x-gateway-model"]) == (200, "big")
        assert answer.headers["x-gateway-attempts"] == "1"


STICKY = CONFIG.replace("chain: [a, b]", "chain: [a, b], sticky: session")


def test_a_conversation_keeps_its_key_and_is_repeated_there() -> None:
    with yard(STICKY, ENV) as running:
        for text in ("one", "two", "three"):
            running.a.forget()
            for _ in range(3):
                assert running.post(text=text).headers["x-gateway-model"] == "a"
            assert len(set(running.a.keys)) == 1
        running.a.forget()
        running.a.answer = refusal(500)
        assert running.post(text="one").headers["x-gateway-model"] == "b"
        assert len(running.a.keys) == 2, "once more where its cache is, then elsewhere"
        assert len(set(running.a.keys)) == 1


def test_the_fastest_is_found() -> None:
    with yard(CONFIG.replace("chain: [a, b]", "chain: [a, b], prefer: fastest"), ENV) as running:
        board = running.gateway.gateway.board
        assert running.post().status_code == running.post().status_code == 200
        assert min(board.pace(model, False) for model in "ab") > 0
        now = running.clock.monotonic()
        board.pace_of("a", False).measured(30.0, now)
        board.pace_of("b", False).measured(20.0, now)
        assert [running.post().headers["x-gateway-model"] for _ in range(3)] == ["b"] * 3


async def test_a_redis_that_hangs_costs_requests_nothing() -> None:
    async def silence(peer: Peer) -> None:
        await peer.gone()

    async with FaultServer(silence) as redis:
        config = CHAINS + f"redis: {{{{url: 'redis://127.0.0.1:{redis.endpoint.port}/0', timeout: 50ms}}}}\n"

        def ask() -> None:
            with yard(config) as running:
                shared = running.gateway.gateway.shared
                assert shared is not None
                until(lambda: shared.status == "TimeoutError")
                assert running.post().status_code == 200

        await asyncio.to_thread(ask)


CUSTOM_TOOL = {"type": "custom", "custom": {"name": "patch"}}


def test_what_one_vendor_can_not_be_asked_goes_to_the_next(both: Yard) -> None:
    assert both.post("opus", tools=[CUSTOM_TOOL]).status_code == 200
    attempts = both.gateway.records.last().attempts
    assert [one.failure and one.failure.reason for one in attempts] == ["refused_to_translate", None]
    assert not both.a.server.requests
    both.b.answer = refusal(503)
    refused = both.post("opus", tools=[CUSTOM_TOOL])
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "upstream_unavailable")


@pytest.mark.parametrize("step", ["build_request", "parse_response"])
def test_a_defect_of_an_adapter_costs_an_attempt_and_not_the_request(
    both: Yard, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    sound, calls = getattr(OpenAIAdapter, step), []

    def once(*given: object) -> object:
        calls.append(step)
        if len(calls) == 1:
            raise TypeError("unhashable type: 'dict'")
        return sound(*given)

    monkeypatch.setattr(OpenAIAdapter, step, once)
    assert both.post("backed").status_code == 200
    attempts = both.gateway.records.last().attempts
    assert [one.failure and one.failure.reason for one in attempts] == ["adapter_defect", None]
    assert both.states()["backed", "default"][0] == "closed"
    assert [lane.in_flight for lane in both.gateway.gateway.board.lanes("backed")] == [0]


def test_a_whole_answer_without_usage_has_an_estimate(both: Yard) -> None:
    bare = {name: value for name, value in ANSWER.items() if name != "usage"}
    both.a.answer = response(json.dumps(bare).encode(), headers=[("content-type", "application/json")])
    assert both.post("alone", text="x" * 400).status_code == 200
    record = both.gateway.records.last()
    assert record.usage is not None
    assert (record.usage.source, record.usage.output) == ("estimated", 1)
    assert record.usage.input > 50
    assert record.cost_nano_usd
