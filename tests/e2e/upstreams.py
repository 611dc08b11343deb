"""Two upstreams that a test steers, behind one gateway whose clock the test can put forward."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx

from gateway.app import Parts
from tests.fault_server import FaultServer, Peer, Request, response
from tests.running import LoopThread, RunningGateway, running_gateway, snapshot_of

ANSWER = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11},
}
CHUNK = {
    "id": "c",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "delta": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}],
}
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
ROLE = (
    b"data: %b\n\n"
    % json.dumps({**CHUNK, "choices": [{"index": 0, "delta": {"role": "assistant"}, "finish_reason": None}]}).encode()
)
EVENTS = b"data: %b\n\ndata: [DONE]\n\n" % json.dumps(CHUNK).encode()
OK = response(json.dumps(ANSWER).encode(), headers=[("content-type", "application/json")])


def refusal(status: int, code: str | None = None, **headers: str) -> bytes:
    """An error of OpenAI's. Header names with underscores for hyphens."""
    error = {"error": {"message": "told by the vendor", "type": "error", "param": None, "code": code}}
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return response(json.dumps(error).encode(), status, [("content-type", "application/json"), *named])


class Upstream:
    """Answers with `answer`, or what `by_key` has for the key that was sent. While `answer` is None it sends what
    `begin` says, and then waits; `left` counts the clients that did not."""

    def __init__(self) -> None:
        self.answer: bytes | None = OK
        self.begin = b""
        self.by_key: dict[str, bytes] = {}
        self.left = 0
        self.server = FaultServer(self._serve)
        self._changed = asyncio.Event()

    @property
    def keys(self) -> list[str]:
        """The keys that requests came with, in their order."""
        return [_key(request) for request in self.server.requests]

    def forget(self) -> None:
        self.server.requests.clear()

    async def _serve(self, peer: Peer) -> None:
        while True:
            request = await peer.read_request()
            answer = self.by_key.get(_key(request), self.answer)
            await peer.send(await self._held(peer) if answer is None else answer)

    async def _held(self, peer: Peer) -> bytes:
        """What is to be sent at last. Raises ConnectionError when the client leaves before that."""
        await peer.send(self.begin)
        gone = asyncio.ensure_future(peer.gone())
        changed = asyncio.ensure_future(self._changed.wait())
        await asyncio.wait((gone, changed), return_when=asyncio.FIRST_COMPLETED)
        changed.cancel()
        if self.answer is None:
            self.left += 1
            raise ConnectionAbortedError("the client left")
        gone.cancel()
        await asyncio.wait((gone,))
        return self.answer

    async def release(self, answer: bytes) -> None:
        """Answer those who wait."""
        self.answer = answer
        self._changed.set()


def _key(request: Request) -> str:
    return (request.header("authorization") or "").removeprefix("Bearer ")


class Clock:
    """The system's clock, put forward by `ahead` seconds."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def time(self) -> float:
        return time.time() + self.ahead


class Yard:
    """The gateway with its upstreams `a` and `b`."""

    def __init__(self, loop: LoopThread, gateway: RunningGateway, a: Upstream, b: Upstream, clock: Clock) -> None:
        self.loop = loop
        self.gateway = gateway
        self.a = a
        self.b = b
        self.clock = clock

    def post(self, model: str = "auto", text: str = "hi", **fields: Any) -> httpx.Response:
        body = {"model": model, "messages": [{"role": "user", "content": text}], **fields}
        return httpx.post(f"{self.gateway.base_url}/chat/completions", json=body, timeout=20)

    def states(self) -> dict[tuple[str, str], tuple[str, str]]:
        return {(row.model, row.key): (row.state, row.reason) for row in self.gateway.gateway.board.view()}


@contextlib.contextmanager
def yard(config: str, env: dict[str, str] | None = None, jitter: float = 0.0) -> Iterator[Yard]:
    """`config` has the places {a} and {b} for the upstreams' addresses."""
    a, b, clock = Upstream(), Upstream(), Clock()
    ids = iter(range(1_000_000))
    parts = Parts(clock, lambda: jitter, lambda: f"req_{next(ids)}")
    with LoopThread() as loop:
        for upstream in (a, b):
            loop.run(upstream.server.__aenter__())
        urls = {"a": f"{a.server.base_url}/v1", "b": f"{b.server.base_url}/v1"}
        try:
            with running_gateway(loop, snapshot_of(config.format(**urls), env), parts) as gateway:
                yield Yard(loop, gateway, a, b, clock)
        finally:
            for upstream in (a, b):
                loop.run(upstream.server.__aexit__(None, None, None))
