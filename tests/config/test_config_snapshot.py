"""What a right config comes to: defaults, inference, and a hash that is the same for the same meaning."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from gateway.config.load import load
from gateway.config.problem import ConfigError
from gateway.config.resolved import to_yaml
from gateway.config.schema import TimeoutsSpec
from gateway.config.snapshot import DEFAULT_FALLBACK_ON, Bounds, Server
from gateway.core.errors import FailureClass
from gateway.core.money import NANO_PER_USD
from gateway.core.plan import Timeouts
from tests.config.reading import (
    MODELS,
    PROVIDERS,
    ROUTES,
    bottom,
    config_text,
    examine_text,
    model,
    provider,
    routes,
    server,
    snapshot_of,
    top,
    when,
)
from tests.config.vendor_rows import KEYS, ROWS


def test_a_small_config_and_its_defaults() -> None:
    snapshot = snapshot_of(config_text())
    assert snapshot.server == Server()
    assert snapshot.keys == ()
    assert snapshot.timeouts == Timeouts()
    assert snapshot.aliases == {"auto": "route"}
    (route,) = snapshot.routes
    assert (route.name, route.chain, route.when, route.prefer) == ("default", ("gpt", "opus"), None, "order")
    assert (route.timeouts, route.max_attempts, route.fallback_on) == (Timeouts(), 3, DEFAULT_FALLBACK_ON)
    gpt = snapshot.models["gpt"]
    assert (gpt.target.model, gpt.target.provider, gpt.target.upstream_id) == ("gpt", "openai", "gpt-5.4")
    assert gpt.target.context_window == 1_050_000
    assert gpt.target.capabilities == ROWS["openai"].capabilities
    assert {price.version for price in gpt.prices} == {"genai-prices 0.2.3"}
    assert {price.service_tier for price in gpt.prices} == {None, "flex", "priority", "fast"}


def test_the_schema_has_every_timeout() -> None:
    assert set(TimeoutsSpec.model_fields) == {field.name for field in dataclasses.fields(Timeouts)}


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("30s", 30), ("2m", 120), ("1h", 3600), ("1.5 s", 1.5), ("0.25", 0.25)]
)
def test_durations(text: str, seconds: float) -> None:
    assert snapshot_of(server(f"body_timeout: {text}")).server.body_timeout_s == seconds


@pytest.mark.parametrize(
    ("text", "size"), [("32MB", 32 << 20), ("512KB", 512 << 10), ("1GB", 1 << 30), ("4096", 4096), ("1 MiB", 1 << 20)]
)
def test_sizes(text: str, size: int) -> None:
    assert snapshot_of(server(f"max_body: {text}")).server.max_body_bytes == size


@pytest.mark.parametrize(
    ("body", "vendor", "url"),
    [
        ("adapter: openai", "openai", "https://api.openai.com/v1"),
        ("adapter: openai, base_url: https://API.openai.com/v1/", "openai", "https://api.openai.com/v1"),
        ("adapter: openai, base_url: https://api.meta.ai/v1", "meta", "https://api.meta.ai/v1"),
        ("adapter: openai, base_url: https://me.openai.azure.com/openai/v1", "azure",
         "https://me.openai.azure.com/openai/v1"),
        ("adapter: openai, base_url: https://api.meta.ai.evil.example/v1", "openai-compatible",
         "https://api.meta.ai.evil.example/v1"),
        ("adapter: openai, base_url: http://127.0.0.1:9101/v1", "openai-compatible", "http://127.0.0.1:9101/v1"),
        ("adapter: openai, base_url: 'http://[::1]:8000'", "openai-compatible", "http://[::1]:8000"),
        ("adapter: anthropic", "anthropic", "https://api.anthropic.com"),
        ("adapter: anthropic, base_url: http://127.0.0.1:9102", "anthropic", "http://127.0.0.1:9102"),
        ("adapter: gemini", "gemini", "https://generativelanguage.googleapis.com/v1beta"),
        ("vendor: meta", "meta", "https://api.meta.ai/v1"),
        ("vendor: meta, base_url: http://127.0.0.1:9104/v1", "meta", "http://127.0.0.1:9104/v1"),
        ("vendor: meta, adapter: openai", "meta", "https://api.meta.ai/v1"),
    ],
)  # fmt: skip
def test_which_vendor_row(body: str, vendor: str, url: str) -> None:
    snapshot = snapshot_of(provider(body))
    resolved = snapshot.providers["x"]
    endpoint = resolved.endpoint
    assert resolved.vendor.name == vendor
    assert f"{endpoint.scheme}://{endpoint.authority}{endpoint.prefix}" == url


@pytest.mark.parametrize(
    ("change", "capabilities"),
    [
        ("[tools, images]", {"tools", "images"}),
        ("[]", set()),
        ("tools", {"tools"}),
        ("{add: [n], remove: [tools, pdf]}", {"images", "json_schema", "computer", "n"}),
    ],
)
def test_capabilities(change: str, capabilities: set[str]) -> None:
    snapshot = snapshot_of(model(f"provider: anthropic, id: claude-opus-4-6, capabilities: {change}"))
    assert snapshot.models["x"].target.capabilities == capabilities


def test_facts_of_a_model_that_the_config_gives() -> None:
    body = "provider: openai, id: my-tune, context: 200_000, max_output: 8000, tier: small, "
    body += "options: {api-version: '2026-01-01', n: 5, flag: true}, "
    body += (
        "price: {input: 1.25, output: 4, cache_read: 0.15, request: 0.005, tiers: [{above: 1000, input: 2, output: 8}]}"
    )
    tuned = snapshot_of(model(body)).models["x"]
    assert (tuned.target.context_window, tuned.target.max_output, tuned.tier) == (200_000, 8000, "small")
    assert tuned.target.options == (("api-version", "2026-01-01"), ("n", "5"), ("flag", "true"))
    (price,) = tuned.prices
    assert price.version == "config"
    assert (price.base.input, price.base.output, price.base.cache_read) == (
        1_250_000_000,
        4 * NANO_PER_USD,
        150_000_000,
    )
    assert (price.base.reasoning, price.base.cache_write_5m, price.base.request) == (
        4 * NANO_PER_USD,
        1_250_000_000,
        5_000_000,
    )
    assert (price.tiers[0].above, price.tiers[0].rates.input, price.tiers[0].rates.request) == (
        1000,
        2 * NANO_PER_USD,
        5_000_000,
    )


def test_free_is_a_price_and_unknown_is_none() -> None:
    free = snapshot_of(model("provider: openai, id: gpt-99, price: free")).models["x"]
    assert [price.base.input for price in free.prices] == [0]
    assert snapshot_of(model("provider: openai, id: gpt-99")).models["x"].prices == ()


def test_a_rule_with_everything() -> None:
    text = config_text(
        top="keys: {web: {key: '${CLIENT}', team: apps, tags: [prod, eu], admin: true}}\n",
        routes="  - name: full\n"
        "    when: {task: [coding, simple_qa], confidence: {over: 0.5}, difficulty: {under: 0.9}, has: tools,\n"
        "           input_tokens: {over: 10, under: 2000}, model: [auto, gpt-4o], key: web, team: [apps], tags: prod,\n"
        "           header: {X-App: chat}, hour: {over: 8, under: 18}}\n"
        "    chain: [opus, gpt]\n"
        "    prefer: cheapest\n"
        "    require: {capabilities: [tools]}\n"
        "    timeouts: {first_token: 1s, total: 1m}\n"
        "    fallback_on: [rate_limit, timeout]\n"
        "    max_attempts: 5\n" + ROUTES,
        bottom="timeouts: {idle: 5s, connect: 3s}\nmax_attempts: 2\naliases: {gpt-4o: route, best: opus}\n",
    )
    snapshot = snapshot_of(text, KEYS | {"CLIENT": "0123456789abcdef"})
    rule = snapshot.routes[0]
    asked = rule.when
    assert asked is not None
    assert asked.task == {"coding", "simple_qa"}
    assert (asked.confidence, asked.difficulty) == (Bounds(over=0.5), Bounds(under=0.9))
    assert (asked.input_tokens, asked.hour) == (Bounds(10, 2000), Bounds(8, 18))
    assert (asked.has, asked.model, asked.key) == ({"tools"}, {"auto", "gpt-4o"}, {"web"})
    assert (asked.team, asked.tags, asked.headers) == ({"apps"}, {"prod"}, (("x-app", "chat"),))
    assert rule.prefer == "cheapest"
    assert rule.require.capabilities == {"tools"}
    assert rule.timeouts == Timeouts(connect=3, first_token=1, idle=5, total=60)
    assert rule.fallback_on == {FailureClass.RATE_LIMIT, FailureClass.TIMEOUT}
    assert rule.max_attempts == 5
    assert snapshot.routes[1].timeouts == snapshot.timeouts == Timeouts(connect=3, idle=5)
    assert snapshot.routes[1].max_attempts == snapshot.max_attempts == 2
    (client,) = snapshot.keys
    assert (client.name, client.team, client.tags, client.admin) == ("web", "apps", ("prod", "eu"), True)
    assert snapshot.aliases == {"auto": "route", "gpt-4o": "route", "best": "opus"}


def test_a_snapshot_can_not_be_changed() -> None:
    snapshot = snapshot_of(config_text())
    with pytest.raises(TypeError):
        snapshot.models["x"] = snapshot.models["gpt"]  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        snapshot.hash = "x"  # type: ignore[misc]


def hash_of(text: str, env: dict[str, str] = KEYS) -> str:
    return snapshot_of(text, env).hash


def test_the_hash_is_that_of_the_meaning() -> None:
    reference = hash_of(config_text())
    assert len(reference) == 12
    same = [
        config_text(top="# a comment\nserver: {port: 8080}\n"),
        config_text(models="".join(reversed(MODELS.splitlines(keepends=True)))),
        config_text(providers="".join(reversed(PROVIDERS.splitlines(keepends=True)))),
        bottom("aliases: {auto: route}"),
        bottom("max_attempts: 3"),
    ]
    assert {hash_of(text) for text in same} == {reference}
    changed = [
        server("port: 8081"),
        config_text(routes=ROUTES.replace("gpt, opus", "opus, gpt")),
        model("provider: openai, id: gpt-5.4"),
        config_text(models=MODELS.replace("gpt-5.4}", "gpt-5.4, price: free}")),
        bottom("timeouts: {idle: 5s}"),
        when("task: coding"),
        config_text(providers=PROVIDERS.replace("adapter: openai,", "adapter: openai, headers: {x-a: b},")),
        config_text(providers=PROVIDERS.replace("adapter: openai,", "adapter: openai, headers: {x-a: c},")),
    ]
    assert len({hash_of(text) for text in changed} | {reference}) == len(changed) + 1


def test_secrets_are_not_in_the_hash() -> None:
    text = top("keys: {a: {key: '${CLIENT}'}}").replace("adapter: openai,", "adapter: openai, headers: {x-a: '${H}'},")
    one = KEYS | {"CLIENT": "0123456789abcdef", "H": "one"}
    other = {name: value + "-renewed" for name, value in one.items()}
    assert hash_of(text, one) == hash_of(text, other)
    assert hash_of(text, one) != hash_of(text, {n: v for n, v in one.items() if n != "OPENAI_API_KEY"})


def test_a_file_is_read_and_named(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(config_text())
    snapshot = load(file, env=KEYS, vendors=ROWS)
    assert snapshot.source == str(file)
    assert snapshot.hash == hash_of(config_text())
    file.write_text(server("port: x"))
    with pytest.raises(ConfigError) as caught:
        load(file, env=KEYS, vendors=ROWS)
    assert str(caught.value) == f'{file}:1:16: "port" must be a whole number, not "x"'
    with pytest.raises(ConfigError, match=r"nowhere.yaml:1:1: the file can't be read: No such file or directory"):
        load(tmp_path / "nowhere.yaml", env=KEYS, vendors=ROWS)
    with pytest.raises(ConfigError, match="the file can't be read: Is a directory"):
        load(tmp_path, env=KEYS, vendors=ROWS)


def test_the_resolved_form_is_yaml_of_the_same_names() -> None:
    loaded = examine_text(routes("  - {name: a, when: {hour: {over: 8}}, chain: [opus, gpt]}"))
    assert loaded.form is not None
    assert list(loaded.form) == [
        "server", "providers", "models", "timeouts", "max_attempts", "retry", "breakers", "classify", "routes",
        "aliases", "ledger",
    ]  # fmt: skip
    assert "when:\n    hour:\n      over: 8" in to_yaml(loaded.form)
