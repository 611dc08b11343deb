"""The gateway beside the bare forwarder, in one run, on one fixed fast upstream: `make bench`.

Both serve with one worker. Rounds alternate (forwarder, gateway, forwarder, ...), so that a machine whose speed drifts
slows both alike; what is reported are ratios within a round: minimum, median and maximum over the rounds.

  short chat   ~300-byte prompt, 32 keep-alive connections: CPU per request of the server's processes, requests/s and
               latency; first routed by structure without a ledger, then with one, then with the text classified too,
               as it is shipped
  streams      100 streams at a time, one event per 20 ms: CPU per event

The CPU is that of all processes of a server together; of the gateway's, the keeper's share (it ships the ledger, beside
the requests) is told apart.

options: --rounds N (5)  --requests N (12000)  --streams N (200)  --json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.processes import ROOT, cpu_seconds, family, free_port, resident_mb, server

CONFIG = """
server: {{port: {port}}}
classify: {{text_model: {text_model}}}
ledger: {{store: {store}, dir: "{folder}/state"}}
providers:
  upstream: {{vendor: openai, base_url: "http://127.0.0.1:{upstream}/v1"}}
  spare: {{vendor: openai, base_url: "http://127.0.0.1:{upstream}/v1"}}
models:
  fast: {{provider: upstream, id: gpt-5.4-mini}}
  spare: {{provider: spare, id: gpt-5.4-mini}}
routes:
  - {{name: long-context, when: {{input_tokens: {{over: 150000}}}}, chain: [fast, spare]}}
  - {{name: agents, when: {{task: [coding, agentic_tools]}}, chain: [fast, spare]}}
  - {{name: default, chain: [fast, spare]}}
