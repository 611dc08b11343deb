"""Warnings about valid configs: each with its exact place (¶) and words, and neighbours that are fine."""

from __future__ import annotations

import pytest

from gateway.config.lint import implies, within
from gateway.config.snapshot import Bounds, When
from tests.config.reading import (
    MODELS,
    PROVIDERS,
    config_text,
    examine_text,
    found,
    key,
    marked,
    models,
    provider,
    route,
    routes,
)
from tests.config.vendor_rows import KEYS

FIVE = MODELS + "".join(f"  m{i}: {{provider: openai, id: gpt-5.4}}\n" for i in range(3))
USE_FIVE = "aliases: {a: m0, b: m1, c: m2}\n"


def two_routes(first: str, second: str) -> str:
    return routes(f"  - {{name: first{first}, chain: [gpt, opus]}}\n  - {{name: second{second}, chain: [gpt, opus]}}")


def reaching(when: str, chain: str) -> str:
    return routes(f"  - {{name: a, when: {when}, chain: {chain}}}")


def never(name: str, by: str, why: str = "matches whenever this one would") -> str:
    return f'route "{name}" is never reached: "{by}" stands before it and {why}'


PASSED_OVER = ": this route will pass it over"

WARNINGS = [
    # secrets in the file
    (
        provider("vendor: openai, api_key: ¶sk-live-0123456789abcdef"),
        'a secret is written out in "api_key": use ${VARIABLE} or file:/path, and renew it',
    ),
    (
        provider("vendor: openai, api_key: ¶anything"),
        'a secret is written out in "api_key": use ${VARIABLE} or file:/path, and renew it',
    ),
    (
        provider("vendor: openai, api_key: ¶'${NOWHERE:-sk-live-0123456789abcdef}'"),
        'a secret is written out in "api_key": use ${VARIABLE} or file:/path, and renew it',
    ),
    (
        provider("adapter: openai, base_url: 'https://a.example', headers: {x-team: ¶'Bearer 0123456789abcdef'}"),
        'a secret is written out in "x-team": use ${VARIABLE} or file:/path, and renew it',
    ),
    (
        key("key: ¶0123456789abcdefX"),
        'a secret is written out in "key": use ${VARIABLE} or file:/path, and renew it',
    ),
    (
        provider("adapter: openai, base_url: 'https://a.example', region: ¶AIzaSyA0123456789abcdefghijk"),
        'a secret is written out in "region": use ${VARIABLE} or file:/path, and renew it',
    ),
    # providers
    (
        provider("adapter: openai, base_url: ¶http://api.example.com/v1"),
        "requests to api.example.com go unencrypted, the key with them: use https://",
    ),
    (
        provider("adapter: openai, base_url: ¶https://api.openai.com/, api_key: '${OPENAI_API_KEY}'"),
        "the API of openai is at https://api.openai.com/v1: this address lacks /v1",
    ),
    (
        config_text(providers=PROVIDERS + "  ¶x: {adapter: openai}\n"),
        "api.openai.com wants a key: add api_key: ${OPENAI_API_KEY}",
    ),
    # models
    (
        models("  ¶x: {provider: openai, id: gpt-5.4}"),
        'no route, alias or fallback uses model "x": only requests that name it reach it',
    ),
    (
        config_text(models=MODELS + "  ¶x: {provider: openai, id: gpt-99}\n", bottom="aliases: {y: x}\n"),
        'model "x" has no price, so its cost is unknown: add price: {input: x, output: y} or free',
    ),
    (
        config_text(models=FIVE + "  ¶six: {provider: openai, id: gpt-5.4}\n", bottom=USE_FIVE + "  \n"),
        "6 models are many to tell apart: three to five, each for a reason, are enough",
    ),
    # routes that can't be reached
    (
        two_routes(", when: {task: coding}", ", when: {task: coding}").replace("- {name: second", "- ¶{name: second"),
        never("second", "first"),
    ),
    (
        two_routes(", when: {task: [coding, simple_qa]}", ", when: {task: coding, input_tokens: {over: 5}}").replace(
            "- {name: second", "- ¶{name: second"
        ),
        never("second", "first"),
    ),
    (
        two_routes(", when: {input_tokens: {over: 10}}", ", when: {input_tokens: {over: 10, under: 20}}").replace(
            "- {name: second", "- ¶{name: second"
        ),
        never("second", "first"),
    ),
    (
        two_routes(", when: {header: {X-App: a}}", ", when: {header: {x-app: a, x-b: c}}").replace(
            "- {name: second", "- ¶{name: second"
        ),
        never("second", "first"),
    ),
    # chains
    (
        routes("  - {name: a, when: {task: coding}, chain: ¶[gpt]}"),
        'route "a" has no fallback if provider "openai" vanishes: add a model of another provider',
    ),
    (reaching("{has: audio}", "[gpt, ¶opus]"), '"opus" lacks audio_in' + PASSED_OVER),
    (reaching("{has: [images, audio]}", "[gpt, ¶opus]"), '"opus" lacks audio_in' + PASSED_OVER),
    (
        reaching("{input_tokens: {over: 1_020_000}}", "[gpt, ¶opus]"),
        '"opus" takes 1,000,000 tokens, and this route is for more than 1,020,000' + PASSED_OVER,
    ),
    (
        route("require: {capabilities: logprobs}").replace("opus], require", "¶opus], require"),
        '"opus" lacks logprobs' + PASSED_OVER,
    ),
]


