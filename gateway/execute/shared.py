"""Open breakers shared with other workers and machines through Redis, beside the requests and never in their way.

Every second or so: what opened here is written, what opened elsewhere is taken over, and what another has found well
again is closed. One hash holds it all, a field per breaker. Redis that is slow, down, read-only or holds something else
under our name costs nothing but this: each process then goes by what it sees itself. Waits are told in Redis' own time,
so that clocks need not agree.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from gateway.config.snapshot import Redis
from gateway.core import redis_client
from gateway.core.clock import Clock
from gateway.execute.health import HealthBoard
from gateway.execute.lane import Lane

EVERY_S = 1.0
MOST_PATIENT_S = 30.0
KEPT_S = 3600
MAX_VALUE_BYTES = 1000
CLOSED = 0.0
"""Stands where the time of an open breaker would."""

log = logging.getLogger("gateway.execute")


class Store(Protocol):
    """What is used of Redis."""

    async def read(self, fields: list[str]) -> tuple[float, list[bytes | None]]:
        """Redis' time in epoch seconds, and the fields' values."""
        ...

    async def write(self, changed: dict[str, str]) -> None: ...

    async def aclose(self) -> None: ...


class _Seen(NamedTuple):
    """The last opening of a lane that all processes know: the lane's own count of it, and its id among them."""

    opened: int
    id: str


class SharedHealth:
    """`own` tells this process from others. `status` is "ok", or what is wrong in words."""

    def __init__(self, board: HealthBoard, settings: Redis, open_store: Callable[[Redis], Store], clock: Clock,
                 own: str) -> None:  # fmt: skip
        self.status = "not asked yet"
        self._board = board
        self._settings = settings
        self._open_store = open_store
        self._store: Store | None = None
        self._clock = clock
        self._own = own
        self._seen: dict[str, _Seen] = {}

    async def run(self) -> None:
        """Until cancelled."""
        failures = 0
        try:
            while True:
                failures = 0 if await self.sync() else failures + 1
                await asyncio.sleep(min(EVERY_S * 2 ** min(failures, 10), MOST_PATIENT_S))
        finally:
            await self._let_go()

    async def sync(self) -> bool:
        """Exchange once. Whether that worked; never raises."""
        try:
            if self._store is None:
                self._store = self._open_store(self._settings)
            lanes = {field_of(lane): lane for lane in self._board.all_lanes()}
            async with asyncio.timeout(self._settings.timeout_s):
                now, values = await self._store.read(list(lanes))
            closed = self._take(lanes, values, now)
            changed = closed | self._opened_here(lanes, now)
            if changed:
                async with asyncio.timeout(self._settings.timeout_s):
                    await self._store.write(changed)
        except Exception as error:  # noqa: BLE001  whatever Redis does must end here
            await self._let_go()
            self._tell(f"{type(error).__name__}")
            return False
        self._tell("ok")
        return True

    def _take(self, lanes: dict[str, Lane], values: list[bytes | None], now: float) -> dict[str, str]:
        """Take over what others have seen. Gives what others are to be told: openings that are over here."""
        closed = {}
        here = self._clock.monotonic()
        for (field, lane), value in zip(lanes.items(), values, strict=True):
            seen, entry, breaker = self._seen.get(field), read_entry(value), lane.breaker
            if entry is None:
                # Nothing, or forgotten by a Redis that began anew: what is open here is written again.
                self._seen.pop(field, None)
            elif seen is not None and seen.id == entry.id:
                if not entry.open:
                    if breaker.reason and seen.opened == breaker.opened:
                        breaker.close(here)
                        self._board.closed_elsewhere(lane)
                elif not breaker.reason:
                    closed[field] = Entry(entry.id, CLOSED, entry.reason, entry.tries).written()
            elif entry.until > now and (not breaker.reason or breaker.until - here < entry.until - now):
                breaker.open(entry.reason, entry.until - now, here, tries=entry.tries)
                self._board.opened_elsewhere(lane)
                self._seen[field] = _Seen(breaker.opened, entry.id)
        return closed

    def _opened_here(self, lanes: dict[str, Lane], now: float) -> dict[str, str]:
        """What has opened here since the last time, as others are told."""
        news = {}
        here = self._clock.monotonic()
        for field, lane in lanes.items():
            seen, breaker = self._seen.get(field), lane.breaker
            if breaker.reason and breaker.until > here and (seen is None or seen.opened != breaker.opened):
                id = f"{self._own}:{breaker.opened}"
                self._seen[field] = _Seen(breaker.opened, id)
                news[field] = Entry(id, now + breaker.until - here, breaker.reason, breaker.tries).written()
        return news

    async def _let_go(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            try:
                async with asyncio.timeout(self._settings.timeout_s):
                    await store.aclose()
            except Exception:  # noqa: BLE001  it was broken anyway
                log.debug("a connection to Redis could not be closed")

    def _tell(self, status: str) -> None:
        if status != self.status:
            told = log.info if status == "ok" else log.warning
            told("breakers are shared" if status == "ok" else "breakers are not shared", extra={"redis": status})
        self.status = status


class Entry(NamedTuple):
    """An opening as Redis holds it. `until` is in Redis' time."""

    id: str
    until: float
    reason: str
    tries: bool

    @property
    def open(self) -> bool:
        return self.until != CLOSED

    def written(self) -> str:
        return json.dumps(self._asdict())


def field_of(lane: Lane) -> str:
    # Names hold no slash.
    return f"{lane.provider}/{lane.model}/{lane.key}"


def read_entry(value: bytes | None) -> Entry | None:
    """What another process wrote; None for nothing, and for what makes no sense."""
    if not value or len(value) > MAX_VALUE_BYTES:
        return None
    try:
        data = json.loads(value)
        entry = Entry(str(data["id"]), float(data["until"]), str(data["reason"])[:40], data["tries"] is True)
    except (ValueError, TypeError, KeyError):
        return None
    return entry if entry.reason and CLOSED <= entry.until < float("inf") else None


class RedisStore:
    """The hash `PREFIX:breakers`. Connects when it is first used."""

    def __init__(self, settings: Redis) -> None:
        self._client = open_client(settings)
        self._key = f"{settings.prefix}:breakers"

    async def read(self, fields: list[str]) -> tuple[float, list[bytes | None]]:
        answer = await self._client.time()
        # A cluster is asked node by node; any of them will do.
        seconds, micros = next(iter(answer.values())) if isinstance(answer, dict) else answer
        values: list[bytes | None] = await self._client.hmget(self._key, fields) if fields else []
        return seconds + micros / 1e6, values

    async def write(self, changed: dict[str, str]) -> None:
        await self._client.hset(self._key, mapping=changed)
        await self._client.expire(self._key, KEPT_S)

    async def aclose(self) -> None:
        await self._client.aclose()


def open_client(settings: Redis) -> Any:
    """A client of redis-py for an event loop. Nothing is repeated: the next round comes soon."""
    import redis.asyncio

    options = {"socket_timeout": settings.timeout_s, "socket_connect_timeout": settings.timeout_s, "retry": None}
    return redis_client.open_client(redis.asyncio, settings.url.reveal(), settings.mode, settings.master, options)
