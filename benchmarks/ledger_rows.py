"""What the ledger says of each request, read from its SQLite file: request id to outcome."""

from __future__ import annotations

import sqlite3
from pathlib import Path


def read_rows(folder: Path) -> dict[str, str] | None:
    """None where there is no ledger."""
    file = folder / "ledger.sqlite"
    if not file.exists():
        return None
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        return dict(connection.execute("SELECT request_id, outcome FROM records"))
