"""Records reach an OpenTelemetry collector as the conventions have it, and a collector can't hurt a request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.config.resolve_otel import with_otel_of
from gateway.core.clock import SystemClock
from gateway.core.errors import Failure, FailureClass
from gateway.core.label import Label
from gateway.core.plan import Attempt, Candidate, Plan, Record, RouteTrace, Timeouts
from gateway.core.usage import Usage
from gateway.observe import otel_names
from gateway.observe.otel import QUEUE, Collector, OtelExporter
from gateway.observe.otel_spans import parent_of, spans_of
from tests.observe.otlp import Receiver, values
from tests.running import LoopThread, running_gateway, running_simulators, snapshot_of

DOCS = Path(__file__).resolve().parents[2] / "docs"
A, B = Candidate("a", "one"), Candidate("b", "two")
PLAN = Plan((A, B), frozenset(), Timeouts(), 3, RouteTrace("auto", "default"))
FACTS = {"a": ("openai", "gpt-5.4"), "b": ("gemini", "gemini-3.1-pro-preview")}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def record(**fields: object) -> Record:
    made = Record("req_1", 1_000_000.0, 50.0, stream=True, principal="app", plan=PLAN, label=Label("coding", 0.9))
    failure = Failure(FailureClass.RATE_LIMIT, "rate_limited", "slow down", status=429)
    usage = Usage(input=10, cache_read=90, output=20, reasoning=5)
    made.attempts += [
        Attempt(A, "first", 50.1, ended=50.3, status=429, failure=failure),
        Attempt(B, "fallback", 50.3, ended=52.0, first_token=50.8, status=200, usage=usage, cost_nano_usd=1_500_000),
    ]
    made.ended, made.outcome, made.http_status, made.cost_nano_usd = 52.0, "ok", 200, 1_500_000
    made.finish_reason = "stop"
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def exporter(receiver: Receiver | str, drops: list[tuple[str, int]] | None = None) -> OtelExporter:
    endpoint = receiver if isinstance(receiver, str) else receiver.endpoint
    collector = Collector(endpoint, {"x-key": "secret"}, "my-gateway", "host-0", "1.0")
    dropped = drops if drops is not None else []
    return OtelExporter(collector, FACTS.__getitem__, SystemClock(), lambda *drop: dropped.append(drop))


def test_a_request_and_its_attempts_are_one_trace() -> None:
    with Receiver() as receiver:
        sender = exporter(receiver)
        sender.on_end(record(traceparent=TRACEPARENT))
        sender.close()
    request, first, second = receiver.spans
    assert receiver.resource == {
        "service.name": "my-gateway",
        "service.version": "1.0",
        "service.instance.id": "host-0",
    }
    assert receiver.headers["x-key"] == "secret"
    assert receiver.headers["content-type"] == "application/x-protobuf"
    assert {span.trace_id.hex() for span in receiver.spans} == {TRACE}
    assert request.parent_span_id.hex() == "00f067aa0ba902b7"
    assert first.parent_span_id == second.parent_span_id == request.span_id
    assert request.name == "chat b"
    assert second.name == "chat gemini-3.1-pro-preview"
    assert request.start_time_unix_nano == 1_000_000_000_000_000
    assert request.end_time_unix_nano - request.start_time_unix_nano == 2_000_000_000
    assert first.status.code == first.status.STATUS_CODE_ERROR
    assert second.status.code == second.status.STATUS_CODE_UNSET
    assert [event.name for event in second.events] == ["switchyard.first_token"]
    told = values(request.attributes)
    assert told["switchyard.route"] == "default"
    assert told["switchyard.task"] == "coding"
    assert told["switchyard.cost_usd"] == 0.0015
    assert told["gen_ai.response.finish_reasons"] == ["stop"]
    assert "switchyard.team" not in told
    failed = values(first.attributes)
    assert (failed["error.type"], failed["http.response.status_code"]) == ("rate_limit", 429)
    answered = values(second.attributes)
    assert answered["gen_ai.provider.name"] == "gcp.gemini"
    assert answered["gen_ai.usage.input_tokens"] == 100
    assert answered["gen_ai.usage.output_tokens"] == 25
    assert answered["gen_ai.usage.cache_read.input_tokens"] == 90


def test_metrics_of_the_conventions() -> None:
    with Receiver() as receiver:
        sender = exporter(receiver)
        for _ in range(3):
            sender.on_end(record())
        sender.close()
    assert set(receiver.metrics) == {name for name, *_ in otel_names.HISTOGRAMS}
    duration = receiver.metrics["gen_ai.client.operation.duration"].histogram
    by_error = {values(point.attributes).get("error.type"): point for point in duration.data_points}
    assert by_error["rate_limit"].count == 3
    assert by_error[None].sum == pytest.approx(5.1)
    assert sum(by_error[None].bucket_counts) == 3
    assert len(by_error[None].bucket_counts) == len(by_error[None].explicit_bounds) + 1
    usage = receiver.metrics["gen_ai.client.token.usage"].histogram
    tokens = {values(point.attributes)["gen_ai.token.type"]: point.sum for point in usage.data_points}
    assert tokens == {"input": 300, "output": 75}


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "rubbish",
        TRACEPARENT.upper(),
        TRACEPARENT[:-3],
        f"ff-{TRACE}-00f067aa0ba902b7-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
    ],
)
def test_a_trace_that_makes_no_sense_is_begun_anew(header: str | None) -> None:
    assert parent_of(header) is None
    request, *attempts = spans_of(record(traceparent=header), FACTS.__getitem__)
    assert not request.parent_span_id
    assert len(request.trace_id) == 16
    assert len({span.span_id for span in (request, *attempts)}) == 3


def test_a_client_that_does_not_sample_is_obeyed() -> None:
    assert spans_of(record(traceparent=TRACEPARENT[:-2] + "00"), FACTS.__getitem__) == []


def test_a_refused_request_has_no_attempts() -> None:
    refused = Record("req_2", 5.0, 1.0, stream=False, asked_for="gpt-9000")
    refused.ended, refused.outcome, refused.http_status, refused.error_code = 1.5, "rejected", 404, "model_not_found"
    [span] = spans_of(refused, FACTS.__getitem__)
    assert span.name == "chat"
    assert values(span.attributes)["error.type"] == "model_not_found"


def test_a_collector_that_is_busy_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.observe.otel.RETRY_S", (0.0, 0.0))
    drops: list[tuple[str, int]] = []
    with Receiver(503, 429) as receiver:
        sender = exporter(receiver, drops)
        sender.on_end(record())
        until_received(receiver, 3)
        sender.close()
    assert len(receiver.spans) == 3
    assert not drops


def until_received(receiver: Receiver, spans: int) -> None:
    from tests.running import until

    until(lambda: len(receiver.spans) >= spans)


@pytest.mark.parametrize("status", [400, 401, 500])
def test_what_is_not_taken_is_dropped_and_counted(status: int) -> None:
    drops: list[tuple[str, int]] = []
    with Receiver(status) as receiver:
        sender = exporter(receiver, drops)
        sender.on_end(record())
        sender.close()
    assert drops == [("not_taken", 1)]


def test_a_collector_that_is_away_costs_records_and_nothing_else() -> None:
    drops: list[tuple[str, int]] = []
    sender = exporter("http://127.0.0.1:9", drops)
    for _ in range(QUEUE + 7):
        sender.on_end(record())
    assert ("queue_full", 1) in drops
    sender.close()
    assert sum(count for _, count in drops) == QUEUE + 7


CONFIG = """
providers: {{openai: {{vendor: openai, base_url: "{openai}/v1"}}}}
models: {{gpt: {{provider: openai, id: gpt-5.4-mini}}}}
routes: [{{name: default, chain: [gpt]}}]
classify: {{text_model: none}}
"""


@pytest.fixture
def simulator() -> Iterator[tuple[LoopThread, str]]:
    with LoopThread() as loop, running_simulators(loop, "openai") as simulators:
        yield loop, simulators["openai"].base_url


@pytest.mark.parametrize("by", ["config", "environment"])
def test_a_gateway_sends_its_requests(simulator: tuple[LoopThread, str], by: str) -> None:
    loop, url = simulator
    with Receiver() as receiver:
        text, env = CONFIG.format(openai=url), {}
        if by == "config":
            text += f"otel: {{endpoint: '{receiver.endpoint}/', headers: {{X-Key: '${{TOKEN}}'}}}}"
            env = {"TOKEN": "secret"}
        else:
            env = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_EXPORTER_OTLP_HEADERS": "x-key=sec%72et,b=c"}
        snapshot = with_otel_of(snapshot_of(text, env), env)
        assert "secret" not in repr(snapshot.otel)
        with running_gateway(loop, snapshot) as gateway:
            request = {"model": "gpt", "messages": [{"role": "user", "content": "Say exactly: nobody reads this"}]}
            answer = httpx.post(
                f"{gateway.base_url}/chat/completions", json=request, headers={"traceparent": TRACEPARENT}
            )
            assert answer.status_code == 200
            record = gateway.records.last()
        span, attempt = receiver.spans
        assert span.trace_id.hex() == TRACE
        assert values(span.attributes)["switchyard.request.id"] == record.request_id
        assert values(attempt.attributes)["gen_ai.request.model"] == "gpt-5.4-mini"
        assert "nobody reads this" not in str(receiver.spans)
        assert receiver.headers["x-key"] == "secret"


def test_the_page_has_every_name() -> None:
    page = (DOCS / "opentelemetry.md").read_text()
    said = {value for name, value in vars(otel_names).items() if name.isupper() and isinstance(value, str)}
    dotted = {value for value in said if "." in value and value != otel_names.SERVICE_VERSION}
    assert len(dotted) > 20
    assert not {value for value in dotted if f"`{value}`" not in page}
    for name, unit, help, _ in otel_names.HISTOGRAMS:
        assert f"| `{name}` | {unit} |" in page
        assert help in page
