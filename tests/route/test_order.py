"""Who comes first: by chance, by pace, by conversation; and those in trouble last. Health and chance are the test's."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from gateway.config.snapshot import Route, Sticky
from gateway.core.chat import ChatRequest
from gateway.core.health import AllWell, Unwell
from gateway.core.plan import Plan
from gateway.core.principal import Principal
from gateway.route.router import headers_of_rules, make_plan
from tests.route.test_router import BASE, TODAY, Facts, StructureOnly, label, names, read_signals, with_routes

CHAIN = ("big", "small", "euro")
MANY = 2000


class Health(AllWell):
    def __init__(self, paces: dict[str, float] | None = None, **unwell: float) -> None:
        self.paces = paces or {}
        self.waits = unwell

    @property
    def troubled(self) -> bool:  # type: ignore[override]
        return bool(self.waits)

    def unwell(self, model: str) -> Unwell | None:
        return Unwell("rate_limited", self.waits[model]) if model in self.waits else None

    def pace(self, model: str, stream: bool) -> float:
        return self.paces.get(model, 0.0) * (0.1 if stream else 1.0)


def plan(
    route: Route | None = None,
    health: Health | None = None,
    chance: float = 0.0,
    headers: dict[str, str] | None = None,
    caller: str = "app",
    model: str = "auto",
    **fields: Any,
) -> Plan:
    snapshot = BASE if route is None else with_routes(route)
    request = ChatRequest({"model": model, "messages": [{"role": "user", "content": "hi"}], **fields})
    signals = read_signals(request)
    text = label(request, signals, StructureOnly())
    facts = Facts(model, text, signals, Principal(caller), headers or {}, 12.0, chance)
    return make_plan(request, facts, snapshot, TODAY, health or Health())


def firsts(route: Route, count: int = MANY, **given: Any) -> Counter[str]:
    return Counter(names(plan(route, chance=(n + 0.5) / count, **given))[0] for n in range(count))


@pytest.mark.parametrize("model", ["auto", "small"])
def test_those_in_trouble_come_last_the_soonest_back_first(model: str) -> None:
    made = plan(health=Health(small=9.0), model=model)
    assert names(made)[-1] == "small"
    assert made.trace.put_back == (("small", "its breaker is open (rate_limited) for 9.0 s more"),)
    assert made.warnings == ()
    both = plan(health=Health(big=9.0, small=3.0), model=model)
    assert names(both)[-2:] == ["small", "big"]


def test_with_all_in_trouble_the_plan_says_so() -> None:
    made = plan(health=Health(big=9.0, small=3.0, euro=0.0))
    assert names(made) == ["euro", "small", "big"]
    assert len(made.warnings) == 1
    assert "is being tried" in made.trace.put_back[2].reason


def test_fastest_of_two() -> None:
    route = Route("r", CHAIN, prefer="fastest")
    first = firsts(route, health=Health({"big": 2.0, "small": 0.5, "euro": 1.0}))
    assert first["big"] == 0
    assert first["small"] == pytest.approx(MANY * 2 / 3, abs=3)
    assert first["euro"] == pytest.approx(MANY / 3, abs=3)


def test_fastest_falls_back_from_fast_to_slow() -> None:
    route = Route("r", CHAIN, prefer="fastest")
    health = Health({"big": 2.0, "small": 0.5, "euro": 1.0})
    assert {tuple(names(plan(route, health, chance))) for chance in (0.0, 0.3, 0.4, 0.7, 0.99)} == {
        ("small", "euro", "big"),
        ("euro", "small", "big"),
    }
    assert names(plan(route, Health({"small": 0.5, "euro": 1.0, "big": 2.0}, small=3.0), 0.0)) == [
        "euro",
        "big",
        "small",
    ]


def test_fastest_looks_at_whom_nobody_has_measured() -> None:
    route = Route("r", ("big", "small"), prefer="fastest")
    assert firsts(route, health=Health({"big": 0.1})) == {"small": MANY}


def test_weights_share_out() -> None:
    route = Route("r", CHAIN, prefer="weights", weights=(("big", 7.0), ("small", 3.0), ("euro", 0.0)))
    assert firsts(route) == {"big": MANY * 0.7, "small": MANY * 0.3}
    assert {names(plan(route, chance=n / 100))[-1] for n in range(100)} == {"euro"}
    seconds = Counter(
        tuple(
            names(plan(replace(route, weights=(("big", 2.0), ("small", 1.0), ("euro", 1.0))), chance=(n + 0.5) / MANY))
        )
        for n in range(MANY)
    )
    assert seconds["big", "small", "euro"] == pytest.approx(MANY / 4, abs=3)
    assert seconds["small", "big", "euro"] == pytest.approx(MANY / 6, abs=3)
    assert names(plan(route, Health(big=1.0, small=2.0), chance=0.1)) == ["euro", "big", "small"]


STICKY = Route("r", CHAIN, prefer="weights", weights=tuple((name, 1.0) for name in CHAIN), sticky=Sticky())


def talk(*turns: str, system: str = "be kind") -> list[dict[str, str]]:
    roles = ("user", "assistant")
    said = [{"role": roles[number % 2], "content": text} for number, text in enumerate(turns)]
    return [{"role": "system", "content": system}, *said]


def test_a_conversation_stays_where_it_began() -> None:
    for number in range(20):
        start = f"question {number}"
        begun = plan(STICKY, chance=0.1, messages=talk(start))
        later = plan(STICKY, chance=0.9, messages=talk(start, "an answer", "and then?"))
        assert names(begun) == names(later)
        assert begun.session == later.session
    assert len({plan(STICKY, messages=talk(f"question {n}")).session for n in range(20)}) == 20


def test_conversations_are_shared_out_by_weight() -> None:
    route = replace(STICKY, weights=(("big", 3.0), ("small", 1.0), ("euro", 0.0)))
    first = Counter(names(plan(route, messages=talk(f"q {number}")))[0] for number in range(MANY))
    assert first["big"] == pytest.approx(MANY * 0.75, rel=0.1)
    assert first["euro"] == 0


def test_only_the_conversations_of_who_is_in_trouble_move() -> None:
    moved = []
    for number in range(100):
        messages = talk(f"q {number}")
        before = names(plan(STICKY, messages=messages))
        after = names(plan(STICKY, Health(big=5.0), messages=messages))
        assert after == [name for name in before if name != "big"] + ["big"]
        moved.append(before[0] != after[0])
    assert 10 < sum(moved) < 60


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"prompt_cache_key": "a"}, {}),
        ({"user": "a"}, {}),
        ({"safety_identifier": "a"}, {}),
        ({}, {"x-talk": "a"}),
    ],
)
def test_what_names_a_conversation(fields: dict[str, str], headers: dict[str, str]) -> None:
    route = replace(STICKY, sticky=Sticky("x-talk"))
    one = plan(route, headers=headers, messages=talk("this"), **fields)
    other = plan(route, headers=headers, messages=talk("that"), **fields)
    assert one.session == other.session
    assert one.session != plan(route, headers=headers, caller="another", messages=talk("this"), **fields).session
    assert one.session != plan(route, messages=talk("this")).session


def test_a_header_comes_before_all_else() -> None:
    route = replace(STICKY, sticky=Sticky("x-talk"))
    assert headers_of_rules(with_routes(route)) == {"x-talk"}
    with_user = plan(route, headers={"x-talk": "a"}, user="b")
    assert with_user.session == plan(route, headers={"x-talk": "a"}, user="c").session


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        [{"role": "system", "content": "only"}],
        [{"role": "user", "content": None}],
        [{"role": "user", "content": "\ud800"}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}],
    ],
)
def test_any_request_has_a_conversation(messages: list[Any]) -> None:
    assert plan(STICKY, messages=messages).session


def test_other_routes_have_none() -> None:
    assert plan().session is None
