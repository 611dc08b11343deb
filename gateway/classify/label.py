"""A request's task label. Structure decides the flags; a text model, where one is given, decides the task. Pure."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from gateway.core.chat import ChatRequest
from gateway.core.label import UNSURE, Label, Signals

LONG_CONTEXT_TOKENS = 3_000
"""From this estimated prompt size on, a request carries the flag `long_context`: in the training set nine of ten
prompts about a long document are above it and one of a thousand others. For a model's window, ask `input_tokens`."""


class TextVerdict(NamedTuple):
    """A text model's answer: task, confidence and difficulty in 0..1, and the terms that weighed most."""

    task: str
    confidence: float
    difficulty: float | None
    reasons: tuple[str, ...]


class Declared(NamedTuple):
    """A task that the operator's own rules gave, and which rule it was. `task` is one of TEXT_TASKS."""

    task: str
    reason: str


class TextModel(Protocol):
    """Labels a request by its text. Must be pure and bounded in time, whatever the text."""

    version: str
    unsure_below: float
    """The confidence under which its task is better called unsure."""

    def read(self, request: ChatRequest, signals: Signals) -> TextVerdict: ...


class StructureOnly:
    """The text model where none is configured: it is never sure."""

    version = "structure-1"
    unsure_below = 0.0

    def read(self, request: ChatRequest, signals: Signals) -> TextVerdict:
        return TextVerdict(UNSURE, 0.0, None, ())


def label(
    request: ChatRequest,
    signals: Signals,
    model: TextModel,
    *,
    declared: Declared | None = None,
    unsure_below: float | None = None,
) -> Label:
    """The label of a validated request. A `declared` task stands above the model's. `unsure_below` is a confidence in
    0..1, in the place of the model's own."""
    flags: list[str] = []
    reasons: list[str] = []
    if signals.tools or signals.tool_results:
        flags.append("agentic_tools")
        reasons.append(f"{signals.tools} tools, {signals.tool_results} tool results")
    if signals.images or signals.audio or signals.documents:
        flags.append("multimodal")
        reasons.append(f"{signals.images} images, {signals.audio} audio parts, {signals.documents} documents")
    if signals.input_tokens >= LONG_CONTEXT_TOKENS:
        flags.append("long_context")
        reasons.append(f"about {signals.input_tokens} input tokens")
    if declared is not None:
        return Label(declared.task, 1.0, frozenset(flags), None, (*reasons, declared.reason), model.version)
    if signals.computer:
        return Label(
            "computer_use", 1.0, frozenset(flags), None, (*reasons, "a computer tool is offered"), model.version
        )
    verdict = model.read(request, signals)
    limit = model.unsure_below if unsure_below is None else unsure_below
    return Label(
        task=verdict.task if verdict.confidence >= limit else UNSURE,
        confidence=verdict.confidence,
        flags=frozenset(flags) if flags else _NO_FLAGS,
        difficulty=verdict.difficulty,
        reasons=(*reasons, *verdict.reasons) if verdict.confidence >= limit else (*reasons, _doubt(verdict, limit)),
        version=model.version,
    )


def _doubt(verdict: TextVerdict, limit: float) -> str:
    return f"{verdict.task} at {verdict.confidence:.2f}, below {limit:.2f}"


_NO_FLAGS: frozenset[str] = frozenset()
