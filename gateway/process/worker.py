"""A worker: one process with one event loop that serves requests, and follows what the supervisor says."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
from pathlib import Path
from typing import cast

import uvloop

from gateway.app import Gateway
from gateway.classify.text import TrainedModel
from gateway.config.load import Source
from gateway.core.errors import Overloaded
from gateway.http.admin import Reloaded
from gateway.http.admission import shutting_down
from gateway.ledger.places import open_journal
from gateway.process.channel import Decoder, Message, encode
from gateway.process.children import Start
from gateway.process.configs import Configs, Refused
from gateway.process.server import WorkerServer

ANSWER_TIMEOUT_S = 15.0

log = logging.getLogger("gateway.process")


def run_worker(
    start: Start,
    *,
    listener: socket.socket,
    configs: Configs,
    text_model: TrainedModel | None,
    metrics_folder: Path | None,
) -> int:
    """Serve until told to stop. `text_model` was loaded before the fork, so that all workers share its memory; in
    `metrics_folder` they sum what they count."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(start, listener, configs, text_model, metrics_folder))
    return 0


async def _serve(
    start: Start,
    listener: socket.socket,
    configs: Configs,
    text_model: TrainedModel | None,
    metrics_folder: Path | None,
) -> None:
    loop = asyncio.get_running_loop()
    line = Line(configs)
    snapshot = start.config.snapshot
    gateway = Gateway(
        snapshot,
        slot=start.slot,
        metrics_folder=metrics_folder,
        reloader=line.ask,
        text_model=text_model,
        journal=open_journal(snapshot, start.slot),
    )
    gateway.metrics.config.take(start.config.snapshot.hash, start.config.taken_at)
    if not start.config.last_taken:
        gateway.metrics.config.refuse()
    server = WorkerServer(gateway)
    line.serve(gateway, server)
    await loop.create_unix_connection(lambda: line, sock=start.line)
    loop.add_signal_handler(signal.SIGTERM, server.drain)
    settle_memory()
    await server.serve(sockets=[listener])


class Line(asyncio.Protocol):
    """The worker's end of the channel. The supervisor's end is the end of the worker: it drains then."""

    def __init__(self, configs: Configs) -> None:
        self._configs = configs
        self._decoder = Decoder()
        self._questions: dict[int, asyncio.Future[Reloaded]] = {}
        self._asked = 0
        self._one_reload = asyncio.Lock()
        self._reloads: set[asyncio.Task[None]] = set()

    def serve(self, gateway: Gateway, server: WorkerServer) -> None:
        self._gateway = gateway
        self._server = server

    async def ask(self) -> Reloaded:
        """Have the supervisor reload. Raises Overloaded when it does not answer."""
        if self._gateway.draining:
            raise shutting_down()
        self._asked += 1
        question = self._asked
        answer = self._questions[question] = asyncio.get_running_loop().create_future()
        self._say({"what": "reload", "question": question})
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                outcome: Reloaded = await answer
                return outcome
        except TimeoutError:
            raise Overloaded("The supervisor has not answered; its log says why.", code="reload_timeout") from None
        finally:
            del self._questions[question]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's are no subclasses of asyncio's

    def data_received(self, data: bytes) -> None:
        for message in self._decoder.feed(data):
            self._hear(message)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._gateway.draining:
            log.error("the supervisor is gone; worker %s ends", self._gateway.slot)
        self._server.drain()

    def _say(self, message: Message) -> None:
        self._transport.write(encode(message))

    def _hear(self, message: Message) -> None:
        match message["what"]:
            case "reload":
                task = asyncio.get_running_loop().create_task(self._reload(message))
                self._reloads.add(task)
                task.add_done_callback(self._reloads.discard)
            case "refused":
                self._gateway.metrics.config.refuse()
            case "answer":
                answer = self._questions.get(message["question"])
                if answer is not None and not answer.done():
                    outcome = (tuple(message[name]) for name in ("warnings", "problems"))
                    answer.set_result(Reloaded(message["hash"], *outcome))
            case "drain":
                self._server.drain()
            case "end":
                self._server.end()

    async def _reload(self, message: Message) -> None:
        """Reading a config takes milliseconds, which a thread keeps from the requests. One after the other: the last
        that was told is the one that stays."""
        source = Source(message["name"], message["data"].encode("latin-1"), Path(message["folder"]))
        outcome: Message = {"what": "failed", "number": message["number"]}
        try:
            async with self._one_reload:
                snapshot = (await asyncio.to_thread(self._configs.resolve, source)).snapshot
                self._gateway.reload(snapshot)
            outcome |= {"what": "taken", "hash": snapshot.hash}
        except Refused as refused:
            log.error("the worker refused a config that the supervisor took: %s", refused)
        except Exception:
            log.exception("the worker could not take a config")
        self._say(outcome)


def settle_memory() -> None:
    """Take what start-up built out of the garbage collector's sight, and let it run less often: a request makes few
    cycles, and walking the imported modules again and again costs more than all of a request's own work."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
