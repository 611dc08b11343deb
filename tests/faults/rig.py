"""A gateway whose only chain is [a, b], in front of two raw servers; and what is expected of it when they fail.

with chain(loop, a=cut_in_half) as rig:
    rig.falls_back("body_truncated")            # b works: the client notices nothing
with chain(loop, a=cut_in_half, b=cut_in_half) as rig:
    rig.gives_up(502, "upstream_invalid_response", "body_truncated")
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from gateway.app import Parts
from gateway.core.clock import Clock, SystemClock
from gateway.core.plan import Record
from tests.fault_server import FaultServer, Peer, Script, answering
from tests.faults.wires import BASE_PATHS, MODELS, OPENAI, STREAM_HEAD, TEXT, Wire, chunk
from tests.running import LoopThread, RunningGateway, running_gateway, snapshot_of, until

WORKED_ON = {"header_timeout", "first_token_timeout", "total_timeout"}
WORKED_ON |= {"body_truncated", "stream_truncated", "stream_reset"}
SECRET = "canary-of-a-0123456789"
LONG = "10s"
CONFIG = """
classify: {{text_model: none}}
timeouts: {{{timeouts}}}
providers:
  a: {{vendor: {vendor}, base_url: "{a}", api_key: "${{KEY_OF_A}}"{a_options}}}
  b: {{vendor: openai, base_url: "{b}"{b_options}}}
models:
  a: {{provider: a, id: {model}, price: {{input: 1, output: 10}}{a_model}}}
  b: {{provider: b, id: gpt-5.4-mini, price: {{input: 2, output: 20}}{b_model}}}
routes: [{{name: default, chain: [a, b]{route}}}]
{more}
"""
ASK: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": "Count to four"}]}
WAYS = (False, True)
"""Not streamed, and streamed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client saw. `events` are a stream's, parsed, with "[DONE]" as it is."""

    response: httpx.Response

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def headers(self) -> httpx.Headers:
        return self.response.headers

    @property
    def events(self) -> list[Any]:
        assert self.headers["content-type"].startswith("text/event-stream"), self.response.text
        lines = [line[6:] for line in self.response.text.split("\n") if line.startswith("data: ")]
        return [line if line == "[DONE]" else json.loads(line) for line in lines]

    @property
    def text(self) -> str:
        if self.headers["content-type"] == "application/json":
            return str(self.response.json()["choices"][0]["message"]["content"])
        deltas = [e["choices"][0]["delta"] for e in self.events if isinstance(e, dict) and e.get("choices")]
        return "".join(delta.get("content") or "" for delta in deltas)

    @property
    def error(self) -> dict[str, Any]:
        """The error object: of the whole answer, or of the terminal event of a stream, after which nothing comes."""
        if self.headers["content-type"].startswith("text/event-stream"):
            found = self.events
            assert [e for e in found if e == "[DONE]" or "error" in e] == found[-1:], found
            body = found[-1]
        else:
            assert self.headers["content-type"] == "application/json"
            body = self.response.json()
        assert set(body) == {"error"}
        error: dict[str, Any] = body["error"]
        assert set(error) == {"message", "type", "param", "code"}
        return error


class Rig:
    """See the module. `a` and `b` are None where an address stands in place of a server."""

    def __init__(self, loop: LoopThread, gateway: RunningGateway, a: FaultServer | None, b: FaultServer | None) -> None:
        self.loop = loop
        self.gateway = gateway
        self.a = a
        self.b = b

    @property
    def record(self) -> Record:
        return self.gateway.records.last()

    def ask(self, *, stream: bool = False, **fields: Any) -> Answer:
        with httpx.Client(base_url=self.gateway.base_url, timeout=30) as client:
            return Answer(client.post("/chat/completions", json={**ASK, "stream": stream, **fields}))

    def posts(self, server: FaultServer | None) -> int:
        return len(server.requests) if server is not None else 0

    def falls_back(self, reason: str, *, stream: bool = False, **fields: Any) -> Answer:
        """`a` fails before the first content: `b` answers, and only the headers tell."""
        answer = self.ask(stream=stream, **fields)
        assert answer.status == 200, answer.response.text
        assert answer.text == TEXT
        assert not stream or answer.events[-1] == "[DONE]"
        assert (answer.headers["x-gateway-provider"], answer.headers["x-gateway-attempts"]) == ("b", "2")
        record = self.record
        assert (record.outcome, record.http_status, record.error_code) == ("ok", 200, None)
        assert [a.failure and a.failure.reason for a in record.attempts] == [reason, None]
        assert [a.kind for a in record.attempts] == ["first", "fallback"]
        assert [a.candidate.model for a in record.attempts] == ["a", "b"]
        assert record.usage is not None
        assert (record.usage.source, record.usage.input, record.usage.output) == ("reported", 7, 4)
        # What `a` itself reported before it failed is money, too, and kept apart.
        wasted = record.attempts[0].usage
        assert wasted is not None if reason in WORKED_ON else wasted is None or wasted.source == "reported"
        assert record.costs["final"] == 7 * 2_000 + 4 * 20_000
        assert record.cost_nano_usd == sum(record.costs.values())
        assert self.posts(self.a) <= 1, "a saw the request twice"
        assert self.posts(self.b) == 1
        return answer

    def gives_up(
        self, status: int, code: str | None, *reasons: str, stream: bool = False, type: str = "server_error"
    ) -> Answer:
        """Everybody fails before the first content: one error, and no SDK tries again."""
        answer = self.ask(stream=stream)
        assert answer.status == status, answer.response.text
        error = answer.error
        assert (error["type"], error["code"]) == (type, code)
        assert answer.headers["x-should-retry"] == "false"
        assert answer.headers["x-request-id"]
        self.keeps_silent(answer)
        record = self.record
        assert (record.outcome, record.http_status, record.error_code) == ("error", status, code)
        assert {a.failure.reason for a in record.attempts if a.failure} == set(reasons)
        assert all(a.failure for a in record.attempts)
        assert {a.candidate.model for a in record.attempts} == {"a", "b"}
        assert record.usage is None
        # A vendor that had the prompt charges for it, answer or not.
        priced = [a.cost_nano_usd for a in record.attempts if a.failure and a.failure.reason in WORKED_ON]
        assert record.cost_nano_usd == (sum(filter(None, priced)) if priced else None)
        assert all(priced)
        assert len(record.attempts) <= 3
        return answer

    def breaks_off(self, code: str, reason: str, **fields: Any) -> Answer:
        """`a` fails after its first content: one error event, and `b` is not asked."""
        answer = self.ask(stream=True, **fields)
        assert answer.status == 200, answer.response.text
        assert answer.error["code"] == code
        assert answer.text
        assert TEXT.startswith(answer.text)
        finishes = [e["choices"][0]["finish_reason"] for e in answer.events[:-1] if e["choices"]]
        assert not any(finishes), "a finish reason that the vendor never sent"
        self.keeps_silent(answer)
        record = self.record
        assert (record.outcome, record.http_status, record.error_code) == ("error", 200, code)
        assert [a.failure and a.failure.reason for a in record.attempts] == [reason]
        usage = record.attempts[0].usage
        assert usage is not None
        assert usage.source == "estimated"
        assert usage.input > 0
        assert usage.completion_total > 0
        assert record.cost_nano_usd
        assert record.costs == {"final": record.cost_nano_usd}
        assert (self.posts(self.a), self.posts(self.b)) == (1, 0)
        return answer

    def keeps_silent(self, answer: Answer) -> None:
        """No host, no key."""
        assert "127.0.0.1" not in answer.response.text
        assert SECRET not in answer.response.text + str(answer.headers)

    def upstream_is_closed(self) -> None:
        """The gateway has closed its connections to `a`, whose scripts end with `hold`."""
        assert self.a is not None
        until(lambda: all(peer.left for peer in self.a.peers))  # type: ignore[union-attr]


