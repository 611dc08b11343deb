"""What the ledger says of each request, read from its SQLite file: request id to outcome."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path


def read_rows(folder: Path) -> dict[str, str]:
    with sqlite3.connect((folder / "ledger.sqlite").absolute().as_uri() + "?mode=ro", uri=True) as connection:
        return {
            key: json.loads(entry)["outcome"] for key, entry in connection.execute("SELECT id, entry FROM requests")
        }
