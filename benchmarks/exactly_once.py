"""Is each answered request in the ledger exactly once, whatever is killed? `python -m benchmarks.exactly_once`.

32 clients ask a gateway of two workers; a third of the requests stream, a tenth fail over, some are given up by their
client. Meanwhile a random child of the gateway (a worker, or the keeper of the ledger) is killed every two seconds.
With `--store redis`, Redis is away or hangs for the middle third, or is killed again and again (`--trouble`).
Afterwards every answer that a client saw completed must have one record, whose tokens and cost are those that the
simulators say they served.

Load and faults stay on 127.0.0.1. Bounded by `--requests` and `--seconds`. Exit status 1 where something is amiss.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.asking import Answer, Client
from benchmarks.kept import Kept, kept_in_redis, kept_in_sqlite
from benchmarks.processes import ROOT, free_port
from gateway.ledger.sqlite_store import FILE
from gateway.simulator.server import Simulator
from gateway.simulator.stats import Stats, Tally
from gateway.simulator.wire import Request
from tests.redis_server import RedisServer

MARK = "order "
SHIPPED_S = 60.0
CONFIG = """
server: {{watch: false}}
ledger: {{dir: "{folder}/state", store: {store}, max_records: 1000000}}
{redis}
classify: {{text_model: none}}
breakers: {{consecutive: 1000, min_requests: 1000000}}   # a tenth is to fail over, all the time
providers:
  a: {{vendor: openai, base_url: "{a}/v1", api_key: k-0123456789}}
  b: {{vendor: anthropic, base_url: "{b}", api_key: k-0123456789}}
models:
  gpt: {{provider: a, id: gpt-5.4, price: {{input: 2, output: 10}}}}
  opus: {{provider: b, id: claude-opus-4-6, price: {{input: 3, output: 15}}}}
routes: [{{name: default, chain: [gpt, opus]}}]
"""
NANO_PER_TOKEN = {"gpt-5.4": (2_000, 10_000), "claude-opus-4-6": (3_000, 15_000)}


class ServedLog(Stats):
    """A simulator's statistics that also remember which prompt each answer was for."""

    def __init__(self) -> None:
        super().__init__()
        self.order = ""
        self.model = ""
        self.answers: dict[str, list[tuple[str, Tally]]] = {}

    def count(self, model: str, outcome: str) -> None:
        super().count(model, outcome)
        self.model = model if outcome == "ok" else ""

    def add(self, tally: Tally) -> None:
        super().add(tally)
        if self.model:
            self.answers.setdefault(self.order, []).append((self.model, tally))


class Remembering(Simulator):
    def __init__(self, vendor: str, **options: Any) -> None:
        super().__init__(vendor, **options)
        self.stats = self.log = ServedLog()

    def respond(self, request: Request) -> Any:
        _, _, rest = request.body.partition(MARK.encode())
        self.log.order = rest[:8].decode("latin-1")
        return super().respond(request)


@dataclass(slots=True)
class Seen:
    """What the clients saw. `completed` is the request id by order."""

    completed: dict[str, str] = field(default_factory=dict)
    streams: int = 0
    broken: int = 0
    given_up: int = 0
    refused: int = 0
    latencies: list[float] = field(default_factory=list)
    over: bool = False


async def main(options: argparse.Namespace) -> int:
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        redis = RedisServer(folder / "redis") if options.store == "redis" else None
        if redis is not None:
            redis.start()
            stack.callback(redis.stop)
        async with Remembering("openai", seed=1) as a, Remembering("anthropic", seed=2) as b:
            a.set_fault("503", probability=0.1)
            port = free_port()
            config = folder / "c.yaml"
            redis_said = f"redis: {{url: '{redis.url}'}}" if redis else ""
            config.write_text(
                CONFIG.format(folder=folder, store=options.store, redis=redis_said, a=a.base_url, b=b.base_url)
            )
            gateway = await start_gateway(config, port, options.workers)
            seen = Seen()
            kills = asyncio.create_task(kill_children(gateway.pid, options.kill_every, chance))
            trouble = asyncio.create_task(trouble_redis(redis, options, seen))
            started = time.perf_counter()
            await ask_all(port, options, chance, seen)
            seconds = time.perf_counter() - started
            seen.over = True
            await trouble
            kills.cancel()
            killed = await kills
            read = partial(kept_in_redis, redis.url) if redis else partial(kept_in_sqlite, folder / "state" / FILE)
            await shipped(read, seen)
            gateway.send_signal(signal.SIGTERM)
            status = await gateway.wait()
            sys.stderr.write((folder / "gateway.log").read_text()[-options.log :] if options.log else "")
            return judge(seen, read(), merged(a, b), seconds, killed, status)


def merged(*simulators: Remembering) -> dict[str, list[tuple[str, Tally]]]:
    answers: dict[str, list[tuple[str, Tally]]] = {}
    for simulator in simulators:
        for order, served in simulator.log.answers.items():
            answers.setdefault(order, []).extend(served)
    return answers


async def start_gateway(config: Path, port: int, workers: int) -> asyncio.subprocess.Process:
    command = ["-m", "gateway", "serve", str(config), "--port", str(port), "--workers", str(workers)]
    log = (config.parent / "gateway.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, "--log-level", "error", cwd=ROOT, stderr=log, stdout=log
    )
    for _ in range(400):
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return process
        await asyncio.sleep(0.05)
    raise RuntimeError("the gateway does not listen")


