"""The shared store: a Redis stream of entries and hashes of sums, for several gateways and other readers.

Keys, all under `{prefix}` (braces: one hash slot, so that a cluster keeps them together), values bounded and expiring:
    {prefix}:ledger:entries            stream; field `entry`: JSON; trimmed by age and number
    {prefix}:ledger:id:<request id>    stream id of a request's entry
    {prefix}:ledger:feedback:<id>      list of JSON
    {prefix}:ledger:sums:<grain>:<start>   hash; field `[task, route, model, key, team, counter]`: whole number
    {prefix}:ledger:positions          hash; segment: offset taken in
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson
import redis

from gateway.ledger.entry import Entry
from gateway.ledger.rollup import DAY, HOUR, Dimensions, SumKey, add_up
from gateway.ledger.store import MAX_FEEDBACK, Batch, Moved, StoreUnavailable

READ_AT_ONCE = 100
_APPEND = """
local positions, entries = KEYS[1], KEYS[2]
local segment, start, stop = ARGV[1], ARGV[2], ARGV[3]
if (redis.call('HGET', positions, segment) or '0') ~= start then return 0 end
-- Types first: a wrong one must stop this before anything is written, since a script is not rolled back.
for i = 2, #KEYS do
  local kind = redis.call('TYPE', KEYS[i]).ok
  local wanted = i == 2 and 'stream' or 'hash'
  if kind ~= 'none' and kind ~= wanted then return redis.error_reply('WRONGTYPE ' .. KEYS[i] .. ' is a ' .. kind) end
end
local prefix, most, keep = ARGV[4], ARGV[5], ARGV[6]
local at = 7
local count = tonumber(ARGV[at])
for _ = 1, count do
  local id, entry, feedback = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  at = at + 3
  local where = redis.call('XADD', entries, 'MAXLEN', '~', most, '*', 'entry', entry)
  if feedback == '1' then
    redis.call('RPUSH', prefix .. 'feedback:' .. id, entry)
    redis.call('LTRIM', prefix .. 'feedback:' .. id, 0, LAST_KEPT)
    redis.call('EXPIRE', prefix .. 'feedback:' .. id, keep)
  else
    redis.call('SET', prefix .. 'id:' .. id, where, 'EX', keep)
  end
end
at = at + 1
for i = 3, #KEYS do
  local expiry, fields = ARGV[at], tonumber(ARGV[at + 1])
  at = at + 2
  for _ = 1, fields do
    redis.call('HINCRBY', KEYS[i], ARGV[at], ARGV[at + 1])
    at = at + 2
  end
  redis.call('EXPIRE', KEYS[i], expiry)
