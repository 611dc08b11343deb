"""One gateway and three simulators per process for every test of this folder, and the table of known gaps applied.

The models are pinned and have no fallbacks: an answer can come only from the wire format that was asked for. A test
names its wire by the fixture `wire`, or by an attribute `wire` of its class.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import openai
import pytest

from gateway.simulator.server import Simulator
from tests.running import LoopThread, RunningGateway, running_gateway, running_simulators, snapshot_of
from tests.sdk.clients import AsyncCaller, Caller, SyncCaller
from tests.sdk.known_gaps import GAPS, Case

HERE = Path(__file__).resolve().parent
KEY = "sk-test-0123456789abcdef"
COLLECTED: pytest.StashKey[set[Case]] = pytest.StashKey()
MAY_SKIP = "this machine has no "

MODELS = {"openai": "gpt-5.4-mini", "anthropic": "claude-sonnet-4-6", "gemini": "gemini-3.1-pro-preview"}
"""The pinned model of each wire format. The catalogue names them as their vendors do, for clients that compare the
model in the answer with the one they asked for."""

OTHERS = {"openai": "gpt-4.1-mini", "anthropic": "claude-haiku-4-5", "gemini": "gemini-3.1-flash-lite"}

FAULTS = {
    "limited": "429,retry_after=7",
    "down": "500",
    "overlong": "context_length",
    "hanging": "stall_before_head",
    "stalling": "stall_mid",
    "breaking": "cut_mid",
    "failing": "error_mid",
    "refusing": "refusal",
    "filtering": "content_filter",
}
"""Models that misbehave, by the last part of their name: `openai-down`."""

CONFIG = """
keys:
  app: {{key: "${{APP_KEY}}"}}
timeouts: {{connect: 2s, first_token: 5s, answer: 5s, idle: 5s, total: 20s}}
providers:
  openai:    {{vendor: openai,    base_url: "{openai}/v1"}}
  anthropic: {{vendor: anthropic, base_url: "{anthropic}"}}
  gemini:    {{vendor: gemini,    base_url: "{gemini}/v1beta"}}
models:
{models}
routes:
{routes}
  - {{name: default, chain: [{chain}]}}
aliases: {{auto: route, {aliases}}}
"""


def config_text(urls: dict[str, str]) -> str:
    models, routes, aliases = [], [], []
    for wire, model in MODELS.items():
        models += [f"  {name}: {{provider: {wire}, id: {name}}}" for name in (model, OTHERS[wire])]
        models += [
            f'  {wire}-{name}: {{provider: {wire}, id: "{model}--fault={fault}"}}' for name, fault in FAULTS.items()
        ]
        hasty = f"{wire}-hasty"
        routes.append(
            f"  - {{name: {hasty}, when: {{model: {hasty}}}, chain: [{wire}-hanging], timeouts: {{answer: 200ms}}}}"
        )
        aliases.append(f"{hasty}: route")
    parts = {"models": "\n".join(models), "routes": "\n".join(routes), "aliases": ", ".join(aliases)}
    return CONFIG.format(**urls, **parts, chain=", ".join(MODELS.values()))


def eventually(loop: LoopThread, condition: Callable[[], bool]) -> None:
    """Return once `condition` holds, which is looked at on the loop that changes it."""

    async def holds() -> bool:
        return condition()

    for _ in range(5000):
        if loop.run(holds()):
            return
        threading.Event().wait(0.002)
    raise AssertionError("it never came to hold")


@pytest.fixture(scope="session")
def loop() -> Iterator[LoopThread]:
    with LoopThread() as thread:
        yield thread


@pytest.fixture(scope="session")
def simulators(loop: LoopThread) -> Iterator[dict[str, Simulator]]:
    with running_simulators(loop, *MODELS) as running:
        yield running


@pytest.fixture(scope="session")
def gateway(loop: LoopThread, simulators: dict[str, Simulator]) -> Iterator[RunningGateway]:
    urls = {vendor: simulator.base_url for vendor, simulator in simulators.items()}
    with running_gateway(loop, snapshot_of(config_text(urls), {"APP_KEY": KEY})) as running:
        yield running


@pytest.fixture(scope="session")
def callers(gateway: RunningGateway) -> Iterator[dict[str, Caller]]:
    """The SDK's two clients with their own defaults: also two retries and their backoff."""
    with LoopThread() as client_loop:
        settings = {"base_url": gateway.base_url, "api_key": KEY}
        aclient = openai.AsyncOpenAI(**settings)
        with openai.OpenAI(**settings) as client:
            yield {"sync": SyncCaller(client), "async": AsyncCaller(aclient, client_loop)}
        client_loop.run(aclient.close())


@pytest.fixture(params=["sync", "async"])
def caller(request: pytest.FixtureRequest, callers: dict[str, Caller]) -> Caller:
    return callers[request.param]


@pytest.fixture(params=MODELS)
def wire(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def model(wire: str) -> str:
    return MODELS[wire]


def case_of(item: pytest.Item) -> Case | None:
    """The case that a test is: its file and function, and its parameter `case` where one function runs several."""
    params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    wire = params.get("wire") or getattr(getattr(item, "cls", None), "wire", None)
    if wire is None or not isinstance(item, pytest.Function):
        return None
    name = params.get("case") or item.originalname.removeprefix("test_")
    return Case(item.path.stem.removeprefix("test_"), str(name), str(wire))


def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Applies the table. All async tests share one loop, since frameworks keep their async clients for good."""
    collected = session.stash.setdefault(COLLECTED, set())
    for item in items:
        if item.path.parent != HERE:
            continue
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
        case = case_of(item)
        if case is None:
            continue
        collected.add(case)
        if case in GAPS:
            item.add_marker(pytest.mark.xfail(reason=GAPS[case], strict=True))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A case that is skipped has not passed: it fails, unless the machine is what it lacks."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and MAY_SKIP not in str(report.longrepr):
        report.outcome = "failed"
        report.longrepr = f"skipped, but every case has to pass or stand in known_gaps.py: {report.longrepr}"
    return report
