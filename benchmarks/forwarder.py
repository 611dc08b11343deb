"""The bare forwarder: the gateway's server and transport, and no logic at all. The yardstick of `bench.py`.

Same stack (uvicorn, uvloop, httptools, FastAPI with the endpoint as a plain ASGI class, the native transport); it
passes bodies through as bytes, whole or as they come, and reads none of them.

usage: python -m benchmarks.forwarder PORT UPSTREAM_PORT
"""

from __future__ import annotations

import asyncio
import sys

import uvicorn
from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gateway.core.wire import Endpoint
from gateway.transport.base import TransportFault, TransportLimits
from gateway.transport.native import NativeTransport

HEADERS = (("content-type", "application/json"),)


class Sink:
    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.parts: list[bytes] = []
        self.ended = False
        self.waiter: asyncio.Future[None] | None = None

    def on_head(self, status: int, headers: dict[str, str]) -> None:
        self.status, self.headers = status, headers
        self.wake()

    def on_body(self, data: bytes) -> None:
        self.parts.append(data)
        self.wake()

    def on_end(self) -> None:
        self.ended = True
        self.wake()

    def on_fault(self, fault: TransportFault) -> None:
        raise RuntimeError(fault.message)

    def wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def wait(self) -> None:
        self.waiter = asyncio.get_running_loop().create_future()
        await self.waiter


class Forward:
    def __init__(self, upstream_port: int) -> None:
        self.endpoint = Endpoint("http", "127.0.0.1", upstream_port)
        self.transport: NativeTransport | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.transport is None:
            self.transport = NativeTransport(TransportLimits())
        message = await receive()
        body = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        sink = Sink()
        self.transport.send(self.endpoint, "POST", scope["path"], HEADERS, body, sink)
        while not sink.status:
            await sink.wait()
        if sink.headers.get("content-type", "").startswith("text/event-stream"):
            await self.stream(sink, send)
        else:
            await self.whole(sink, send)

    async def whole(self, sink: Sink, send: Send) -> None:
        while not sink.ended:
            await sink.wait()
        body = b"".join(sink.parts)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": sink.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def stream(self, sink: Sink, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": sink.status, "headers": headers})
        while True:
            if sink.parts:
                parts, sink.parts = sink.parts, []
                await send({"type": "http.response.body", "body": b"".join(parts), "more_body": True})
            elif sink.ended:
                break
            else:
                await sink.wait()
        await send({"type": "http.response.body", "body": b""})


def main() -> None:
    port, upstream_port = int(sys.argv[1]), int(sys.argv[2])
    app = FastAPI()
    app.router.routes.append(Route("/v1/chat/completions", Forward(upstream_port), methods=["POST"]))
    uvicorn.run(app, port=port, loop="uvloop", http="httptools", access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
