"""A served gateway in front of an upstream that answers when the test says so."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fault_server import FaultServer, Peer, response
from tests.running import LoopThread, until
from tests.served import Served

KEY = "sk-test-0123456789abcdef"
ADMIN_KEY = "sk-admin-0123456789abcdef"
KEYS = {"APP_KEY": KEY, "OPS_KEY": ADMIN_KEY}
ADMIN = {"authorization": f"Bearer {ADMIN_KEY}"}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"


def config_text(url: str, folder: Path, server: str = "", more: str = "") -> str:
    return f"""
server: {{{server}}}
ledger: {{dir: {folder}/state, store: none}}
keys:
  app: {{key: "${{APP_KEY}}"}}
  ops: {{key: "${{OPS_KEY}}", admin: true}}
classify: {{text_model: none}}
providers: {{held: {{vendor: openai, base_url: "{url}/v1"}}}}
models: {{gpt: {{provider: held, id: gpt-5.4-mini}}}}
routes: [{{name: default, chain: [gpt]}}]
{more}
"""


def event(content: str, finish: str = "null") -> bytes:
    choice = f'{{"index":0,"delta":{{"role":"assistant","content":"{content}"}},"finish_reason":{finish}}}'
    return (
        f'data: {{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{choice}]}}\n\n'.encode()
    )


def whole(content: str) -> bytes:
    message = {"role": "assistant", "content": content}
    answer = {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
    return response(json.dumps(answer).encode(), headers=[("content-type", "application/json")])


class Upstream:
    """Answers "hi" at once; any other text when it is released, a stream's first word before that."""

    def __init__(self, loop: LoopThread) -> None:
        self._loop = loop
        self._held: dict[str, asyncio.Event] = {}
        self.server = FaultServer(self._play)

    @property
    def url(self) -> str:
        return self.server.base_url

    def asked(self) -> list[str]:
        """The texts of the requests that have come."""
        return [json.loads(request.body)["messages"][0]["content"] for request in self.server.requests]

    def release(self, text: str) -> None:
        self._loop.loop.call_soon_threadsafe(self._event(text).set)

    def _event(self, text: str) -> asyncio.Event:
        return self._held.setdefault(text, asyncio.Event())

    async def _play(self, peer: Peer) -> None:
        while True:
            asked = json.loads((await peer.read_request()).body)
            text = asked["messages"][0]["content"]
            if asked.get("stream"):
                await peer.send(HEAD, event("begun "))
                await self._event(text).wait()
                await peer.send(event("done", '"stop"'), b"data: [DONE]\n\n")
                return
            if text != "hi":
                await self._event(text).wait()
            await peer.send(whole(f"to {text}"))


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    with LoopThread() as thread:
        yield thread


@pytest.fixture
def upstream(loop: LoopThread) -> Iterator[Upstream]:
    upstream = Upstream(loop)
    loop.run(upstream.server.__aenter__())
    yield upstream
    loop.run(upstream.server.__aexit__(None, None, None))


Serve = Callable[..., Served]


@pytest.fixture
def serve(upstream: Upstream, tmp_path: Path) -> Iterator[Serve]:
    """`serve("workers: 2", "--workers", "3")`: the `server` section, and arguments. The file is `tmp_path/c.yaml`."""
    running: list[Served] = []

    def start(server: str = "", *arguments: str, file: Path | None = None) -> Served:
        file = file or tmp_path / "c.yaml"
        if not file.exists():
            file.write_text(config_text(upstream.url, tmp_path, server))
        served = Served(str(file), *arguments, env=KEYS)
        running.append(served)
        served.wait_until_up()
        return served

    yield start
    for served in running:
        if served.process.poll() is None:
            served.process.kill()
        served.ended()


class Client:
    """One connection that is kept."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)

    def send(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> None:
        all_headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}", **(headers or {})}
        self.connection.request(method, path, None if body is None else json.dumps(body), all_headers)

    def ask(self, text: str = "hi", stream: bool = False) -> None:
        message = {"role": "user", "content": text}
        self.send("POST", "/v1/chat/completions", {"model": "gpt", "stream": stream, "messages": [message]})

    def answer(self) -> http.client.HTTPResponse:
        return self.connection.getresponse()


def call(port: int, method: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    """Status and body, over a connection of its own."""
    client = Client(port)
    client.send(method, path, headers={"connection": "close", **(headers or {})})
    answer = client.answer()
    body = answer.read()
    return answer.status, json.loads(body) if body.startswith(b"{") else body.decode()


def config_of(port: int) -> str:
    """The hash under which a request is answered, over a connection of its own."""
    client = Client(port)
    client.ask()
    answer = client.answer()
    body = answer.read()
    client.connection.close()
    assert answer.status == 200, body
    found = answer.headers["x-gateway-config"]
    assert found
    return found


def configs_of(port: int) -> set[str]:
    """As `config_of`, so often that every worker has had its turn."""
    return {config_of(port) for _ in range(12)}


def stream_error(body: bytes) -> str:
    """The code of the event that ends a broken stream."""
    assert b"[DONE]" not in body
    return str(json.loads(body.strip().rpartition(b"data: ")[2])["error"]["code"])


def begun(client: Client, upstream: Upstream, text: str) -> http.client.HTTPResponse:
    """A stream whose first word has come."""
    client.ask(text, stream=True)
    answer = client.answer()
    assert answer.status == 200
    assert b"begun" in answer.readline()
    until(lambda: text in upstream.asked())
    return answer