async def kill_children(supervisor: int, every_s: float, chance: random.Random) -> int:
    killed = 0
    try:
        while every_s:
            await asyncio.sleep(every_s)
            children = children_of(supervisor)
            if children:
                os.kill(chance.choice(children), signal.SIGKILL)
                killed += 1
    except asyncio.CancelledError:
        pass
    return killed


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def trouble_redis(redis: RedisServer | None, options: argparse.Namespace, seen: Seen) -> None:
    """Redis is killed, or hangs, for the middle third of the requests; or it is killed and started again all the time.
    Ends with the asking, Redis well again."""
    if redis is None or options.trouble == "none":
        return
    if options.trouble == "killed":
        while not seen.over:
            await asyncio.to_thread(redis.stop)
            await asyncio.to_thread(redis.start)
            await asyncio.sleep(0.5)
        return
    await completed(seen, options.requests / 3)
    if options.trouble == "hung":
        redis.send(signal.SIGSTOP)
    else:
        await asyncio.to_thread(redis.stop)
    await completed(seen, options.requests * 2 / 3)
    if options.trouble == "hung":
        redis.send(signal.SIGCONT)
    else:
        await asyncio.to_thread(redis.start)


async def completed(seen: Seen, wanted: float) -> None:
    while len(seen.completed) < wanted and not seen.over:  # noqa: ASYNC110
        await asyncio.sleep(0.02)


async def ask_all(port: int, options: argparse.Namespace, chance: random.Random, seen: Seen) -> None:
    """Every client asks until all requests are asked; a broken one is asked again under a new number."""
    numbers = iter(range(10_000_000))
    until = time.monotonic() + options.seconds

    async def client() -> None:
        connection = Client(port)
        while len(seen.completed) < options.requests and time.monotonic() < until:
            order = f"{next(numbers):08d}"
            stream = chance.random() < 1 / 3
            give_up = chance.random() < 0.02
            begun = time.perf_counter()
            answer = await connection.ask(f"{MARK}{order} words: {chance.randint(3, 40)}", stream, give_up)
            count(answer, order, stream, seen)
            if answer.outcome == "completed":
                seen.latencies.append(time.perf_counter() - begun)
        connection.close()

    await asyncio.gather(*(client() for _ in range(options.clients)))


def count(answer: Answer, order: str, stream: bool, seen: Seen) -> None:
    if answer.outcome == "completed":
        seen.completed[order] = answer.request_id
        seen.streams += stream
    elif answer.outcome == "given up":
        seen.given_up += 1
    elif answer.outcome == "refused":
        seen.refused += 1
    else:
        seen.broken += 1


async def shipped(read: Callable[[], Kept], seen: Seen) -> None:
    """Return when the store has what the clients saw, or when it had time enough."""
    until = time.monotonic() + SHIPPED_S
    while time.monotonic() < until:
        kept = await asyncio.to_thread(read)
        if seen.completed.keys() and all(request_id in kept.entries for request_id in seen.completed.values()):
            return
        await asyncio.sleep(1.0)


def judge(
    seen: Seen, kept: Kept, served: dict[str, list[tuple[str, Tally]]], seconds: float, killed: int, status: int
) -> int:
    missing = [order for order, request_id in seen.completed.items() if request_id not in kept.entries]
    wrong = []
    tokens = cost = 0
    for order, request_id in seen.completed.items():
        entry = kept.entries.get(request_id)
        if entry is None:
            continue
        model, tally = served[order][-1]
        prices = NANO_PER_TOKEN[model]
        expected = (tally.input, tally.output, tally.input * prices[0] + tally.output * prices[1])
        usage = entry["usage"]
        found = (usage.get("input", 0), usage.get("output", 0), entry["cost_nano_usd"])
        if found != expected or entry["outcome"] != "ok":
            wrong.append((order, entry["outcome"], found, expected))
        tokens += expected[0] + expected[1]
        cost += expected[2]
    outcomes: dict[str, int] = {}
    for entry in kept.entries.values():
        outcomes[entry["outcome"]] = outcomes.get(entry["outcome"], 0) + 1
    summed = sum(entry["cost_nano_usd"] or 0 for entry in kept.entries.values())
    report = {
        "completed": len(seen.completed),
        "streams": seen.streams,
        "failed over": sum(len(entry["attempts"]) > 1 for entry in kept.entries.values()),
        "broken for the client": seen.broken,
        "given up by the client": seen.given_up,
        "refused": seen.refused,
        "children killed": killed,
        "seconds": round(seconds, 1),
        "requests a second": round(len(seen.completed) / seconds),
        "p50 ms": round(sorted(seen.latencies)[len(seen.latencies) // 2] * 1000, 2),
        "p99 ms": round(sorted(seen.latencies)[int(len(seen.latencies) * 0.99)] * 1000, 2),
        "records": outcomes,
        "completed without a record": len(missing),
        "records that stand twice": kept.twice,
        "records unlike what was served": len(wrong),
        "tokens served and recorded": tokens,
        "nano-USD served and recorded": cost,
        "sums equal the records": kept.summed_requests == len(kept.entries) and kept.summed_cost == summed,
        "gateway's exit status": status,
    }
    print(json.dumps(report, indent=2))
    for line in wrong[:5]:
        print("unlike:", line)
    good = not status and not missing and not wrong and not kept.twice and report["sums equal the records"]
    print("exactly once" if good else "NOT exactly once")
    return 0 if good else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=300.0, help="stop asking after so long")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kill-every", type=float, default=2.0, help="seconds; 0 kills nobody")
    parser.add_argument("--store", choices=["sqlite", "redis"], default="sqlite")
    parser.add_argument(
        "--trouble", choices=["none", "away", "hung", "killed"], default="none", help="what befalls Redis"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=int, default=0, metavar="CHARS", help="print so much of the gateway's log's end")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(arguments())))
