"""How models are doing at the moment, as rooms that only read it may see it."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

BreakerState = Literal["closed", "open", "half_open"]


class BreakerView(NamedTuple):
    """One breaker. `key` is the name of the provider's key, never the key. `until_s` is in how many seconds the model
    may be tried again there; `reason` is that of the failure that opened it (core.errors.Failure), "" while closed."""

    provider: str
    model: str
    key: str
    state: BreakerState
    until_s: float = 0.0
    reason: str = ""


class Unwell(NamedTuple):
    """Why a model should be tried after all others, and for how many more seconds."""

    reason: str
    for_s: float


class Health(Protocol):
    """What routing asks. `model` is a name of the catalogue."""

    @property
    def troubled(self) -> bool:
        """Whether anything is wrong anywhere: while nothing is, nobody need be asked about."""
        ...

    def unwell(self, model: str) -> Unwell | None:
        """None while at least one of the provider's keys may be used for the model."""
        ...

    def pace(self, model: str, stream: bool) -> float:
        """Seconds to the first token of a stream, or to a whole answer, of late; 0.0 while unknown."""
        ...


class AllWell:
    """The health of a world in which nothing has happened yet."""

    troubled = False

    def unwell(self, model: str) -> Unwell | None:
        return None

    def pace(self, model: str, stream: bool) -> float:
        return 0.0
