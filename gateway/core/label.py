"""What a request is for (Label) and the structural facts that it shows (Signals)."""

from __future__ import annotations

from typing import NamedTuple

TEXT_TASKS = (
    "simple_qa",
    "general_assist",
    "text_transform",
    "coding",
    "math_reasoning",
    "creative_writing",
    "health_safety",
    "computer_use",
)
FLAGS = ("agentic_tools", "long_context", "multimodal")
UNSURE = "unsure"
TASKS = (*TEXT_TASKS, *FLAGS, UNSURE)


class Signals(NamedTuple):
    """Structural facts of one request. Counts are of items; `chars` are characters of text; `input_tokens` is an
    estimate; `needs` are the capabilities (core.vendor.CAPABILITIES) that a model must have to serve it."""

    chars: int
    input_tokens: int
    turns: int
    tools: int
    tool_results: int
    images: int
    audio: int
    documents: int
    json_schema: bool
    computer: bool
    code_fences: int
    script: str
    needs: frozenset[str]


class Label(NamedTuple):
    """A request's task. `task` is one of TEXT_TASKS or UNSURE; `flags` are structural and stand beside it.

    `confidence` and `difficulty` are in 0..1; difficulty is None where nothing measured it. `reasons` are short
    phrases for the trace; `version` names the classifier that said so.
    """

    task: str
    confidence: float
    flags: frozenset[str] = frozenset()
    difficulty: float | None = None
    reasons: tuple[str, ...] = ()
    version: str = ""

    def matches(self, task: str) -> bool:
        return task == self.task or task in self.flags
