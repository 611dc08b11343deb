"""The health board and the lanes: keys among each other, what a reload keeps, what routing and people are shown."""

from __future__ import annotations

import logging
from dataclasses import replace
from types import MappingProxyType

import pytest

from gateway.config.snapshot import Model, Provider, ProviderKey, Secret, Server, Snapshot
from gateway.core.errors import Failure, FailureClass
from gateway.core.health import BreakerView
from gateway.core.vendor import Target, Vendor
from gateway.core.wire import Endpoint
from gateway.execute.budget import MOST_SAVED, Budget
from gateway.execute.health import HealthBoard
from gateway.execute.lane import Lane, choose

VENDOR = Vendor("v", "openai")
KEYS = tuple(ProviderKey(name, Secret(f"secret-of-{name}")) for name in ("one", "two", "three"))
REFUSED = Failure(FailureClass.CREDENTIAL, "upstream_auth", "no", 401)
LIMITED = Failure(FailureClass.RATE_LIMIT, "rate_limited", "slow down", 429, retry_after_s=7.0)
BROKEN = Failure(FailureClass.TRANSIENT, "upstream_5xx", "down", 503)


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


def provider(name: str, keys: tuple[ProviderKey, ...] = ()) -> Provider:
    return Provider(name, VENDOR, Endpoint("https", f"{name}.invalid", 443), Secret("k"), api_keys=keys)


def model(name: str, owner: str) -> Model:
    return Model(name, owner, Target(name, owner, name, VENDOR, frozenset()))


