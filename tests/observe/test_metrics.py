"""Records become numbers: every outcome is counted, under labels from closed sets."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from gateway.core.errors import Failure, FailureClass
from gateway.core.label import Label
from gateway.core.plan import Attempt, Candidate, Plan, Record, RouteTrace, Timeouts
from gateway.core.usage import Usage
from gateway.observe.fanout import Fanout
from gateway.observe.metrics import BATCH, Metrics

A, B = Candidate("a", "one"), Candidate("b", "two")
PLAN = Plan((A, B), frozenset(), Timeouts(), 3, RouteTrace("auto", "default"))


ORDER = (
    "route",
    "task",
    "from_model",
    "to_model",
    "model",
    "provider",
    "kind",
    "class",
    "outcome",
    "status",
    "stream",
    "hash",
)


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Every sample by its name and its labels' values, the latter in ORDER."""
    found = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            if not sample.name.endswith("_bucket"):
                labels = sorted(sample.labels.items(), key=lambda label: ORDER.index(label[0]))
                found[(sample.name, *(value for _, value in labels))] = sample.value
    return found


def answered(*attempts: Attempt, stream: bool = False, cost: int | None = 1500) -> Record:
    record = Record("req_1", created=0.0, started=10.0, stream=stream, label=Label("coding", 0.9), plan=PLAN)
    record.attempts.extend(attempts)
    record.ended, record.outcome, record.http_status = 12.0, "ok", 200
    record.first_token = 10.5
    record.cost_nano_usd = cost
    return record


def counted(record: Record) -> dict[tuple[str, ...], float]:
    metrics = Metrics()
    metrics.on_start(record)
    metrics.on_end(record)
    return samples(metrics)


def test_an_answer_with_a_fallback() -> None:
    first = Attempt(A, "first", 10.001, failure=Failure(FailureClass.TRANSIENT, "upstream_5xx", "x"))
    second = Attempt(B, "fallback", 10.2, usage=Usage(input=7, cache_read=3, output=5, reasoning=2), cost_nano_usd=1500)
    found = counted(answered(first, second, stream=True))
    assert found["gateway_requests_total", "default", "coding", "b", "ok", "200"] == 1
    assert found["gateway_attempts_total", "a", "one", "first", "transient"] == 1
    assert found["gateway_attempts_total", "b", "two", "fallback", "ok"] == 1
    assert found["gateway_fallbacks_total", "a", "b", "transient"] == 1
    assert found["gateway_tokens_total", "coding", "b", "input"] == 7
    assert found["gateway_tokens_total", "coding", "b", "cache_read"] == 3
    assert found["gateway_tokens_total", "coding", "b", "reasoning"] == 2
    assert ("gateway_tokens_total", "coding", "b", "input_audio") not in found
    assert found["gateway_cost_usd_total", "default", "coding", "b"] == 1.5e-6
    assert found["gateway_request_duration_seconds_sum", "default", "coding", "b", "true"] == 2.0
    assert found["gateway_time_to_first_token_seconds_sum", "default", "coding", "b"] == 0.5
    assert found["gateway_overhead_seconds_count",] == 1


def test_an_unpriced_answer_is_counted_as_such_and_not_as_free() -> None:
    found = counted(answered(Attempt(A, "first", 10.0, usage=Usage(output=1, source="estimated")), cost=None))
    assert found["gateway_unpriced_requests_total", "a"] == 1
    assert found["gateway_usage_estimated_total", "a"] == 1
    assert not [name for name in found if name[0] == "gateway_cost_usd_total"]


def test_a_rejected_request_has_no_model() -> None:
    record = Record("req_1", 0.0, 0.0, stream=False)
    record.ended, record.outcome, record.http_status = 1.0, "rejected", 400
    assert counted(record)["gateway_requests_total", "none", "none", "none", "rejected", "400"] == 1


def test_in_flight_goes_up_and_down() -> None:
    metrics = Metrics()
    records = [answered(Attempt(A, "first", 10.0)) for _ in range(3)]
    for record in records:
        metrics.on_start(record)
    assert samples(metrics)["gateway_requests_in_flight",] == 3
    for record in records:
        metrics.on_end(record)
    assert samples(metrics)["gateway_requests_in_flight",] == 0


def test_nothing_is_lost_between_batches() -> None:
    metrics = Metrics()
    total = BATCH * 2 + 7
    for _ in range(total):
        record = answered(Attempt(A, "first", 10.0))
        metrics.on_start(record)
        metrics.on_end(record)
    assert samples(metrics)["gateway_requests_total", "default", "coding", "a", "ok", "200"] == total


class Broken:
    def on_start(self, record: Record) -> None:
        raise RuntimeError("start")

    def on_dispatch(self, record: Record) -> None:
        raise RuntimeError("no")

    def on_end(self, record: Record) -> None:
        raise RuntimeError("end")


def test_a_broken_observer_hurts_nobody() -> None:
    metrics = Metrics()
    fanout = Fanout([Broken(), metrics])
    record = answered(Attempt(A, "first", 10.0))
    fanout.on_start(record)
    fanout.on_end(record)
    assert fanout.failures == 2
    assert samples(metrics)["gateway_requests_total", "default", "coding", "a", "ok", "200"] == 1
