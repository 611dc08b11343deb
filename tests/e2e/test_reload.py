"""`Gateway.reload` in one process: which connections live on, which are closed and when, and what is still known."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Iterator

import pytest

from tests.fault_server import FaultServer, Peer, response
from tests.running import LoopThread, RunningGateway, running_gateway, snapshot_of, until

CONFIG = """
{more}
providers: {{p: {{vendor: openai, base_url: "{url}/v1", transport: {transport}}}}}
models: {{gpt: {{provider: p, id: {id}}}}}
routes: [{{name: default, chain: [gpt]}}]
"""
ANSWER = response(
    b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":'
    b'[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}]}',
    headers=[("content-type", "application/json")],
)


def config(upstream: FaultServer, transport: str, id: str = "gpt-5.4-mini", more: str = "") -> str:
    return CONFIG.format(url=upstream.base_url, id=id, transport=transport, more=more)


class Upstream(FaultServer):
    """Holds the answer to "wait" back until released."""

    def __init__(self) -> None:
        super().__init__(self._serve)
        self.released = asyncio.Event()
        self.left = 0

    async def _serve(self, peer: Peer) -> None:
        try:
            while True:
                request = await peer.read_request()
                if b"wait" in request.body:
                    await self.released.wait()
                await peer.send(ANSWER)
        finally:
            self.left += 1


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    with LoopThread() as thread:
        yield thread


@pytest.fixture
def upstreams(loop: LoopThread) -> Iterator[tuple[Upstream, Upstream]]:
    pair = (Upstream(), Upstream())
    for upstream in pair:
        loop.run(upstream.__aenter__())
    yield pair
    for upstream in pair:
        loop.run(upstream.__aexit__(None, None, None))


def ask(gateway: RunningGateway, text: str) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", int(gateway.url.rpartition(":")[2]), timeout=10)
    body = json.dumps({"model": "gpt", "messages": [{"role": "user", "content": text}]})
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    return connection


def answer(connection: http.client.HTTPConnection) -> int:
    response = connection.getresponse()
    response.read()
    return response.status


def reload(loop: LoopThread, gateway: RunningGateway, text: str) -> None:
    async def swap() -> None:
        gateway.gateway.reload(snapshot_of(text))

    loop.run(swap())


@pytest.mark.parametrize("transport", ["native", "httpx"])
def test_connections_to_a_place_that_stays_are_kept(
    loop: LoopThread, upstreams: tuple[Upstream, Upstream], transport: str
) -> None:
    first, _ = upstreams
    with running_gateway(loop, snapshot_of(config(first, transport))) as gateway:
        assert answer(ask(gateway, "hi")) == 200
        reload(loop, gateway, config(first, transport, id="gpt-5.4"))
        assert answer(ask(gateway, "hi")) == 200
        assert (len(first.peers), first.left) == (1, 0)
        assert [json.loads(request.body)["model"] for request in first.requests] == ["gpt-5.4-mini", "gpt-5.4"]


@pytest.mark.parametrize("transport", ["native", "httpx"])
def test_connections_to_a_place_that_is_gone_are_closed_after_its_requests(
    loop: LoopThread, upstreams: tuple[Upstream, Upstream], transport: str
) -> None:
    first, second = upstreams
    with running_gateway(loop, snapshot_of(config(first, transport))) as gateway:
        waiting = ask(gateway, "wait")
        until(lambda: len(first.requests) == 1)
        reload(loop, gateway, config(second, transport))
        assert answer(ask(gateway, "hi")) == 200
        assert (len(second.requests), first.left) == (1, 0)
        loop.loop.call_soon_threadsafe(first.released.set)
        assert answer(waiting) == 200
        until(lambda: first.left == 1)
        assert second.left == 0


def test_a_place_may_come_back_and_limits_may_change(loop: LoopThread, upstreams: tuple[Upstream, Upstream]) -> None:
    first, second = upstreams
    with running_gateway(loop, snapshot_of(config(first, "native"))) as gateway:
        for text in (
            config(first, "native"),
            config(second, "native"),
            config(first, "native", more="timeouts: {connect: 9s}"),
            config(first, "httpx"),
            config(first, "native"),
        ):
            reload(loop, gateway, text)
            assert answer(ask(gateway, "hi")) == 200
        until(lambda: first.left == len(first.peers) - 1 and second.left == 1)


def test_what_was_learned_is_kept(loop: LoopThread, upstreams: tuple[Upstream, Upstream]) -> None:
    first, _ = upstreams
    with running_gateway(loop, snapshot_of(config(first, "native"))) as gateway:
        assert answer(ask(gateway, "what is a marshalling yard?")) == 200
        model = gateway.gateway._text_model
        assert model is not None
        assert len(model) == 1
        reload(loop, gateway, config(first, "native", more="classify: {text_model: none}"))
        reload(loop, gateway, config(first, "native"))
        assert answer(ask(gateway, "what is a marshalling yard?")) == 200
        assert gateway.gateway._text_model is model
        assert len(model) == 1
