"""The chaos soak: a gateway in front of three simulated providers that fail at random, under bounded load.

    python -m benchmarks.chaos [--seconds 600] [--rate 40] [--workers 2] [--seed 1]

Every few seconds one or two providers are chosen to fail: killed, answering with errors, stalling, cutting off,
resetting. One is always well, so that every request could be answered. Half of the requests are streamed. What each
client saw is compared with what it asked for (the simulators say what they are told to say) and with the ledger.

success    answered in full, of those whose provider did not break off after the first content: that is told as it is
memory     the gateway's processes, at the end against after the warm-up
sockets    open ones, and requests in flight, at the end, once all clients have gone
ledger     records by request id against what clients saw
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.family import memory_mb, open_sockets
from benchmarks.ledger_rows import read_rows
from benchmarks.processes import ROOT, free_port, wait_for
from benchmarks.providers import Provider

CONFIG = """
server: {{port: {port}}}
classify: {{text_model: none}}
timeouts: {{connect: 1s, first_token: 1s, answer: 1s, idle: 1s, total: 20s}}
max_attempts: 5
providers:
  openai:    {{vendor: openai,    base_url: "http://127.0.0.1:{openai}/v1"}}
  anthropic: {{vendor: anthropic, base_url: "http://127.0.0.1:{anthropic}"}}
  gemini:    {{vendor: gemini,    base_url: "http://127.0.0.1:{gemini}/v1beta"}}
models:
  gpt:    {{provider: openai,    id: gpt-5.4-mini}}
  claude: {{provider: anthropic, id: claude-haiku-4-5}}
  gemini: {{provider: gemini,    id: gemini-3.1-pro-preview}}
