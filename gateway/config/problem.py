"""What is wrong with a config, where, and how it is said. Messages never hold the value of a secret."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

_CREDENTIAL = re.compile(r"\b(sk|gsk|xai|pplx|tgp|csk)[-_][A-Za-z0-9_-]{12,}|\bAIza[A-Za-z0-9_-]{20,}|\bBearer +\S{8,}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

Severity = Literal["error", "warning"]


class Position(NamedTuple):
    """A place in the YAML; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One finding. Ordered as it stands in the file."""

    position: Position
    severity: Severity
    message: str

    def located(self, source: str) -> str:
        """`file:line:column: message`."""
        return f"{source}:{self.position.line}:{self.position.column}: {self.message}"

    def tagged(self, source: str) -> str:
        """`file:line:column: error|warning: message`."""
        return f"{source}:{self.position.line}:{self.position.column}: {self.severity}: {self.message}"


class ConfigError(Exception):
    """A config that can't be used. `problems` holds every error and warning found, in the order of the file."""

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        self.source = source
        self.problems = problems
        super().__init__("\n".join(p.located(source) for p in problems if p.severity == "error"))


@dataclass(slots=True)
class Findings:
    """Collects problems while a config is read, so that all are told at once."""

    _found: set[Problem] = field(default_factory=set)

    def error(self, position: Position, message: str) -> None:
        self._found.add(Problem(position, "error", presentable(message)))

    def warn(self, position: Position, message: str) -> None:
        self._found.add(Problem(position, "warning", presentable(message)))

    @property
    def failed(self) -> bool:
        return any(problem.severity == "error" for problem in self._found)

    def sorted(self) -> tuple[Problem, ...]:
        return tuple(sorted(self._found))


def looks_like_credential(text: str) -> bool:
    """Whether some vendor's key, by its usual prefix, stands in the text."""
    return _CREDENTIAL.search(text) is not None


def presentable(message: str) -> str:
    """The message fit for a terminal or a log: a value in the wrong place may be a key, or hold control characters."""
    return _UNPRINTABLE.sub(lambda found: repr(found[0])[1:-1], _CREDENTIAL.sub("***", message))


def suggest(word: str, known: Collection[str]) -> str:
    """The tail of an "unknown ..." message: the word that was probably meant, or all there are."""
    words = sorted(known)
    near = difflib.get_close_matches(word.lower(), words, n=1, cutoff=0.6)
    if near:
        return f'; did you mean "{near[0]}"?'
    if not words:
        return "; there is none yet"
    return f"; one of: {', '.join(words)}" if len(words) <= 20 else ""


def quote(names: Collection[str]) -> str:
    """Names for a message: "a", "b" and "c"."""
    quoted = [f'"{name}"' for name in names]
    return " and ".join(part for part in (", ".join(quoted[:-1]), quoted[-1] if quoted else "") if part)
