"""The `gateway` command: serve, check, drill, explain, simulate, usage, key. Thin: each subcommand calls into a room.

With `config/`, the only place that reads the environment. Imports are made where they are needed, so that a small
subcommand starts in milliseconds.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from gateway import __version__
from gateway.serve import default_config

if TYPE_CHECKING:
    from gateway.config.snapshot import Snapshot
    from gateway.drill.loss import Drill


def main(argv: list[str] | None = None) -> int:
    """Run a subcommand and return its exit code: 0 done, 1 refused or failed, 2 wrong arguments."""
    arguments = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="gateway", description="Switchyard, an OpenAI-compatible LLM gateway.")
    parser.add_argument("--version", action="version", version=f"switchyard {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    wanted = next((word for word in arguments if not word.startswith("-")), "")

    serve = commands.add_parser("serve", help="serve a config (default: config/gateway.yaml, or the demo)")
    check = commands.add_parser("check", help="check a config and say what is wrong, where")
    drill = commands.add_parser("drill", help="say what happens to each route if a provider vanishes")
    simulate = commands.add_parser("simulate", help="run a local server that speaks a vendor's wire format")
    explain = commands.add_parser("explain", help="say what a text would be labelled and who would be asked, and why")
    usage = commands.add_parser("usage", help="what was asked, answered and spent, from the ledger")
    key = commands.add_parser("key", help="make a client key and the line that lets it in")

    if wanted == "serve":
        from gateway.serve import add_arguments as add_serve
        from gateway.serve import run as run_serve

        add_serve(serve)
        return run_serve(parser.parse_args(arguments), os.environ)
    if wanted == "check":
        from gateway.config import command as config_command
        from gateway.providers.vendors import VENDORS

        config_command.add_arguments(check)
        return config_command.run(parser.parse_args(arguments), os.environ, sys.stdout, vendors=VENDORS)
    if wanted == "drill":
        from gateway.drill import command as drill_command
        from gateway.providers.vendors import VENDORS

        drill_command.add_arguments(drill)
        today = datetime.now(UTC).date()
        return drill_command.run(
            parser.parse_args(arguments), os.environ, sys.stdout, vendors=VENDORS, today=today, rehearse=_rehearse
        )
    if wanted == "simulate":
        from gateway.simulator import command as simulator_command

        simulator_command.add_arguments(simulate)
        return simulator_command.run(parser.parse_args(arguments))
    if wanted == "explain":
        from gateway import explain as explain_command

        explain_command.add_arguments(explain)
        parsed = parser.parse_args(arguments)
        here = parsed.config or default_config(os.environ)
        snapshot = _snapshot(parsed.config) if parsed.config or here.exists() else None
        if parsed.config and snapshot is None:
            return 1
        own = os.environ.get("SWITCHYARD_KEY")
        return explain_command.run(parsed, snapshot, own, datetime.now(UTC), sys.stdout, sys.stderr)
    if wanted == "usage":
        from gateway.ledger import command as usage_command

        usage_command.add_arguments(usage)
        parsed = parser.parse_args(arguments)
        snapshot = _snapshot(parsed.config)
        return 1 if snapshot is None else usage_command.run(parsed, snapshot, time.time(), sys.stdout, sys.stderr)
    if wanted == "key":
        from gateway.auth.command import add_arguments as add_key
        from gateway.auth.command import run as run_key

        add_key(key)
        return run_key(parser.parse_args(arguments), sys.stdout)
    parser.parse_args(arguments)
    return 2


def _snapshot(config: Path | None) -> Snapshot | None:
    """The snapshot of a config, or of the one that `serve` would take; None where it is refused, which is told."""
    from gateway.config.load import load
    from gateway.config.problem import ConfigError
    from gateway.providers.vendors import VENDORS

    try:
        return load(config or default_config(os.environ), env=os.environ, vendors=VENDORS)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return None


def _rehearse(snapshot: Snapshot, drill: Drill, out: TextIO) -> bool:
    # It brings the whole gateway along.
    from gateway.rehearse import rehearse

    return rehearse(snapshot, drill, out)