@pytest.mark.parametrize(("text", "message"), WARNINGS)
def test_warned(text: str, message: str) -> None:
    text, place = marked(text)
    unused = 'no route, alias or fallback uses model "six": only requests that name it reach it'
    warnings = [line for line in found(examine_text(text)) if unused not in line]
    assert warnings == [f"{place}: warning: {message}"]


FINE = [
    provider("adapter: openai, base_url: http://127.0.0.1:8000/v1"),
    provider("adapter: openai, base_url: http://vllm:8000/v1"),
    provider("adapter: openai, base_url: http://10.1.2.3/v1"),
    provider("adapter: openai, base_url: http://gpu.internal/v1"),
    provider("adapter: openai, base_url: 'http://[fd00::1]/v1'"),
    provider("vendor: openai, api_key: '${OPENAI_API_KEY:-}'"),
    config_text(models=FIVE, bottom=USE_FIVE),
    config_text(models=MODELS + "  x: {provider: openai, id: gpt-99, price: free}\n", bottom="aliases: {y: x}\n"),
    config_text(models=MODELS.replace("5.4}", "5.4, fallbacks: [x]}") + "  x: {provider: openai, id: gpt-5.4}\n"),
    two_routes(", when: {task: coding}", ", when: {task: [coding, simple_qa]}"),
    two_routes(", when: {task: coding, has: tools}", ", when: {task: coding}"),
    two_routes(", when: {input_tokens: {over: 10, under: 20}}", ", when: {input_tokens: {over: 10}}"),
    two_routes(", when: {header: {x-a: b}}", ", when: {header: {x-a: c}}"),
    reaching("{has: code}", "[gpt, opus]"),
    reaching("{task: [agentic_tools, coding]}", "[gpt, opus]"),
]


@pytest.mark.parametrize("text", FINE)
def test_not_warned(text: str) -> None:
    assert found(examine_text(text)) == []


def test_routes_after_one_without_a_condition_are_never_reached() -> None:
    text, place = marked(two_routes("", ", when: {task: coding}").replace("- {name: second", "- ¶{name: second"))
    assert found(examine_text(text)) == [
        f"{place}: warning: " + never("second", "first", "has no `when`"),
        "10:5: warning: " + never("default", "first", "has no `when`"),
    ]


def test_a_structural_task_asks_for_abilities() -> None:
    text = config_text(
        providers=PROVIDERS + "  local: {adapter: openai, base_url: 'http://vllm:8000/v1'}\n",
        models=MODELS + "  plain: {provider: local, id: x, price: free, capabilities: []}\n",
        routes="  - {name: a, when: {task: agentic_tools}, chain: [plain, gpt]}\n"
        "  - {name: b, when: {task: multimodal}, chain: [opus, plain]}\n"
        "  - {name: c, chain: [plain, gpt]}\n",
    )
    assert found(examine_text(text)) == [
        '10:52: warning: "plain" lacks tools, for agentic_tools' + PASSED_OVER,
        '11:55: warning: "plain" lacks images and audio_in and pdf, for multimodal' + PASSED_OVER,
    ]


