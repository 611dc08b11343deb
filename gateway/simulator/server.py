"""A simulator: one vendor's API on one port, with its faults, its statistics and its pace.

async with Simulator("openai") as simulator:
    client = AsyncOpenAI(base_url=simulator.base_url + "/v1", api_key="any")
    simulator.set_fault("429", times=1, retry_after=1)
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from traceback import format_exc
from typing import Any

import orjson

from gateway.simulator.connection import Connection
from gateway.simulator.faults import Fault, Standing, UnknownFault, make_fault, parse_wishes
from gateway.simulator.script import AT_ONCE, Pace, Step, broken, paced, whole
from gateway.simulator.stats import Stats
from gateway.simulator.vendor import Call, Rejected, Vendor
from gateway.simulator.wire import Reply, Request

VENDORS = {"openai": "OpenAI", "anthropic": "Anthropic", "gemini": "Gemini"}
"""Package and class of each vendor; imported when it is needed, so that one simulator starts fast."""

JSON_HEADERS = "content-type: application/json\r\n"
ELSEWHERE = "http://127.0.0.1:9/elsewhere"
HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Sign in to the network</h1></body></html>"
CONTROL_KEYS = frozenset({"times", "probability", "model"})


class Simulator:
    """Serves one vendor's API inside the running event loop. Use it with `async with`, or call `start` and `aclose`.

    `vendor` is openai, anthropic or gemini. `port` 0 takes a free one. `ttft_ms` and `tps` pace every answer (0: at
    once). With `require_key` any other key gets the vendor's own error. `seed` moves ids and chance.
    """

    def __init__(
        self,
        vendor: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ttft_ms: float = 0.0,
        tps: float = 0.0,
        require_key: str | None = None,
        seed: int = 0,
        max_body_bytes: int = 32 * 1024 * 1024,
    ) -> None:
        self.vendor = vendor
        self.host = host
        self.port = port
        self.max_body_bytes = max_body_bytes
        self.stats = Stats()
        self.connections: set[Connection] = set()
        self._vendor: Vendor = getattr(import_module(f"gateway.simulator.{vendor}"), VENDORS[vendor])(seed)
        self._pace = Pace(ttft_ms / 1000, tps) if ttft_ms or tps else AT_ONCE
        self._required_key = require_key
        self._standing = Standing(seed)
        self._server: asyncio.Server | None = None

    @property
    def base_url(self) -> str:
        """The address without any path: SDKs of OpenAI want `/v1` after it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self, loop), self.host, self.port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def aclose(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
            for connection in list(self.connections):
                connection.shut()
            await self._server.wait_closed()
            self._server = None

    async def __aenter__(self) -> Simulator:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def set_fault(
        self,
        fault: str,
        *,
        times: int | None = None,
        probability: float = 1.0,
        model: str | None = None,
        **options: Any,
    ) -> None:
        """From now on answer with `fault`. `options` are those of `Fault`. Raises UnknownFault."""
        made = make_fault({"fault": fault, **options})
        self._standing.set(made, times=times, probability=probability, model=model)

    def clear_fault(self) -> None:
        self._standing.clear()

    def too_large(self, request: Request) -> bytes:
        """The answer to a body beyond `max_body_bytes`."""
        self.stats.count("", "413")
        call = Call("", "", {}, request)
        return whole(self._vendor.render(self._vendor.refuse("413", Fault("413"), call), None))

    def respond(self, request: Request) -> bytes | list[Step]:
        """The bytes of the answer, or what is to happen step by step. A defect of our own is a 500 that says so."""
        try:
            return self._respond(request)
        except Exception:  # noqa: BLE001
            text = f"simulator: a defect\n{format_exc()}"
            self.stats.count("", "defect")
            return whole(Reply(500, "content-type: text/plain\r\n", text.encode()))

    def _respond(self, request: Request) -> bytes | list[Step]:
        if request.path.startswith("/_"):
            return whole(self._control(request))
        try:
            call = self._vendor.accept(request, self._required_key)
            fault, pace = self._wishes(call)
        except Rejected as rejected:
            self.stats.count("", str(rejected.status))
            return whole(self._vendor.render(rejected, None))
        except UnknownFault as error:
            return whole(Reply(400, "content-type: text/plain\r\n", f"simulator: {error}\n".encode()))
        try:
            if fault is not None:
                return self._respond_with(fault, call, pace)
            reply = self._vendor.answer(call, None)
        except Rejected as rejected:
            self.stats.count(call.model, str(rejected.status))
            return whole(self._vendor.render(rejected, call))
        if call.counted:
            self.stats.count(call.model, "ok")
            self.stats.add(call.tally)
        return whole(reply) if pace is AT_ONCE else paced(reply, pace)

    def _wishes(self, call: Call) -> tuple[Fault | None, Pace]:
        header = call.request.headers.get("x-simulate")
        asked = parse_wishes(header) if header else call.wishes
        pace = self._pace
        if asked.ttft_ms is not None or asked.tps is not None:
            ttft = pace.ttft_s if asked.ttft_ms is None else asked.ttft_ms / 1000
            pace = Pace(ttft, pace.tps if asked.tps is None else asked.tps)
        if not call.counted:
            return None, AT_ONCE
        return asked.fault or call.wishes.fault or self._standing.take(call.model), pace

    def _respond_with(self, fault: Fault, call: Call, pace: Pace) -> bytes | list[Step]:
        """An answer with a fault in it. Raises Rejected where the request would not have got that far."""
        vendor = self._vendor
        if fault.kind == "refusal":
            reply: bytes | list[Step] = whole(vendor.render(vendor.refuse(fault.name, fault, call), call))
        elif fault.kind == "body":
            reply = whole(self._replacement(fault, call))
        elif fault.kind == "answer":
            reply = paced(vendor.answer(call, fault), pace)
        else:
            reply = self._break(vendor.answer(call, None), fault, call, pace)
        self.stats.count(call.model, f"fault:{fault.name}")
        self.stats.add(call.tally)
        return reply

    def _replacement(self, fault: Fault, call: Call) -> Reply:
        if fault.name == "redirect":
            return Reply(307, f"location: {ELSEWHERE}\r\n")
        if fault.name == "html":
            return Reply(200, "content-type: text/html; charset=utf-8\r\n", HTML)
        if fault.name == "empty":
            return Reply(200, JSON_HEADERS)
        if fault.name == "garbage":
            return Reply(200, JSON_HEADERS, b'{"id": "broken", "choices": [{"index": 0, "mess')
        return self._error_in_200(fault, call)

    def _error_in_200(self, fault: Fault, call: Call) -> Reply:
        error = self._vendor.refuse(fault.error or self._vendor.usual_error, fault, call)
        reply = self._vendor.render(error, call)
        reply.status = 200
        return reply

    def _break(self, reply: Reply, fault: Fault, call: Call, pace: Pace) -> list[Step]:
        """The steps of an answer with a wire fault. What only streams can suffer has its counterpart in a whole answer:
        an error event is an error in the 200, a bad line is half a JSON text, no terminal event is no finish reason."""
        if reply.events is None:
            if fault.name in ("error_first", "error_mid"):
                return paced(self._error_in_200(fault, call), pace)
            if fault.name == "garbage_line":
                reply.body = reply.body[: len(reply.body) // 2]
                return paced(reply, pace)
            if fault.name == "no_terminal":
                body = orjson.loads(reply.body)
                self._vendor.unfinish(body)
                reply.body = orjson.dumps(body)
                return paced(reply, pace)
        error = self._vendor.refuse(fault.error or self._vendor.usual_error, fault, call)
        return broken(reply, fault, pace, self._vendor.error_event(error, call), self._vendor.garbage_event)

    def _control(self, request: Request) -> Reply:
        what = (request.method, request.path)
        if what == ("GET", "/_stats"):
            return _json(200, self.stats.as_json())
        if what == ("DELETE", "/_stats"):
            self.stats.reset()
            return _json(200, self.stats.as_json())
        if what == ("GET", "/_control"):
            return _json(200, self._standing.as_json())
        if what == ("DELETE", "/_control"):
            self._standing.clear()
            return _json(200, self._standing.as_json())
        if what != ("POST", "/_control"):
            return _json(404, {"error": "GET or DELETE /_stats; GET, POST or DELETE /_control"})
        try:
            wanted = orjson.loads(request.body)
            limits = {key: wanted.pop(key) for key in CONTROL_KEYS & wanted.keys()}
            self._standing.set(make_fault(wanted), **limits)
        except (ValueError, TypeError, AttributeError) as error:
            return _json(400, {"error": str(error)})
        return _json(200, self._standing.as_json())


def _json(status: int, body: Any) -> Reply:
    return Reply(status, JSON_HEADERS, orjson.dumps(body))
