"""What a config comes to when providers vanish: foretold from the config, and then played."""

from __future__ import annotations

import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.config.snapshot import Snapshot
from gateway.core.money import NANO_PER_USD
from gateway.drill import command
from gateway.drill.loss import Drill, Outcome, Typical, drill, each_provider
from gateway.drill.render import as_json, as_markdown, as_table
from gateway.providers.vendors import VENDORS
from gateway.rehearse import rehearse
from tests.running import snapshot_of

TODAY = date(2026, 11, 25)
ROOT = Path(__file__).resolve().parent.parent.parent
CONFIG = """
providers:
  red:   {vendor: openai, region: us}
  green: {vendor: anthropic, region: eu, retention: none}
  blue:  {vendor: gemini, region: us}
models:
  r1: {provider: red, id: r1, price: {input: 1, output: 10}, context: 400000, tier: small, fallbacks: [g1]}
  r2: {provider: red, id: r2, price: {input: 2, output: 20}, context: 400000}
  r3: {provider: red, id: r3, price: {input: 3, output: 30}, context: 400000}
  g1: {provider: green, id: g1, price: {input: 1.5, output: 5}, context: 200000, tier: large}
  b1:
    provider: blue
    id: b1
    context: 1000000
    price: {input: 4, output: 40, tiers: [{above: 200000, input: 8, output: 80}]}
  b2: {provider: blue, id: b2, price: free}
routes:
  - {name: long, when: {input_tokens: {over: 300000}}, chain: [b1, r1, g1]}
  - {name: alone, when: {task: coding}, chain: [r1, r2]}
  - {name: spare, when: {task: creative_writing}, chain: [g1, r1]}
  - {name: strict, when: {task: health_safety}, chain: [r1, g1], fallback_on: [rate_limit]}
  - {name: late, when: {task: math_reasoning}, chain: [r1, r2, r3, g1], max_attempts: 3}
  - {name: eu, when: {task: text_transform}, chain: [r1, g1, b1], require: {region: us}}
  - {name: cheap, when: {task: simple_qa}, chain: [b1, g1, r1], prefer: cheapest}
  - {name: elsewhere, when: {task: general_assist}, chain: [b1, g1]}
  - {name: default, chain: [r1, g1]}
"""


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return snapshot_of(CONFIG)


def outcomes(snapshot: Snapshot, *without: str, typical: Typical | None = None) -> dict[tuple[str, str], Outcome]:
    done = drill(snapshot, without, typical or Typical(), TODAY)
    return {(outcome.kind, outcome.name): outcome for outcome in done.outcomes}


@pytest.mark.parametrize(
    ("route", "verdict", "before", "after"),
    [
        ("long", "loses a spare", "b1", "b1"),
        ("alone", "dies", "r1", None),
        ("spare", "loses a spare", "g1", "g1"),
        ("strict", "dies", "r1", None),
        ("late", "dies", "r1", None),
        ("eu", "falls back", "r1", "b1"),
        ("cheap", "loses a spare", "g1", "g1"),
        ("elsewhere", "untouched", "b1", "b1"),
        ("default", "falls back", "r1", "g1"),
    ],
)
def test_routes_without_red(snapshot: Snapshot, route: str, verdict: str, before: str, after: str | None) -> None:
    outcome = outcomes(snapshot, "red")["route", route]
    assert (outcome.verdict, outcome.before, outcome.after) == (verdict, before, after)


@pytest.mark.parametrize(
    ("route", "why"),
    [
        ("alone", "nobody else is in its chain"),
        ("strict", "fallback_on leaves out transient and timeout"),
        ("late", "max_attempts 3 is used up before g1"),
    ],
)
def test_why_a_route_dies(snapshot: Snapshot, route: str, why: str) -> None:
    assert outcomes(snapshot, "red")["route", route].why == why


def test_members_that_the_route_itself_leaves_out_are_no_help(snapshot: Snapshot) -> None:
    found = outcomes(snapshot, "red", "blue")
    assert found["route", "eu"].passed_over == ("g1",)
    assert (found["route", "eu"].verdict, found["route", "eu"].why) == ("dies", "nobody else is in its chain")
    assert found["route", "long"].chain == ("b1", "r1"), "g1 takes 200k"


def test_what_it_costs_and_what_is_lost(snapshot: Snapshot) -> None:
    outcome = outcomes(snapshot, "red")["route", "default"]
    assert outcome.cost_before is not None
    assert outcome.cost_after is not None
    assert outcome.cost_before.request == (2000 * 1 + 500 * 10) * NANO_PER_USD // 1_000_000
    assert outcome.cost_after.request == (2000 * 1.5 + 500 * 5) * NANO_PER_USD // 1_000_000
    assert "context 400k to 200k" in outcome.losses
    assert "region us to eu" in outcome.losses
    assert "retention unstated to none" in outcome.losses
    assert "tier small to large" in outcome.losses
    assert any(loss.startswith("no ") and "logprobs" in loss for loss in outcome.losses)