Upstream = Script | str | FaultServer


@contextlib.contextmanager
def chain(
    loop: LoopThread,
    a: Upstream,
    b: Upstream | None = None,
    *,
    wire: Wire = OPENAI,
    clock: Clock | None = None,
    timeouts: dict[str, str] | None = None,
    **config: str,
) -> Iterator[Rig]:
    """`a` and `b`: what they do with each connection, or a base URL where there is none. `b` works unless told. A retry
    waits for nothing. `config` fills the holes of CONFIG: route, a_options, a_model, b_options, b_model, more."""
    both = {"connect": LONG, "first_token": LONG, "answer": LONG, "idle": LONG, "total": "30s", **(timeouts or {})}
    with contextlib.ExitStack() as stack:
        servers = [_start(stack, loop, upstream) for upstream in (a, b or working())]
        urls = [s if isinstance(s, str) else s.base_url for s in servers]
        options = [f', ca_file: "{s.endpoint.ca_file}"' if _trusted(s) else "" for s in servers]
        filled = {"route": "", "more": "", "a_model": "", "b_model": "", "a_options": "", "b_options": "", **config}
        filled["a_options"] += options[0]
        filled["b_options"] += options[1]
        text = CONFIG.format(
            vendor=wire.vendor,
            model=MODELS[wire.vendor],
            timeouts=", ".join(f"{name}: {value}" for name, value in both.items()),
            a=urls[0] + BASE_PATHS[wire.vendor],
            b=urls[1] + "/v1",
            **filled,
        )
        parts = Parts(clock or SystemClock(), lambda: 0.0, Parts.real().new_id)
        gateway = stack.enter_context(running_gateway(loop, snapshot_of(text, {"KEY_OF_A": SECRET}), parts))
        yield Rig(loop, gateway, *(s if isinstance(s, FaultServer) else None for s in servers))


def _start(stack: contextlib.ExitStack, loop: LoopThread, upstream: Upstream) -> FaultServer | str:
    if isinstance(upstream, str):
        return upstream
    server = upstream if isinstance(upstream, FaultServer) else FaultServer(upstream)
    loop.run(server.__aenter__())
    stack.callback(lambda: loop.run(server.__aexit__(None)))
    return server


def _trusted(server: FaultServer | str) -> bool:
    return isinstance(server, FaultServer) and server.endpoint.ca_file is not None


# What an upstream does


def wants_stream(request: Any) -> bool:
    return b'"stream":true' in request.body or b'"stream": true' in request.body or "streamGenerate" in request.target


def working(wire: Wire = OPENAI) -> Script:
    """Answers every request, streamed where a stream is asked for."""

    async def script(peer: Peer) -> None:
        while True:
            request = await peer.read_request()
            await peer.send(wire.stream if wants_stream(request) else wire.whole)

    return script


def saying(*answers: bytes) -> Script:
    """Answers each request with the next answer, whatever was asked."""
    return answering(*answers)


async def hold(peer: Peer) -> None:
    """Nothing more, until the gateway closes the connection."""
    await peer.gone()


def after_words(wire: Wire, then: Callable[[Peer], Any], words: int = 2) -> Script:
    """A stream that begins well, says `words` words, and then goes wrong."""

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(STREAM_HEAD, *map(chunk, (*wire.begin, *wire.words[:words])))
        await then(peer)

    return script
