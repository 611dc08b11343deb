"""`gateway drill`: reads a config as if every provider had its key, and says what happens without some of them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import TextIO

from gateway.config.load import Loaded, examine, source_of
from gateway.config.problem import ConfigError, suggest
from gateway.config.snapshot import Snapshot
from gateway.core.vendor import Vendor
from gateway.drill.loss import Drill, Typical, drill, each_provider
from gateway.drill.render import as_json, as_markdown, as_table
from gateway.drill.stand_ins import stand_ins

DEFAULT_FILE = "config/gateway.yaml"

Rehearse = Callable[[Snapshot, Drill, TextIO], bool]
"""Plays a drill on simulators, writes what happened, and says whether it went as foretold."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", default=DEFAULT_FILE, help=f"the config (default: {DEFAULT_FILE})")
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="PROVIDER",
        help="the provider that vanishes; several vanish together (default: each alone, in turn)",
    )
    parser.add_argument("--format", choices=["table", "markdown", "json"], default="table", help="default: table")
    parser.add_argument(
        "--markdown", action="store_const", const="markdown", dest="format", help="the plan to keep: --format markdown"
    )
    parser.add_argument("--input", type=int, default=2000, metavar="TOKENS", help="of a typical request (2000)")
    parser.add_argument("--output", type=int, default=500, metavar="TOKENS", help="of its answer (500)")
    parser.add_argument("--strict", action="store_true", help="let pinned models without fallbacks fail it, too")
    parser.add_argument("--live", action="store_true", help="play it: the config on simulators, one of them killed")


def run(
    args: argparse.Namespace,
    env: Mapping[str, str],
    out: TextIO,
    *,
    vendors: Mapping[str, Vendor],
    today: date,
    rehearse: Rehearse,
) -> int:
    """Returns 0 where everything survives, 1 where something dies or the config is refused, 2 for wrong arguments."""
    loaded = _examine(Path(args.file), env, vendors)
    snapshot = loaded.snapshot
    if snapshot is None:
        for problem in loaded.problems:
            print(problem.tagged(loaded.source), file=out)
        return 1
    for name in args.without:
        if name not in snapshot.providers:
            print(f'{loaded.source} has no provider "{name}"{suggest(name, snapshot.providers)}', file=out)
            return 2
    typical = Typical(max(1, args.input), max(1, args.output))
    if args.without:
        drills: tuple[Drill, ...] = (drill(snapshot, tuple(dict.fromkeys(args.without)), typical, today),)
    else:
        drills = each_provider(snapshot, typical, today)
    failed = any(one.fails(args.strict) for one in drills)
    if args.live:
        played = [rehearse(snapshot, one, out) for one in drills]
        return 1 if failed or not all(played) else 0
    out.write(_rendered(args.format, drills, loaded.source, snapshot.hash, _wants_colour(out, env)))
    return 1 if failed else 0


def _rendered(form: str, drills: tuple[Drill, ...], source: str, config: str, colour: bool) -> str:
    if form == "json":
        return json.dumps(as_json(drills, source, config), indent=2) + "\n"
    if form == "markdown":
        return as_markdown(drills, source, config)
    return as_table(drills, colour)


def _wants_colour(out: TextIO, env: Mapping[str, str]) -> bool:
    return out.isatty() and not env.get("NO_COLOR")


def _examine(path: Path, env: Mapping[str, str], vendors: Mapping[str, Vendor]) -> Loaded:
    """The config with a stand-in for every variable that is not set here: a drill is about the config, and must come
    to the same on a laptop without keys as in production."""
    try:
        data = source_of(path).data
    except ConfigError as error:
        return Loaded(error.source, error.problems)
    set_here = {name: value for name, value in env.items() if value}
    return examine(path, env={**stand_ins(data, env), **set_here}, vendors=vendors)
