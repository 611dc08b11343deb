"""Probes end a wait early and see trouble before a request does; readiness tells an admin of both."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.cli import main
from gateway.config.snapshot import Probe
from gateway.execute.probes import Probes
from gateway.simulator.server import Simulator
from tests.config.reading import examine_text
from tests.running import LoopThread, RunningGateway, running_gateway, running_simulators, snapshot_of

KEYS = {"APP": "sk-app-0123456789abcdef", "OPS": "sk-ops-0123456789abcdef"}
CONFIG = """
keys:
  app: {{key: "${{APP}}"}}
  ops: {{key: "${{OPS}}", admin: true}}
classify: {{text_model: none}}
breakers: {{consecutive: 2, open: 1h, max_open: 1h}}
providers:
  one: {{vendor: openai, base_url: "{openai}/v1", probe: {{path: /models, model: gpt, every: 1h}}}}
  two: {{vendor: anthropic, base_url: "{anthropic}"}}
models:
  gpt: {{provider: one, id: gpt-5.4}}
  opus: {{provider: two, id: claude-opus-4-6}}
routes: [{{name: default, chain: [gpt, opus]}}]
"""


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    with LoopThread() as thread:
        yield thread


@pytest.fixture
def simulators(loop: LoopThread) -> Iterator[dict[str, Simulator]]:
    with running_simulators(loop, "openai", "anthropic") as running:
        yield running


@pytest.fixture
def gateway(loop: LoopThread, simulators: dict[str, Simulator]) -> Iterator[RunningGateway]:
    urls = {name: simulator.base_url for name, simulator in simulators.items()}
    with running_gateway(loop, snapshot_of(CONFIG.format(**urls), KEYS)) as running:
        yield running


def ask(gateway: RunningGateway) -> str:
    body = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}
    headers = {"authorization": f"Bearer {KEYS['APP']}"}
    answer = httpx.post(f"{gateway.base_url}/chat/completions", json=body, headers=headers)
    assert answer.status_code == 200
    return answer.headers["x-gateway-model"]


def ready(gateway: RunningGateway, key: str | None) -> dict[str, object]:
    headers = {"authorization": f"Bearer {KEYS[key]}"} if key else {}
    answer = httpx.get(f"{gateway.url}/readyz", headers=headers)
    assert answer.status_code == 200
    found: dict[str, object] = answer.json()
    return found


def probe(loop: LoopThread, gateway: RunningGateway, **what: str) -> None:
    loop.run(gateway.gateway._probes.once("one", Probe(**what)))


def state(gateway: RunningGateway) -> str:
    return {view.model: view.state for view in gateway.gateway.board.view()}["gpt"]


def test_an_answer_to_a_path_ends_the_wait(
    loop: LoopThread, gateway: RunningGateway, simulators: dict[str, Simulator]
) -> None:
    simulators["openai"].set_fault("503", times=2)
    assert [ask(gateway) for _ in range(4)] == ["opus"] * 4
    assert state(gateway) == "open"
    probe(loop, gateway, path="/models")
    assert state(gateway) == "half_open"
    assert ask(gateway) == "gpt"
    assert state(gateway) == "closed"


def test_a_wait_that_the_vendor_named_is_not_ended(
    loop: LoopThread, gateway: RunningGateway, simulators: dict[str, Simulator]
) -> None:
    simulators["openai"].set_fault("429", times=1, retry_after=200)
    ask(gateway)
    probe(loop, gateway, path="/models")
    assert state(gateway) == "open"


def test_nobody_there_is_known_before_a_request_comes(
    loop: LoopThread, gateway: RunningGateway, simulators: dict[str, Simulator]
) -> None:
    loop.run(simulators["openai"].aclose())
    for _ in range(2):
        probe(loop, gateway, path="/models")
    assert state(gateway) == "open"
    assert ask(gateway) == "opus"
    assert len(gateway.records.last().attempts) == 1


def test_a_token_of_a_model_is_booked_as_probe(
    loop: LoopThread, gateway: RunningGateway, simulators: dict[str, Simulator]
) -> None:
    simulators["openai"].set_fault("503", times=2)
    for _ in range(2):
        ask(gateway)
    assert state(gateway) == "open"
    probe(loop, gateway, model="gpt")
    assert state(gateway) == "closed", "its answer closes the breaker"
    record = gateway.records.last()
    assert (record.principal, record.outcome, record.attempts[0].kind) == ("probe", "ok", "probe")
    assert record.costs.keys() == {"probe"}
    simulators["openai"].set_fault("503", times=1)
    probe(loop, gateway, model="gpt")
    assert gateway.records.last().outcome == "error"


def test_a_probe_that_a_reload_ends_is_closed(loop: LoopThread) -> None:
    """Otherwise it would count as under way for ever, and as lost after the next start."""
    closed: list[tuple[str, int]] = []

    class Held:
        """A pipeline whose model never answers."""

        def open(self, request_id: str) -> str:
            return request_id

        async def probe(self, *asked: object) -> None:
            await asyncio.Event().wait()

        def close(self, record: str, outcome: str, status: int) -> None:
            closed.append((outcome, status))

    snapshot = snapshot_of(CONFIG.format(openai="http://127.0.0.1:1", anthropic="http://127.0.0.1:1"), KEYS)
    probes = Probes(snapshot, {}, None, Held(), lambda: "probe-1")  # type: ignore[arg-type]

    async def ended() -> None:
        asking = asyncio.ensure_future(probes.once("one", Probe(model="gpt")))
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    loop.run(ended())
    assert closed == [("client_gone", 499)]


def test_readiness_tells_an_admin_what_is_open(gateway: RunningGateway, simulators: dict[str, Simulator]) -> None:
    assert ready(gateway, "OPS") == {"status": "ready", "breakers": []}
    simulators["openai"].set_fault("503", times=2)
    for _ in range(2):
        ask(gateway)
    told = ready(gateway, "OPS")["breakers"]
    assert isinstance(told, list)
    [breaker] = told
    assert (breaker["provider"], breaker["model"], breaker["state"]) == ("one", "gpt", "open")
    assert 0 < breaker["until_s"] <= 3600
    assert ready(gateway, "APP") == ready(gateway, None) == {"status": "ready"}


@pytest.mark.parametrize(
    ("probe", "said"),
    [
        ("{every: 5s}", "a probe asks something"),
        ("{path: models}", "begins with /"),
        ('{path: "/a b"}', "begins with /"),
        ("{model: opus}", '"opus" is no model of this provider'),
    ],
)
def test_probes_that_can_not_be(probe: str, said: str) -> None:
    text = CONFIG.format(openai="http://127.0.0.1:1", anthropic="http://127.0.0.1:2")
    loaded = examine_text(text.replace("{path: /models, model: gpt, every: 1h}", probe), KEYS)
    assert any(said in problem.message for problem in loaded.problems if problem.severity == "error")


def test_explain_tells_the_plan_and_what_is_open(
    gateway: RunningGateway,
    simulators: dict[str, Simulator],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(CONFIG.format(**{name: simulator.base_url for name, simulator in simulators.items()}))
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    asked = ["explain", str(config), "--text", "Hello", "--url", gateway.url]
    simulators["openai"].set_fault("503", times=2)
    for _ in range(2):
        ask(gateway)
    assert main(asked) == 0
    told = capsys.readouterr().out
    assert "default: the route has no condition" in told
    assert "opus" in told
    assert "it tells an admin's key only" in told
    monkeypatch.setenv("SWITCHYARD_KEY", KEYS["OPS"])
    assert main(asked) == 0
    assert "gpt at one (key default): open for" in capsys.readouterr().out
    assert main([*asked[:-1], "http://127.0.0.1:9"]) == 1
    assert "does not answer" in capsys.readouterr().err
    assert main(["explain", str(tmp_path / "none.yaml"), "--text", "Hello"]) == 1
