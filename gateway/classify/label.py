"""A request's task label. Structure decides the flags; a text model, where one is given, decides the task. Pure."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from gateway.core.chat import ChatRequest
from gateway.core.label import UNSURE, Label, Signals

LONG_CONTEXT_TOKENS = 30_000
"""From this estimated prompt size on, a request carries the flag `long_context`."""


class TextVerdict(NamedTuple):
    """A text model's answer: task, confidence and difficulty in 0..1, and the terms that weighed most."""

    task: str
    confidence: float
    difficulty: float | None
    reasons: tuple[str, ...]


class TextModel(Protocol):
    """Labels a request by its text. Must be pure and bounded in time, whatever the text."""

    version: str

    def read(self, request: ChatRequest, signals: Signals) -> TextVerdict: ...


class StructureOnly:
    """The text model where none is configured: it is never sure."""

    version = "structure-1"

    def read(self, request: ChatRequest, signals: Signals) -> TextVerdict:
        return TextVerdict(UNSURE, 0.0, None, ())


def label(request: ChatRequest, signals: Signals, model: TextModel) -> Label:
    """The label of a validated request."""
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
    if signals.computer:
        return Label(
            "computer_use", 1.0, frozenset(flags), None, (*reasons, "a computer tool is offered"), model.version
        )
    verdict = model.read(request, signals)
    return Label(
        task=verdict.task,
        confidence=verdict.confidence,
        flags=frozenset(flags) if flags else _NO_FLAGS,
        difficulty=verdict.difficulty,
        reasons=(*reasons, *verdict.reasons),
        version=model.version,
    )


_NO_FLAGS: frozenset[str] = frozenset()
