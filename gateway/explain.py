"""`gateway explain`: what a text would be labelled, which route it would take and who would be asked, with reasons.

Composition: it asks classify and route what they would say under a config, and a running gateway how its models are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import httpx

from gateway.auth.keys import ANYONE
from gateway.classify.command import as_rows, label_of, read_request
from gateway.classify.declared import declared_task
from gateway.config.snapshot import Snapshot
from gateway.core.chat import ChatRequest
from gateway.core.errors import GatewayError
from gateway.core.health import AllWell
from gateway.core.label import Label, Signals
from gateway.route.match import Facts
from gateway.route.router import make_plan

TIMEOUT_S = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", nargs="?", type=Path, help="the YAML whose routes are asked (default: as `serve`)")
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--text", help="the user's message")
    given.add_argument("--stdin", action="store_true", help="read the user's message from standard input")
    parser.add_argument("--system", help="a system prompt that comes with it")
    parser.add_argument("--url", help="a running gateway: which of its breakers are open (key: SWITCHYARD_KEY)")


def run(
    arguments: argparse.Namespace, snapshot: Snapshot | None, key: str | None, now: datetime, out: TextIO, err: TextIO
) -> int:
    """Print the label and, where there is a config, the plan. Returns 1 when the gateway at --url does not answer."""
    request = read_request(sys.stdin.read() if arguments.stdin else arguments.text, arguments.system)
    declared = declared_task(snapshot.tasks, request, {}) if snapshot is not None else None
    unsure_below = snapshot.classify.unsure_below if snapshot is not None else None
    text_model = snapshot is None or snapshot.classify.text_model
    found, why, signals = label_of(request, declared, unsure_below, text_model=text_model)
    rows = list(as_rows(found, why))
    if snapshot is not None:
        rows += _plan_rows(request, found, signals, snapshot, now)
    status = 0
    if arguments.url:
        try:
            rows += _health_rows(_readiness(arguments.url, key))
        except (httpx.HTTPError, ValueError) as error:
            err.write(f"gateway explain: {arguments.url} does not answer: {error}\n")
            status = 1
    out.write("".join(f"{name:<12}{value}\n" for name, value in rows))
    return status


def _plan_rows(
    request: ChatRequest, found: Label, signals: Signals, snapshot: Snapshot, now: datetime
) -> Iterator[tuple[str, str]]:
    hour = now.hour + now.minute / 60
    facts = Facts(request.model, found, signals, ANYONE, {}, hour, 0.5)
    try:
        plan = make_plan(request, facts, snapshot, now.date(), AllWell())
    except GatewayError as error:
        yield "refused", error.message
        return
    trace = plan.trace
    yield "route", f"{trace.route}: {'; '.join(trace.matched)}"
    for missed in trace.rules_rejected:
        yield "not", f"{missed.rule}: {missed.reason}"
    yield "would ask", ", then ".join(candidate.model for candidate in plan.candidates)
    for rejected in trace.candidates_rejected:
        yield "left out", f"{rejected.name}: {rejected.reason}"


def _readiness(url: str, key: str | None) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    answer = httpx.get(f"{url.rstrip('/')}/readyz", headers=headers, timeout=TIMEOUT_S)
    told: dict[str, Any] = answer.json()
    return told


def _health_rows(told: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if "breakers" not in told:
        yield "health", f"{told.get('status', 'unknown')}; which breakers are open it tells an admin's key only"
        return
    if not told["breakers"]:
        yield "health", f"{told['status']}; every breaker is closed"
    for breaker in told["breakers"]:
        left = f" for {breaker['until_s']:.0f} s more" if breaker["state"] == "open" else ""
        where = f"{breaker['model']} at {breaker['provider']} (key {breaker['key']})"
        yield "health", f"{where}: {breaker['state']}{left}, {breaker['reason']}"
