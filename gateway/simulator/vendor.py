"""What a vendor's simulation has to offer to the server. One class per vendor implements it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.simulator.faults import NO_WISHES, Fault, Wishes
from gateway.simulator.stats import Tally
from gateway.simulator.wire import Reply, Request

Json = dict[str, Any]


class Rejected(Exception):
    """The vendor's error answer. `error` is the vendor's own error object; `body`, where set, is sent in its place."""

    def __init__(
        self, status: int, error: Json, headers: dict[str, str] | None = None, *, body: tuple[str, bytes] | None = None
    ) -> None:
        super().__init__(str(error.get("message", "")))
        self.status = status
        self.error = error
        self.headers = headers or {}
        self.body = body


@dataclass(slots=True)
class Call:
    """A request that was understood. `endpoint` is the vendor's own word for it; `stream` whether events are wanted.

    `counted` is false for what is not a model call. The vendor fills `tally` while it answers.
    """

    endpoint: str
    model: str
    body: Json
    request: Request
    stream: bool = False
    counted: bool = True
    wishes: Wishes = NO_WISHES
    tally: Tally = field(default_factory=Tally)


class Vendor(Protocol):
    """Turns requests into answers. Faults of kind "refusal" come through `refuse`, those of kind "answer" through
    `answer`; the others are the server's work, with the pieces below."""

    garbage_event: bytes
    """An event whose data is not JSON."""

    usual_error: str
    """The refusal that error events carry unless another is asked for."""

    def accept(self, request: Request, required_key: str | None) -> Call:
        """Route, authenticate and parse. Raises Rejected, and UnknownFault for a bad model suffix."""
        ...

    def answer(self, call: Call, fault: Fault | None) -> Reply:
        """Check the request as the vendor would, and answer it. Raises Rejected."""
        ...

    def refuse(self, name: str, fault: Fault, call: Call) -> Rejected:
        """The vendor's error for the refusal `name`, with the delays that `fault` asks for."""
        ...

    def render(self, rejected: Rejected, call: Call | None) -> Reply:
        """An error answer; `call` is None where the request was not understood that far."""
        ...

    def error_event(self, rejected: Rejected, call: Call) -> bytes:
        """An error in the middle of a stream."""
        ...

    def unfinish(self, body: Json) -> None:
        """Take from a whole answer what says that it is finished."""
        ...


UNKNOWN_MODEL_MARKS = ("no-such", "nonexistent", "does-not-exist", "not-found")


def is_unknown_model(model: str) -> bool:
    """Whether the simulators say that they don't know a model: they know every id but those that say so themselves."""
    return any(mark in model for mark in UNKNOWN_MODEL_MARKS)
