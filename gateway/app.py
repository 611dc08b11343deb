"""The composition root: a Snapshot becomes rooms, and the rooms become a FastAPI app.

The only service module that imports every room. It wires and owns lifetimes; it decides nothing about requests.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

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
from gateway.classify.text import TrainedModel, load_text_model
from gateway.config.snapshot import DeclaredTask, Snapshot
from gateway.core.chat import ChatRequest
from gateway.core.clock import Clock, SystemClock
from gateway.core.errors import GatewayError
from gateway.core.events import Observer
from gateway.core.health import Health
from gateway.core.label import Label, Signals
from gateway.core.plan import Plan
from gateway.core.principal import Principal
from gateway.execute.accounting import Accounting
from gateway.execute.deadlines import Deadlines
from gateway.execute.executor import Executor
from gateway.execute.health import HealthBoard
from gateway.execute.pipeline import Pipeline
from gateway.execute.probes import Probes
from gateway.execute.quality import Judge
from gateway.execute.shared import RedisStore, SharedHealth
from gateway.http import errors
from gateway.http.admin import Reloader, admin_routes, nobody_reloads
from gateway.http.admission import Admission
from gateway.http.chat import CHAT_PATH, ChatEndpoint
from gateway.http.clerks import Clerks
from gateway.http.front_door import FrontDoor
from gateway.http.ledger import ledger_routes
from gateway.http.models import models_routes
from gateway.http.serving import Serving, Users
from gateway.http.status import status_routes
from gateway.ledger.desk import Desk
from gateway.ledger.journal import Journal
from gateway.ledger.places import open_store
from gateway.listening import Listeners
from gateway.observe.exposition import CONTENT_TYPE
from gateway.route.match import Facts
from gateway.route.router import headers_of_rules, make_plan
from gateway.transport.transports import Link, Transports
from gateway.upstreams import link_of, open_transport, open_upstream


@dataclass(frozen=True, slots=True)
class Parts:
    """What a test may want to hold still: time, chance and ids."""

    clock: Clock
    jitter: Callable[[], float]
    new_id: Callable[[], str]

    @classmethod
    def real(cls) -> Parts:
        return cls(SystemClock(), random.random, new_request_id)


def new_request_id() -> str:
    """Unique, and in the order of time: a ledger that files requests by id then writes in one place."""
    return f"req_{int(time.time() * 1000):012x}{random.getrandbits(80):020x}"


class Gateway:
    """One process's gateway: the app, what it serves now, and what it holds from one config to the next (connections,
    remembered verdicts, metrics).

    `slot` is the worker's number where a supervisor runs several, `metrics_folder` where they sum what they count;
    `reloader` asks that supervisor to read the config anew; `text_model` is a model that is loaded already; `journal`
    is where records are written, None: nowhere.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        parts: Parts | None = None,
        observers: tuple[Observer, ...] = (),
        *,
        slot: int | None = None,
        metrics_folder: Path | None = None,
        reloader: Reloader = nobody_reloads,
        text_model: TrainedModel | None = None,
        journal: Journal | None = None,
    ) -> None:
        self._parts = parts or Parts.real()
        self.slot = slot
        self.draining = False
        self.journal = journal
        self._deadlines = Deadlines()
        self._listeners = Listeners(
            snapshot,
            lambda: self.current().snapshot,
            slot,
            metrics_folder,
            journal,
            observers,
            self._parts.clock,
            self._deadlines.after,
        )
        self.metrics = self._listeners.metrics
        self._judge = Judge()
        self.board = HealthBoard(self._parts.clock)
        self.metrics.breakers = self.board.view
        self._transports = Transports(open_transport)
        self._text_model = RememberingModel(text_model) if text_model is not None else None
        self._links: dict[Serving, frozenset[Link]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._serving = self._build(snapshot)
        self.clerks = Clerks()
        self._admission = Admission(snapshot.server, self._deadlines, self.metrics)
        chat = ChatEndpoint(self.current, self._parts.new_id, self._admission)
        self.api = build_api(self, chat, self._parts, reloader)
        self.app = FrontDoor(self.api, chat, self.current, self._parts.new_id)
        self._tasks: list[asyncio.Task[None]] = []
        self._probing: asyncio.Task[None] | None = None
        self.shared = self._share(snapshot)

    def current(self) -> Serving:
        """What is served now; a request takes it once and keeps it."""
        return self._serving

    def reload(self, snapshot: Snapshot) -> None:
        """Serve another config from the next request on. Those under way keep theirs; connections to endpoints that
        stay are kept, those to others are closed once nobody needs them."""
        before, self._serving = self._serving, self._build(snapshot)
        self._admission.resize(snapshot.server)
        self.metrics.config.take(snapshot.hash, self._parts.clock.time())
        if self._probing is not None:
            self._probing.cancel()
            self._probing = asyncio.create_task(self._probes.run())
        before.users.none_left = partial(self._let_go, before)
        before.users.look()

    async def begin(self) -> None:
        """Start what runs beside the requests. Called on the event loop that serves them."""
        if self.shared is not None:
            self._tasks.append(asyncio.create_task(self.shared.run()))
        self._probing = asyncio.create_task(self._probes.run())

    def _share(self, snapshot: Snapshot) -> SharedHealth | None:
        parts = self._parts
        if snapshot.redis is None:
            return None
        return SharedHealth(self.board, snapshot.redis, RedisStore, parts.clock, parts.new_id())

    def drain(self) -> None:
        """Take no new request. Those under way, and those that wait already, go on."""
        self.draining = True
        self._admission.close()

    async def aclose(self) -> None:
        tasks = [*self._tasks, *filter(None, (self._probing,))]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.clerks.close()
        await self._transports.aclose()
        await self._listeners.aclose()

    def desk(self) -> Desk | None:
        """Where reports and feedback are asked for; None where no ledger is kept."""
        if self.journal is None:
            return None
        return Desk(
            lambda: open_store(self.current().snapshot, read_only=True),
            self._listeners.keep_feedback,
            self._parts.clock,
        )

    def _let_go(self, serving: Serving) -> None:
        del self._links[serving]
        used = frozenset[Link]().union(*self._links.values())
        closing = asyncio.get_running_loop().create_task(self._transports.keep_only(used))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def _text_model_of(self, snapshot: Snapshot) -> TextModel:
        if not snapshot.classify.text_model:
            return StructureOnly()
        if self._text_model is None:
            self._text_model = RememberingModel(load_text_model())
        return self._text_model

    def _build(self, snapshot: Snapshot) -> Serving:
        parts = self._parts
        links = {name: link_of(provider, snapshot) for name, provider in snapshot.providers.items()}
        upstreams = {
            name: open_upstream(provider, self._transports.over(links[name]))
            for name, provider in snapshot.providers.items()
        }
        self.board.adopt(snapshot)
        books = Accounting(snapshot.models, parts.clock, snapshot.baselines)
        pipeline = Pipeline(
            snapshot,
            Executor(snapshot, upstreams, books, self._deadlines, parts.jitter, self.board),
            books,
            self._judge,
            read_signals,
            partial(_label, snapshot.tasks, self._text_model_of(snapshot), snapshot.classify.unsure_below),
            partial(_plan, snapshot, self.board, parts.jitter),
            self._listeners.observer,
            parts.clock,
        )
        asked = headers_of_rules(snapshot) | {name for task in snapshot.tasks for name, _ in task.headers}
        rule_headers = tuple(name.encode("latin-1") for name in sorted(asked))
        self._probes = Probes(snapshot, upstreams, self.board, pipeline, parts.new_id)
        serving = Serving(snapshot, Authenticator(snapshot.keys), pipeline, rule_headers, self._deadlines, Users())
        self._links[serving] = frozenset(links.values())
        return serving


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
    health: Health,
    chance: Callable[[], float],
    request: ChatRequest,
    label: Label,
    signals: Signals,
    principal: Principal,
    headers: Mapping[str, str],
    hour: float,
    today: date,
) -> Plan:
    facts = Facts(request.model, label, signals, principal, headers, hour, chance())
    return make_plan(request, facts, snapshot, today, health)


def build_api(gateway: Gateway, chat: ChatEndpoint, parts: Parts, reloader: Reloader) -> FastAPI:
    """The FastAPI app. The chat endpoint is mounted as a plain ASGI class: a framework's work per request would cost
    more than all of ours."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await gateway.begin()
        yield
        await gateway.aclose()

    app = FastAPI(
        title="Switchyard",
        version=__version__,
        lifespan=lifespan,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.router.routes += [
        Route(CHAT_PATH, chat, methods=["POST"]),
        *models_routes(gateway.current, int(parts.clock.time())),
        *status_routes(
            gateway.current, lambda: gateway.draining, gateway.board.view, gateway.metrics.scrape, CONTENT_TYPE
        ),
        *admin_routes(gateway.current, reloader),
        *ledger_routes(gateway.current, gateway.desk(), gateway.clerks),
    ]
    app.add_exception_handler(HTTPException, errors.handle_http_exception)
    app.add_exception_handler(RequestValidationError, errors.handle_validation_error)
    app.add_exception_handler(GatewayError, errors.handle_gateway_error)
    app.add_exception_handler(Exception, errors.handle_anything)
    return app
