"""Every panel shows something: a real Prometheus scrapes a real gateway under traffic of all kinds, and each query of
each dashboard is run as Grafana would run it. Stands for a look at the screen.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from gateway.observe.metrics import Metrics
from tests.observe.prometheus import Prometheus, binary
from tests.running import LoopThread, RunningGateway, running_gateway, running_simulators, snapshot_of
from tools.dashboards.files import DASHBOARDS
from tools.dashboards.panels import Dashboard, Panel, render

CONFIG = """
classify: {{text_model: none}}
timeouts: {{connect: 2s, first_token: 5s, answer: 5s, idle: 5s, total: 20s}}
breakers: {{consecutive: 1000, min_requests: 1000000}}   # each call of what is broken is to be seen
providers:
  openai:    {{vendor: openai,    base_url: "{openai}/v1"}}
  anthropic: {{vendor: anthropic, base_url: "{anthropic}"}}
  google:    {{vendor: gemini,    base_url: "{gemini}/v1beta"}}
models:
  gpt:    {{provider: openai,    id: gpt-5.4-mini, fallbacks: [claude]}}
  claude: {{provider: anthropic, id: claude-haiku-4-5}}
  gemini: {{provider: google,    id: gemini-3.1-pro-preview}}
  broken: {{provider: openai,    id: "gpt-5.4-mini--fault=503"}}
  silent: {{provider: google,    id: gemini-3.1-flash-lite, price: {{input: 1, output: 2}}}}
  priceless: {{provider: openai, id: unheard-of-model}}
tasks:
  code:  {{task: coding, keywords: [python]}}
  sums:  {{task: math_reasoning, keywords: [integral]}}
routes:
  - {{name: code, when: {{task: coding}}, chain: [broken, claude]}}
  - {{name: pictures, when: {{has: images}}, chain: [gemini]}}
  - {{name: default, chain: [gpt, claude, gemini]}}
baselines: [claude, gemini]
"""
WINDOW = {"$__rate_interval": "30s", "$__range": "60s"}


class Stated(NamedTuple):
    """A breaker as the gateway would show it."""

    provider: str
    model: str
    key: str | None
    state: str


def ask(client: httpx.Client, content: str, **fields: Any) -> None:
    request = {"model": "auto", "messages": [{"role": "user", "content": content}], **fields}
    client.post("/chat/completions", json=request)


PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA"
    "WjR9awAAAABJRU5ErkJggg=="
)


def send_traffic(gateway: RunningGateway, turns: int) -> None:
    with httpx.Client(base_url=gateway.base_url, timeout=20) as client:
        for turn in range(turns):
            ask(client, f"words: {10 + turn}")
            ask(client, f"What is the integral of x? {turn}", stream=True)
            ask(client, f"Write python code, please {turn}")
            ask(client, f"words: 40 of python {turn}", stream=True)
            ask(client, "Say exactly: hello", model="claude", stream=True)
            ask(client, "words: 50", model="claude", max_tokens=5)
            ask(client, "Nobody priced this", model="priceless")
            ask(client, "x", model="broken")
            ask(client, "x", model="gpt-9000")
            ask(client, "What is the weather?", tools=[{"type": "function", "function": {"name": "get_weather"}}])
            ask(client, "x " * 5000, model="gpt")
            picture = {"type": "image_url", "image_url": {"url": PIXEL}}
            client.post(
                "/chat/completions",
                json={"model": "auto", "messages": [{"role": "user", "content": [picture]}]},
            )


def state_what_others_would(metrics: Metrics) -> None:
    """What breakers, the keeper of the ledger, feedback and admission tell the metrics."""
    metrics.breakers = lambda: (Stated("openai", "broken", None, "open"), Stated("anthropic", "claude", "a", "closed"))
    metrics.ledger.state(up=True, lag_s=0.5, waiting_bytes=4096)
    metrics.on_feedback("coding", "claude", 0.9)
    metrics.on_overloaded("queue_full")
    metrics.config.take("abc", 5.0)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """One that has seen traffic: twice, for a series' first value is no increase."""
    binary("prometheus")
    with LoopThread() as loop, running_simulators(loop, "openai", "anthropic", "gemini") as simulators:
        snapshot = snapshot_of(CONFIG.format(**{name: it.base_url for name, it in simulators.items()}))
        with running_gateway(loop, snapshot) as gateway:
            target = gateway.url.removeprefix("http://")
            with Prometheus(target, tmp_path_factory.mktemp("prometheus")) as server:
                for _ in range(2):
                    state_what_others_would(gateway.gateway.metrics)
                    send_traffic(gateway, turns=3)
                    wait_until_scraped(server, gateway)
                yield server


