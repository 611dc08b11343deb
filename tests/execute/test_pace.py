"""How fast a model is of late: up at once, down slowly, and forgotten when nobody asks."""

from __future__ import annotations

from gateway.execute.pace import FADES_OVER_S, Pace


def measured(*seconds: float, start: float = 100.0) -> Pace:
    pace = Pace()
    for number, one in enumerate(seconds):
        pace.measured(one, start + number)
    return pace


def test_unknown_is_nothing() -> None:
    assert Pace().seconds(100.0) == 0.0


def test_it_jumps_up_and_comes_down_slowly() -> None:
    pace = measured(1.0, 5.0)
    assert pace.seconds(101.0) == 5.0
    pace.measured(1.0, 102.0)
    assert 4.5 < pace.seconds(102.0) < 5.0
    for second in range(103, 250):
        pace.measured(1.0, float(second))
    assert 1.0 <= pace.seconds(249.0) < 1.1


def test_without_traffic_it_fades() -> None:
    pace = measured(4.0)
    assert 1.4 < pace.seconds(100.0 + FADES_OVER_S) < 1.5


def test_one_request_finds_out_for_all() -> None:
    pace = measured(4.0)
    pace.asked(200.0)
    assert pace.seconds(200.0) == 4.0


def test_what_we_did_not_wait_for_counts_where_it_is_more() -> None:
    pace = measured(2.0)
    pace.at_least(1.0, 101.0)
    assert pace.seconds(100.0) == 2.0
    pace.at_least(3.0, 101.0)
    assert pace.seconds(101.0) == 3.0
