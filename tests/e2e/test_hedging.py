"""Two run beside each other: the first to speak answers, the other's connection closes at once, and what it cost is
told apart."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.upstreams import EVENTS, OK, ROLE, STREAM_HEAD, Upstream, Yard, refusal, yard
from tests.running import until

CONFIG = """
classify: {{text_model: none}}
timeouts: {{first_token: 20s, answer: 20s}}
providers:
  a: {{vendor: openai, base_url: "{a}"}}
  b: {{vendor: openai, base_url: "{b}"}}
models:
  a: {{provider: a, id: gpt-5.4-mini}}
  b: {{provider: b, id: gpt-5.4-mini}}
routes: [{{name: default, chain: [a, b], hedge: {{after: 50ms, max_extra: 100%}}}}]
"""
STREAM = STREAM_HEAD + ROLE + EVENTS


@pytest.fixture
def both() -> Iterator[Yard]:
    with yard(CONFIG) as running:
        yield running


def waits(upstream: Upstream, stream: bool = False) -> None:
    """Takes the request and says nothing that counts."""
    upstream.answer = None
    upstream.begin = STREAM_HEAD + ROLE if stream else b""


@pytest.mark.parametrize("stream", [False, True])
def test_the_second_answers_for_a_first_that_is_late(both: Yard, stream: bool) -> None:
    waits(both.a, stream)
    both.b.answer = STREAM if stream else OK
    answer = both.post(stream=stream)
    assert (answer.status_code, answer.headers["x-gateway-model"]) == (200, "b")
    until(lambda: both.a.left == 1)
    record = both.gateway.records.last()
    late, quick = record.attempts
    assert (late.kind, late.cancelled, late.failure) == ("first", True, None)
    assert (quick.kind, quick.cancelled) == ("hedge", False)
    assert record.final is quick
    assert late.usage is not None
    assert late.usage.source == "estimated"
    assert set(record.costs) == {"final", "hedge"}
    assert record.cost_nano_usd == sum(record.costs.values())
    assert both.states() == {("a", "default"): ("closed", ""), ("b", "default"): ("closed", "")}


@pytest.mark.parametrize("stream", [False, True])
def test_the_first_may_still_be_faster(both: Yard, stream: bool) -> None:
    waits(both.a, stream)
    waits(both.b, stream)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(both.post, stream=stream)
        until(lambda: len(both.b.server.requests) == 1)
        both.loop.run(both.a.release(EVENTS if stream else OK))
        answer = asked.result(20)
    assert (answer.status_code, answer.headers["x-gateway-model"]) == (200, "a")
    until(lambda: both.b.left == 1)
    record = both.gateway.records.last()
    assert [(one.kind, one.cancelled) for one in record.attempts] == [("first", False), ("hedge", True)]
    assert record.final is record.attempts[0]
    assert set(record.costs) == {"final", "hedge"}


def test_a_second_that_fails_changes_nothing(both: Yard) -> None:
    waits(both.a)
    both.b.answer = refusal(500)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(both.post)
        until(lambda: any(one.failure for record in both.gateway.records.started for one in record.attempts))
        both.loop.run(both.a.release(OK))
        answer = asked.result(20)
    assert (answer.status_code, answer.headers["x-gateway-model"]) == (200, "a")
    record = both.gateway.records.last()
    assert record.final is record.attempts[0]
    assert set(record.costs) == {"final"}


def test_a_first_that_fails_leaves_it_to_the_second(both: Yard) -> None:
    waits(both.a)
    waits(both.b)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(both.post)
        until(lambda: len(both.b.server.requests) == 1)
        both.loop.run(both.a.release(refusal(503)))
        both.loop.run(both.b.release(OK))
        answer = asked.result(20)
    assert (answer.status_code, answer.headers["x-gateway-model"]) == (200, "b")
    assert len(both.gateway.records.last().attempts) == 2


def test_when_both_fail_the_plan_is_exhausted(both: Yard) -> None:
    waits(both.a)
    both.b.answer = refusal(500)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(both.post)
        until(lambda: len(both.b.server.requests) == 1)
        both.loop.run(both.a.release(refusal(503)))
        answer = asked.result(20)
    assert (answer.status_code, answer.headers["x-should-retry"]) == (503, "false")


def test_the_callers_fault_ends_both(both: Yard) -> None:
    waits(both.a)
    both.b.answer = refusal(400, "invalid_value")
    assert both.post().status_code == 400
    until(lambda: both.a.left == 1)


def test_a_quick_first_stays_alone(both: Yard) -> None:
    for _ in range(3):
        assert both.post().headers["x-gateway-attempts"] == "1"
    assert both.b.server.requests == []


def test_a_client_that_leaves_closes_both(both: Yard) -> None:
    waits(both.a)
    waits(both.b)
    body = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", int(both.gateway.url.rpartition(":")[2]))) as client:
        client.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        until(lambda: len(both.b.server.requests) == 1)
    until(lambda: both.a.left == both.b.left == 1)
    record = both.gateway.records.last()
    assert record.outcome == "client_gone"
    assert set(record.costs) == {"final", "hedge"}


@pytest.mark.parametrize("hedge", ["{after: 1ms, max_extra: 0%}", "{after: p95}"])
def test_without_a_budget_or_without_experience_nobody_is_hedged(hedge: str) -> None:
    config = CONFIG.replace("{{after: 50ms, max_extra: 100%}}", hedge.replace("{", "{{").replace("}", "}}"))
    with yard(config) as running:
        waits(running.a)
        with ThreadPoolExecutor() as pool:
            asked = pool.submit(running.post)
            until(lambda: len(running.a.server.requests) == 1)
            running.loop.run(running.a.release(OK))
            assert asked.result(20).headers["x-gateway-attempts"] == "1"
        assert running.b.server.requests == []


def test_experience_says_who_is_late() -> None:
    with yard(CONFIG.replace("after: 50ms", "after: p95")) as running:
        for _ in range(30):
            assert running.post().headers["x-gateway-attempts"] == "1"
        waits(running.a)
        answer = running.post()
        assert (answer.headers["x-gateway-model"], answer.headers["x-gateway-attempts"]) == ("b", "2")


def test_who_is_in_trouble_is_no_company(both: Yard) -> None:
    both.a.answer = refusal(500)
    both.b.answer = refusal(429, retry_after="60")
    both.post()
    both.a.answer = None
    both.b.forget()
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(both.post)
        until(lambda: len(both.a.server.requests) == 2)
        both.loop.run(both.a.release(OK))
        assert asked.result(20).headers["x-gateway-attempts"] == "1"
