"""`gateway key`: make a client key and show, once, the key and the config line that lets it in."""

from __future__ import annotations

import argparse
import hashlib
import secrets
from typing import TextIO

PREFIX = "sk-sy-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="the key's name in the config, in records and in metrics")
    parser.add_argument("--team", help="the team that the key's spending is counted under")
    parser.add_argument("--admin", action="store_true", help="may read /metrics")


def run(arguments: argparse.Namespace, out: TextIO) -> int:
    """Print a new random key (192 bits) and its YAML. Only the digest goes into the file."""
    key = PREFIX + secrets.token_urlsafe(24)
    facts = [f"sha256: {hashlib.sha256(key.encode()).hexdigest()}"]
    if arguments.team:
        facts.append(f"team: {arguments.team}")
    if arguments.admin:
        facts.append("admin: true")
    out.write(f"The key, shown only now:\n\n  {key}\n\nUnder `keys:` in the config:\n\n")
    out.write(f"  {arguments.name}: {{{', '.join(facts)}}}\n")
    return 0
