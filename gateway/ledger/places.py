"""Where the ledger is: the folders of its directory, and the store that the config names."""

from __future__ import annotations

import secrets
from pathlib import Path

from gateway.config.snapshot import Ledger, Snapshot
from gateway.core.clock import SystemClock
from gateway.ledger.journal import Journal
from gateway.ledger.sqlite_store import FILE, SqliteStore
from gateway.ledger.store import Store, StoreUnavailable


def journal_folder(ledger: Ledger) -> Path:
    return Path(ledger.dir) / "journal"


def sqlite_file(ledger: Ledger) -> Path:
    return Path(ledger.dir) / FILE


def open_journal(snapshot: Snapshot, slot: int) -> Journal | None:
    """The journal of one worker, under a name that no other process has; None where no ledger is kept."""
    ledger = snapshot.ledger
    if ledger.store == "none":
        return None
    name = f"{secrets.token_hex(4)}-{slot}"
    return Journal(journal_folder(ledger), name, SystemClock(), max_bytes=ledger.max_journal_bytes)


def open_store(snapshot: Snapshot, *, read_only: bool = False) -> Store:
    """The store of a config. Raises StoreUnavailable: no ledger is kept, or its file can't be opened."""
    ledger = snapshot.ledger
    if ledger.store == "redis" and snapshot.redis is not None:
        # Imported where it is used: most gateways have no Redis, and it takes a tenth of a second of every start.
        from redis import RedisError

        from gateway.ledger.redis_client import open_client
        from gateway.ledger.redis_store import RedisStore

        try:
            client = open_client(snapshot.redis)
        except (RedisError, OSError) as error:  # a cluster's client connects at once
            raise StoreUnavailable(f"Redis: {type(error).__name__}: {error}") from None
        except (ValueError, TypeError) as error:
            # Its words may quote the address, password and all.
            raise StoreUnavailable(f"Redis: the address is refused ({type(error).__name__})") from None
        return RedisStore(
            client,
            snapshot.redis.prefix,
            keep_records_s=ledger.keep_records_s,
            keep_hours_s=ledger.keep_hours_s,
            keep_days_s=ledger.keep_days_s,
            max_records=ledger.max_records,
        )
    if ledger.store != "sqlite":
        raise StoreUnavailable("this config keeps no ledger (ledger.store is none)")
    return SqliteStore(
        sqlite_file(ledger),
        keep_records_s=ledger.keep_records_s,
        keep_hours_s=ledger.keep_hours_s,
        keep_days_s=ledger.keep_days_s,
        max_records=ledger.max_records,
        read_only=read_only,
    )
