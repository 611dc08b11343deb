"""Does a rule's `when` hold for a request? Pure; answers with the condition that failed, for the trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from gateway.config.snapshot import When
from gateway.core.label import Label, Signals
from gateway.core.plan import Mismatch
from gateway.core.principal import Principal


class Facts(NamedTuple):
    """Everything routing decides on, recorded so that a decision can be replayed.

    `headers` are the client's, names in lower case, only those that rules ask for. `hour` is the UTC hour with its
    fraction, 0..24. `chance` is a number drawn for this request, 0..1: all that is left to chance follows from it.
    """

    asked_for: str
    label: Label
    signals: Signals
    principal: Principal
    headers: Mapping[str, str]
    hour: float
    chance: float = 0.0


_HAS: Mapping[str, Callable[[Signals], bool]] = {
    "tools": lambda signals: signals.tools > 0,
    "images": lambda signals: signals.images > 0,
    "audio": lambda signals: signals.audio > 0,
    "documents": lambda signals: signals.documents > 0,
    "json_schema": lambda signals: signals.json_schema,
    "computer": lambda signals: signals.computer,
    "code": lambda signals: signals.code_fences > 0,
}


def mismatch(rule: str, when: When, facts: Facts) -> Mismatch | None:
    """None when every condition of `rule` holds, else the first that does not."""
    label, signals, principal = facts.label, facts.signals, facts.principal
    if when.task and label.task not in when.task and label.flags.isdisjoint(when.task):
        return Mismatch(rule, "task", label, when.task)
    if when.input_tokens is not None and not when.input_tokens.holds(signals.input_tokens):
        return Mismatch(rule, "input_tokens", signals.input_tokens, when.input_tokens)
    if when.confidence is not None and not when.confidence.holds(label.confidence):
        return Mismatch(rule, "confidence", label.confidence, when.confidence)
    if when.difficulty is not None and (label.difficulty is None or not when.difficulty.holds(label.difficulty)):
        return Mismatch(rule, "difficulty", label.difficulty, when.difficulty)
    if when.hour is not None and not when.hour.holds(facts.hour):
        return Mismatch(rule, "hour", facts.hour, when.hour)
    if when.has and not any(_HAS[word](signals) for word in when.has):
        return Mismatch(rule, "has", None, when.has)
    if when.model and facts.asked_for not in when.model:
        return Mismatch(rule, "model", facts.asked_for, when.model)
    if when.key and principal.name not in when.key:
        return Mismatch(rule, "key", principal.name, when.key)
    if when.team and principal.team not in when.team:
        return Mismatch(rule, "team", principal.team or "none", when.team)
    if when.tags and principal.tags.isdisjoint(when.tags):
        return Mismatch(rule, "tags", principal.tags, when.tags)
    for name, wanted in when.headers:
        if facts.headers.get(name) != wanted:
            return Mismatch(rule, f"header {name}", facts.headers.get(name, "missing"), wanted)
    return None
