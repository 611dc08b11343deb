"""`gateway explain`: what a text would be labelled, how surely, and which of its terms weighed most."""

from __future__ import annotations

import argparse
import sys
from typing import TextIO

from gateway.classify.label import label
from gateway.classify.signals import read_signals
from gateway.classify.text import Explanation, Term, load_text_model
from gateway.core.chat import ChatRequest
from gateway.core.label import Label

_SHOWN_CHANCES = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--text", help="the user's message")
    given.add_argument("--stdin", action="store_true", help="read the user's message from standard input")
    parser.add_argument("--system", help="a system prompt that comes with it")


def run(arguments: argparse.Namespace, out: TextIO) -> int:
    """Print the label with its reasons. Returns 0."""
    text = sys.stdin.read() if arguments.stdin else arguments.text
    messages = [{"role": "system", "content": arguments.system}] if arguments.system else []
    request = ChatRequest({"model": "auto", "messages": [*messages, {"role": "user", "content": text}]})
    signals = read_signals(request)
    model = load_text_model()
    out.write(_words(label(request, signals, model), model.explain(request, signals)))
    return 0


def _words(found: Label, why: Explanation) -> str:
    chances = ", ".join(f"{task} {chance:.2f}" for task, chance in why.chances[:_SHOWN_CHANCES])
    rows = [
        ("task", found.task),
        ("confidence", f"{found.confidence:.2f}"),
        ("flags", ", ".join(sorted(found.flags)) or "none"),
        ("difficulty", "unknown" if found.difficulty is None else f"{found.difficulty:.2f}"),
        ("reasons", "; ".join(found.reasons) or "none"),
        ("likeliest", chances),
        ("for it", _terms(why.towards)),
        ("against it", _terms(why.against)),
        ("looked at", f"{why.chars} characters"),
        ("model", found.version),
    ]
    return "".join(f"{name:<12}{value}\n" for name, value in rows)


def _terms(terms: tuple[Term, ...]) -> str:
    return ", ".join(f"{term.term!r} {term.weight:+.2f}" for term in terms) or "nothing"
