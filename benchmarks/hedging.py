"""What hedging gives and what it costs: `python -m benchmarks.hedging` (about half a minute).

Two simulated vendors, at each of which one answer in twenty begins ten times later than the others. The same requests
with and without `hedge`; reported are the time to first content at the client, and the money by what it bought.
"""

from __future__ import annotations

import argparse
import json

import uvloop

from benchmarks.bench import body
from benchmarks.processes import free_port, server
from benchmarks.served import ask, serving, set_fault

CONFIG = """
classify: {{text_model: none}}
providers:
  one: {{vendor: openai, base_url: "http://127.0.0.1:{one}/v1"}}
  two: {{vendor: openai, base_url: "http://127.0.0.1:{two}/v1"}}
models:
  first:  {{provider: one, id: gpt-5.4-mini}}
  second: {{provider: two, id: gpt-5.4-mini}}
routes: [{{name: default, chain: [first, second]{hedge}}}]
"""
HEDGE = ", hedge: {after: p95, max_extra: 6%}"
FIRST_MS = 150
SLOWER = 10
SHARE = 0.05
WARM_UP = 300
CONNECTIONS = 32


async def measure(requests: int, ports: tuple[int, int], hedge: str) -> dict[str, float]:
    config = CONFIG.format(one=ports[0], two=ports[1], hedge=hedge)
    request = body("auto", stream=True)
    async with serving(config) as (port, _, records):
        await ask(port, CONNECTIONS, WARM_UP, request)
        records.nano_usd.clear()
        records.attempts.clear()
        result = await ask(port, CONNECTIONS, requests, request)
        spent = records.nano_usd
        return {
            "first_p50_ms": result["first_p50"] * 1e3,
            "first_p99_ms": result["first_p99"] * 1e3,
            "extra_spend": spent.get("hedge", 0) / spent["final"],
            "extra_requests": records.attempts.get("hedge", 0) / requests,
        }


async def run(requests: int) -> dict[str, dict[str, float]]:
    ports = free_port(), free_port()
    pace = ("--ttft-ms", str(FIRST_MS))
    with (
        server(ports[0], "gateway", "simulate", "openai", "--port", str(ports[0]), *pace),
        server(ports[1], "gateway", "simulate", "openai", "--port", str(ports[1]), *pace),
    ):
        for port in ports:
            set_fault(port, fault="slow_head", seconds=FIRST_MS * (SLOWER - 1) / 1000, probability=SHARE)
        return {"without": await measure(requests, ports, ""), "with": await measure(requests, ports, HEDGE)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = uvloop.run(run(arguments.requests))
    ratio = results["without"]["first_p99_ms"] / results["with"]["first_p99_ms"]
    if arguments.json:
        print(json.dumps({**results, "p99_ratio": ratio}, indent=1))
        return
    for name, figures in results.items():
        print(
            f"{name:<8} first content p50 {figures['first_p50_ms']:.0f} ms, p99 {figures['first_p99_ms']:.0f} ms; "
            f"asked twice {figures['extra_requests']:.1%}, extra spend {figures['extra_spend']:.1%}"
        )
    print(f"p99 without is {ratio:.1f} times p99 with")


if __name__ == "__main__":
    main()