def test_members_outside_the_required_region_and_retention() -> None:
    text = config_text(
        providers=PROVIDERS.replace("adapter: openai,", "adapter: openai, region: us, retention: zero,"),
        routes="  - {name: a, chain: [gpt, opus], require: {region: us, retention: [zero, 30d]}}\n",
    )
    assert found(examine_text(text)) == [
        '8:28: warning: "opus" has region unstated, not us' + PASSED_OVER,
        '8:28: warning: "opus" has retention unstated, not 30d or zero' + PASSED_OVER,
    ]


def test_a_provider_without_its_key_is_off() -> None:
    env = {name: value for name, value in KEYS.items() if name != "ANTHROPIC_API_KEY"}
    loaded = examine_text(config_text(), env)
    assert found(loaded) == [
        '3:44: warning: provider "anthropic" is off, because the environment variable ANTHROPIC_API_KEY is not set; '
        '"opus" will get no requests',
        '8:28: warning: route "default" has no fallback if provider "openai" vanishes: add a model of another provider',
    ]
    snapshot = loaded.snapshot
    assert snapshot is not None
    assert snapshot.off == {"anthropic": "the environment variable ANTHROPIC_API_KEY is not set"}
    assert snapshot.routes[0].chain == ("gpt",)
    assert "opus" in snapshot.models
    assert not snapshot.providers["anthropic"].api_key
    assert snapshot.warnings == tuple(problem.located("test.yaml") for problem in loaded.problems)


def test_off_models_leave_fallbacks_too() -> None:
    text = config_text(models=MODELS.replace("id: gpt-5.4}", "id: gpt-5.4, fallbacks: [opus]}"))
    with_key, without = examine_text(text).snapshot, examine_text(text, {"OPENAI_API_KEY": "x" * 20}).snapshot
    assert with_key is not None
    assert without is not None
    assert with_key.models["gpt"].fallbacks == ("opus",)
    assert without.models["gpt"].fallbacks == ()


def test_a_chain_of_which_all_is_off_is_an_error() -> None:
    text = config_text(routes="  - {name: a, when: {task: coding}, chain: [opus]}\n  - {name: b, chain: [gpt, opus]}\n")
    errors = [line for line in found(examine_text(text, {"OPENAI_API_KEY": "x" * 20})) if "error" in line]
    assert errors == [
        '8:44: error: route "a" has no model left, because the provider of each is off: set ANTHROPIC_API_KEY, '
        "or add a model of another provider"
    ]


def test_implication() -> None:
    wide = When(task=frozenset({"coding"}), input_tokens=Bounds(over=5))
    assert implies(When(task=frozenset({"coding"}), input_tokens=Bounds(over=6)), wide)
    assert not implies(When(task=frozenset({"coding"})), wide)
    assert not implies(None, wide)
    assert implies(None, None)
    assert within(Bounds(over=1, under=2), Bounds(under=2))
    assert not within(Bounds(over=1), Bounds(under=2))
    assert not within(None, Bounds(under=2))


def eu_only(when: str, keys: str) -> str:
    providers = PROVIDERS.replace("openai: {", "openai: {region: eu, ").replace(
        "anthropic: {", "anthropic: {region: us, "
    )
    first = f"  - {{name: a, when: {{{when}}}, chain: [gpt], require: {{region: eu}}}}\n"
    chosen = f"{first}  - {{name: b, chain: [gpt, opus]}}\n"
    return config_text(top=f"keys: {{{keys}}}\n", providers=providers, routes=chosen)


AROUND = 'route "a" does not hold key "k", which may name "opus" (has region us, not eu)'
AROUND += ": give the key a `require` of its own"


@pytest.mark.parametrize(
    ("when", "key", "warned"),
    [
        ("key: k", "", True),
        ("team: legal", "team: legal", True),
        ("tags: [x, y]", "tags: y", True),
        ("team: legal", "team: legal, require: {region: eu}", False),
        ("team: legal", "team: legal, models: gpt", False),
        ("team: legal", "team: other", False),
        ("tags: x", "", False),
        ("key: other", "", False),
        ("task: coding", "", False),
    ],
)
def test_a_way_around_a_routes_region_is_warned_of(when: str, key: str, warned: bool) -> None:
    text = eu_only(
        when, f"k: {{sha256: {'0' * 64}, {key}}}, other: {{sha256: {'1' * 64}, team: legal, require: {{region: eu}}}}"
    )
    told = [line for line in found(examine_text(text)) if "no fallback" not in line]
    assert [line.partition("warning: ")[2] for line in told] == ([AROUND] if warned else [])
