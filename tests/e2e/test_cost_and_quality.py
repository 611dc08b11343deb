"""Cost inside `usage` where it was asked for, baselines, and defects in the record: over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI

from gateway.simulator.server import Simulator
from tests.running import LoopThread, RunningGateway, running_gateway, running_simulators, snapshot_of

CONFIG = """
providers:
  one: {{vendor: openai, base_url: "{openai}/v1"}}
  two: {{vendor: anthropic, base_url: "{anthropic}"}}
models:
  gpt: {{provider: one, id: gpt-5.4, price: {{input: 2, output: 8}}}}
  opus: {{provider: two, id: claude-opus-4-6}}
  odd: {{provider: one, id: who-knows}}
routes: [{{name: default, chain: [gpt, opus]}}]
baselines: [opus, odd]
"""
COST = {"x-gateway-include-cost": "true"}
TOOL = {"type": "function", "function": {"name": "save", "parameters": {"type": "object", "required": ["name"]}}}


@pytest.fixture(scope="module")
def simulators(loop: LoopThread) -> Iterator[dict[str, Simulator]]:
    with running_simulators(loop, "openai", "anthropic") as running:
        yield running


@pytest.fixture
def gateway(loop: LoopThread, simulators: dict[str, Simulator]) -> Iterator[RunningGateway]:
    for simulator in simulators.values():
        simulator.clear_fault()
    urls = {name: simulator.base_url for name, simulator in simulators.items()}
    with running_gateway(loop, snapshot_of(CONFIG.format(**urls))) as running:
        yield running


def ask(gateway: RunningGateway, prompt: str = "words: 20", **more: Any) -> Any:
    client = OpenAI(base_url=gateway.base_url, api_key="none", max_retries=0)
    return client.chat.completions.create(**{"model": "gpt", "messages": [{"role": "user", "content": prompt}], **more})


def test_a_whole_answer_says_what_it_cost_when_asked(gateway: RunningGateway) -> None:
    usage = ask(gateway, extra_headers=COST).usage
    expected = usage.prompt_tokens * 2_000 + usage.completion_tokens * 8_000
    assert usage.cost_nano_usd == expected == gateway.records.last().cost_nano_usd
    assert usage.cost == pytest.approx(expected / 1e9)
    assert not hasattr(ask(gateway).usage, "cost")
    assert not hasattr(ask(gateway, extra_headers={"x-gateway-include-cost": "yes"}).usage, "cost")


def test_a_stream_says_it_in_its_last_chunk(gateway: RunningGateway) -> None:
    chunks = list(ask(gateway, stream=True, stream_options={"include_usage": True}, extra_headers=COST))
    assert chunks[-1].usage.cost_nano_usd == gateway.records.last().cost_nano_usd > 0
    assert all(chunk.usage is None for chunk in chunks[:-1])
    plain = list(ask(gateway, stream=True, extra_headers=COST))
    assert all(chunk.usage is None for chunk in plain)


def test_an_unknown_price_is_left_out(gateway: RunningGateway) -> None:
    usage = ask(gateway, model="odd", extra_headers=COST).usage
    assert usage.total_tokens > 0
    assert not hasattr(usage, "cost")


def test_the_config_may_tell_everyone(loop: LoopThread, simulators: dict[str, Simulator]) -> None:
    urls = {name: simulator.base_url for name, simulator in simulators.items()}
    text = CONFIG.format(**urls) + "server: {cost_in_usage: true}\n"
    with running_gateway(loop, snapshot_of(text)) as running:
        assert ask(running).usage.cost > 0


def test_baselines_price_the_same_tokens(gateway: RunningGateway) -> None:
    usage = ask(gateway).usage
    record = gateway.records.last()
    assert record.baselines == (
        ("opus", usage.prompt_tokens * 5_000 + usage.completion_tokens * 25_000),
        ("odd", None),
    )
    assert record.costs == {"final": record.cost_nano_usd}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["gpt", "opus"])
def test_defects_stand_in_the_record(gateway: RunningGateway, model: str, stream: bool) -> None:
    def defects(prompt: str, **more: Any) -> tuple[str, ...]:
        answer = ask(gateway, prompt, model=model, stream=stream, **more)
        if stream:
            list(answer)
        return gateway.records.last().quality

    assert defects("words: 20") == ()
    assert defects("words: 200", max_tokens=5) == ("truncated",)
    assert defects("call save with name Ada", tools=[TOOL]) == ()