routes: [{{name: default, chain: [gpt, claude, gemini]}}]
ledger: {{dir: "{folder}"}}
"""
BEFORE = ("429", "500", "503", "529", "stall_before_head", "stall_after_head", "cut_before_head", "rst_before_head",
          "cut_after_head", "html", "empty", "garbage", "error_in_200", "error_first")  # fmt: skip
AFTER = ("cut_mid", "rst_mid", "stall_mid", "error_mid", "no_terminal", "garbage_line")
DOWN_SHARE = 0.45
"""Of the phases have one killed; with the time it takes to change, providers are down for at least 30 % of all time."""


@dataclass(slots=True)
class Tally:
    """What clients saw. `seen` maps request ids to "ok", "broken" or the status."""

    seen: dict[str, str] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    def note(self, request_id: str, outcome: str, error: str = "") -> None:
        self.outcomes[outcome] += 1
        if request_id:
            self.seen[request_id] = outcome
        if error and len(self.errors) < 20:
            self.errors.append(error)

    @property
    def success(self) -> float:
        """Share of what could be answered: a stream that its provider broke off is no failure of the gateway."""
        could = sum(self.outcomes.values()) - self.outcomes["broken"]
        return self.outcomes["ok"] / could if could else 0.0


class Director:
    """Decides who fails, and how; counts how long at least one provider was down or failing."""

    def __init__(self, providers: list[Provider], chance: random.Random) -> None:
        self.providers = providers
        self.down_s = self.failing_s = 0.0
        self.phases: Counter[str] = Counter()
        self._chance = chance
        self._bad: list[Provider] = []

    async def run(self) -> None:
        while True:
            started, was_down, was_bad = time.monotonic(), any(p.down for p in self.providers), bool(self._bad)
            # First the sick get well, then others fall ill: somebody is well at any time.
            await asyncio.gather(*(asyncio.to_thread(self._heal, provider) for provider in self._bad))
            self._count(started, was_down, was_bad)
            self._bad = self._chance.sample(self.providers, self._chance.choice((0, 1, 1, 1, 2, 2)))
            for number, provider in enumerate(self._bad):
                self._break(provider, kill=number == 0 and self._chance.random() < DOWN_SHARE)
            started = time.monotonic()
            try:
                await asyncio.sleep(self._chance.uniform(1.0, 4.0))
            finally:
                self._count(started, any(p.down for p in self.providers), bool(self._bad))

    def _count(self, since: float, down: bool, bad: bool) -> None:
        passed = time.monotonic() - since
        self.down_s += passed * down
        self.failing_s += passed * bad

    def _heal(self, provider: Provider) -> None:
        if provider.down:
            provider.start()
        else:
            provider.behave()

    def _break(self, provider: Provider, kill: bool) -> None:
        if kill:
            self.phases["killed"] += 1
            provider.kill()
            return
        fault = self._chance.choice(BEFORE if self._chance.random() < 0.7 else AFTER)
        self.phases[fault] += 1
        provider.misbehave(fault, probability=self._chance.choice((0.3, 1.0)))


async def ask(client: httpx.AsyncClient, number: int, stream: bool, tally: Tally) -> None:
    text = f"request {number} is answered in full and in order " + "word " * (number % 30) + "end"
    body = {"model": "auto", "stream": stream, "messages": [{"role": "user", "content": f"Say exactly: {text}"}]}
    started = time.perf_counter()
    request_id = ""
    try:
        async with client.stream("POST", "/v1/chat/completions", json=body) as answer:
            request_id = answer.headers.get("x-request-id", "")
            raw = await answer.aread()
        if answer.status_code != 200:
            tally.note(request_id, str(answer.status_code), raw.decode()[:200])
        else:
            said, whole = read_stream(raw) if stream else (read_whole(raw), True)
            if not whole and text.startswith(said) and said:
                tally.note(request_id, "broken")
            elif said == text:
                tally.note(request_id, "ok")
            else:
                tally.note(request_id, "wrong", f"asked for {text!r}, got {said!r}")
    except httpx.HTTPError as error:
        tally.note(request_id, "transport", repr(error))
    tally.latencies.append(time.perf_counter() - started)


def read_whole(raw: bytes) -> str:
    return str(json.loads(raw)["choices"][0]["message"]["content"])


def read_stream(raw: bytes) -> tuple[str, bool]:
    """The text, and whether it ended well; an end that is neither well nor told is an exception."""
    events = [line[6:] for line in raw.decode().split("\n") if line.startswith("data: ")]
    parsed = [json.loads(event) for event in events if event != "[DONE]"]
    said = "".join(c["delta"].get("content") or "" for e in parsed for c in e.get("choices") or ())
    if events and events[-1] == "[DONE]":
        return said, True
    if not parsed or "error" not in parsed[-1]:
        raise httpx.ReadError("a stream that ended neither well nor in an error event")
    return said, False


async def load(port: int, seconds: float, rate: float, chance: random.Random, tally: Tally) -> None:
    """Requests at random moments, `rate` a second on average, at most 200 at a time."""
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
    running: set[asyncio.Task[None]] = set()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, limits=limits) as client:
        ends = time.monotonic() + seconds
        number = 0
        while time.monotonic() < ends:
            await asyncio.sleep(chance.expovariate(rate))
            if len(running) < 200:
                number += 1
                task = asyncio.create_task(ask(client, number, chance.random() < 0.5, tally))
                running.add(task)
                task.add_done_callback(running.discard)
        if running:
            await asyncio.wait(running)


async def sample_memory(pid: int, samples: list[dict[int, float]]) -> None:
    while True:
        samples.append(memory_mb(pid))
        await asyncio.sleep(1)


@dataclass(frozen=True, slots=True)
class Soak:
    """What a run measured of the gateway's processes."""

    memory: list[dict[int, float]]
    sockets_before: int
    sockets_after: int
    in_flight: float


async def soak(pid: int, port: int, director: Director, options: argparse.Namespace, tally: Tally) -> Soak:
    chance = random.Random(options.seed + 1)
    await load(port, 1.0, options.rate, chance, Tally())
    await settled(pid)
    sockets_before = open_sockets(pid)
    memory: list[dict[int, float]] = []
    beside = [asyncio.create_task(director.run()), asyncio.create_task(sample_memory(pid, memory))]
    await load(port, options.seconds, options.rate, chance, tally)
    for task in beside:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await settled(pid)
    return Soak(memory, sockets_before, open_sockets(pid), in_flight(port))


def in_flight(port: int) -> float:
    """Requests that the gateway believes to be under way: none, once all clients have gone."""
    metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines()
    return sum(float(line.split()[1]) for line in metrics if line.startswith("gateway_requests_in_flight "))


