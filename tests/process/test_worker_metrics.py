"""Whichever worker is asked answers for all, also for one that was killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.observe.prometheus import promtool
from tests.process.conftest import ADMIN, Client, Serve, Upstream, call, config_text
from tests.running import until
from tests.served import Served


def metric(served: Served, name: str) -> float:
    """The sum of the series of a name, with at least these labels."""
    status, text = call(served.port, "GET", "/metrics", ADMIN)
    assert status == 200
    name, _, labels = name.rstrip("}").partition("{")
    wanted = [label for label in labels.split(",") if label]
    lines = [line for line in text.splitlines() if line.partition("{")[0].partition(" ")[0] == name]
    return sum(float(line.rpartition(" ")[2]) for line in lines if all(label in line for label in wanted))


ANSWERED = "gateway_requests_total"


def ask(served: Served, count: int) -> None:
    for _ in range(count):
        client = Client(served.port)
        client.ask()
        assert client.answer().status == 200
        client.connection.close()


def test_the_sum_over_all_workers_outlives_each(serve: Serve) -> None:
    served = serve("workers: 2")
    ask(served, 20)
    until(lambda: metric(served, ANSWERED) == 20)
    assert {metric(served, ANSWERED) for _ in range(12)} == {20}, "each of the two shows the same"
    assert metric(served, 'gateway_processes{role="worker"}') == 2
    before = set(served.children())
    starts = metric(served, "gateway_process_starts_total")
    os.kill(served.children()[0], signal.SIGKILL)
    until(lambda: metric(served, "gateway_process_starts_total") == starts + 1)
    assert set(served.children()) != before
    assert metric(served, ANSWERED) == 20, "counters never go back"
    ask(served, 12)
    until(lambda: metric(served, ANSWERED) == 32)
    assert metric(served, 'gateway_processes{role="worker"}') == 2
    assert metric(served, "gateway_request_duration_seconds_count") == 32
    assert metric(served, 'gateway_request_duration_seconds_bucket{route="pinned",task="unsure",model="gpt"') > 32
    assert metric(served, "gateway_requests_in_flight") == 0
    status, text = call(served.port, "GET", "/metrics", ADMIN)
    assert status == 200
    checked = promtool("check", "metrics", stdin=text.encode())
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_new_start_counts_anew(serve: Serve) -> None:
    served = serve("workers: 1")
    ask(served, 3)
    until(lambda: metric(served, ANSWERED) == 3)
    served.process.terminate()
    served.ended()
    again = serve("workers: 1")
    assert metric(again, ANSWERED) == 0


def test_another_gateway_on_the_same_folder_takes_nothing_away(serve: Serve) -> None:
    first = serve("workers: 2")
    ask(first, 5)
    until(lambda: metric(first, ANSWERED) == 5)
    second = serve("workers: 2")
    assert metric(second, ANSWERED) == 0
    ask(second, 2)
    ask(first, 3)
    until(lambda: {metric(first, ANSWERED) for _ in range(6)} == {8})
    until(lambda: {metric(second, ANSWERED) for _ in range(6)} == {2})
    assert metric(first, 'gateway_processes{role="worker"}') == 2
    os.kill(first.children()[0], signal.SIGKILL)
    until(lambda: metric(first, "gateway_process_starts_total") == 3)
    assert metric(first, ANSWERED) == 8, "it goes on from its own numbers"


@pytest.mark.parametrize("workers", [1, 2])
def test_what_runs_in_another_worker_shows(serve: Serve, workers: int) -> None:
    served = serve(f"workers: {workers}")
    clients = [Client(served.port) for _ in range(4)]
    for number, client in enumerate(clients):
        client.ask(f"held {number}")
    until(lambda: {metric(served, "gateway_requests_in_flight") for _ in range(6)} == {4})
    for client in clients:
        client.connection.close()
    until(lambda: {metric(served, "gateway_requests_in_flight") for _ in range(6)} == {0})
    assert metric(served, 'gateway_requests_total{route="pinned",task="unsure",model="gpt",outcome="client_gone"') == 4


def test_counters_equal_the_ledgers_counts(serve: Serve, upstream: Upstream, tmp_path: Path) -> None:
    file = tmp_path / "kept.yaml"
    file.write_text(config_text(upstream.url, tmp_path, "workers: 2").replace(", store: none", ""))
    served = serve(file=file)
    ask(served, 25)
    bad = Client(served.port)
    bad.send("POST", "/v1/chat/completions", {"model": "gpt-9000", "messages": [{"role": "user", "content": "x"}]})
    assert bad.answer().status == 404
    until(lambda: metric(served, "gateway_ledger_shipped_entries_total") >= 26)
    until(lambda: metric(served, ANSWERED) == 26)
    total = usage(served)
    assert total["requests"] == 26
    assert metric(served, "gateway_cost_usd_total") == pytest.approx(float(total["cost_usd"]))
    for name in ("input", "output"):
        assert metric(served, f'gateway_tokens_total{{model="gpt",task="unsure",kind="{name}"}}') == 25
    assert metric(served, 'gateway_processes{role="keeper"}') == 1
    assert metric(served, "gateway_ledger_store_up") == 1
    assert metric(served, "gateway_ledger_lag_seconds") < 60
    assert metric(served, "gateway_ledger_dropped_records_total") == 0
    client = Client(served.port)
    client.ask()
    request_id = client.answer().headers["x-gateway-request-id"]
    client = Client(served.port)

    def told() -> bool:
        client.send("POST", "/v1/feedback", {"request_id": request_id, "score": 0.2})
        answer = client.answer()
        answer.read()
        return answer.status == 200

    until(told)
    assert metric(served, 'gateway_feedback_total{task="unsure",model="gpt",verdict="bad"}') == 1


def usage(served: Served) -> dict[str, Any]:
    status, found = call(served.port, "GET", "/v1/usage", ADMIN)
    assert status == 200
    total: dict[str, Any] = found["total"]
    return total