def test_a_route_for_long_prompts_is_priced_with_one(snapshot: Snapshot) -> None:
    outcome = outcomes(snapshot, "blue")["route", "long"]
    assert outcome.typical.input == 300_001
    assert outcome.cost_before is not None
    assert outcome.cost_before.input == 8 * NANO_PER_USD, "the tier above 200,000 counts"


def test_members_that_share_the_requests_out() -> None:
    text = """
providers: {red: {vendor: openai}, green: {vendor: anthropic}, blue: {vendor: gemini}}
models: {r: {provider: red, id: r}, g: {provider: green, id: g}, b: {provider: blue, id: b}}
routes: [{name: default, chain: [r, g, b], prefer: weights, weights: {r: 1, g: 5, b: 2}}]
"""
    snapshot = snapshot_of(text)
    assert outcomes(snapshot, "green")["route", "default"].chain == ("g", "b", "r")
    assert outcomes(snapshot, "green")["route", "default"].after == "b"
    assert outcomes(snapshot, "red")["route", "default"].verdict == "loses a spare"
    table = as_table([drill(snapshot, ("red",), Typical(), TODAY)], colour=False)
    assert "its share goes to g, b" in table
    assert rehearse(snapshot, drill(snapshot, ("green",), Typical(), TODAY), io.StringIO())


def test_pinned_models(snapshot: Snapshot) -> None:
    found = outcomes(snapshot, "red")
    assert (found["pinned", "r1"].verdict, found["pinned", "r1"].after) == ("falls back", "g1")
    assert (found["pinned", "r2"].verdict, found["pinned", "r2"].why) == ("dies", "it has no fallbacks")
    assert found["pinned", "r2"].expected
    assert found["pinned", "g1"].verdict == "untouched"


def test_several_vanish_together(snapshot: Snapshot) -> None:
    found = outcomes(snapshot, "red", "green")
    assert found["route", "default"].verdict == "dies"
    assert found["route", "cheap"].after == "b1"


def test_only_what_was_to_survive_fails_a_drill(snapshot: Snapshot) -> None:
    without_blue = drill(snapshot, ("blue",), Typical(), TODAY)
    assert not without_blue.fails(strict=False)
    assert without_blue.fails(strict=True), "b1 has no fallbacks"
    assert drill(snapshot, ("red",), Typical(), TODAY).fails(strict=False)


def test_the_table(snapshot: Snapshot) -> None:
    table = as_table([drill(snapshot, ("red",), Typical(), TODAY)], colour=False)
    lines = {line[3:].split()[0]: line for line in table.splitlines() if len(line.split()) > 2}
    assert lines["default"].split()[:8] == ["▸", "default", "r1", "g1", "x1.5", "x0.5", "$0.007", "to"]
    assert lines["alone"].endswith("nobody else is in its chain")
    assert "Of 9 routes: 2 fall back, 3 lose a spare, 1 is untouched, 3 die." in table
    assert "Requests that name r2 or r3 fail." in table
    assert "\x1b" not in table
    assert "\x1b[" in as_table([drill(snapshot, ("red",), Typical(), TODAY)], colour=True)


def test_free_and_unpriced_models_are_told_apart() -> None:
    text = """
providers: {red: {vendor: openai}, green: {vendor: anthropic}}
models:
  free: {provider: red, id: x, price: free}
  unknown: {provider: green, id: x}
routes: [{name: default, chain: [free, unknown]}]
"""
    table = as_table(each_provider(snapshot_of(text), Typical(), TODAY), colour=False)
    assert "$0 to unpriced" in table
    assert "?" in table


def test_markdown_has_every_provider(snapshot: Snapshot) -> None:
    plan = as_markdown(each_provider(snapshot, Typical(), TODAY), "my.yaml", "abc")
    for name in snapshot.providers:
        assert f"## Without {name}" in plan
    assert "| `default` | `r1` | `g1` | nobody | x1.5 / x0.5 | 2,000 in, 500 out: $0.007 to $0.0055 |" in plan
    assert "**nobody: nobody else is in its chain**" in plan
    columns = {line.count("|") for line in plan.splitlines() if line.startswith("|")}
    assert columns == {8}