async def settled(pid: int) -> None:
    """Clients have gone; wait (at most 40 s) until connections that are kept for a while are closed, too."""
    fewest, since = open_sockets(pid), time.monotonic()
    ends = since + 40
    while time.monotonic() < ends and time.monotonic() - since < 8:
        await asyncio.sleep(0.5)
        now = open_sockets(pid)
        if now < fewest:
            fewest, since = now, time.monotonic()


def serve(stack: ExitStack, config: Path, port: int, workers: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "gateway", "serve", str(config), "--log-level", "error", *workers_option(workers)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    stack.callback(process.kill)
    wait_for(port, process)
    return process


def workers_option(workers: int) -> list[str]:
    return ["--workers", str(workers)] if workers > 1 else []


def growth(memory: list[dict[int, float]]) -> tuple[dict[int, float], dict[int, float]]:
    """By process, the median after a warm-up of a quarter of the time, and that of the last tenth."""
    width = max(3, len(memory) // 10)
    first, last = memory[len(memory) // 4 :][:width], memory[-width:]
    return tuple(  # type: ignore[return-value]
        {pid: statistics.median(sample[pid] for sample in part if pid in sample) for pid in part[-1]}
        for part in (first, last)
    )


def report(tally: Tally, director: Director, measured: Soak, seconds: float, rows: dict[str, str]) -> bool:
    total = sum(tally.outcomes.values())
    first, last = growth(measured.memory)
    before, after = sum(first.values()), sum(last.values())
    percent = (after / before - 1) * 100
    latencies = sorted(tally.latencies)
    good = tally.success >= 0.999 and not tally.outcomes["wrong"] and percent < 5
    print(f"{total} requests in {seconds:.0f} s: {dict(tally.outcomes)}")
    print(f"  success where a provider was up   {tally.success:.4%}  (aim 99.9 %)")
    p50, p99 = (latencies[int(len(latencies) * share)] for share in (0.5, 0.99))
    print(f"  latency p50 / p99 / max           {p50:.3f} / {p99:.3f} / {latencies[-1]:.3f} s")
    down, failing = director.down_s / seconds, director.failing_s / seconds
    print(f"  a provider down / failing         {down:.0%} / {failing:.0%} of the time")
    print(f"  faults                            {dict(director.phases)}")
    print(f"  memory after warm-up, at the end  {before:.1f} MB, {after:.1f} MB ({percent:+.1f} %, aim < 5 %)")
    by_process = ", ".join(f"{first.get(pid, 0):.1f} to {mb:.1f}" for pid, mb in last.items())
    print(f"    by process                      {by_process}")
    print(f"  open sockets before, after        {measured.sockets_before}, {measured.sockets_after}")
    print(f"  requests in flight at the end     {measured.in_flight:.0f}")
    for error in tally.errors:
        print(f"    {error}")
    exact = compare(tally, rows)
    return good and exact and not measured.in_flight


def compare(tally: Tally, rows: dict[str, str]) -> bool:
    """Whether the ledger says of each request what its client saw."""
    expected = {"ok": "ok", "broken": "error"}
    missing = tally.seen.keys() - rows.keys()
    differing = [
        (key, seen, rows[key])
        for key, seen in tally.seen.items()
        if key in rows and rows[key] != expected.get(seen, "error")
    ]
    print(f"  ledger                            {len(rows)} records; of {len(tally.seen)} requests seen by clients "
          f"{len(missing)} missing, {len(differing)} told otherwise")  # fmt: skip
    for line in differing[:10]:
        print(f"    {line}")
    return not missing and not differing


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--rate", type=float, default=40, help="requests per second")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    tally = Tally()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        providers = [Provider(name) for name in ("openai", "anthropic", "gemini")]
        for provider in providers:
            provider.start()
            stack.callback(provider.kill)
        port = free_port()
        config = folder / "chaos.yaml"
        config.write_text(CONFIG.format(port=port, folder=folder / "state", **{p.name: p.port for p in providers}))
        gateway = serve(stack, config, port, options.workers)
        director = Director(providers, random.Random(options.seed))
        measured = asyncio.run(soak(gateway.pid, port, director, options, tally))
        gateway.send_signal(signal.SIGTERM)
        gateway.wait(40)
        rows = read_rows(folder / "state")
        return 0 if report(tally, director, measured, options.seconds, rows) else 1


if __name__ == "__main__":
    sys.exit(main())
