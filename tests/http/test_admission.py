"""So many at a time: the next waits its turn, the one after it is told to come again."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from gateway.config.snapshot import Server
from gateway.core.errors import GatewayError
from gateway.execute.deadlines import Deadlines
from gateway.http.admission import Admission
from tests.fault_server import FaultServer, Peer, response
from tests.running import LoopThread, RunningGateway, running_gateway, snapshot_of, until

CONFIG = """
server: {{max_in_flight: 1, {server}}}
classify: {{text_model: none}}
providers: {{held: {{vendor: openai, base_url: "{url}/v1"}}}}
models: {{gpt: {{provider: held, id: gpt-5.4-mini}}}}
routes: [{{name: default, chain: [gpt]}}]
"""
ANSWER = response(
    b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":'
    b'[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}]}',
    headers=[("content-type", "application/json")],
)


class Turns:
    def __init__(self) -> None:
        self.waiting = 0
        self.refused: list[str] = []

    def on_queued(self) -> None:
        self.waiting += 1

    def on_dequeued(self) -> None:
        self.waiting -= 1

    def on_overloaded(self, reason: str) -> None:
        self.refused.append(reason)


def admission(turns: Turns, **server: float) -> Admission:
    return Admission(Server(**{"max_in_flight": 1, "queue": 2, **server}), Deadlines(), turns)  # type: ignore[arg-type]


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_turns_are_taken_in_order_and_nobody_is_quicker() -> None:
    turns = Turns()
    door = admission(turns)
    door.running += 1
    came: list[int] = []

    async def come(number: int) -> None:
        await door.wait()
        came.append(number)

    tasks = [asyncio.create_task(come(number)) for number in range(2)]
    await settle()
    assert (turns.waiting, door.running) == (2, 1)
    with pytest.raises(GatewayError) as full:
        await door.wait()
    assert (full.value.status, full.value.type, full.value.code) == (
        503,
        "service_unavailable_error",
        "server_is_overloaded",
    )
    assert turns.refused == ["queue_full"]
    door.leave()
    assert door.running == 1  # the place was handed on
    await settle()
    assert came == [0]
    door.leave()
    await asyncio.gather(*tasks)
    assert came == [0, 1]
    door.leave()
    assert (turns.waiting, door.running) == (0, 0)


async def test_one_that_waits_for_too_long_is_turned_away() -> None:
    turns = Turns()
    door = admission(turns, queue_timeout_s=0.01)
    door.running += 1
    with pytest.raises(GatewayError) as late:
        await door.wait()
    assert late.value.code == "server_is_overloaded"
    assert (turns.refused, turns.waiting) == (["queue_timeout"], 0)
    door.leave()
    assert door.running == 0


@pytest.mark.parametrize("its_turn_had_come", [False, True])
async def test_one_that_is_cancelled_takes_no_place(its_turn_had_come: bool) -> None:
    turns = Turns()
    door = admission(turns)
    door.running += 1
    waiting = asyncio.create_task(door.wait())
    await settle()
    if its_turn_had_come:
        door.leave()
        waiting.cancel()
    else:
        waiting.cancel()
        door.leave()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (turns.waiting, door.running) == (0, 0)


async def test_a_reload_widens_and_narrows() -> None:
    door = admission(Turns())
    door.running += 1
    tasks = [asyncio.create_task(door.wait()) for _ in range(2)]
    await settle()
    door.resize(Server(max_in_flight=3, queue=2))
    await asyncio.gather(*tasks)
    assert (door.running, door.limit) == (3, 3)
    door.resize(Server(max_in_flight=1, queue=2))
    late = asyncio.create_task(door.wait())
    await settle()
    door.leave()
    door.leave()
    await settle()
    assert (door.running, late.done()) == (1, False)
    door.leave()
    await late
    assert door.running == 1


async def test_once_closed_it_stays_closed_but_for_those_that_wait() -> None:
    door = admission(Turns())
    door.running += 1
    waiting = asyncio.create_task(door.wait())
    await settle()
    door.close()
    door.resize(Server(max_in_flight=1, queue=2))
    assert door.limit == 0
    with pytest.raises(GatewayError) as closed:
        await door.wait()
    assert closed.value.code == "shutting_down"
    door.leave()
    await waiting


class Held:
    """An upstream that answers nobody until it is released."""

    def __init__(self) -> None:
        self.released = asyncio.Event()

    async def play(self, peer: Peer) -> None:
        while True:
            await peer.read_request()
            await self.released.wait()
            await peer.send(ANSWER)


@contextmanager
def narrow(server: str) -> Iterator[tuple[RunningGateway, FaultServer, Held, LoopThread]]:
    with LoopThread() as loop:
        held = Held()
        upstream = FaultServer(held.play)
        loop.run(upstream.__aenter__())
        try:
            with running_gateway(loop, snapshot_of(CONFIG.format(url=upstream.base_url, server=server))) as gateway:
                yield gateway, upstream, held, loop
                loop.loop.call_soon_threadsafe(held.released.set)
        finally:
            loop.run(upstream.__aexit__(None, None, None))


def ask(gateway: RunningGateway) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", int(gateway.url.rpartition(":")[2]), timeout=10)
    body = json.dumps({"model": "gpt", "messages": [{"role": "user", "content": "hi"}]})
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    return connection


def metrics(gateway: RunningGateway) -> str:
    return gateway.gateway.metrics.render().decode()


def test_one_over_the_limit_waits_and_the_next_is_refused() -> None:
    with narrow("queue: 1, queue_timeout: 1m") as (gateway, upstream, held, loop):
        first = ask(gateway)
        until(lambda: len(upstream.requests) == 1)
        second = ask(gateway)
        until(lambda: "gateway_requests_waiting 1.0" in metrics(gateway))
        refused = ask(gateway).getresponse()
        error = json.loads(refused.read())["error"]
        assert (refused.status, error["type"], error["code"], error["param"]) == (
            503,
            "service_unavailable_error",
            "server_is_overloaded",
            None,
        )
        assert refused.headers["retry-after"] == "1"
        assert "x-should-retry" not in refused.headers
        assert len(upstream.requests) == 1
        loop.loop.call_soon_threadsafe(held.released.set)
        assert [connection.getresponse().status for connection in (first, second)] == [200, 200]
        assert 'gateway_requests_overloaded_total{reason="queue_full"} 1.0' in metrics(gateway)
        assert "gateway_requests_queued_total 1.0" in metrics(gateway)
        assert {record.outcome for record in gateway.records.wait_for(3)} == {"ok", "rejected"}


def test_a_wait_has_an_end() -> None:
    with narrow("queue: 1, queue_timeout: 50ms") as (gateway, upstream, held, loop):
        first = ask(gateway)
        until(lambda: len(upstream.requests) == 1)
        late = ask(gateway).getresponse()
        assert (late.status, json.loads(late.read())["error"]["code"]) == (503, "server_is_overloaded")
        loop.loop.call_soon_threadsafe(held.released.set)
        assert first.getresponse().status == 200
        assert 'gateway_requests_overloaded_total{reason="queue_timeout"} 1.0' in metrics(gateway)


def test_a_client_that_leaves_the_queue_leaves_its_turn() -> None:
    with ExitStack() as stack:
        gateway, upstream, held, loop = stack.enter_context(narrow("queue: 5, queue_timeout: 1m"))
        first = ask(gateway)
        until(lambda: len(upstream.requests) == 1)
        gone = ask(gateway)
        until(lambda: "gateway_requests_waiting 1.0" in metrics(gateway))
        last = ask(gateway)
        until(lambda: "gateway_requests_waiting 2.0" in metrics(gateway))
        gone.close()
        loop.loop.call_soon_threadsafe(held.released.set)
        assert [connection.getresponse().status for connection in (first, last)] == [200, 200]
        outcomes = [record.outcome for record in gateway.records.wait_for(3)]
        assert sorted(outcomes) in (["client_gone", "ok", "ok"], ["ok", "ok", "ok"])
