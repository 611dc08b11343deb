"""Active probes: a provider is asked from time to time whether it is there, so that a wait ends early, and trouble is
known before a request meets it. Off unless the config asks for them.

A path is asked with GET; its answer says that the provider is reachable, so its models may be tried at once. A model is
asked for one token, as a request of our own: it runs through the same executor, its outcome moves the breaker, and its
money is booked as `probe`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from gateway.config.snapshot import Probe, Snapshot
from gateway.core.chat import ChatRequest
from gateway.core.errors import Failure, FailureClass, PlanExhausted
from gateway.core.plan import Plan, RouteTrace
from gateway.execute.health import HealthBoard
from gateway.execute.pipeline import Pipeline
from gateway.execute.sinks import WholeSink
from gateway.execute.upstream import Upstream

TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 4 * 1024 * 1024
PROBE = "probe"
"""The route and the caller of a probe's record."""

log = logging.getLogger("gateway.execute")


class Probes:
    """Bound to one snapshot. `run` goes on until it is cancelled; `pause` waits so many seconds."""

    def __init__(
        self,
        snapshot: Snapshot,
        upstreams: Mapping[str, Upstream],
        board: HealthBoard,
        pipeline: Pipeline,
        new_id: Callable[[], str],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._snapshot = snapshot
        self._upstreams = upstreams
        self._board = board
        self._pipeline = pipeline
        self._new_id = new_id
        self._pause = pause
        self._probes = [
            (name, provider.probe)
            for name, provider in snapshot.providers.items()
            if provider.probe is not None and name not in snapshot.off
        ]

    async def run(self) -> None:
        await asyncio.gather(*(self._repeat(name, probe) for name, probe in self._probes))

    async def _repeat(self, provider: str, probe: Probe) -> None:
        while True:
            await self._pause(probe.every_s)
            try:
                await self.once(provider, probe)
            except Exception:
                # A defect of ours in a probe must not end the probing.
                log.exception("a probe failed", extra={"provider": provider})

    async def once(self, provider: str, probe: Probe) -> None:
        if probe.path is not None:
            self._board.reached(provider, await self._ask_path(provider, probe.path))
        if probe.model is not None:
            await self._ask_model(probe.model)

    async def _ask_path(self, provider: str, path: str) -> Failure | None:
        """None where the provider answered with anything but a fault of its own."""
        upstream = self._upstreams[provider]
        loop = asyncio.get_running_loop()
        sink = WholeSink(loop, MAX_ANSWER_BYTES)
        headers = next(iter(upstream.headers.values()), ())
        target = upstream.endpoint.prefix + path
        exchange = upstream.transport.send(upstream.endpoint, "GET", target, headers, b"", sink)
        timer = loop.call_later(TIMEOUT_S, sink.expire, "header_timeout", TIMEOUT_S)
        try:
            failure = await sink.done
        finally:
            timer.cancel()
            exchange.cancel()
        if failure is None and sink.status >= 500:
            failure = Failure(FailureClass.TRANSIENT, "upstream_5xx", "the probe got a 5xx", sink.status)
        return failure

    async def _ask_model(self, name: str) -> None:
        body = {"model": name, "messages": [{"role": "user", "content": "ping"}], "max_completion_tokens": 1}
        candidate = self._snapshot.models[name].candidate
        plan = Plan((candidate,), frozenset(), self._snapshot.timeouts, 1, RouteTrace(name, PROBE))
        record = self._pipeline.open(self._new_id())
        try:
            await self._pipeline.probe(ChatRequest(body), plan, PROBE, record)
        except PlanExhausted as error:
            self._pipeline.close(record, "error", error.status, error.code)
        except BaseException:
            # A reload ends the probing wherever it is.
            self._pipeline.close(record, "client_gone", 499)
            raise
        else:
            self._pipeline.close(record, "ok", 200)
