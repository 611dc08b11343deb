"""Money as integers. Amounts are nano-USD (1e-9 USD); rates are nano-USD per million tokens, so that a price such as
0.0375 USD per million stays a whole number and a request is rounded once, at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from gateway.core.usage import Usage

NANO_PER_USD = 1_000_000_000
TOKENS_PER_RATE = 1_000_000


@dataclass(frozen=True, slots=True)
class Rates:
    """Nano-USD per million tokens, one field per kind of `Usage`; `request` is nano-USD per request."""

    input: int
    output: int
    input_audio: int
    cache_read: int
    cache_read_audio: int
    cache_write_5m: int
    cache_write_1h: int
    reasoning: int
    output_audio: int
    request: int = 0


@dataclass(frozen=True, slots=True)
class PriceTier:
    """Rates for the whole request once its prompt has more than `above` tokens."""

    above: int
    rates: Rates


@dataclass(frozen=True, slots=True)
class Price:
    """What one model costs from `start` (inclusive; None: since ever) on. `tiers` ascend by `above`. With a
    `service_tier` (flex, priority, ...) it is the price of answers that report that tier, and of no others."""

    version: str
    base: Rates
    tiers: tuple[PriceTier, ...] = ()
    start: date | None = None
    service_tier: str | None = None

    def rates_for(self, prompt_tokens: int) -> Rates:
        chosen = self.base
        for tier in self.tiers:
            if prompt_tokens > tier.above:
                chosen = tier.rates
        return chosen


def cost_nano_usd(usage: Usage, price: Price) -> int:
    """Cost of `usage` in nano-USD, rounded half up once."""
    rates = price.rates_for(usage.prompt_total)
    total = (
        usage.input * rates.input
        + usage.output * rates.output
        + usage.cache_read * rates.cache_read
        + usage.reasoning * rates.reasoning
    )
    if usage.cache_write_5m or usage.cache_write_1h:
        total += usage.cache_write_5m * rates.cache_write_5m + usage.cache_write_1h * rates.cache_write_1h
    if usage.input_audio or usage.cache_read_audio or usage.output_audio:
        total += (
            usage.input_audio * rates.input_audio
            + usage.cache_read_audio * rates.cache_read_audio
            + usage.output_audio * rates.output_audio
        )
    return (total + TOKENS_PER_RATE // 2) // TOKENS_PER_RATE + rates.request


def price_on(prices: tuple[Price, ...], day: date, service_tier: str | None = None) -> Price | None:
    """The price in force on `day`; `prices` of one service tier ascend by `start`. A tier without a price of its own is
    billed as the standard one. None: the model is unpriced on that day."""
    in_force = tiered = None
    for price in prices:
        if price.start is None or price.start <= day:
            if price.service_tier is None:
                in_force = price
            elif price.service_tier == service_tier:
                tiered = price
    return tiered or in_force


def in_usage(usage: dict[str, Any], nano_usd: int | None) -> dict[str, Any]:
    """An answer's `usage` with its cost: `cost` in USD, as OpenRouter has it, and `cost_nano_usd`, which is exact. It
    stays as it was where the cost is not known."""
    return usage if nano_usd is None else {**usage, "cost": nano_usd / NANO_PER_USD, "cost_nano_usd": nano_usd}


def format_usd(nano_usd: int) -> str:
    """Plain decimal USD without an exponent or trailing zeros: 1234500 -> "0.0012345"."""
    whole, rest = divmod(nano_usd, NANO_PER_USD)
    digits = f"{rest:09d}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
