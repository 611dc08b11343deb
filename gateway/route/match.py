"""Does a rule's `when` hold for a request? Pure; answers with the condition that failed, for the trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.config.snapshot import Bounds, When
from gateway.core.label import Label, Signals
from gateway.core.principal import Principal


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything routing decides on, recorded so that a decision can be replayed.

    `headers` are the client's, names in lower case, only those that rules ask for. `hour` is the UTC hour with its
    fraction, 0..24.
    """

    asked_for: str
    label: Label
    signals: Signals
    principal: Principal
    headers: Mapping[str, str]
    hour: float


_HAS: Mapping[str, Callable[[Signals], bool]] = {
    "tools": lambda signals: signals.tools > 0,
    "images": lambda signals: signals.images > 0,
    "audio": lambda signals: signals.audio > 0,
    "documents": lambda signals: signals.documents > 0,
    "json_schema": lambda signals: signals.json_schema,
    "computer": lambda signals: signals.computer,
    "code": lambda signals: signals.code_fences > 0,
}


def why_not(when: When, facts: Facts) -> str | None:
    """None when every condition holds, else the first that does not, in words."""
    label, signals, principal = facts.label, facts.signals, facts.principal
    if when.task and label.task not in when.task and not (label.flags & when.task):
        return f"task is {_task_words(label)}, not {_one_of(when.task)}"
    for name, bounds, value in (
        ("confidence", when.confidence, label.confidence),
        ("difficulty", when.difficulty, label.difficulty),
        ("input_tokens", when.input_tokens, signals.input_tokens),
        ("hour", when.hour, facts.hour),
    ):
        if bounds is not None and (value is None or not bounds.holds(value)):
            return f"{name} is {'unknown' if value is None else round(value, 3)}, not {_range(bounds)}"
    if when.has and not any(_HAS[word](signals) for word in when.has):
        return f"has no {_one_of(when.has)}"
    if when.model and facts.asked_for not in when.model:
        return f"model asked for is not {_one_of(when.model)}"
    if when.key and principal.name not in when.key:
        return f"key is {principal.name}, not {_one_of(when.key)}"
    if when.team and principal.team not in when.team:
        return f"team is {principal.team}, not {_one_of(when.team)}"
    if when.tags and not (principal.tags & when.tags):
        return f"has no tag {_one_of(when.tags)}"
    for name, wanted in when.headers:
        if facts.headers.get(name) != wanted:
            return f"header {name} is not {wanted!r}"
    return None


def _task_words(label: Label) -> str:
    return " + ".join((label.task, *sorted(label.flags)))


def _one_of(words: frozenset[str]) -> str:
    return " or ".join(sorted(words))


def _range(bounds: Bounds) -> str:
    low = "" if bounds.over is None else f"over {bounds.over:g}"
    high = "" if bounds.under is None else f"under {bounds.under:g}"
    return " and ".join(part for part in (low, high) if part)
