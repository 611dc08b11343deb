"""A lean load generator: prebuilt requests over keep-alive connections, answers counted, not parsed.

Runs in its own process so that its CPU is not the server's. Bounded in requests and, by its timeout, in time; talks to
127.0.0.1 only. Prints one JSON line: requests, events, bytes, seconds, latency quantiles in seconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import httptools
import uvloop

TIMEOUT_S = 120
MARK = b"########"
"""Stands in the prompt where each request has its own number."""


class Client(asyncio.Protocol):
    """One connection: sends a request, reads its answer to the end, sends the next."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.started = 0.0
        self.first: float | None = None
        self.status = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.next()

    def next(self) -> None:
        if self.run.to_send == 0:
            self.transport.close()
            return
        self.run.to_send -= 1
        self.parser = httptools.HttpResponseParser(self)
        self.first = None
        self.started = time.perf_counter()
        self.transport.write(self.run.next_request())

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        if self.first is None:
            self.first = time.perf_counter()
        self.run.bytes += len(body)
        self.run.events += body.count(b"\ndata:") + body.startswith(b"data:")

    def on_message_complete(self) -> None:
        status = self.parser.get_status_code()
        if status != 200:
            self.run.fail(RuntimeError(f"status {status}"))
            return
        self.run.finished(time.perf_counter() - self.started, (self.first or self.started) - self.started)
        self.next()

    def connection_lost(self, error: Exception | None) -> None:
        if self.run.left and self.run.to_send:
            self.run.fail(error or RuntimeError("the server closed a connection"))


class Run:
    def __init__(self, request: bytes, count: int) -> None:
        self.before, self.mark, self.after = request.partition(MARK)
        self.to_send = self.left = count
        self.bytes = self.events = 0
        self.latencies: list[float] = []
        self.first_bytes: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def next_request(self) -> bytes:
        """Each request's text is another one, so that nothing remembered answers it."""
        return b"%b%0*d%b" % (self.before, len(self.mark), self.to_send, self.after)

    def finished(self, latency: float, first_byte: float) -> None:
        self.latencies.append(latency)
        self.first_bytes.append(first_byte)
        self.left -= 1
        if not self.left and not self.done.done():
            self.done.set_result(None)

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


def build_request(port: int, body: dict[str, Any]) -> bytes:
    payload = json.dumps(body).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer benchmark-key-0123456789\r\ncontent-length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def run(port: int, connections: int, count: int, body: dict[str, Any]) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    job = Run(build_request(port, body), count)
    started = time.perf_counter()
    await asyncio.gather(
        *(loop.create_connection(lambda: Client(job), "127.0.0.1", port) for _ in range(min(connections, count)))
    )
    await asyncio.wait_for(job.done, TIMEOUT_S)
    seconds = time.perf_counter() - started
    return {
        "requests": count,
        "events": job.events,
        "bytes": job.bytes,
        "seconds": seconds,
        "p50": quantile(job.latencies, 0.5),
        "p99": quantile(job.latencies, 0.99),
        "first_p50": quantile(job.first_bytes, 0.5),
        "first_p99": quantile(job.first_bytes, 0.99),
    }


if __name__ == "__main__":
    port, connections, count = (int(word) for word in sys.argv[1:4])
    print(json.dumps(uvloop.run(run(port, connections, count, json.loads(sys.argv[4])))))
