"""Faults on demand: their names, how they are asked for, and which one a request gets.

A fault is asked for by the model id (`gpt-5.4-mini--fault=429,retry_after=1`), by the header `x-simulate`, or by
`POST /_control`; the first of these that names one wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

Kind = Literal["refusal", "answer", "body", "wire"]

FAULTS: dict[str, Kind] = {
    "400": "refusal",
    "401": "refusal",
    "403": "refusal",
    "404": "refusal",
    "408": "refusal",
    "413": "refusal",
    "429": "refusal",
    "500": "refusal",
    "502": "refusal",
    "503": "refusal",
    "504": "refusal",
    "529": "refusal",
    "invalid_key": "refusal",
    "model_access": "refusal",
    "insufficient_quota": "refusal",
    "context_length": "refusal",
    "prompt_blocked": "answer",
    "content_filter": "answer",
    "refusal": "answer",
    "redirect": "body",
    "garbage": "body",
    "html": "body",
    "empty": "body",
    "error_in_200": "body",
    "slow_head": "wire",
    "stall_before_head": "wire",
    "stall_after_head": "wire",
    "stall_mid": "wire",
    "cut_before_head": "wire",
    "cut_after_head": "wire",
    "cut_mid": "wire",
    "rst_before_head": "wire",
    "rst_mid": "wire",
    "truncated_body": "wire",
    "no_terminal": "wire",
    "garbage_line": "wire",
    "error_first": "wire",
    "error_mid": "wire",
}
"""Every fault. A "refusal" is an error answer of the vendor's; an "answer" changes what the model says; a "body" stands
in place of the answer; a "wire" fault breaks the way the answer is sent."""

SEPARATOR = "--"


class UnknownFault(ValueError):
    """A fault or an option that does not exist."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault with its options.

    `retry_after` and `retry_after_ms` are sent as given (seconds, milliseconds). `after` is how many stream events or
    body bytes pass before a break (default: half). `seconds` is the delay of `slow_head`. `error` names the refusal
    that an error event or an error in a 200 carries.
    """

    name: str
    retry_after: str | None = None
    retry_after_ms: str | None = None
    after: int | None = None
    seconds: float = 1.0
    error: str | None = None

    @property
    def kind(self) -> Kind:
        return FAULTS[self.name]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What one request asks of the simulator: a fault, and its own pace in ms and tokens per second."""

    fault: Fault | None = None
    ttft_ms: float | None = None
    tps: float | None = None


NO_WISHES = Wishes()


def split_model(model: str) -> tuple[str, Wishes]:
    """The model's own id and what its suffix asks for. Raises UnknownFault."""
    base, separator, suffix = model.partition(SEPARATOR)
    if not separator or "=" not in suffix:
        return model, NO_WISHES
    return base, parse_wishes(suffix)


def parse_wishes(text: str) -> Wishes:
    """Reads `fault=429,retry_after=1,tps=20`, or a bare fault name. Raises UnknownFault."""
    pairs: dict[str, Any] = {}
    for part in text.split(","):
        key, equals, value = part.strip().partition("=")
        pairs.update({key: value} if equals else {"fault": key})
    ttft, tps = pairs.pop("ttft_ms", None), pairs.pop("tps", None)
    try:
        fault = make_fault(pairs) if "fault" in pairs else None
        return Wishes(fault, None if ttft is None else float(ttft), None if tps is None else float(tps))
    except ValueError as error:
        raise UnknownFault(f"{error} in {text!r}") from None


def make_fault(options: Mapping[str, Any]) -> Fault:
    """A fault from its options as strings or JSON values. Raises UnknownFault."""
    name = str(options.get("fault"))
    known = {"fault", "retry_after", "retry_after_ms", "after", "seconds", "error"}
    if name not in FAULTS:
        raise UnknownFault(f"unknown fault {name!r}")
    if set(options) - known:
        raise UnknownFault(f"unknown option {sorted(set(options) - known)[0]!r}")
    error = options.get("error")
    if error is not None and FAULTS.get(str(error)) != "refusal":
        raise UnknownFault(f"{error!r} is no refusal")
    after, retry, retry_ms = options.get("after"), options.get("retry_after"), options.get("retry_after_ms")
    return Fault(
        name,
        retry_after=None if retry is None else str(retry),
        retry_after_ms=None if retry_ms is None else str(retry_ms),
        after=None if after is None else int(after),
        seconds=float(options.get("seconds", 1.0)),
        error=None if error is None else str(error),
    )


class Standing:
    """The fault that was set for all requests: how many more times, and how likely each time."""

    __slots__ = ("_random", "fault", "left", "model", "probability")

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.clear()

    def clear(self) -> None:
        self.fault: Fault | None = None
        self.left: int | None = None
        self.probability = 1.0
        self.model: str | None = None

    def set(
        self, fault: Fault, *, times: int | None = None, probability: float = 1.0, model: str | None = None
    ) -> None:
        """From now on `fault`, at most `times` times (None: for ever), each time with `probability`, for requests to
        `model` only if one is given."""
        self.fault, self.left, self.probability, self.model = fault, times, probability, model

    def take(self, model: str) -> Fault | None:
        """The fault that this request gets, if any."""
        if self.fault is None or self.left == 0 or (self.model is not None and self.model != model):
            return None
        if self.probability < 1.0 and self._random.random() >= self.probability:
            return None
        if self.left is not None:
            self.left -= 1
        return self.fault

    def as_json(self) -> dict[str, Any]:
        name = self.fault.name if self.fault else None
        return {"fault": name, "times": self.left, "probability": self.probability, "model": self.model}