SNAPSHOT = Snapshot(
    hash="abc",
    source="test",
    server=Server(),
    providers=MappingProxyType({"many": provider("many", KEYS), "single": provider("single")}),
    models=MappingProxyType(
        {name: model(name, owner) for name, owner in [("a", "many"), ("b", "many"), ("c", "single")]}
    ),
    routes=(),
    aliases=MappingProxyType({}),
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(clock: Clock) -> HealthBoard:
    board = HealthBoard(clock)
    board.adopt(SNAPSHOT)
    return board


def meet(lane: Lane, failure: Failure | None, clock: Clock) -> None:
    lane.enter(clock.now).end(failure, clock.now)


def picks(lanes: tuple[Lane, ...], count: int, session: bytes | None = None) -> list[str]:
    found = []
    for _ in range(count):
        lane = choose(lanes, session, (), 1000.0)
        found.append(lane.key)
        lane.enter(1000.0).drop()
    return found


def test_keys_take_turns(board: HealthBoard) -> None:
    assert picks(board.lanes("a"), 6) == ["one", "two", "three", "one", "two", "three"]


def test_the_key_with_the_least_under_way_comes_first(board: HealthBoard) -> None:
    one, two, three = board.lanes("a")
    one.enter(1000.0)
    three.enter(1000.0)
    assert choose(board.lanes("a"), None, (), 1000.0) is two


def test_a_key_that_is_limited_is_passed_over_until_its_time(board: HealthBoard, clock: Clock) -> None:
    lanes = board.lanes("a")
    meet(lanes[0], LIMITED, clock)
    assert set(picks(lanes, 4)) == {"two", "three"}
    assert board.unwell("a") is None, "there are other keys"
    assert picks(board.lanes("b"), 1) == ["one"], "the limit is the model's"
    clock.now += 7.0
    assert choose(lanes, None, ("two", "three"), clock.now).key == "one"
    lanes[0].enter(clock.now)
    assert not board.troubled


def test_a_session_keeps_its_key_and_finds_another_without_it(board: HealthBoard, clock: Clock) -> None:
    lanes = board.lanes("a")
    for session in (b"one talk", b"another", b"a third"):
        home = picks(lanes, 5, session)
        assert len(set(home)) == 1
        lane = next(lane for lane in lanes if lane.key == home[0])
        meet(lane, LIMITED, clock)
        away = picks(lanes, 5, session)
        assert len(set(away)) == 1
        assert away != home
        board.forget()
        assert picks(lanes, 1, session) == home[:1]
    spread = {picks(lanes, 1, f"talk {number}".encode())[0] for number in range(50)}
    assert spread == {"one", "two", "three"}


def test_a_refused_key_is_refused_for_every_model(
    board: HealthBoard, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        meet(board.lanes("a")[0], REFUSED, clock)
    assert [(r.levelname, r.__dict__["alert"], r.__dict__["key"]) for r in caplog.records] == [("ERROR", True, "one")]
    assert "secret-of" not in caplog.text
    for name in ("a", "b"):
        assert set(picks(board.lanes(name), 4)) == {"two", "three"}


def test_a_server_error_keeps_the_key_until_it_is_too_much(board: HealthBoard, clock: Clock) -> None:
    lane = board.lanes("a")[0]
    meet(lane, BROKEN, clock)
    assert "one" in picks(board.lanes("a"), 3)
    for _ in range(4):
        meet(lane, BROKEN, clock)
    assert "one" not in picks(board.lanes("a"), 6)


def test_a_model_is_unwell_when_none_of_its_keys_may_be_used(board: HealthBoard, clock: Clock) -> None:
    lanes = board.lanes("a")
    for seconds, lane in zip((30.0, 7.0, 60.0), lanes, strict=True):
        meet(lane, replace(LIMITED, retry_after_s=seconds), clock)
    trouble = board.unwell("a")
    assert trouble is not None
    assert (trouble.reason, trouble.for_s) == ("rate_limited", 7.0)
    assert choose(lanes, None, (), clock.now).key == "two", "the one that is back first"


def test_a_reload_keeps_what_was_learned_but_looks_at_keys_anew(board: HealthBoard, clock: Clock) -> None:
    meet(board.lanes("a")[0], LIMITED, clock)
    meet(board.lanes("b")[1], REFUSED, clock)
    old = board.lanes("c")[0]
    board.adopt(replace(SNAPSHOT, models=MappingProxyType({name: SNAPSHOT.models[name] for name in "ab"})))
    assert set(picks(board.lanes("a"), 4)) == {"two", "three"}
    assert set(picks(board.lanes("b"), 4)) == {"one", "two", "three"}
    meet(old, LIMITED, clock)
    assert len(board.view()) == 6
    assert board.unwell("c") is None, "a request under an older config may still end"


def test_the_view_tells_every_breaker(board: HealthBoard, clock: Clock) -> None:
    meet(board.lanes("c")[0], LIMITED, clock)
    meet(board.lanes("a")[1], REFUSED, clock)
    clock.now += 2.0
    view = {(row.model, row.key): row for row in board.view()}
    assert len(view) == 7
    assert view["c", "default"] == BreakerView("single", "c", "default", "open", 5.0, "rate_limited")
    assert view["a", "one"] == BreakerView("many", "a", "one", "closed")
    clock.now += 598.0
    view = {(row.model, row.key): row for row in board.view()}
    assert view["a", "two"] == BreakerView("many", "a", "two", "half_open", 0.0, "upstream_auth")
    assert view["c", "default"].state == "closed"


def test_a_stream_that_has_begun_to_speak_closes_the_breaker(board: HealthBoard, clock: Clock) -> None:
    lane = board.lanes("c")[0]
    for _ in range(5):
        meet(lane, BROKEN, clock)
    clock.now += 5.0
    ticket = lane.enter(clock.now)
    assert board.unwell("c") is not None
    ticket.spoke(clock.now)
    assert board.unwell("c") is None
    assert not board.troubled


def test_a_ticket_is_returned_once(board: HealthBoard, clock: Clock) -> None:
    lane = board.lanes("c")[0]
    ticket = lane.enter(clock.now)
    ticket.end(BROKEN, clock.now)
    ticket.end(BROKEN, clock.now)
    ticket.drop()
    assert (lane.in_flight, lane.breaker.consecutive) == (0, 1)


def test_a_budget_is_a_share_of_what_came_in() -> None:
    budget = Budget(0.1)
    taken = sum(budget.withdraw() for _ in range(100))
    assert taken == MOST_SAVED
    for _ in range(1000):
        budget.deposit()
        taken += budget.withdraw()
    assert taken == MOST_SAVED + 100
    assert not Budget(0.0).withdraw()
