"""Usage, single requests and feedback over HTTP, each within its caller's sight."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI

from gateway.core.clock import SystemClock
from gateway.ledger.keeper import Keeper
from gateway.ledger.places import journal_folder, open_journal, open_store
from tests.running import LoopThread, RunningGateway, running_gateway, running_simulators, snapshot_of

KEYS = {"WEB": "sk-web-0123456789abcdef", "SHOP": "sk-shop-0123456789abcdef", "OPS": "sk-ops-0123456789abcdef"}
CONFIG = """
ledger: {{dir: "{folder}"}}
keys:
  web: {{key: "${{WEB}}", team: blue}}
  shop: {{key: "${{SHOP}}"}}
  ops: {{key: "${{OPS}}", admin: true}}
providers: {{sim: {{vendor: openai, base_url: "{url}/v1", api_key: k-0123456789}}}}
models:
  gpt: {{provider: sim, id: gpt-5.4}}
  mini: {{provider: sim, id: gpt-5.4-mini}}
  odd: {{provider: sim, id: nobody-knows-this}}
routes: [{{name: default, chain: [mini, gpt]}}]
baselines: [gpt]
"""


class Served:
    """A gateway with a ledger, whose keeper ships when the test says so."""

    def __init__(self, running: RunningGateway, keeper: Keeper) -> None:
        self.running = running
        self.ship = keeper.turn

    def client(self, key: str | None = "OPS") -> httpx.Client:
        headers = {"authorization": f"Bearer {KEYS[key]}"} if key else {}
        return httpx.Client(base_url=self.running.url, headers=headers)

    def ask(self, key: str = "WEB", model: str = "auto", **more: Any) -> str:
        """Ask something; the request's id."""
        openai = OpenAI(base_url=self.running.base_url, api_key=KEYS[key], max_retries=0)
        raw = openai.chat.completions.with_raw_response.create(
            model=model, messages=[{"role": "user", "content": "What is the capital of Peru? canary-prompt"}], **more
        )
        return str(raw.headers["x-request-id"])


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with LoopThread() as loop, running_simulators(loop, "openai") as simulators:
        text = CONFIG.format(folder=tmp_path, url=simulators["openai"].base_url)
        snapshot = snapshot_of(text, KEYS)
        keeper = Keeper(journal_folder(snapshot.ledger), lambda: open_store(snapshot), SystemClock(), sync_s=1)
        with running_gateway(loop, snapshot, journal=open_journal(snapshot, 0)) as running:
            yield Served(running, keeper)


def test_an_admin_sees_everything_in_groups(served: Served) -> None:
    served.ask()
    served.ask("SHOP", "gpt")
    served.ask("SHOP", "odd")
    served.ship()
    with served.client() as client:
        found = client.get("/v1/usage", params={"by": "key,model", "since": "1h"}).json()
        assert [(line["key"], line["model"], line["requests"]) for line in found["data"]] == [
            ("shop", "gpt", 1),
            ("web", "mini", 1),
            ("shop", "odd", 1),
        ]
        total = found["total"]
        assert total["unpriced_requests"] == 1
        mini = next(line for line in found["data"] if line["model"] == "mini")
        assert float(mini["saving_usd"]["gpt"]) == pytest.approx(float(mini["baseline_usd"]["gpt"]) * 0.7)
        assert client.get("/v1/usage", params={"key": "web"}).json()["total"]["requests"] == 1
        csv = client.get("/v1/usage", params={"format": "csv", "by": "task"})
        assert csv.headers["content-type"] == "text/csv; charset=utf-8"
        assert csv.text.startswith("ChargePeriodStart,ChargePeriodEnd,ChargeCategory,ServiceCategory,BillingCurrency,")


def test_the_record_of_a_stream_holds_all_but_its_text(served: Served, tmp_path: Path) -> None:
    request_id = served.ask(stream=True)
    served.running.records.wait_for(1)
    served.ship()
    with served.client("WEB") as client:
        entry = client.get(f"/v1/requests/{request_id}").json()
    assert (entry["outcome"], entry["key"], entry["team"], entry["model"]) == ("ok", "web", "blue", "mini")
    assert entry["usage"]["output"] > 0
    assert entry["attempts"][0]["price_version"].startswith("genai-prices")
    for path in tmp_path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"canary-prompt" not in content
            assert not any(key.encode() in content for key in KEYS.values())


