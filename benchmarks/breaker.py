"""What a dead primary costs once its breaker is open, and how soon it is back: `python -m benchmarks.breaker`.

The same requests to a route of the living vendor alone, and to one whose first model is at an address where nobody
listens; then somebody does, and the time until the first answer from there is taken. Some ten seconds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import uvloop

from benchmarks.bench import body
from benchmarks.processes import free_port, server
from benchmarks.served import ask, serving

CONFIG = """
classify: {{text_model: none}}
breakers: {{open: 2s, max_open: 2s}}
providers:
  dead:  {{vendor: openai, base_url: "http://127.0.0.1:{dead}/v1"}}
  alive: {{vendor: openai, base_url: "http://127.0.0.1:{alive}/v1"}}
models:
  gone: {{provider: dead, id: gpt-5.4-mini}}
  here: {{provider: alive, id: gpt-5.4-mini}}
routes:
  - {{name: alone, when: {{header: {{x-alone: "yes"}}}}, chain: [here]}}
  - {{name: default, chain: [gone, here]}}
aliases: {{alone: here}}
"""
ROUNDS = 7
CONNECTIONS = 4


async def run(requests: int) -> dict[str, float]:
    dead, alive = free_port(), free_port()
    with server(alive, "gateway", "simulate", "openai", "--port", str(alive)):
        async with serving(CONFIG.format(dead=dead, alive=alive)) as (port, gateway, records):
            await ask(port, CONNECTIONS, 200, body("auto"))
            added, p50s = [], []
            for _ in range(ROUNDS):
                alone = await ask(port, CONNECTIONS, requests, body("alone"))
                routed = await ask(port, CONNECTIONS, requests, body("auto"))
                added.append((routed["p50"] - alone["p50"]) * 1e3)
                p50s.append(alone["p50"] * 1e3)
            failed = sum(count for outcome, count in records.outcomes.items() if outcome != "ok")
            with server(dead, "gateway", "simulate", "openai", "--port", str(dead)):
                started = time.monotonic()
                while gateway.board.unwell("gone") is not None or gateway.board.troubled:
                    await ask(port, 1, 1, body("auto"))
                back = time.monotonic() - started
    return {
        "alone_p50_ms": statistics.median(p50s),
        "added_p50_ms": statistics.median(added),
        "added_p50_ms_worst_round": max(added),
        "failed_requests": failed,
        "back_after_s": back,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = uvloop.run(run(arguments.requests))
    if arguments.json:
        print(json.dumps(figures, indent=1))
        return
    for name, figure in figures.items():
        print(f"{name:<26}{figure:.3f}")


if __name__ == "__main__":
    main()