def test_json(snapshot: Snapshot) -> None:
    plain = json.loads(json.dumps(as_json([drill(snapshot, ("red",), Typical(), TODAY)], "my.yaml", "abc")))
    (found,) = (o for o in plain["drills"][0]["outcomes"] if (o["kind"], o["name"]) == ("route", "default"))
    assert (found["verdict"], found["cost_after"]["request_usd"]) == ("falls back", "0.0055")
    assert plain["drills"][0]["without"] == ["red"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(
    file: Path, *arguments: str, out: io.StringIO | None = None, env: dict[str, str] | None = None
) -> tuple[int, str]:
    import argparse

    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    out = out or io.StringIO()
    args = parser.parse_args([str(file), *arguments])
    status = command.run(args, env or {}, out, vendors=VENDORS, today=TODAY, rehearse=rehearse)
    return status, out.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.yaml"
    path.write_text(CONFIG)
    return path


def test_the_command(file: Path) -> None:
    assert run(file, "--without", "red")[0] == 1
    status, told = run(file, "--without", "blue")
    assert status == 0
    assert told.startswith("Without blue\n")
    assert run(file, "--without", "blue", "--strict")[0] == 1
    status, told = run(file, "--without", "rde")
    assert status == 2
    assert '"red"' in told
    assert run(file)[1].count("Without ") == 3
    assert run(file, "--markdown")[1].startswith("# Fallback plan")
    assert json.loads(run(file, "--format", "json")[1])["drills"]


def test_colour_is_for_terminals(file: Path) -> None:
    assert "\x1b[" in run(file, "--without", "red", out=Terminal())[1]
    assert "\x1b[" not in run(file, "--without", "red", out=Terminal(), env={"NO_COLOR": "1"})[1]


def test_a_config_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("routes: [{name: x, chain: [nobody]}]")
    status, told = run(path)
    assert status == 1
    assert f"{path}:1:" in told
    assert run(tmp_path / "none.yaml")[0] == 1


@pytest.mark.parametrize("name", ["gateway.yaml", "demo.yaml"])
def test_no_key_is_needed_and_no_route_of_ours_dies(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    """The configs that come with the gateway survive the loss of any one provider."""
    for row in VENDORS.values():
        monkeypatch.delenv(row.api_key_env or "NONE", raising=False)
    assert main(["drill", str(ROOT / "config" / name)]) == 0
    assert "Without anthropic" in capsys.readouterr().out


def test_the_config_of_production_needs_no_key_either() -> None:
    status, told = run(ROOT / "deploy" / "config" / "gateway.yaml", env={"PATH": "/bin"})
    assert (status, told.count("Without ")) == (0, 4), told


UNSET = """
server: {host: "${HOST}", port: "${PORT}", allowed_hosts: ["${PUBLIC}", "${PUBLIC}.internal"]}
keys:
  app: {key: "${APP}"}
  shop: {key: "${SHOP}"}
  blue: {sha256: "${BLUE}"}
  green: {sha256: "${GREEN}"}
redis: {url: "%s"}
ledger: {dir: "${STATE}"}
otel: {endpoint: "${COLLECTOR}", service_name: "${SERVICE}", headers: {x-key: "${TOKEN}"}}
providers:
  red: {adapter: openai, base_url: "%s", api_keys: ["${A}", "${B}"], region: "${REGION}"}
  green: {vendor: anthropic, api_key: "${A}", headers: {x-team: "${TEAM}"}, transport: httpx, proxy: "${PROXY}"}
models: {r1: {provider: red, id: r1}, g1: {provider: green, id: g1}}
routes: [{name: default, chain: [r1, g1]}]
"""


@pytest.mark.parametrize(
    ("redis", "url"),
    [
        ("${REDIS_URL}", "${OPENAI_URL}"),
        ("redis://${REDIS_HOST}:${REDIS_PORT}/${DB}", "https://${REALM}.openai.azure.com:${PORT_THERE}/v1"),
        ("rediss://me:${PASSWORD}@${REDIS_HOST}", "https://${OPENAI_HOST}"),
        ("redis://a:${REDIS_PORT},b:${REDIS_PORT}", "https://api.example.com/${VERSION}"),
    ],
)
def test_every_variable_may_be_unset(tmp_path: Path, redis: str, url: str) -> None:
    path = tmp_path / "unset.yaml"
    path.write_text(UNSET % (redis, url))
    status, told = run(path)
    assert (status, told.count("Without ")) == (0, 2), told


def test_a_variable_that_is_set_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "unset.yaml"
    path.write_text(UNSET % ("${REDIS_URL}", "${OPENAI_URL}"))
    status, told = run(path, env={"OPENAI_URL": "no URL"})
    assert status == 1
    assert '"base_url" must be a URL' in told


@pytest.mark.parametrize("without", [["red"], ["green"], ["blue"], ["red", "green"]])
def test_it_happens_as_foretold(file: Path, without: list[str]) -> None:
    """The gateway itself, on simulators, agrees with every word of the drill."""
    arguments = [word for name in without for word in ("--without", name)]
    told = run(file, "--live", *arguments)[1]
    assert "Everything went as foretold." in told, told
    assert f"{' and '.join(without)} is killed" in told


def test_a_drill_that_is_wrong_is_told(snapshot: Snapshot) -> None:
    right = drill(snapshot, ("red",), Typical(), TODAY)
    wrong = Drill(("green",), right.outcomes)
    out = io.StringIO()
    assert not rehearse(snapshot, wrong, out)
    assert "not as foretold" in out.getvalue()
