"""The order of candidates: by preference, and those in trouble last. Pure; health comes in as a view."""

from __future__ import annotations

from datetime import date

from gateway.config.snapshot import Snapshot
from gateway.core.chat import ChatRequest
from gateway.core.health import Health
from gateway.core.label import Signals
from gateway.core.money import cost_nano_usd, price_on
from gateway.core.plan import Candidate, Rejection
from gateway.core.usage import Usage

_EXPECTED_OUTPUT_TOKENS = 500
NOBODY_WELL = "every model that may serve this request is in trouble; one was asked all the same"


def rank_by_cost(
    candidates: tuple[Candidate, ...], request: ChatRequest, signals: Signals, snapshot: Snapshot, today: date
) -> tuple[Candidate, ...]:
    """Cheapest first by the estimated cost of this request; unpriced models last; ties keep the chain's order."""
    output = min(request.max_output_tokens or _EXPECTED_OUTPUT_TOKENS, _EXPECTED_OUTPUT_TOKENS)
    expected = Usage(input=signals.input_tokens, output=output, source="estimated")

    def cost(candidate: Candidate) -> float:
        price = price_on(snapshot.models[candidate.model].prices, today)
        return float("inf") if price is None else cost_nano_usd(expected, price)

    return tuple(sorted(candidates, key=cost))


def put_back(
    candidates: tuple[Candidate, ...], health: Health
) -> tuple[tuple[Candidate, ...], tuple[Rejection, ...], tuple[str, ...]]:
    """The candidates with those in trouble last, the one that is back first before the others; why each of these was
    put back; and what the client is to be told, where nobody is well."""
    if not health.troubled:
        return candidates, (), ()
    well: list[Candidate] = []
    unwell: list[tuple[float, Candidate]] = []
    reasons: list[Rejection] = []
    for candidate in candidates:
        trouble = health.unwell(candidate.model)
        if trouble is None:
            well.append(candidate)
        else:
            unwell.append((trouble.for_s, candidate))
            seconds = f"for {trouble.for_s:.1f} s more" if trouble.for_s else "and is being tried"
            reasons.append(Rejection(candidate.model, f"its breaker is open ({trouble.reason}) {seconds}"))
    unwell.sort(key=lambda item: item[0])
    ordered = (*well, *(candidate for _, candidate in unwell))
    return ordered, tuple(reasons), () if well else (NOBODY_WELL,)
