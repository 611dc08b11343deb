"""What `gateway explain` says of a label: how sure it is, and which of the text's terms weighed most."""

from __future__ import annotations

from gateway.classify.label import Declared, StructureOnly, label
from gateway.classify.signals import read_signals
from gateway.classify.text import Explanation, Term, load_text_model
from gateway.core.chat import ChatRequest
from gateway.core.label import Label, Signals

_SHOWN_CHANCES = 4


def read_request(text: str, system: str | None) -> ChatRequest:
    messages = [{"role": "system", "content": system}] if system else []
    return ChatRequest({"model": "auto", "messages": [*messages, {"role": "user", "content": text}]})


def label_of(
    request: ChatRequest, declared: Declared | None, unsure_below: float | None, *, text_model: bool
) -> tuple[Label, Explanation | None, Signals]:
    """The label as the gateway would give it; None in the place of the text model's words where none reads."""
    signals = read_signals(request)
    if not text_model:
        structure = StructureOnly()
        return label(request, signals, structure, declared=declared, unsure_below=unsure_below), None, signals
    model = load_text_model()
    found = label(request, signals, model, declared=declared, unsure_below=unsure_below)
    return found, model.explain(request, signals), signals


def as_rows(found: Label, why: Explanation | None) -> list[tuple[str, str]]:
    return [
        ("task", found.task),
        ("confidence", f"{found.confidence:.2f}"),
        ("flags", ", ".join(sorted(found.flags)) or "none"),
        ("difficulty", "unknown" if found.difficulty is None else f"{found.difficulty:.2f}"),
        ("reasons", "; ".join(found.reasons) or "none"),
        *(_of_the_text(why) if why is not None else [("text", "no text model reads it (classify.text_model is none)")]),
        ("model", found.version),
    ]


def _of_the_text(why: Explanation) -> list[tuple[str, str]]:
    return [
        ("likeliest", ", ".join(f"{task} {chance:.2f}" for task, chance in why.chances[:_SHOWN_CHANCES])),
        ("for it", _terms(why.towards)),
        ("against it", _terms(why.against)),
        ("looked at", f"{why.chars} characters"),
    ]


def _terms(terms: tuple[Term, ...]) -> str:
    return ", ".join(f"{term.term!r} {term.weight:+.2f}" for term in terms) or "nothing"