"""
MARK = "########"  # load.py puts each request's number here
PROMPT = "Summarise in one sentence why a marshalling yard sorts wagons by destination before a train is built. " * 3
CONNECTIONS = 32
STREAMS_AT_A_TIME = 100
TOKENS_PER_SECOND = 50


def body(model: str, **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": f"{MARK} {PROMPT}"[:300]}], **fields}


def load(port: int, connections: int, count: int, request: dict[str, Any]) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.load", str(port), str(connections), str(count), json.dumps(request)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=True)
    result: dict[str, float] = json.loads(ran.stdout)
    return result


def measured(pid: int, run: Callable[[], dict[str, float]]) -> dict[str, float]:
    """`keeper` is the CPU of the last child, where a server has more than one."""
    before, beside = cpu_seconds(pid), keeper_seconds(pid)
    result = run()
    result["cpu"] = cpu_seconds(pid) - before
    result["keeper"] = keeper_seconds(pid) - beside
    return result


def keeper_seconds(pid: int) -> float:
    members = family(pid)
    return cpu_seconds(members[-1]) if len(members) > 2 else 0.0


def spread(values: list[float]) -> tuple[float, float, float]:
    return min(values), statistics.median(values), max(values)


class Bench:
    def __init__(
        self, stack: ExitStack, pace: tuple[str, ...] = (), text_model: str = "none", store: str = "sqlite"
    ) -> None:
        upstream, self.forwarder_port, self.gateway_port = free_port(), free_port(), free_port()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        config = folder / "bench.yaml"
        config.write_text(
            CONFIG.format(port=self.gateway_port, upstream=upstream, text_model=text_model, store=store, folder=folder)
        )
        stack.enter_context(server(upstream, "gateway", "simulate", "openai", "--port", str(upstream), *pace))
        self.forwarder = stack.enter_context(
            server(self.forwarder_port, "benchmarks.forwarder", str(self.forwarder_port), str(upstream))
        )
        self.gateway = stack.enter_context(
            server(self.gateway_port, "gateway", "serve", str(config), "--log-level", "warning")
        )

    def rounds(self, count: int, connections: int, requests: int, **fields: Any) -> list[dict[str, dict[str, float]]]:
        sides = {
            "forwarder": (self.forwarder, self.forwarder_port, body("gpt-5.4-mini", **fields)),
            "gateway": (self.gateway, self.gateway_port, body("auto", **fields)),
        }
        for _, port, request in sides.values():
            load(port, connections, max(connections, requests // 10), request)
        return [
            {
                name: measured(pid, lambda p=port, r=request: load(p, connections, requests, r))  # type: ignore[misc]
                for name, (pid, port, request) in sides.items()
            }
            for _ in range(count)
        ]


def report(title: str, per: str, rounds: list[dict[str, dict[str, float]]]) -> dict[str, Any]:
    unit = "events" if per == "event" else "requests"
    figures: dict[str, Any] = {
        "title": title,
        "ratio": spread([_cost(r["gateway"], unit) / _cost(r["forwarder"], unit) for r in rounds]),
    }
    keeper = [r["gateway"]["keeper"] / r["gateway"][unit] * 1e6 for r in rounds]
    if max(keeper):
        figures["keeper"] = spread(keeper)
    for name in ("forwarder", "gateway"):
        figures[name] = {
            f"cpu_us_per_{per}": spread([_cost(r[name], unit) * 1e6 for r in rounds]),
            f"{unit}_per_s": spread([r[name][unit] / r[name]["seconds"] for r in rounds]),
            "p50_ms": spread([r[name]["p50"] * 1e3 for r in rounds]),
            "p99_ms": spread([r[name]["p99"] * 1e3 for r in rounds]),
        }
    figures["added_p50_ms"] = spread([(r["gateway"]["p50"] - r["forwarder"]["p50"]) * 1e3 for r in rounds])
    return figures


def _cost(result: dict[str, float], unit: str) -> float:
    return result["cpu"] / result[unit]


def show(figures: dict[str, Any]) -> None:
    print(f"\n{figures['title']}  (min / median / max)")
    for name in ("forwarder", "gateway"):
        for figure, values in figures[name].items():
            print(f"  {name:<10}{figure:<20}" + " / ".join(f"{value:.1f}" for value in values))
    print("  ratio of CPU, gateway : forwarder   " + " / ".join(f"{value:.2f}" for value in figures["ratio"]))
    if "keeper" in figures:
        print("  of it the keeper's, us              " + " / ".join(f"{value:.1f}" for value in figures["keeper"]))
    print("  added p50 latency, ms               " + " / ".join(f"{value:.3f}" for value in figures["added_p50_ms"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=12_000)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = []
    memory: dict[str, float] = {}
    with ExitStack() as stack:
        bench = Bench(stack, store="none")
        rounds = bench.rounds(arguments.rounds, CONNECTIONS, arguments.requests)
        results.append(report(f"short chat, {CONNECTIONS} connections, no ledger", "request", rounds))
    with ExitStack() as stack:
        bench = Bench(stack)
        rounds = bench.rounds(arguments.rounds, CONNECTIONS, arguments.requests)
        results.append(report("short chat, in the ledger", "request", rounds))
        memory = {"gateway_mb": resident_mb(bench.gateway), "forwarder_mb": resident_mb(bench.forwarder)}
    with ExitStack() as stack:
        bench = Bench(stack, text_model="builtin")
        rounds = bench.rounds(arguments.rounds, CONNECTIONS, arguments.requests)
        results.append(report("short chat, in the ledger, its text classified", "request", rounds))
        memory["with_model_mb"] = resident_mb(bench.gateway)
    with ExitStack() as stack:
        bench = Bench(stack, ("--tps", str(TOKENS_PER_SECOND)))
        rounds = bench.rounds(arguments.rounds, STREAMS_AT_A_TIME, arguments.streams, stream=True)
        results.append(report(f"streams, {STREAMS_AT_A_TIME} at a time", "event", rounds))
    if arguments.json:
        print(json.dumps({"results": results, "memory": memory}, indent=1))
        return
    print(f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}, Python {platform.python_version()}")
    for figures in results:
        show(figures)
    print("\nresident memory, MB: " + ", ".join(f"{name[:-3]} {value:.0f}" for name, value in memory.items()))


if __name__ == "__main__":
    main()
