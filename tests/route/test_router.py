"""Routing is pure: a request's facts and a config in, a plan and its reasons out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import MappingProxyType
from typing import Any

import pytest

from gateway.classify.label import StructureOnly, label
from gateway.classify.signals import read_signals
from gateway.config.snapshot import (
    Bounds,
    Model,
    Provider,
    Require,
    Route,
    Secret,
    Server,
    Snapshot,
    Sticky,
    When,
)
from gateway.core.chat import ChatRequest
from gateway.core.errors import AuthError, BadRequest, GatewayError, NotFound, Overloaded
from gateway.core.label import Label
from gateway.core.money import Price, Rates
from gateway.core.plan import Plan
from gateway.core.principal import Principal
from gateway.core.vendor import CAPABILITIES, Target, Vendor
from gateway.core.wire import Endpoint
from gateway.route.match import Facts
from gateway.route.router import headers_of_rules, make_plan

TODAY = date(2026, 11, 23)
VENDOR = Vendor("v", "openai")


def price(dollars: int) -> tuple[Price, ...]:
    rate = dollars * 1_000_000_000
    return (Price("test", Rates(rate, rate, rate, rate, rate, rate, rate, rate, rate)),)


def provider(name: str, **facts: Any) -> Provider:
    return Provider(name, VENDOR, Endpoint("https", f"{name}.invalid", 443), Secret("k"), **facts)


def model(name: str, owner: str, dollars: int, window: int | None = None, lacks: str = "", **facts: Any) -> Model:
    target = Target(name, owner, f"id-of-{name}", VENDOR, CAPABILITIES - {lacks}, context_window=window)
    return Model(name, owner, target, prices=price(dollars), **facts)


BASE = Snapshot(
    hash="abc",
    source="test",
    server=Server(),
    providers=MappingProxyType({"us": provider("us", region="us"), "eu": provider("eu", region="eu")}),
    models=MappingProxyType(
        {
            "small": model("small", "us", 1, window=1000, lacks="images", fallbacks=("big",)),
            "big": model("big", "us", 9, window=100_000),
            "euro": model("euro", "eu", 5, window=10_000, lacks="tools"),
        }
    ),
    routes=(Route("default", ("big", "small", "euro")),),
    aliases=MappingProxyType({"gpt-4o": "route", "cheap": "small"}),
)


def with_routes(*routes: Route) -> Snapshot:
    return replace(BASE, routes=(*routes, *BASE.routes))


def plan_for(
    snapshot: Snapshot = BASE,
    *,
    task: Label | None = None,
    principal: Principal | None = None,
    headers: dict[str, str] | None = None,
    hour: float = 12.0,
    **fields: Any,
) -> Plan:
    body = {"model": "auto", "messages": [{"role": "user", "content": "hi"}], **fields}
    request = ChatRequest(body)
    signals = read_signals(request)
    facts = Facts(
        request.model,
        task or label(request, signals, StructureOnly()),
        signals,
        principal or Principal("anonymous"),
        headers or {},
        hour,
    )
    return make_plan(request, facts, snapshot, TODAY)


def names(plan: Plan) -> list[str]:
    return [candidate.model for candidate in plan.candidates]


@pytest.mark.parametrize("asked", ["auto", "gpt-4o"])
def test_auto_and_aliases_of_route_are_routed(asked: str) -> None:
    plan = plan_for(model=asked)
    assert plan.trace.route == "default"
    assert plan.trace.asked_for == asked
    assert names(plan) == ["big", "small", "euro"]


@pytest.mark.parametrize("asked", ["small", "cheap", "us/id-of-small"])
def test_a_pinned_model_keeps_its_own_fallbacks(asked: str) -> None:
    plan = plan_for(model=asked)
    assert plan.trace.route == "pinned"
    assert names(plan) == ["small", "big"]


@pytest.mark.parametrize("asked", ["nope", "us/nope", "nope/id-of-small", "route", "", "small/", "/"])
def test_an_unknown_model_is_404(asked: str) -> None:
    with pytest.raises(NotFound) as caught:
        plan_for(model=asked)
    assert (caught.value.status, caught.value.code, caught.value.param) == (404, "model_not_found", None)


CODING = Label("coding", 0.9, difficulty=0.4)


@pytest.mark.parametrize(
    ("when", "facts", "reason"),
    [
        (When(task=frozenset({"coding"})), {"task": CODING}, "task is unsure, not coding"),
        (When(confidence=Bounds(over=0.5)), {"task": CODING}, "confidence is 0.0, not over 0.5"),
        (When(difficulty=Bounds(under=0.5)), {"task": CODING}, "difficulty is unknown, not under 0.5"),
        (
            When(input_tokens=Bounds(over=100)),
            {"messages": [{"role": "user", "content": "word " * 200}]},
            "input_tokens is 5, not over 100",
        ),
        (When(has=frozenset({"json_schema"})), {"response_format": {"type": "json_schema"}}, "has no json_schema"),
        (
            When(has=frozenset({"code"})),
            {"messages": [{"role": "user", "content": "```\nx\n```"}]},
            "has no code",
        ),
        (When(model=frozenset({"gpt-4o"})), {"model": "gpt-4o"}, "model asked for is not gpt-4o"),
        (When(key=frozenset({"app"})), {"principal": Principal("app")}, "key is anonymous, not app"),
        (When(team=frozenset({"red"})), {"principal": Principal("app", "red")}, "team is none, not red"),
        (
            When(tags=frozenset({"batch"})),
            {"principal": Principal("app", tags=frozenset({"batch", "x"}))},
            "has no tag batch",
        ),
        (When(headers=(("x-tier", "gold"),)), {"headers": {"x-tier": "gold"}}, "header x-tier is missing, not gold"),
        (When(hour=Bounds(over=22)), {"hour": 22.5}, "hour is 12.0, not over 22"),
    ],
)
def test_each_condition_matches_and_says_why_it_does_not(when: When, facts: dict[str, Any], reason: str) -> None:
    snapshot = with_routes(Route("special", ("euro",), when=when))
    assert plan_for(snapshot, **facts).trace.route == "special"
    plan = plan_for(snapshot)
    assert plan.trace.route == "default"
    assert [(r.rule, r.reason) for r in plan.trace.rules_rejected] == [("special", reason)]


def test_flags_match_as_tasks_do() -> None:
    snapshot = with_routes(Route("agents", ("big",), when=When(task=frozenset({"agentic_tools"}))))
    assert plan_for(snapshot, tools=[{"type": "function", "function": {"name": "f"}}]).trace.route == "agents"


def test_every_condition_must_hold() -> None:
    both = When(task=frozenset({"coding"}), key=frozenset({"app"}))
    snapshot = with_routes(Route("special", ("euro",), when=both))
    assert plan_for(snapshot, task=CODING).trace.route == "default"
    assert plan_for(snapshot, task=CODING, principal=Principal("app")).trace.route == "special"


def test_the_first_match_wins() -> None:
    first = Route("first", ("big",), when=When(model=frozenset({"auto"})))
    assert plan_for(with_routes(first, replace(first, name="second"))).trace.route == "first"


def test_constraints_filter_fallbacks_too_and_say_why() -> None:
    plan = plan_for(messages=[{"role": "user", "content": "x" * 20_000}])
    assert names(plan) == ["big", "euro"]
    assert [(r.name, r.reason) for r in plan.trace.candidates_rejected] == [
        ("small", "about 5004 input tokens, small takes 1000")
    ]
    image = {"type": "image_url", "image_url": {"url": "https://x.invalid/a.png"}}
    assert names(plan_for(messages=[{"role": "user", "content": [image]}])) == ["big", "euro"]
    assert names(plan_for(model="small", messages=[{"role": "user", "content": [image]}])) == ["big"]


def test_no_fallback_leaves_the_region() -> None:
    european = Route("european", ("euro", "big"), require=Require(region=frozenset({"eu"})))
    assert names(plan_for(with_routes(european))) == ["euro"]
    with pytest.raises(BadRequest) as caught:
        plan_for(with_routes(european), tools=[{"type": "function", "function": {"name": "f"}}])
    assert caught.value.param == "tools"
    assert "euro lacks tools" in caught.value.message
    only_us = Route("us", ("big",), require=Require(region=frozenset({"eu"})))
    with pytest.raises(AuthError) as refused:
        plan_for(with_routes(only_us))
    assert refused.value.status == 403


def test_a_key_reaches_its_own_models_only_however_it_asks() -> None:
    caller = Principal("lawyer", may_use=frozenset({"euro", "small"}))
    assert names(plan_for(principal=caller)) == ["small", "euro"]
    assert names(plan_for(principal=caller, model="small")) == ["small"]  # its fallback is closed to the key
    closed = Route("closed", ("small",), on_context_window=("big", "euro"), on_content_policy=("big",))
    plan = plan_for(with_routes(closed), principal=caller)
    assert [[one.model for one in chain or ()] for chain in (plan.on_context_window, plan.on_content_policy)] == [
        ["euro"],
        [],
    ]
    for asked in ("big", "us/id-of-big"):
        with pytest.raises(NotFound) as missing:
            plan_for(principal=caller, model=asked)
        assert missing.value.message == f"The model `{asked}` does not exist or you do not have access to it."
    with pytest.raises(AuthError) as refused:
        plan_for(with_routes(Route("closed", ("big",))), principal=caller)
    assert (refused.value.status, refused.value.code) == (403, "no_allowed_model")
    assert "key lawyer may not use big" in refused.value.message


def test_weights_say_nothing_of_the_chain_for_long_prompts() -> None:
    weighted = Route("w", ("small",), prefer="weights", weights=(("small", 1.0),), on_context_window=("euro", "big"))
    long = [{"role": "user", "content": "word " * 5000}]
    assert sorted(names(plan_for(with_routes(weighted), messages=long))) == ["big", "euro"]
    held = replace(weighted, sticky=Sticky())
    assert sorted(names(plan_for(with_routes(held), messages=long))) == ["big", "euro"]


def test_too_long_for_all_is_openais_own_error() -> None:
    with pytest.raises(BadRequest) as caught:
        plan_for(messages=[{"role": "user", "content": "x" * 1_000_000}])
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")
    assert caught.value.message.startswith("This model's maximum context length is 100000 tokens.")


def test_models_of_a_provider_that_is_off_are_left_out() -> None:
    off = replace(BASE, off=MappingProxyType({"us": "no key"}))
    assert names(plan_for(off)) == ["euro"]
    with pytest.raises(Overloaded):
        plan_for(off, model="big")


def test_cheapest_first() -> None:
    plan = plan_for(with_routes(Route("thrifty", ("big", "euro", "small"), prefer="cheapest")))
    assert names(plan) == ["small", "euro", "big"]


def test_unpriced_models_rank_last_when_price_decides() -> None:
    models = {**BASE.models, "free": replace(BASE.models["small"], name="free", prices=())}
    snapshot = replace(BASE, models=MappingProxyType(models), routes=(Route("r", ("free", "big"), prefer="cheapest"),))
    assert names(plan_for(snapshot)) == ["big", "free"]


def test_only_headers_that_rules_name_are_ever_seen() -> None:
    snapshot = with_routes(Route("h", ("big",), when=When(headers=(("x-tier", "gold"),))))
    assert headers_of_rules(snapshot) == {"x-tier"}
    assert headers_of_rules(BASE) == frozenset()


def test_a_config_without_a_catch_all_fails_loudly() -> None:
    snapshot = replace(BASE, routes=(Route("only", ("big",), when=When(model=frozenset({"x"}))),))
    with pytest.raises(GatewayError):
        plan_for(snapshot)
