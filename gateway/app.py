"""The composition root: a Snapshot becomes rooms, and the rooms become a FastAPI app.

The only service module that imports every room. It wires and owns lifetimes; it decides nothing about requests.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Route

from gateway import __version__
from gateway.auth.keys import Authenticator
from gateway.classify.declared import declared_task
from gateway.classify.label import StructureOnly, TextModel, label
from gateway.classify.memo import RememberingModel
from gateway.classify.signals import read_signals
from gateway.classify.text import load_text_model
from gateway.config.snapshot import DeclaredTask, Provider, Snapshot
from gateway.core.chat import ChatRequest
from gateway.core.clock import Clock, SystemClock
from gateway.core.errors import GatewayError
from gateway.core.events import Observer
from gateway.core.label import Label, Signals
from gateway.core.plan import Plan
from gateway.core.principal import Principal
from gateway.execute.accounting import Accounting
from gateway.execute.deadlines import Deadlines
from gateway.execute.executor import Executor
from gateway.execute.pipeline import Pipeline
from gateway.execute.upstream import Upstream
from gateway.http import errors
from gateway.http.chat import CHAT_PATH, ChatEndpoint
from gateway.http.front_door import FrontDoor
from gateway.http.models import models_routes
from gateway.http.serving import CurrentServing, Serving
from gateway.http.status import status_routes
from gateway.observe.fanout import Fanout
from gateway.observe.metrics import CONTENT_TYPE, Metrics
from gateway.providers.credentials import authorization
from gateway.providers.registry import adapter_for
from gateway.route.match import Facts
from gateway.route.router import headers_of_rules, make_plan
from gateway.transport.base import Transport, TransportLimits
from gateway.transport.native import NativeTransport

USER_AGENT = f"switchyard/{__version__}"


@dataclass(frozen=True, slots=True)
class Parts:
    """What a test may want to hold still: time, chance and ids."""

    clock: Clock
    jitter: Callable[[], float]
    new_id: Callable[[], str]

    @classmethod
    def real(cls) -> Parts:
        return cls(SystemClock(), random.random, lambda: f"req_{random.getrandbits(128):032x}")


class Gateway:
    """One process's gateway: the app, what it serves now, and the connections it holds."""

    def __init__(self, snapshot: Snapshot, parts: Parts | None = None, observers: tuple[Observer, ...] = ()) -> None:
        self._parts = parts or Parts.real()
        self.metrics = Metrics()
        self._observer = Fanout((self.metrics, *observers))
        self._deadlines = Deadlines()
        self._transports = open_transports(snapshot)
        self._serving = self._build(snapshot)
        chat = ChatEndpoint(self.current, self._parts.new_id)
        self.api = build_api(self.current, chat, self.metrics, self._parts, self.aclose)
        self.app = FrontDoor(self.api, chat, self.current, self._parts.new_id)

    def current(self) -> Serving:
        """What is served now; a request takes it once and keeps it."""
        return self._serving

    async def aclose(self) -> None:
        for transport in self._transports.values():
            await transport.aclose()

    def _text_model(self, snapshot: Snapshot) -> TextModel:
        return RememberingModel(load_text_model()) if snapshot.classify.text_model else StructureOnly()

    def _build(self, snapshot: Snapshot) -> Serving:
        parts = self._parts
        upstreams = {
            name: open_upstream(provider, self._transports[name]) for name, provider in snapshot.providers.items()
        }
        books = Accounting(snapshot.models, parts.clock)
        pipeline = Pipeline(
            snapshot,
            Executor(snapshot, upstreams, books, self._deadlines, parts.jitter),
            read_signals,
            partial(_label, snapshot.tasks, self._text_model(snapshot), snapshot.classify.unsure_below),
            partial(_plan, snapshot),
            self._observer,
            parts.clock,
        )
        asked = headers_of_rules(snapshot) | {name for task in snapshot.tasks for name, _ in task.headers}
        rule_headers = tuple(name.encode("latin-1") for name in sorted(asked))
        return Serving(snapshot, Authenticator(snapshot.keys), pipeline, rule_headers, self._deadlines)


def _label(
    rules: tuple[DeclaredTask, ...],
    model: TextModel,
    unsure_below: float | None,
    request: ChatRequest,
    signals: Signals,
    headers: Mapping[str, str],
) -> Label:
    declared = declared_task(rules, request, headers) if rules else None
    return label(request, signals, model, declared=declared, unsure_below=unsure_below)


def _plan(
    snapshot: Snapshot,
    request: ChatRequest,
    label: Label,
    signals: Signals,
    principal: Principal,
    headers: Mapping[str, str],
    hour: float,
    today: date,
) -> Plan:
    facts = Facts(request.model, label, signals, principal, headers, hour)
    return make_plan(request, facts, snapshot, today)


def open_transports(snapshot: Snapshot) -> dict[str, Transport]:
    """A transport per provider: native ones are shared, since pools are kept by endpoint."""
    limits = TransportLimits(connect_s=snapshot.timeouts.connect)
    native = NativeTransport(limits)
    return {
        name: native if provider.transport == "native" else _open_httpx(provider, limits)
        for name, provider in snapshot.providers.items()
    }


def _open_httpx(provider: Provider, limits: TransportLimits) -> Transport:
    # Few configs name it, and importing it takes a tenth of a second of every start.
    from gateway.transport.httpx_client import HttpxTransport

    return HttpxTransport(limits, provider.proxy)


def open_upstream(provider: Provider, transport: Transport) -> Upstream:
    secret = provider.api_key.reveal()
    headers = (
        ("user-agent", USER_AGENT),
        *(authorization(provider.vendor, secret) if secret else ()),
        *provider.headers,
    )
    secrets = (secret, *(value for name, value in provider.headers if name.lower() in provider.secret_headers))
    return Upstream(
        provider.name,
        provider.endpoint,
        adapter_for(provider.vendor),
        transport,
        headers,
        tuple(filter(None, secrets)),
    )


def build_api(
    current: CurrentServing, chat: ChatEndpoint, metrics: Metrics, parts: Parts, on_shutdown: Callable[[], Any]
) -> FastAPI:
    """The FastAPI app. The chat endpoint is mounted as a plain ASGI class: a framework's work per request would cost
    more than all of ours."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await on_shutdown()

    app = FastAPI(
        title="Switchyard",
        version=__version__,
        lifespan=lifespan,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.router.routes += [
        Route(CHAT_PATH, chat, methods=["POST"]),
        *models_routes(current, int(parts.clock.time())),
        *status_routes(current, metrics.render, CONTENT_TYPE),
    ]
    app.add_exception_handler(HTTPException, errors.handle_http_exception)
    app.add_exception_handler(RequestValidationError, errors.handle_validation_error)
    app.add_exception_handler(GatewayError, errors.handle_gateway_error)
    app.add_exception_handler(Exception, errors.handle_anything)
    return app
