"""What differs between Gemini models, read from the upstream id, and the thinking settings that follow from it.

Sources: ai.google.dev/gemini-api/docs/thinking (levels, budgets, which models can't switch thinking off),
.../thought-signatures (Gemini 3 refuses unsigned calls), .../openai (effort to level and budget),
.../whats-new-gemini-3.6 (fixed sampling, no request may end with a model turn).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.core.chat import Json
from gateway.providers.gemini.notes import Warnings, note

_ID = re.compile(r"gemini-(?:(\d+)(?:\.(\d+))?-?)?(.*)")
_NEWEST = (99, 0)
"""Stands for the aliases without a version (`gemini-flash-latest`): they follow the newest release."""

_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 32768, "max": 32768}
_LEVEL_ORDER = ("minimal", "low", "medium", "high")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """`version` is None for an id that is no Gemini id (a tuned model, Gemma): then nothing is assumed of it.

    `levels` are the thinking levels it takes, ascending; `budget` is the range of its thinking budget in tokens. A
    model has one of the two or neither. `thinking_stops` tells whether thinking can be switched off. `rules_of_36` are
    those that began with Gemini 3.6 Flash: no sampling settings, no request that ends with the model's turn.
    """

    name: str
    version: tuple[int, int] | None
    levels: tuple[str, ...] = ()
    budget: tuple[int, int] | None = None
    thinking_stops: bool = False
    rules_of_36: bool = False

    def at_least(self, major: int, minor: int = 0) -> bool:
        """Whether it is known to be of this version or later."""
        return self.version is not None and self.version >= (major, minor)

    def before(self, major: int, minor: int = 0) -> bool:
        """Whether it is known to be older."""
        return self.version is not None and self.version < (major, minor)

    @property
    def needs_signatures(self) -> bool:
        """Gemini 3 answers 400 when a function call of the current turn comes back unsigned."""
        return self.at_least(3)

    @property
    def media_in_results(self) -> bool:
        """Whether a function response may hold images and files itself."""
        return self.at_least(3)


def facts_of(upstream_id: str) -> ModelFacts:
    """The facts of an id such as `gemini-3.1-pro-preview`, with or without a `models/` path before it."""
    name = upstream_id.rsplit("/", 1)[-1].lower()
    match = _ID.fullmatch(name)
    if match is None:
        return ModelFacts(name, None)
    major, minor, kind = match.groups()
    if major is None and "latest" not in kind:
        return ModelFacts(name, None)
    version = (int(major), int(minor or 0)) if major else _NEWEST
    rules_of_36 = version >= (3, 6) or (version == (3, 5) and kind.startswith("flash-lite"))
    if version >= (3, 0):
        return ModelFacts(name, version, levels=_levels(version, kind), rules_of_36=rules_of_36)
    if version == (2, 5) and not any(word in kind for word in ("image", "tts", "audio")):
        return ModelFacts(name, version, budget=_budget(kind), thinking_stops=not kind.startswith("pro"))
    return ModelFacts(name, version)


def _levels(version: tuple[int, int], kind: str) -> tuple[str, ...]:
    if version == (3, 0) and kind.startswith("pro"):
        return ("low", "high")
    if "pro" in kind or version >= (3, 7):
        return ("low", "medium", "high")
    return _LEVEL_ORDER


def _budget(kind: str) -> tuple[int, int]:
    if kind.startswith("pro"):
        return (128, 32768)
    return (512, 24576) if kind.startswith("flash-lite") else (1, 24576)


def thinking_config(effort: str, facts: ModelFacts, warnings: Warnings) -> Json | None:
    """`thinkingConfig` for OpenAI's `reasoning_effort`; thoughts are asked for unless the effort is "none"."""
    if facts.levels:
        return _by_level(effort, facts, warnings)
    if facts.budget:
        return _by_budget(effort, facts, facts.budget, warnings)
    if effort != "none":
        note(warnings, f"reasoning_effort: {facts.name} does not think, dropped")
    return None


def _by_level(effort: str, facts: ModelFacts, warnings: Warnings) -> Json | None:
    levels = facts.levels
    if effort == "none":
        note(warnings, f"reasoning_effort: {facts.name} can't stop thinking, none raised to {levels[0]}")
        return {"thinkingLevel": levels[0].upper()}
    if effort in levels:
        return {"thinkingLevel": effort.upper(), "includeThoughts": True}
    if effort in _LEVEL_ORDER:
        wanted = _LEVEL_ORDER.index(effort)
        level = next(level for level in levels if _LEVEL_ORDER.index(level) > wanted)
        note(warnings, f"reasoning_effort: {facts.name} has no {effort}, raised to {level}")
    elif effort in _BUDGETS:
        level = levels[-1]
        note(warnings, f"reasoning_effort: {effort} lowered to {level}, the most {facts.name} has")
    else:
        note(warnings, "reasoning_effort: unknown to gemini, dropped")
        return None
    return {"thinkingLevel": level.upper(), "includeThoughts": True}


def _by_budget(effort: str, facts: ModelFacts, budget: tuple[int, int], warnings: Warnings) -> Json | None:
    least, most = budget
    if effort == "none":
        if facts.thinking_stops:
            return {"thinkingBudget": 0}
        note(warnings, f"reasoning_effort: {facts.name} can't stop thinking, sent its least budget of {least} tokens")
        return {"thinkingBudget": least}
    wanted = _BUDGETS.get(effort)
    if wanted is None:
        note(warnings, "reasoning_effort: unknown to gemini, dropped")
        return None
    if wanted > most:
        note(warnings, f"reasoning_effort: {effort} lowered to {most} thinking tokens, the most {facts.name} has")
    return {"thinkingBudget": min(wanted, most), "includeThoughts": True}
