"""What a simulator has served: counts of requests, tokens and connections."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Tally:
    """Tokens of one answer. `input` is all of the prompt, `cached` and `cache_write` are parts of it; `output` is all
    of the completion, `reasoning` is a part of it."""

    input: int = 0
    cached: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0


@dataclass(slots=True)
class Stats:
    """Counts since the start or the last reset. `open` alone is a level and survives a reset.

    An outcome is `ok`, the status of a genuine refusal, or `fault:` and the fault's name. `closed_early` counts
    connections that the client closed while an answer was under way.
    """

    requests: int = 0
    by_model: dict[str, dict[str, int]] = field(default_factory=dict)
    tokens: Tally = field(default_factory=Tally)
    opened: int = 0
    open: int = 0
    closed_early: int = 0

    def count(self, model: str, outcome: str) -> None:
        self.requests += 1
        outcomes = self.by_model.setdefault(model, {})
        outcomes[outcome] = outcomes.get(outcome, 0) + 1

    def add(self, tally: Tally) -> None:
        total = self.tokens
        total.input += tally.input
        total.cached += tally.cached
        total.cache_write += tally.cache_write
        total.output += tally.output
        total.reasoning += tally.reasoning

    def outcomes(self) -> dict[str, int]:
        """Requests by outcome, over all models."""
        total: dict[str, int] = {}
        for outcomes in self.by_model.values():
            for outcome, number in outcomes.items():
                total[outcome] = total.get(outcome, 0) + number
        return total

    def reset(self) -> None:
        self.requests = self.opened = self.closed_early = 0
        self.by_model = {}
        self.tokens = Tally()

    def as_json(self) -> dict[str, Any]:
        tokens = self.tokens
        return {
            "requests": {"total": self.requests, "by_outcome": self.outcomes(), "by_model": self.by_model},
            "tokens": {
                "input": tokens.input,
                "cached": tokens.cached,
                "cache_write": tokens.cache_write,
                "output": tokens.output,
                "reasoning": tokens.reasoning,
            },
            "connections": {"opened": self.opened, "open": self.open, "closed_early": self.closed_early},
        }
