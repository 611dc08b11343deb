"""One translation under way: the request, the model's facts, and the warnings gathered so far.

Owns how a field is reported as dropped or refused (law 3); it knows nothing of Anthropic's shapes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gateway.core.chat import Json
from gateway.core.errors import Failure, FailureClass, ProviderError
from gateway.core.vendor import Target
from gateway.providers.anthropic.models import ModelFacts

MAX_WARNINGS = 40
_PLAIN = re.compile(r"[A-Za-z0-9$_.-]{1,64}")


@dataclass(slots=True)
class Build:
    """`body` is the client's JSON without the fields that the vendor row refuses; it is read, never changed.
    `notes` holds the warnings in order, each once."""

    body: Json
    target: Target
    facts: ModelFacts
    notes: dict[str, None] = field(default_factory=dict)

    @property
    def model(self) -> str:
        return self.target.upstream_id

    def warn(self, path: str, text: str) -> None:
        """Report what became of `path`, a field of the client's request. Warnings leave in a header: what a client
        made up goes through `plain` first."""
        if len(self.notes) < MAX_WARNINGS:
            self.notes[f"{path}: {text}"] = None
        else:
            self.notes["warnings: there were more"] = None

    def drop(self, path: str) -> None:
        self.warn(path, f"not supported by {self.target.vendor.name}, dropped")

    def report_unknown(self, carrier: Json, known: frozenset[str], path: str) -> None:
        """Name the fields of `carrier` that nobody reads."""
        if not carrier.keys() <= known:
            for name, value in carrier.items():
                if value and name not in known:
                    self.drop(f"{path}.{plain(name)}")

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(self.notes)


def plain(name: str) -> str:
    """A client's word as it may stand in a header."""
    return name if _PLAIN.fullmatch(name) else "(an odd name)"


def refusal(param: str, message: str, code: str = "unsupported_value") -> ProviderError:
    """What can't be asked of Anthropic at all; `message` tells the client what to change."""
    return ProviderError(
        Failure(FailureClass.CALLER_FAULT, "refused_to_translate", message, status=400, code=code, param=param)
    )
