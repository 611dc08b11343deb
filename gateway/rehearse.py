"""`gateway drill --live`: the config's own routes on simulators, before and after some of them are killed.

Composition: it wires the gateway to simulators that stand in for the config's providers, on loopback and without keys.
Conditions and classification are left out: each route is asked through an app of its own.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TextIO

import httpx

from gateway.app import Gateway
from gateway.config.snapshot import Classify, Model, Provider, Require, Secret, Server, Snapshot
from gateway.core.headers import ATTEMPTS, MODEL
from gateway.core.plan import Timeouts
from gateway.core.wire import Endpoint
from gateway.drill.loss import Drill, Outcome
from gateway.providers.vendors import VENDORS
from gateway.simulator.server import Simulator

PREFIXES = {"openai": "/v1", "anthropic": "", "gemini": "/v1beta"}
ASK = {"messages": [{"role": "user", "content": "Say exactly: still here"}]}
TIMEOUTS = Timeouts(connect=2.0, first_token=5.0, answer=5.0, idle=5.0, total=20.0)


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer: who gave it (None: nobody), after how many attempts and milliseconds."""

    model: str | None
    attempts: int
    ms: float
    status: int


def rehearse(snapshot: Snapshot, drill: Drill, out: TextIO) -> bool:
    """Play a drill and write what happened. True where everything went as foretold."""
    logging.disable(logging.WARNING)  # each failed attempt would be a line, and they are the point of it
    try:
        return asyncio.run(_play(snapshot, drill, out))
    finally:
        logging.disable(logging.NOTSET)


async def _play(snapshot: Snapshot, drill: Drill, out: TextIO) -> bool:
    simulators = {name: Simulator(provider.vendor.adapter, port=0) for name, provider in snapshot.providers.items()}
    for simulator in simulators.values():
        await simulator.start()
    staged = _staged(snapshot, simulators)
    outcomes = [outcome for outcome in drill.outcomes if outcome.kind == "route" or outcome.verdict != "untouched"]
    gateways = [Gateway(_of_one(staged, outcome)) for outcome in outcomes]
    try:
        before = [await _ask(gateway, outcome) for gateway, outcome in zip(gateways, outcomes, strict=True)]
        for name in drill.without:
            await simulators[name].aclose()
        after = [await _ask(gateway, outcome) for gateway, outcome in zip(gateways, outcomes, strict=True)]
    finally:
        for gateway in gateways:
            await gateway.aclose()
        for name in simulators.keys() - set(drill.without):
            await simulators[name].aclose()
    return _report(drill, outcomes, before, after, out)


def _staged(snapshot: Snapshot, simulators: dict[str, Simulator]) -> Snapshot:
    """The same models and routes, at the simulators' addresses and in their vendors' plain form."""

    def moved(provider: Provider) -> Provider:
        simulator = simulators[provider.name]
        adapter = provider.vendor.adapter
        endpoint = Endpoint("http", "127.0.0.1", simulator.port, prefix=PREFIXES[adapter])
        return Provider(provider.name, VENDORS[adapter], endpoint, Secret("rehearsal"))

    def plain(model: Model) -> Model:
        vendor = VENDORS[model.target.vendor.adapter]
        return replace(model, target=replace(model.target, vendor=vendor, options=()))

    return replace(
        snapshot,
        server=Server(),
        keys=(),
        tasks=(),
        redis=None,
        classify=Classify(text_model=False),
        timeouts=TIMEOUTS,
        providers=MappingProxyType({name: moved(provider) for name, provider in snapshot.providers.items()}),
        models=MappingProxyType({name: plain(model) for name, model in snapshot.models.items()}),
    )


def _of_one(staged: Snapshot, outcome: Outcome) -> Snapshot:
    """A config whose every request takes this route, in the order that the drill foretold."""
    routes = [
        replace(
            route,
            when=None,
            require=Require(),
            prefer="order",
            weights=(),
            sticky=None,
            chain=outcome.chain,
            timeouts=TIMEOUTS,
        )
        for route in staged.routes
        if outcome.kind == "pinned" or route.name == outcome.name
    ]
    return replace(staged, routes=tuple(routes[:1]))


async def _ask(gateway: Gateway, outcome: Outcome) -> Seen:
    started = time.perf_counter()
    body = {**ASK, "model": outcome.name if outcome.kind == "pinned" else "auto"}
    transport = httpx.ASGITransport(app=gateway.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.post("/v1/chat/completions", json=body)
    model = answer.headers.get(MODEL) if answer.status_code == 200 else None
    attempts = int(answer.headers.get(ATTEMPTS, 0))
    return Seen(model, attempts, (time.perf_counter() - started) * 1000, answer.status_code)


def _report(
    drill: Drill, outcomes: Sequence[Outcome], before: Sequence[Seen], after: Sequence[Seen], out: TextIO
) -> bool:
    """One line per route; the last column is empty where the drill was right."""
    rows = [("", "answered before", "answers now", "attempts", "", "")]
    right = True
    for outcome, then, now in zip(outcomes, before, after, strict=True):
        foretold = (then.model, now.model) == (outcome.before, outcome.after)
        right = right and foretold
        rows.append(
            (
                outcome.name if outcome.kind == "route" else f"{outcome.name} (pinned)",
                then.model or f"nobody ({then.status})",
                now.model or f"nobody ({now.status})",
                str(now.attempts),
                f"{now.ms:.0f} ms",
                "" if foretold else f"not as foretold: {outcome.before or 'nobody'}, then {outcome.after or 'nobody'}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    out.write(f"Simulators stand in for the providers; {' and '.join(drill.without)} is killed.\n\n")
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        out.write(f"  {line.rstrip()}\n")
    out.write(f"\n{'Everything went as foretold.' if right else 'The drill was wrong: this is a defect.'}\n\n")
    return right
