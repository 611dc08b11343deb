"""Books what attempts did: their times, usage, cost and failure, into the request's record."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

from gateway.config.snapshot import Model
from gateway.core.chat import Json
from gateway.core.clock import Clock
from gateway.core.errors import Failure, FailureClass
from gateway.core.money import Price, cost_nano_usd, price_on
from gateway.core.plan import Attempt, AttemptKind, Candidate, Record, cost_of, costs_of
from gateway.core.usage import USUAL_OUTPUT_TOKENS, Usage

CHARS_PER_TOKEN = 4
MAX_TIER_CHARS = 32
ABOUT_THE_REQUEST = frozenset(
    {FailureClass.CALLER_FAULT, FailureClass.CONTEXT_WINDOW, FailureClass.CONTENT_POLICY, FailureClass.UNKNOWN}
)

log = logging.getLogger("gateway.execute")


class Accounting:
    """Bound to one snapshot's models; `clock` gives every time in the record. `baselines` are the catalogue names whose
    price every answer is compared with."""

    def __init__(self, models: Mapping[str, Model], clock: Clock, baselines: Sequence[str] = ()) -> None:
        self._models = models
        self._clock = clock
        self._baselines = tuple((name, models[name].prices) for name in baselines)

    def begin(self, candidate: Candidate, record: Record, kind: AttemptKind) -> Attempt:
        attempt = Attempt(candidate, kind, started=self._clock.monotonic())
        record.attempts.append(attempt)
        return attempt

    def first_token(self, attempt: Attempt) -> None:
        attempt.first_token = self._clock.monotonic()

    def end(self, attempt: Attempt, failure: Failure | None, usage: Usage | None = None) -> None:
        """Close an attempt. An unpriced model leaves its cost None."""
        attempt.ended = self._clock.monotonic()
        attempt.failure = failure
        attempt.usage = usage = None if usage is None else usage.believable
        if usage is None:
            return
        price = self._in_force(self._models[attempt.candidate.model].prices, attempt.service_tier)
        if price is not None:
            attempt.cost_nano_usd = cost_nano_usd(usage, price)
            attempt.price_version = price.version

    def sum_up(self, record: Record) -> None:
        """What the attempts of an ended request come to: its usage, cost and baseline costs."""
        record.ended = self._clock.monotonic()
        attempts = record.attempts
        if not attempts:
            return
        final = record.final
        if final is not None:
            if final.ended is None:
                final.ended = record.ended
            if final.failure is None:
                record.first_token = final.first_token
                record.usage = final.usage
        record.cost_nano_usd = cost_of(attempts)
        record.costs = costs_of(attempts)
        if record.usage is not None and self._baselines:
            record.baselines = tuple(self._baseline(name, prices, record.usage) for name, prices in self._baselines)

    def likely_cost(self, model: str, input_tokens: int) -> int | None:
        """Nano-USD of a prompt of so many tokens and an answer of usual length."""
        price = self._in_force(self._models[model].prices)
        return None if price is None else cost_nano_usd(Usage(input=input_tokens, output=USUAL_OUTPUT_TOKENS), price)

    def _baseline(self, name: str, prices: tuple[Price, ...], usage: Usage) -> tuple[str, int | None]:
        price = self._in_force(prices)
        return name, None if price is None else cost_nano_usd(usage, price)

    def _in_force(self, prices: tuple[Price, ...], service_tier: str | None = None) -> Price | None:
        return prices[0] if len(prices) == 1 else price_on(prices, self.today(), service_tier)

    def today(self) -> date:
        return datetime.fromtimestamp(self._clock.time(), UTC).date()


def estimate(record: Record, text_chars: int) -> Usage:
    """Usage of an attempt that the vendor did not report on: its prompt, and `text_chars` characters of answer."""
    signals = record.signals
    return Usage(
        input=signals.input_tokens if signals else 0, output=-(-text_chars // CHARS_PER_TOKEN), source="estimated"
    )


def chars_of(body: Json) -> int:
    """Characters that a whole answer was made of: text, thoughts and the arguments of calls."""
    count = 0
    for choice in body.get("choices") or ():
        message = choice.get("message") or {}
        texts = [message.get("content"), message.get("reasoning_content"), message.get("refusal")]
        for call in message.get("tool_calls") or ():
            texts += [said for kind in ("function", "custom") for said in (call.get(kind) or {}).values()]
        count += sum(len(text) for text in texts if isinstance(text, str))
    return count


def service_tier_of(body: Json) -> str | None:
    """The tier that an answer or a chunk says it was served at; nonsense is none."""
    tier = body.get("service_tier")
    return tier if type(tier) is str and len(tier) <= MAX_TIER_CHARS else None


def defect(error: Exception) -> Failure:
    """What an adapter of ours failed at: the attempt is lost, the request need not be. It says nothing of the
    provider's health."""
    return Failure(FailureClass.UNKNOWN, "adapter_defect", f"the adapter failed: {type(error).__name__}")


def log_failure(record: Record, attempt: Attempt, failure: Failure) -> None:
    """One warning a failed attempt: what an operator needs to find the cause, without the request's text."""
    log.warning(
        "attempt failed",
        extra={
            "request_id": record.request_id,
            "model": attempt.candidate.model,
            "provider": attempt.candidate.provider,
            "class": failure.cls.value,
            "reason": failure.reason,
            "status": failure.status,
            # A vendor's words about the request itself may quote it, and prompts are not logged.
            "detail": None if failure.cls in ABOUT_THE_REQUEST else failure.message[:500],
        },
    )
