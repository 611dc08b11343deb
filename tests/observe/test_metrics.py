"""Records become numbers: every outcome is counted, under labels from closed sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.core.errors import Failure, FailureClass
from gateway.core.label import Label
from gateway.core.plan import Attempt, Candidate, Plan, Record, RouteTrace, Timeouts
from gateway.core.usage import Usage
from gateway.observe.fanout import Fanout
from gateway.observe.metrics import BATCH, Metrics
from gateway.observe.names import IN_FLIGHT, METRICS, REQUESTS
from tests.observe.prometheus import promtool

BY_NAME = {metric.name: metric for metric in METRICS}
A, B = Candidate("a", "one"), Candidate("b", "two")
PLAN = Plan((A, B), frozenset(), Timeouts(), 3, RouteTrace("auto", "default"))


Samples = dict[tuple[str, ...], float]


def samples(metrics: Metrics) -> Samples:
    """Every sample by its name and its labels' values, in the order of the labels in the table; buckets left out."""
    found: Samples = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            if not sample.name.endswith("_bucket"):
                metric = BY_NAME[sample.name.removesuffix("_sum").removesuffix("_count")]
                found[(sample.name, *(sample.labels[name] for name in metric.labels))] = sample.value
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
    first = Attempt(
        A, "first", 10.001, ended=10.2, failure=Failure(FailureClass.TRANSIENT, "upstream_5xx", "x"), cost_nano_usd=400
    )
    usage = Usage(input=7, cache_read=3, output=5, reasoning=2)
    second = Attempt(B, "fallback", 10.2, ended=12.0, first_token=10.5, usage=usage, cost_nano_usd=1500)
    record = answered(first, second, stream=True)
    record.usage, record.baselines, record.principal = usage, (("b", 9000), ("free", None)), "app"
    found = counted(record)
    assert found["gateway_requests_total", "default", "coding", "b", "ok", "200"] == 1
    assert found["gateway_key_requests_total", "app", "ok"] == 1
    assert found["gateway_attempts_total", "a", "one", "first", "transient"] == 1
    assert found["gateway_attempts_total", "b", "two", "fallback", "ok"] == 1
    assert found["gateway_attempt_duration_seconds_sum", "a", "one"] == pytest.approx(0.199)
    assert found["gateway_attempt_time_to_first_token_seconds_sum", "b", "two"] == pytest.approx(0.3)
    assert found["gateway_fallbacks_total", "a", "b", "transient"] == 1
    assert found["gateway_tokens_total", "b", "coding", "input"] == 7
    assert found["gateway_tokens_total", "b", "coding", "cache_read"] == 3
    assert found["gateway_tokens_total", "b", "coding", "reasoning"] == 2
    assert ("gateway_tokens_total", "b", "coding", "input_audio") not in found
    assert found["gateway_cost_usd_total", "default", "coding", "b", "final"] == 1.5e-6
    assert found["gateway_cost_usd_total", "default", "coding", "a", "failed"] == 4e-7
    assert found["gateway_key_cost_usd_total", "app"] == 1.9e-6
    assert found["gateway_baseline_cost_usd_total", "b", "default", "coding"] == 9e-6
    assert ("gateway_baseline_cost_usd_total", "free", "default", "coding") not in found
    assert found["gateway_request_duration_seconds_sum", "default", "coding", "b", "true"] == 2.0
    assert found["gateway_time_to_first_token_seconds_sum", "default", "coding", "b"] == 0.5
    assert found["gateway_time_per_output_token_seconds_sum", "b"] == 0.25
    assert found["gateway_overhead_seconds_count",] == 1
    assert not [name for name in found if name[0] == "gateway_errors_total"]


def test_an_unpriced_answer_is_counted_as_such_and_not_as_free() -> None:
    record = answered(Attempt(A, "first", 10.0, usage=Usage(output=1, source="estimated")), cost=None)
    record.baselines = (("b", 9000),)
    found = counted(record)
    assert found["gateway_unpriced_requests_total", "a"] == 1
    assert found["gateway_usage_estimated_total", "a"] == 1
    money = ("gateway_cost_usd_total", "gateway_key_cost_usd_total", "gateway_baseline_cost_usd_total")
    assert not [name for name in found if name[0] in money]


