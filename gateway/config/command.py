"""`gateway check`: the same reading of a config that serving does, without the serving."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from gateway.config.load import Loaded, examine
from gateway.config.prices import PriceBook
from gateway.config.resolved import to_yaml
from gateway.core.vendor import Vendor

DEFAULT_FILE = "config/gateway.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", default=DEFAULT_FILE, help=f"the config (default: {DEFAULT_FILE})")
    parser.add_argument("--strict", action="store_true", help="let warnings fail, too")
    parser.add_argument(
        "--print", action="store_true", dest="print_form", help="print the resolved config as YAML, secrets redacted"
    )


def run(
    args: argparse.Namespace,
    env: Mapping[str, str],
    out: TextIO,
    *,
    vendors: Mapping[str, Vendor],
    prices: PriceBook | None = None,
) -> int:
    """Check one file and say what was found. Returns the exit status: 0 fine, 1 not.

    With `--print` the findings are YAML comments, so that all of the output is one YAML document.
    """
    loaded = examine(Path(args.file), env=env, vendors=vendors, prices=prices)
    prefix = "# " if args.print_form and loaded.form is not None else ""
    for problem in loaded.problems:
        print(prefix + problem.tagged(loaded.source), file=out)
    print(prefix + summary(loaded), file=out)
    if args.print_form and loaded.form is not None:
        out.write(to_yaml(loaded.form))
    failed = loaded.snapshot is None or (args.strict and loaded.problems)
    return 1 if failed else 0


def summary(loaded: Loaded) -> str:
    errors = sum(problem.severity == "error" for problem in loaded.problems)
    warnings = len(loaded.problems) - errors
    found = ", ".join(counted(n, word) for n, word in ((errors, "error"), (warnings, "warning")) if n)
    if loaded.snapshot is None:
        return f"{loaded.source}: {found}"
    snapshot = loaded.snapshot
    content = ", ".join(
        counted(len(part), word)
        for part, word in ((snapshot.providers, "provider"), (snapshot.models, "model"), (snapshot.routes, "route"))
    )
    return f"{loaded.source}: ok, {found or 'no warnings'} ({content}, config {snapshot.hash})"


def counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
