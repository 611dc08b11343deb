"""What a request is for decides where it goes: the text model and the operator's own rules, through real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from gateway.cli import main
from gateway.simulator.server import Simulator
from tests.running import LoopThread, RunningGateway, running_gateway, snapshot_of

CONFIG = """
providers:
  openai: {{vendor: openai, base_url: "{openai}/v1"}}
models:
  small: {{provider: openai, id: gpt-5.4-mini}}
  large: {{provider: openai, id: gpt-5.4}}
tasks:
  tickets: {{task: text_transform, header: {{x-app: helpdesk}}}}
  ledgers: {{task: math_reasoning, keywords: [trial balance], metadata: {{kind: audit}}}}
  weights: {{task: simple_qa, regex: "(?i)^tare weight of wagon \\\\d+"}}
routes:
  - {{name: code, when: {{task: coding}}, chain: [large]}}
  - {{name: rewriting, when: {{task: text_transform}}, chain: [small]}}
  - {{name: sums, when: {{task: math_reasoning}}, chain: [large]}}
  - {{name: lookups, when: {{task: simple_qa}}, chain: [small]}}
  - {{name: default, chain: [small]}}
"""
CODE = "Write a Python function that reverses a linked list, and unit tests for it with pytest."


@pytest.fixture(scope="module")
def sorting(loop: LoopThread, simulators: dict[str, Simulator]) -> Iterator[RunningGateway]:
    with running_gateway(loop, snapshot_of(CONFIG.format(openai=simulators["openai"].base_url))) as running:
        yield running


def route_of(gateway: RunningGateway, text: str, model: str = "auto", **fields: object) -> tuple[str, str]:
    client = openai.OpenAI(base_url=gateway.base_url, api_key="unused", max_retries=0)
    raw = client.chat.completions.with_raw_response.create(
        model=model,
        messages=[{"role": "user", "content": text}],
        **fields,  # type: ignore[arg-type]
    )
    return raw.headers["x-gateway-task"], raw.headers["x-gateway-route"]


def test_text_decides(sorting: RunningGateway) -> None:
    assert route_of(sorting, CODE) == ("coding", "code")
    label = sorting.records.last().label
    assert label is not None
    assert label.confidence > 0.5
    assert label.version
    assert label.difficulty is not None


def test_a_pinned_request_is_labelled_too(sorting: RunningGateway) -> None:
    assert route_of(sorting, CODE, model="small") == ("coding", "pinned")


def test_rules_of_ones_own_stand_above_the_model(sorting: RunningGateway) -> None:
    assert route_of(sorting, CODE, extra_headers={"x-app": "helpdesk"}) == ("text_transform", "rewriting")
    assert sorting.records.last().label.reasons == ("rule tickets",)  # type: ignore[union-attr]
    audit = {"metadata": {"kind": "audit"}, "store": True}
    assert route_of(sorting, "Check the Trial Balance below", **audit) == ("math_reasoning", "sums")
    assert route_of(sorting, "Tare weight of wagon 4711?") == ("simple_qa", "lookups")


def test_explain_prints_label_confidence_and_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--text", CODE]) == 0
    printed = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines() if line[:1].isalpha())
    assert printed["task"] == "coding"
    assert float(printed["confidence"]) > 0.5
    assert "python" in printed["for"]


@pytest.mark.parametrize(("model", "task", "route"), [("", "coding", "code"), ("text_model: none", "unsure", "rest")])
def test_explain_reads_the_text_where_the_gateway_does(
    model: str, task: str, route: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(f"""
classify: {{{model}}}
providers: {{one: {{vendor: openai, base_url: "http://127.0.0.1:1/v1", api_key: k-0123456789}}}}
models: {{gpt: {{provider: one, id: gpt-5.4}}}}
routes: [{{name: code, when: {{task: coding}}, chain: [gpt]}}, {{name: rest, chain: [gpt]}}]
""")
    assert main(["explain", str(config), "--text", CODE]) == 0
    printed = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert printed["task"] == task
    assert printed["route"].startswith(f"{route}:")
    assert ("likeliest" in printed) == (not model)
    assert ("no text model reads it" in printed.get("text", "")) == bool(model)
