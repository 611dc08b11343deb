"""F39 and F40: chains that lead in a circle or have no end, and clocks that jump."""

from __future__ import annotations

import httpx
import pytest

from gateway.config.problem import ConfigError
from tests.faults.rig import WAYS, chain, saying, working
from tests.faults.wires import TEXT, json_response
from tests.running import LoopThread, running_gateway, snapshot_of

MODELS = """
providers: {{p: {{vendor: openai, base_url: "{url}/v1"}}}}
models:
{models}
routes: [{{name: default, chain: [{chain}]}}]
"""


def config(url: str, chain_of: list[str], fallbacks: dict[str, str] | None = None) -> str:
    lines = [
        f"  {name}: {{provider: p, id: gpt-5.4-mini, fallbacks: [{(fallbacks or {}).get(name, '')}]}}"
        for name in dict.fromkeys([*chain_of, *(fallbacks or {})])
    ]
    return MODELS.format(url=url, models="\n".join(lines), chain=", ".join(chain_of))


@pytest.mark.fault(39)
@pytest.mark.parametrize("loop_of", [{"x": "y", "y": "x"}, {"x": "y", "y": "z", "z": "x"}])
def test_fallbacks_in_a_circle_are_refused(loop_of: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="fallbacks form a loop: x -> y"):
        snapshot_of(config("http://127.0.0.1:1", ["x"], loop_of))


@pytest.mark.fault(39)
def test_a_chain_of_fifty_is_refused() -> None:
    with pytest.raises(ConfigError, match="chain"):
        snapshot_of(config("http://127.0.0.1:1", [f"m{number}" for number in range(50)]))


@pytest.mark.fault(39)
@pytest.mark.parametrize("stream", WAYS)
def test_the_longest_chain_ends_at_max_attempts(loop: LoopThread, stream: bool) -> None:
    error = {"error": {"message": "Oops", "type": "server_error", "param": None, "code": None}}
    with chain(loop, saying(json_response(error, 500))) as rig:
        assert rig.a is not None
        names = [f"m{number}" for number in range(10)]
        with running_gateway(loop, snapshot_of(config(rig.a.base_url, names))) as gateway:
            rig.gateway = gateway
            answer = rig.ask(stream=stream)
            assert (answer.status, answer.error["code"]) == (503, "upstream_unavailable")
            assert len(rig.a.requests) == len(rig.record.attempts) == 3


@pytest.mark.fault(39)
def test_a_gateway_that_is_its_own_upstream(loop: LoopThread) -> None:
    """The one loop that no config shows: each round is counted in a header."""
    with chain(loop, working()) as rig:
        hops = {"x-gateway-hops": "5"}
        answer = httpx.post(
            f"{rig.gateway.base_url}/chat/completions",
            json={"model": "auto", "messages": [{"role": "user", "content": "hi"}]},
            headers=hops,
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (508, "loop_detected")
        assert rig.posts(rig.a) == 0


class JumpingClock:
    """Wall time jumps a day at each look, back and forth; monotonic time goes on."""

    def __init__(self) -> None:
        self._seconds = 1_800_000_000.0
        self._step = 86_400.0
        self._monotonic = 0.0

    def monotonic(self) -> float:
        self._monotonic += 0.001
        return self._monotonic

    def time(self) -> float:
        self._step = -self._step
        self._seconds += self._step
        return self._seconds


@pytest.mark.fault(40)
@pytest.mark.parametrize("stream", WAYS)
def test_a_clock_that_jumps(loop: LoopThread, stream: bool) -> None:
    with chain(loop, working(), clock=JumpingClock()) as rig:
        for _ in range(3):
            answer = rig.ask(stream=stream)
            assert (answer.status, answer.text) == (200, TEXT)
            record = rig.record
            assert record.ended is not None
            assert 0 < record.ended - record.started < 1
            (attempt,) = record.attempts
            assert attempt.first_token is not None
            assert attempt.ended is not None
            assert record.started <= attempt.started <= attempt.first_token <= attempt.ended <= record.ended


@pytest.mark.fault(40)
@pytest.mark.parametrize(
    "headers",
    [
        {"retry_after": "Wed, 25 Nov 2020 10:00:00 GMT", "date": "Wed, 25 Nov 2026 10:00:00 GMT"},
        {"retry_after": "Wed, 25 Nov 2020 10:00:00 GMT"},
        {"retry_after": "0"},
    ],
    ids=["date in the past", "date without a date to measure by", "zero"],
)
def test_a_retry_after_in_the_past(loop: LoopThread, headers: dict[str, str]) -> None:
    error = {"error": {"message": "Slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}
    limited = saying(json_response(error, 429, **headers))
    with chain(loop, limited) as rig:
        rig.falls_back("rate_limited")
    with chain(loop, limited, limited) as rig:
        answer = rig.gives_up(429, "rate_limit_exceeded", "rate_limited", type="requests")
        assert 0 <= int(answer.headers["retry-after"]) <= 300