@pytest.mark.parametrize(
    ("status", "code", "model", "why"),
    [
        (400, "invalid_type", "none", "bad_request"),
        (401, "invalid_api_key", "none", "unauthorized"),
        (404, "model_not_found", "other", "not_found"),
        (503, "shutting_down", "none", "overloaded"),
    ],
)
def test_a_rejected_request(status: int, code: str, model: str, why: str) -> None:
    record = Record("req_1", 0.0, 0.0, stream=False, asked_for="gpt-9000")
    record.ended, record.outcome, record.http_status, record.error_code = 1.0, "rejected", status, code
    found = counted(record)
    assert found["gateway_requests_total", "none", "none", model, "rejected", str(status)] == 1
    assert found["gateway_errors_total", "none", "none", model, why] == 1
    assert not any("gpt-9000" in label for name in found for label in name)


def test_errors_by_class() -> None:
    record = answered(Attempt(A, "first", 10.0, failure=Failure(FailureClass.TIMEOUT, "header_timeout", "x")))
    record.outcome, record.http_status = "error", 504
    assert counted(record)["gateway_errors_total", "default", "coding", "a", "timeout"] == 1


def test_a_call_that_we_ended_is_no_success() -> None:
    record = answered(Attempt(A, "first", 10.0, cancelled=True), Attempt(B, "hedge", 10.1, cost_nano_usd=7))
    found = counted(record)
    assert found["gateway_attempts_total", "a", "one", "first", "cancelled"] == 1
    assert found["gateway_attempts_total", "b", "two", "hedge", "ok"] == 1
    assert not [name for name in found if name[0] == "gateway_fallbacks_total"]
    record = answered(Attempt(A, "first", 10.0))
    record.outcome, record.http_status = "client_gone", 499
    assert counted(record)["gateway_attempts_total", "a", "one", "first", "cancelled"] == 1


def test_labels_flags_and_defects() -> None:
    record = answered(Attempt(A, "first", 10.0))
    record.label = Label("unsure", 0.31, frozenset({"multimodal"}))
    record.quality = ("truncated", "invalid_json")
    found = counted(record)
    assert found["gateway_classified_requests_total", "unsure", "true"] == 1
    assert found["gateway_classifier_confidence_ratio_sum", "unsure"] == 0.31
    assert found["gateway_flagged_requests_total", "multimodal"] == 1
    assert found["gateway_quality_defects_total", "unsure", "a", "truncated"] == 1
    assert found["gateway_quality_defects_total", "unsure", "a", "invalid_json"] == 1


def test_in_flight_goes_up_and_down() -> None:
    metrics = Metrics()
    records = [answered(Attempt(A, "first", 10.0)) for _ in range(3)]
    for record in records:
        metrics.on_start(record)
    assert samples(metrics)["gateway_requests_in_flight",] == 3
    for record in records:
        metrics.on_end(record)
    assert samples(metrics)["gateway_requests_in_flight",] == 0


def test_those_that_wait_and_those_turned_away() -> None:
    metrics = Metrics()
    metrics.on_queued()
    metrics.on_queued()
    metrics.on_dequeued()
    metrics.on_overloaded("queue_full")
    found = samples(metrics)
    assert found["gateway_requests_waiting",] == 1
    assert found["gateway_requests_queued_total",] == 2
    assert found["gateway_requests_overloaded_total", "queue_full"] == 1


def test_feedback_by_its_score() -> None:
    metrics = Metrics()
    for score in (1.0, 0.5, 0.2, None):
        metrics.on_feedback("coding", "a", score)
    found = samples(metrics)
    assert found["gateway_feedback_total", "coding", "a", "good"] == 2
    assert found["gateway_feedback_total", "coding", "a", "bad"] == 1
    assert found["gateway_feedback_total", "coding", "a", "none"] == 1