def test_others_are_not_seen(served: Served) -> None:
    mine, theirs = served.ask("WEB"), served.ask("SHOP")
    served.ship()
    with served.client("WEB") as client:
        assert client.get("/v1/usage").json()["total"]["requests"] == 1
        assert client.get(f"/v1/requests/{mine}").status_code == 200
        assert client.get(f"/v1/requests/{theirs}").status_code == 404
        refused = client.get("/v1/usage", params={"key": "shop"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "admin_key_required")
    with served.client(None) as client:
        for path in ("/v1/usage", f"/v1/requests/{mine}"):
            assert client.get(path).status_code == 401
        assert client.post("/v1/feedback", json={"request_id": mine, "score": 1}).status_code == 401


def test_feedback_stands_with_the_request_and_in_reports(served: Served) -> None:
    request_id = served.ask()
    served.ship()
    with served.client("WEB") as client:
        said = {"request_id": request_id, "score": 0.5, "label": "half right", "note": "wrong year"}
        answer = client.post("/v1/feedback", json=said)
        assert answer.json() == {"object": "feedback", "request_id": request_id, "status": "recorded"}
        client.post("/v1/feedback", json={"request_id": request_id, "score": 1})
        served.ship()
        [first, second] = client.get(f"/v1/requests/{request_id}").json()["feedback"]
        assert (first["score"], first["label"], first["note"], first["by"]) == (0.5, "half right", "wrong year", "web")
        assert second["score"] == 1
        assert client.get("/v1/usage").json()["total"]["feedback"] == {"count": 2, "mean_score": 0.75}
    with served.client("SHOP") as client:
        stranger = client.post("/v1/feedback", json={"request_id": request_id, "score": 0})
        assert (stranger.status_code, stranger.json()["error"]["code"]) == (404, "request_not_found")


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({}, "request_id", "missing_required_parameter"),
        ({"request_id": "x"}, None, "invalid_value"),
        ({"request_id": "x", "score": 2}, "score", "invalid_value"),
        ({"request_id": "x", "score": "good"}, "score", "invalid_value"),
        ({"request_id": 5, "score": 1}, "request_id", "invalid_value"),
        ({"request_id": "x", "label": "a\nb"}, "label", "invalid_value"),
        ({"request_id": "x", "note": "n" * 5000}, "note", "invalid_value"),
        ({"request_id": "x", "score": 1, "key": "web"}, "key", "unknown_parameter"),
    ],
)
def test_bad_feedback_names_what_to_fix(served: Served, body: Any, param: str | None, code: str) -> None:
    with served.client() as client:
        answer = client.post("/v1/feedback", json=body)
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert (error["param"], error["code"], error["type"]) == (param, code, "invalid_request_error")
        assert client.post("/v1/feedback", content=b"{").status_code in (400, 415)
        huge = client.post("/v1/feedback", json={"note": "x" * 100_000})
        assert huge.status_code == 413


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"by": "colour"}, "by"),
        ({"by": "task,task"}, "by"),
        ({"since": "yesterday"}, "since"),
        ({"since": "9999999999999999999"}, "since"),
        ({"since": "1h", "until": "2h"}, "until"),
        ({"format": "xml"}, "format"),
        ({"sql": "1"}, "sql"),
    ],
)
def test_a_question_that_can_not_be_read(served: Served, params: dict[str, str], param: str) -> None:
    served.ship()
    with served.client() as client:
        answer = client.get("/v1/usage", params=params)
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == param


def test_a_ledger_that_can_not_be_read_is_503_and_requests_go_on(served: Served, tmp_path: Path) -> None:
    with served.client() as client:
        away = client.get("/v1/usage")
        assert (away.status_code, away.json()["error"]["code"]) == (503, "ledger_unavailable")
        assert str(tmp_path) not in away.text
    served.ask()


def test_without_a_ledger_its_paths_say_so() -> None:
    with LoopThread() as loop, running_simulators(loop, "openai") as simulators:
        text = CONFIG.format(folder="unused", url=simulators["openai"].base_url)
        snapshot = snapshot_of(text.replace('dir: "unused"', "store: none"), KEYS)
        assert open_journal(snapshot, 0) is None
        with running_gateway(loop, snapshot) as running:
            headers = {"authorization": f"Bearer {KEYS['OPS']}"}
            answer = httpx.get(f"{running.url}/v1/usage", headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_ledger")