end
redis.call('HSET', positions, segment, stop)
return 1
""".replace("LAST_KEPT", str(MAX_FEEDBACK - 1))


class RedisStore:
    """Implements `Store` over a client of redis-py (single, sentinel or cluster). Ages are seconds."""

    def __init__(
        self,
        client: Any,
        prefix: str,
        *,
        keep_records_s: float,
        keep_hours_s: float,
        keep_days_s: float,
        max_records: int,
    ) -> None:
        self._client = client
        self._prefix = f"{{{prefix}}}:ledger:"
        self._entries = f"{self._prefix}entries"
        self._positions = f"{self._prefix}positions"
        self._keep_records_s = int(keep_records_s)
        self._keep_sums_s = {HOUR: int(keep_hours_s), DAY: int(keep_days_s)}
        self._max_records = max_records
        self._append = client.register_script(_APPEND)

    def append(self, batch: Batch) -> None:
        batch = self._without_known(batch)
        keys = [self._positions, self._entries]
        arguments: list[Any] = [batch.segment, batch.start, batch.end, self._prefix]
        arguments += [self._max_records, self._keep_records_s, len(batch.entries)]
        for entry, raw in zip(batch.entries, batch.raw, strict=True):
            arguments += [entry["id"], raw, "1" if entry["kind"] == "feedback" else "0"]
        hashes: dict[tuple[int, int], dict[bytes, int]] = {}
        for key, counters in add_up(batch.entries).items():
            bag = hashes.setdefault((key.grain, key.start), {})
            for counter, value in counters.items():
                bag[orjson.dumps((*key.dimensions, counter))] = value
        for (grain, start), bag in hashes.items():
            keys.append(self._sum_key(grain, start))
            arguments += [self._keep_sums_s[grain], len(bag)]
            for field, value in bag.items():
                arguments += [field, value]
        with self._guarded():
            if not self._append(keys=keys, args=arguments):
                raise Moved

    def _without_known(self, batch: Batch) -> Batch:
        """The batch without requests that stand here already: where the positions were lost (an eviction, a restored
        backup) a segment comes again."""
        ids = [f"{self._prefix}id:{entry['id']}" for entry in batch.entries]
        with self._guarded():
            known = self._client.mget(ids) if ids else []
        fresh = [
            (entry, raw)
            for entry, raw, found in zip(batch.entries, batch.raw, known, strict=True)
            if found is None or entry["kind"] == "feedback"
        ]
        if len(fresh) == len(batch.entries):
            return batch
        return Batch(batch.segment, batch.start, batch.end, [one for one, _ in fresh], [raw for _, raw in fresh])

    def position(self, segment: str) -> int:
        with self._guarded():
            return int(self._client.hget(self._positions, segment) or 0)

    def forget(self, segment: str) -> None:
        with self._guarded():
            self._client.hdel(self._positions, segment)

    def find(self, request_id: str) -> Entry | None:
        with self._guarded():
            where = self._client.get(f"{self._prefix}id:{request_id}")
            found = self._client.xrange(self._entries, where, where, count=1) if where else None
            if not found:
                return None
            entry: Entry = orjson.loads(found[0][1][b"entry"])
            given = self._client.lrange(f"{self._prefix}feedback:{request_id}", 0, MAX_FEEDBACK - 1)
        if given:
            entry["feedback"] = [orjson.loads(text) for text in given]
        return entry

    def sums(self, grain: int, since: int, until: int) -> Iterator[tuple[SumKey, Mapping[str, int]]]:
        # Older ones have expired.
        since = max(since, until - self._keep_sums_s[grain])
        starts = [start for start in range(since - since % grain, until, grain) if start >= since]
        for start, fields in self._read(grain, starts):
            bags: dict[SumKey, dict[str, int]] = {}
            for field, value in fields.items():
                *dimensions, counter = orjson.loads(field)
                bags.setdefault(SumKey(grain, start, Dimensions(*dimensions)), {})[counter] = int(value)
            yield from bags.items()

    def _read(self, grain: int, starts: list[int]) -> Iterator[tuple[int, dict[bytes, bytes]]]:
        for place in range(0, len(starts), READ_AT_ONCE):
            some = starts[place : place + READ_AT_ONCE]
            with self._guarded():
                pipe = self._client.pipeline(transaction=False)
                for start in some:
                    pipe.hgetall(self._sum_key(grain, start))
                found = pipe.execute()
            yield from zip(some, found, strict=True)

    def trim(self, now: float) -> None:
        """By age; the number is kept to as entries come in, and sums expire by themselves."""
        oldest = max(0, int((now - self._keep_records_s) * 1000))
        with self._guarded():
            self._client.xtrim(self._entries, minid=f"{oldest}-0", approximate=True)

    def close(self) -> None:
        self._client.close()

    def _sum_key(self, grain: int, start: int) -> str:
        return f"{self._prefix}sums:{'hour' if grain == HOUR else 'day'}:{start}"

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except redis.RedisError as error:
            raise StoreUnavailable(f"Redis: {type(error).__name__}: {error}") from None
        except OSError as error:
            raise StoreUnavailable(f"Redis: {error}") from None
