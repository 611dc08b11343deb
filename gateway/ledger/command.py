"""`gateway usage`: what was asked, answered and spent, from the ledger that the config names."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TextIO

import orjson

from gateway.config.snapshot import Snapshot
from gateway.ledger.asking import DEFAULT_BY, DEFAULT_SINCE, BadQuestion, read_query
from gateway.ledger.places import open_store, sqlite_file
from gateway.ledger.render import as_csv, as_json, as_table, request_as_text
from gateway.ledger.store import Store, StoreUnavailable
from gateway.ledger.usage import FILTERS, GROUPS, report

FORMATS = ("table", "csv", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", nargs="?", type=Path, help="the YAML whose ledger is read (default: as `serve`)")
    parser.add_argument("--by", default=DEFAULT_BY, help=f"groups, of {', '.join(GROUPS)} (default: {DEFAULT_BY})")
    parser.add_argument("--since", default=DEFAULT_SINCE, help="36h, 7d, 2w, a date or a time (default: 7d)")
    parser.add_argument("--until", help="the same; default: now")
    for name in FILTERS:
        parser.add_argument(f"--{name}", help=f"only this {name}")
    parser.add_argument("--format", choices=FORMATS, default="table")
    parser.add_argument("--request", metavar="ID", help="one request's record, by its x-request-id")


def run(arguments: argparse.Namespace, snapshot: Snapshot, now: float, out: TextIO, err: TextIO) -> int:
    """Print a report, or one record. Returns 1 where there is none, 2 for a question that can't be read."""
    if snapshot.ledger.store == "sqlite" and not sqlite_file(snapshot.ledger).exists():
        err.write(f"gateway: there is no ledger at {sqlite_file(snapshot.ledger)} yet: nothing was served from here\n")
        return 1
    try:
        store = open_store(snapshot, read_only=True)
        return _one(store, arguments.request, out, err) if arguments.request else _report(store, arguments, now, out)
    except BadQuestion as error:
        err.write(f"gateway usage: --{error.name}: {error}\n")
        return 2
    except StoreUnavailable as error:
        err.write(f"gateway: the ledger can't be read: {error}\n")
        return 1


def _one(store: Store, request_id: str, out: TextIO, err: TextIO) -> int:
    entry = store.find(request_id)
    if entry is None:
        err.write(f"gateway: no request {request_id[:80]} is in the ledger\n")
        return 1
    out.write(request_as_text(entry))
    return 0


def _report(store: Store, arguments: argparse.Namespace, now: float, out: TextIO) -> int:
    names = ("by", "since", "until", *FILTERS)
    asked = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    made = report(store, read_query(asked, now))
    if arguments.format == "csv":
        out.write(as_csv(made))
    elif arguments.format == "json":
        out.write(orjson.dumps(as_json(made), option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        out.write(as_table(made))
    return 0