def wait_until_scraped(server: Prometheus, gateway: RunningGateway) -> None:
    """Until Prometheus has twice seen all requests that have ended."""
    total = len(gateway.records.ended)
    seen = f"count_over_time((sum(gateway_requests_total) == {total})[1m:250ms])"
    deadline = threading.Event()
    for _ in range(400):
        if server.number(seen) >= 3:
            return
        deadline.wait(0.05)
    raise AssertionError("Prometheus has not seen the requests")


def filled_in(dashboard: Dashboard, expr: str, chosen: str = ".*") -> str:
    for name, value in WINDOW.items():
        expr = expr.replace(name, value)
    for name in dashboard.variables:
        expr = expr.replace(f"${name}", chosen)
    assert "$" not in expr
    return expr


CASES = [
    pytest.param(dashboard, panel, id=f"{name.removesuffix('.json')}: {panel.title}")
    for name, dashboard in DASHBOARDS.items()
    for row in dashboard.rows
    for panel in row.panels
]


@pytest.mark.parametrize(("dashboard", "panel"), CASES)
def test_every_panel_has_data(prometheus: Prometheus, dashboard: Dashboard, panel: Panel) -> None:
    for query in panel.queries:
        rows = prometheus.query(filled_in(dashboard, query.expr))
        values = [float(row["value"][1]) for row in rows]
        assert any(map(math.isfinite, values)), f"no data: {query.expr}"
        prometheus.query(filled_in(dashboard, query.expr, "no-such-name"))
        labels = {label for row in rows for label in row["metric"]}
        words = {part.partition("}}")[0] for part in query.legend.split("{{")[1:]}
        assert words <= labels, "the legend names a label that the rows don't have"


def test_variables_offer_what_there_is(prometheus: Prometheus) -> None:
    for dashboard in DASHBOARDS.values():
        for variable in json.loads(json.dumps(render(dashboard)))["templating"]["list"]:
            metric, label = variable["definition"].removeprefix("label_values(").removesuffix(")").split(", ")
            answer = httpx.get(f"{prometheus.url}/api/v1/label/{label}/values", params={"match[]": metric}).json()
            assert len(answer["data"]) >= 2, variable["name"]


def test_what_the_panels_say_is_true(prometheus: Prometheus) -> None:
    """A few sums that traffic of this kind has to come to."""
    assert prometheus.number("sum(gateway_requests_total)") == 72
    assert prometheus.number('sum(gateway_requests_total{model="other",outcome="rejected"})') == 6
    assert prometheus.number('sum(gateway_errors_total{model="broken",class="transient"})') == 6
    assert prometheus.number('sum(gateway_fallbacks_total{from_model="broken",to_model="claude"})') == 12
    assert prometheus.number('sum(gateway_unpriced_requests_total{model="priceless"})') == 6
    assert prometheus.number('sum(gateway_quality_defects_total{model="claude",defect="truncated"})') == 6
    assert prometheus.number("max(gateway_breaker_state)") == 2
    spent = prometheus.number("sum(gateway_cost_usd_total)")
    assert spent > 0
    assert prometheus.number("sum(gateway_key_cost_usd_total)") == pytest.approx(spent)