def test_a_record_that_cannot_be_counted_costs_the_others_nothing(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    broken = answered(Attempt(A, "first", 10.0))
    broken.plan = "no plan"  # type: ignore[assignment]
    metrics.on_start(broken)
    metrics.on_end(broken)
    through(metrics)
    found = samples(metrics)
    assert found[OK] == 1
    assert found["gateway_observer_failures_total", "Metrics"] == 1
    assert "not counted" in caplog.text


class Breaker(NamedTuple):
    provider: str
    model: str | None
    key: str | None
    state: str


def test_breakers_come_and_go() -> None:
    metrics = Metrics()
    rows = [Breaker("one", "a", None, "open"), Breaker("two", "b", "spare", "half_open")]
    metrics.breakers = lambda: rows
    found = samples(metrics)
    assert found["gateway_breaker_state", "one", "a", "none"] == 2
    assert found["gateway_breaker_state", "two", "b", "spare"] == 1
    rows[:] = [Breaker("one", "a", None, "closed")]
    found = samples(metrics)
    assert found["gateway_breaker_state", "one", "a", "none"] == 0
    assert ("gateway_breaker_state", "two", "b", "spare") not in found


def test_the_config_in_force() -> None:
    metrics = Metrics(version="1.2.3")
    metrics.config.take("aaa", 1000.5)
    metrics.config.take("bbb", 2000.5)
    metrics.config.refuse()
    found = samples(metrics)
    assert [name[1:] for name in found if name[0] == "gateway_config_info"] == [("bbb",)]
    assert found["gateway_config_reload_timestamp_seconds",] == 2000.5
    assert found["gateway_config_reload_success",] == 0
    assert found["gateway_build_info", "1.2.3"] == 1


class Loop:
    """Keeps what is to be called, and when."""

    def __init__(self) -> None:
        self.due: list[tuple[float, Callable[[], None]]] = []

    def later(self, seconds: float, callback: Callable[[], None]) -> None:
        self.due.append((seconds, callback))

    def run(self) -> list[float]:
        due, self.due = self.due, []
        for _, callback in due:
            callback()
        return [seconds for seconds, _ in due]


def through(metrics: Metrics, count: int = 1) -> None:
    for _ in range(count):
        record = answered(Attempt(A, "first", 10.0))
        metrics.on_start(record)
        metrics.on_end(record)


OK = ("gateway_requests_total", "default", "coding", "a", "ok", "200")


def total(metrics: Metrics) -> float:
    """What is counted by now, without counting on."""
    series = (REQUESTS, OK[1:])
    return metrics.totals.merged().get(series, [0.0])[0]


def test_records_are_counted_in_time_and_not_while_their_client_waits() -> None:
    loop = Loop()
    metrics = Metrics(later=loop.later)
    through(metrics)
    assert total(metrics) == 0
    assert loop.run() == [0.25]
    assert total(metrics) == 1
    assert loop.run() == []
    through(metrics, BATCH + 5)
    assert total(metrics) == 1
    assert sorted(loop.run()) == [0.0, 0.25]
    assert total(metrics) == BATCH + 6


def test_what_others_show_of_this_process_stays_true() -> None:
    loop = Loop()
    metrics = Metrics(later=loop.later)
    metrics.on_start(answered())
    assert loop.run() == [0.25]
    assert metrics.totals.merged()[IN_FLIGHT, ()] == [1]
    assert [seconds for seconds, _ in loop.due] == [1.0], "one still runs: look again"


def test_nothing_is_lost_between_batches() -> None:
    metrics = Metrics()
    count = BATCH * 2 + 7
    through(metrics, count)
    assert samples(metrics)[OK] == count


def test_what_it_shows_passes_promtool() -> None:
    metrics = Metrics(version='quotes " and \\ and \n')
    metrics.config.take("abc", 5.0)
    metrics.on_feedback("coding", "a", 1.0)
    through(metrics, 3)
    checked = promtool("check", "metrics", stdin=metrics.render())
    assert checked.returncode == 0, checked.stdout + checked.stderr


class Broken:
    def on_start(self, record: Record) -> None:
        raise RuntimeError("start")

    def on_dispatch(self, record: Record) -> None:
        raise RuntimeError("no")

    def on_end(self, record: Record) -> None:
        raise RuntimeError("end")


def test_a_broken_observer_hurts_nobody() -> None:
    metrics = Metrics()
    fanout = Fanout([Broken(), metrics], metrics.on_observer_failure)
    record = answered(Attempt(A, "first", 10.0))
    fanout.on_start(record)
    fanout.on_end(record)
    assert fanout.failures == 2
    assert samples(metrics)["gateway_observer_failures_total", "Broken"] == 2
    assert samples(metrics)["gateway_requests_total", "default", "coding", "a", "ok", "200"] == 1
