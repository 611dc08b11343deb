"""The embedded store: one SQLite file, for a gateway without Redis. One process writes, any may read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson

from gateway.ledger.entry import Entry
from gateway.ledger.rollup import DAY, GRAINS, HOUR, Dimensions, SumKey, add_up
from gateway.ledger.store import MAX_FEEDBACK, Batch, Moved, StoreUnavailable

FILE = "ledger.sqlite"
_BUSY_S = 5.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (id TEXT NOT NULL UNIQUE, at REAL NOT NULL, entry BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS requests_at ON requests (at);
CREATE TABLE IF NOT EXISTS feedback (request_id TEXT NOT NULL, at REAL NOT NULL, entry BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS feedback_request ON feedback (request_id);
CREATE TABLE IF NOT EXISTS sums (
    grain INTEGER NOT NULL, start INTEGER NOT NULL,
    task TEXT NOT NULL, route TEXT NOT NULL, model TEXT NOT NULL, key TEXT NOT NULL, team TEXT NOT NULL,
    counter TEXT NOT NULL, value INTEGER NOT NULL,
    PRIMARY KEY (grain, start, task, route, model, key, team, counter)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS positions (segment TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
"""
_ADD = (
    "INSERT INTO sums VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (grain, start, task, route, model, key, team, counter) DO UPDATE SET value = value + excluded.value"
)


class SqliteStore:
    """Implements `Store`. Ages are seconds, as in the config. With `read_only` the file must exist already."""

    def __init__(
        self,
        path: Path,
        *,
        keep_records_s: float,
        keep_hours_s: float,
        keep_days_s: float,
        max_records: int,
        read_only: bool = False,
    ) -> None:
        """Raises StoreUnavailable when the file can't be opened or is no ledger."""
        self._keep_records_s = keep_records_s
        self._keep_sums_s = {HOUR: keep_hours_s, DAY: keep_days_s}
        self._max_records = max_records
        try:
            if not read_only:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            mode = "ro" if read_only else "rwc"
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                uri=True,
                timeout=_BUSY_S,
                isolation_level=None,
                check_same_thread=False,
            )
            if not read_only:
                path.chmod(0o600)
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = NORMAL")
                self._db.executescript(_SCHEMA)
            self._path = path
            found = path.stat()
            self._file = (found.st_dev, found.st_ino)
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(f"{path}: {error}") from None

    def append(self, batch: Batch) -> None:
        self._check_file()
        with self._transaction() as db:
            if self._position(db, batch.segment) != batch.start:
                raise Moved
            fresh = self._keep(db, batch)
            db.executemany(
                _ADD,
                (
                    (*key[:2], *key.dimensions, counter, value)
                    for key, counters in add_up(fresh).items()
                    for counter, value in counters.items()
                ),
            )
            db.execute("INSERT OR REPLACE INTO positions VALUES (?, ?)", (batch.segment, batch.end))

    def position(self, segment: str) -> int:
        with self._guarded() as db:
            return self._position(db, segment)

    def forget(self, segment: str) -> None:
        with self._guarded() as db:
            db.execute("DELETE FROM positions WHERE segment = ?", (segment,))

    def find(self, request_id: str) -> Entry | None:
        with self._guarded() as db:
            row = db.execute("SELECT entry FROM requests WHERE id = ?", (request_id,)).fetchone()
            if row is None:
                return None
            entry: Entry = orjson.loads(row[0])
            given = db.execute(
                "SELECT entry FROM feedback WHERE request_id = ? ORDER BY at LIMIT ?", (request_id, MAX_FEEDBACK)
            ).fetchall()
            if given:
                entry["feedback"] = [orjson.loads(found) for (found,) in given]
            return entry

    def sums(self, grain: int, since: int, until: int) -> Iterator[tuple[SumKey, Mapping[str, int]]]:
        with self._guarded() as db:
            rows = db.execute(
                "SELECT start, task, route, model, key, team, counter, value FROM sums "
                "WHERE grain = ? AND start >= ? AND start < ? ORDER BY start, task, route, model, key, team",
                (grain, since, until),
            ).fetchall()
        current: SumKey | None = None
        counters: dict[str, int] = {}
        for start, task, route, model, key, team, counter, value in rows:
            found = SumKey(grain, start, Dimensions(task, route, model, key, team))
            if found != current:
                if current is not None:
                    yield current, counters
                current, counters = found, {}
            counters[counter] = value
        if current is not None:
            yield current, counters

    def trim(self, now: float) -> None:
        with self._transaction() as db:
            oldest = now - self._keep_records_s
            over = db.execute(
                "SELECT at FROM requests ORDER BY at DESC LIMIT 1 OFFSET ?", (self._max_records - 1,)
            ).fetchone()
            if over is not None:
                oldest = max(oldest, over[0])
            db.execute("DELETE FROM requests WHERE at < ?", (oldest,))
            db.execute("DELETE FROM feedback WHERE at < ?", (oldest,))
            for grain in GRAINS:
                db.execute("DELETE FROM sums WHERE grain = ? AND start < ?", (grain, now - self._keep_sums_s[grain]))

    def close(self) -> None:
        self._db.close()

    def _check_file(self) -> None:
        """What is written to a file that was moved or removed is lost: whoever opens the store anew makes another."""
        try:
            found = self._path.stat()
        except OSError as error:
            raise StoreUnavailable(f"{self._path} is gone: {error.strerror}") from None
        if (found.st_dev, found.st_ino) != self._file:
            raise StoreUnavailable(f"{self._path} is another file now")

    def _keep(self, db: sqlite3.Connection, batch: Batch) -> Sequence[Entry]:
        """Store a batch; its entries without those that stood here already, as after a journal came from a backup."""
        known = self._known(db, [entry["id"] for entry in batch.entries])
        fresh: list[Entry] = []
        rows: dict[str, list[tuple[str, float, bytes]]] = {"request": [], "feedback": []}
        for entry, raw in zip(batch.entries, batch.raw, strict=True):
            kind = entry["kind"]
            if kind == "request":
                if entry["id"] in known:
                    continue
                known.add(entry["id"])
            fresh.append(entry)
            rows[kind].append((entry["id"], entry["at"], raw))
        db.executemany("INSERT INTO requests VALUES (?, ?, ?)", rows["request"])
        db.executemany("INSERT INTO feedback VALUES (?, ?, ?)", rows["feedback"])
        return fresh

    @staticmethod
    def _known(db: sqlite3.Connection, ids: list[str]) -> set[str]:
        """Those of `ids` that stand here already."""
        found = db.execute("SELECT id FROM requests WHERE id IN (SELECT value FROM json_each(?))", (orjson.dumps(ids),))
        return {row[0] for row in found}

    @staticmethod
    def _position(db: sqlite3.Connection, segment: str) -> int:
        row = db.execute("SELECT position FROM positions WHERE segment = ?", (segment,)).fetchone()
        return row[0] if row else 0

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._guarded() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:  # a full disk rolls back by itself
                    db.execute("ROLLBACK")
                raise

    @contextmanager
    def _guarded(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._db
        except sqlite3.Error as error:
            raise StoreUnavailable(f"SQLite: {error}") from error
