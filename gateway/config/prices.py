"""Reads prices.yaml (data of this package, written by tools/make_prices.py) into core.money prices and context sizes.

The file has one YAML document per provider; only those that are asked for are parsed: the largest is most of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from importlib.resources import files
from typing import Any

import yaml

from gateway.core.money import NANO_PER_USD, Price, PriceTier, Rates

BASE_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
# It makes strings of all scalars: as safe as SafeLoader, and amounts stay the decimals that are written.
COMPACT_DATE = re.compile(r"-(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")

RATE_NAMES = (
    "input",
    "output",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "reasoning",
    "input_audio",
    "cache_read_audio",
    "output_audio",
    "request",
)
"""The rates that a price may give, in USD per million tokens (`request`: USD per request)."""


@dataclass(frozen=True, slots=True)
class PriceEntry:
    """What is known of one model. `prices` ascend by start; `context_window` is in tokens."""

    prices: tuple[Price, ...]
    context_window: int | None


@dataclass(slots=True)
class PriceBook:
    """The price list. `version` names the source and goes into every Price."""

    version: str
    _texts: Mapping[str, str]
    _read: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def knows(self, provider: str) -> bool:
        return provider in self._texts

    def find(self, provider: str, model: str) -> PriceEntry | None:
        """The entry for a vendor's model id, or None. An id with a date such as -20260305 also matches its dashed
        form."""
        name = model.lower()
        entry = self._find(provider, name)
        if entry is None and (dashed := COMPACT_DATE.sub(r"-\1-\2-\3", name)) != name:
            entry = self._find(provider, dashed)
        return None if entry is None else read_entry(entry, self.version)

    def _find(self, provider: str, name: str) -> Mapping[str, Any] | None:
        document = self._document(provider)
        for candidate in (document, *map(self._document, document.get("fallback", ()))):
            for entry in candidate.get("models", ()):
                if matches(entry["match"], name):
                    found: Mapping[str, Any] = entry
                    return found
        return None

    def _document(self, provider: str) -> Mapping[str, Any]:
        if provider not in self._read:
            self._read[provider] = yaml.load(self._texts.get(provider, ""), Loader=BASE_LOADER) or {}  # noqa: S506
        return self._read[provider]


def packaged_prices() -> PriceBook:
    return price_book(files("gateway.config").joinpath("prices.yaml").read_text(encoding="utf-8"))


def price_book(text: str) -> PriceBook:
    """A book from the file's text; nothing but the head is parsed yet."""
    head, *documents = text.split("\n--- # ")
    texts = {name: body for name, _, body in (document.partition("\n") for document in documents)}
    return PriceBook(version=yaml.load(head, Loader=BASE_LOADER)["source"], _texts=texts)  # noqa: S506


def matches(patterns: Sequence[str], name: str) -> bool:
    """Whether any pattern matches and none that begins with ! does. `*` is anything, `#` one digit."""
    found = False
    for pattern in patterns:
        if pattern.startswith("!"):
            if wildcard_match(pattern[1:], name):
                return False
        elif not found:
            found = wildcard_match(pattern, name)
    return found


def wildcard_match(pattern: str, name: str) -> bool:
    stem, star, rest = pattern.partition("*")
    if "#" not in stem and not rest:
        return name.startswith(stem) if star else name == stem
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\#", r"\d")
    return re.fullmatch(expression, name) is not None


def read_entry(entry: Mapping[str, Any], version: str) -> PriceEntry:
    prices = [read_price(entry, version)]
    prices.extend(
        read_price(later, version, start=date.fromisoformat(later["from"])) for later in entry.get("later", ())
    )
    for tier, history in entry.get("service_tiers", {}).items():
        prices.extend(
            read_price(spec, version, date.fromisoformat(spec["from"]) if "from" in spec else None, tier)
            for spec in history
        )
    context = entry.get("context")
    return PriceEntry(prices=tuple(prices), context_window=int(context) if context else None)


def read_price(
    spec: Mapping[str, Any], version: str, start: date | None = None, service_tier: str | None = None
) -> Price:
    """One price from a mapping with RATE_NAMES in USD and `tiers`; the YAML's `price:` has the same form.

    A tier names all its rates: what it leaves out falls back within the tier, not to the base.
    """
    request = {"request": spec.get("request")}
    tiers = tuple(
        PriceTier(above=int(tier["above"]), rates=read_rates({**request, **tier})) for tier in spec.get("tiers", ())
    )
    return Price(version=version, base=read_rates(spec), tiers=tiers, start=start, service_tier=service_tier)


def read_rates(spec: Mapping[str, Any]) -> Rates:
    """Rates with their fallbacks: a token that has no rate of its own costs what the wider kind costs."""
    usd = {name: nano_usd(spec[name]) for name in RATE_NAMES if spec.get(name) is not None}
    cache_write = usd.get("cache_write", usd["input"])
    input_audio = usd.get("input_audio", usd["input"])
    return Rates(
        input=usd["input"],
        output=usd["output"],
        input_audio=input_audio,
        cache_read=usd.get("cache_read", usd["input"]),
        cache_read_audio=usd.get("cache_read_audio", usd.get("cache_read", input_audio)),
        cache_write_5m=cache_write,
        cache_write_1h=usd.get("cache_write_1h", cache_write),
        reasoning=usd.get("reasoning", usd["output"]),
        output_audio=usd.get("output_audio", usd["output"]),
        request=usd.get("request", 0),
    )


def nano_usd(amount: str | float | Decimal) -> int:
    """USD as whole nano-USD; a finer amount is rounded to the nearest."""
    exact = (amount if isinstance(amount, Decimal) else Decimal(str(amount))) * NANO_PER_USD
    return int(exact.to_integral_value(rounding=ROUND_HALF_EVEN))
