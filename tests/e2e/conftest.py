"""A gateway with a key, in front of one simulator per wire format, shared by a whole test module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.simulator.server import Simulator
from tests.running import LoopThread, RunningGateway, running_gateway, running_simulators, snapshot_of

KEY = "sk-test-0123456789abcdef"
ADMIN_KEY = "sk-admin-0123456789abcdef"
CLOSE_KEY = "sk-close-0123456789abcdef"

CONFIG = """
keys:
  app: {{key: "${{APP_KEY}}", team: red, tags: [batch]}}
  ops: {{key: "${{OPS_KEY}}", admin: true}}
  close: {{key: "${{CLOSE_KEY}}", models: claude}}
classify: {{text_model: none}}
timeouts: {{connect: 2s, first_token: 5s, answer: 5s, idle: 5s, total: 20s}}
providers:
  openai:    {{vendor: openai,    base_url: "{openai}/v1"}}
  anthropic: {{vendor: anthropic, base_url: "{anthropic}"}}
  google:    {{vendor: gemini,    base_url: "{gemini}/v1beta"}}
models:
  gpt:    {{provider: openai,    id: gpt-5.4-mini, fallbacks: [claude]}}
  claude: {{provider: anthropic, id: claude-sonnet-4-6, fallbacks: [gemini]}}
  gemini: {{provider: google,    id: gemini-3.1-pro-preview}}
  gpt-4o-mini: {{provider: openai, id: gpt-4o-mini, fallbacks: [claude]}}
routes:
  - {{name: pictures, when: {{has: images}}, chain: [gemini, claude]}}
  - {{name: default, chain: [gpt, claude, gemini]}}
aliases: {{auto: route, gpt-4o: route}}
"""


@pytest.fixture(scope="module")
def loop() -> Iterator[LoopThread]:
    with LoopThread() as thread:
        yield thread


@pytest.fixture(scope="module")
def simulators(loop: LoopThread) -> Iterator[dict[str, Simulator]]:
    with running_simulators(loop, "openai", "anthropic", "gemini") as running:
        yield running


@pytest.fixture(scope="module")
def gateway(loop: LoopThread, simulators: dict[str, Simulator]) -> Iterator[RunningGateway]:
    urls = {vendor: simulator.base_url for vendor, simulator in simulators.items()}
    snapshot = snapshot_of(CONFIG.format(**urls), {"APP_KEY": KEY, "OPS_KEY": ADMIN_KEY, "CLOSE_KEY": CLOSE_KEY})
    with running_gateway(loop, snapshot) as running:
        yield running
