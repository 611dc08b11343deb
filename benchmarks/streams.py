"""A thousand streams at a time on one worker: no errors, fair progress, memory per stream.

    python -m benchmarks.streams [--streams 1000] [--tokens 60] [--tps 5]

All streams are open at once; each event of each is counted with its time. Fairness is how far they have come when they
have come half way on average, and how long each took: one worker that served some before others would show here.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import httptools
import uvloop

from benchmarks.load import quantile
from benchmarks.processes import cpu_seconds, free_port, resident_mb, server

CONFIG = """
server: {{port: {port}{server}}}
classify: {{text_model: none}}
timeouts: {{first_token: 60s, idle: 60s, total: 600s}}
providers:
  one: {{vendor: openai, base_url: "http://127.0.0.1:{upstream}/v1"{provider}}}
models: {{gpt: {{provider: one, id: gpt-5.4-mini}}}}
routes: [{{name: default, chain: [gpt]}}]
"""


class Stream(asyncio.Protocol):
    """One client with one stream. `times` are when its events came."""

    def __init__(self, request: bytes) -> None:
        self.times: list[float] = []
        self.status = 0
        self.tail = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        events = body.count(b"data: ")
        self.times += [time.perf_counter()] * events
        self.tail = (self.tail + body)[-64:]

    def on_message_complete(self) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("closed before the end"))

    @property
    def whole(self) -> bool:
        return self.status == 200 and self.tail.endswith(b"data: [DONE]\n\n")


def request_of(port: int, tokens: int, number: int) -> bytes:
    text = ("tok " * tokens)[: tokens * 4 - 6] + f"{number:05d}"
    body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": f"Say exactly: {text}"}]}
    payload = json.dumps(body).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload


async def run(port: int, count: int, tokens: int, pid: int) -> tuple[list[Stream], list[float], float]:
    """The streams, the gateway's memory while they ran, and the seconds from the first request to the last answer."""
    loop = asyncio.get_running_loop()
    memory: list[float] = []

    async def watch() -> None:
        while True:
            memory.append(resident_mb(pid))
            await asyncio.sleep(0.2)

    watching = loop.create_task(watch())
    started = time.perf_counter()
    streams: list[Stream] = []
    for first in range(0, count, 50):  # 50 at a time, or the backlog decides who is late
        opened = await asyncio.gather(
            *(
                loop.create_connection(lambda n=n: Stream(request_of(port, tokens, n)), "127.0.0.1", port)  # type: ignore[misc]
                for n in range(first, min(count, first + 50))
            )
        )
        streams += [protocol for _, protocol in opened]
    await asyncio.wait([stream.done for stream in streams], timeout=300)
    seconds = time.perf_counter() - started
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    return streams, memory, seconds


def fairness(streams: list[Stream]) -> list[float]:
    """How far each stream has come, as a share of its own events, at the moment when half of all events have come."""
    every = sorted(moment for stream in streams for moment in stream.times)
    half = every[len(every) // 2]
    return [sum(moment <= half for moment in stream.times) / len(stream.times) for stream in streams if stream.times]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--tokens", type=int, default=60)
    parser.add_argument("--tps", type=float, default=5)
    parser.add_argument(
        "--server", default="", help="more of the config's server section, as in ', max_in_flight: 2000'"
    )
    parser.add_argument("--provider", default="", help="more of the provider's")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with ExitStack() as stack:
        upstream, port = free_port(), free_port()
        config = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "streams.yaml"
        config.write_text(CONFIG.format(port=port, upstream=upstream, server=options.server, provider=options.provider))
        pace = ("--tps", str(options.tps))
        stack.enter_context(server(upstream, "gateway", "simulate", "openai", "--port", str(upstream), *pace))
        pid = stack.enter_context(server(port, "gateway", "serve", str(config), "--log-level", "error"))
        pid = worker_of(pid)
        uvloop.run(run(port, 20, 5, pid))
        before, cpu = resident_mb(pid), cpu_seconds(pid)
        streams, memory, seconds = uvloop.run(run(port, options.streams, options.tokens, pid))
        cpu = cpu_seconds(pid) - cpu
    return report(streams, memory, seconds, before, cpu)


def worker_of(pid: int) -> int:
    """The one that serves: of a supervisor the first child."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else pid


def report(streams: list[Stream], memory: list[float], seconds: float, before: float, cpu: float) -> int:
    failed = [stream for stream in streams if not stream.whole]
    events = sum(len(stream.times) for stream in streams)
    come = fairness(streams)
    took = [stream.times[-1] - stream.times[0] for stream in streams if len(stream.times) > 1]
    gaps = [later - sooner for stream in streams for sooner, later in zip(stream.times, stream.times[1:], strict=False)]
    print(f"{len(streams)} streams at a time, {events} events in {seconds:.1f} s, {len(failed)} errors")
    print(f"  progress at half time   min {min(come):.0%}, p5 {quantile(come, 0.05):.0%}, "
          f"median {statistics.median(come):.0%}, p95 {quantile(come, 0.95):.0%}, max {max(come):.0%}")  # fmt: skip
    print(f"  seconds a stream took   p5 {quantile(took, 0.05):.2f}, median {statistics.median(took):.2f}, "
          f"p95 {quantile(took, 0.95):.2f}, max {max(took):.2f}")  # fmt: skip
    median, p99, longest = (ms * 1e3 for ms in (statistics.median(gaps), quantile(gaps, 0.99), max(gaps)))
    print(f"  gap between events      median {median:.0f} ms, p99 {p99:.0f} ms, max {longest:.0f} ms")
    print(f"  memory                  {before:.1f} MB before, {max(memory):.1f} MB at most: "
          f"{(max(memory) - before) * 1000 / len(streams):.1f} KB a stream")  # fmt: skip
    print(f"  CPU of the gateway      {cpu:.2f} s: {cpu / events * 1e6:.0f} us an event")
    for stream in failed[:5]:
        print(f"    status {stream.status}, {len(stream.times)} events, ends in {stream.tail!r}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
