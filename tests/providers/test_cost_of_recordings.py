"""What vendors reported in recorded traffic, priced here and by `genai-prices`, which reads the raw answer by itself.

The same model and day give the same cost to the nano-dollar, or the table below says why not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP
from pathlib import Path
from typing import Any

import genai_prices
import pytest
from genai_prices.types import Usage as TheirUsage

from gateway.config.prices import packaged_prices
from gateway.core.money import cost_nano_usd, price_on
from gateway.core.usage import Usage
from gateway.execute.accounting import service_tier_of
from gateway.providers.registry import adapter_for
from gateway.providers.vendors import VENDORS
from tests.laws import context_for, drive, target_for
from tests.providers.test_every_byte import ROW_OF_FOLDER
from tests.shared_data import cassettes, load_cassette

DAY = date(2026, 11, 23)
PRICES = packaged_prices()
CHAT_PATHS = ("chat/completions", "/v1/messages", "eamGenerateContent", ":generateContent")
FLAVORS = {"anthropic": "default", "google": "default", "groq": "default", "mistral": "default", "perplexity": "default"}
"""How genai-prices calls the shape of a vendor's answer; `chat` where nothing stands here."""

UNLIKE = {
    "anthropic-messages": {},
}


@dataclass(frozen=True)
class Priced:
    """One recorded answer: what our adapter read of it, and its raw body with the vendor's last usage in it."""

    provider: str
    model: str
    usage: Usage
    service_tier: str | None
    raw: dict[str, Any]


def read(path: Path) -> Priced | str:
    """The answer, or why it can't be priced here."""
    recorded = load_cassette(path)
    vendor = VENDORS[ROW_OF_FOLDER[path.parent.name]]
    body = (recorded["response"].get("body_text") or "").encode()
    if not any(part in recorded["request"]["url"] for part in CHAT_PATHS) or recorded["response"].get("status") != 200:
        return "no chat answer"
    if vendor.price_provider is None:
        return "a vendor without a price list"
    adapter, context = adapter_for(vendor), context_for(target_for(vendor))
    if body.lstrip().startswith((b"{", b"[")):
        answer = adapter.parse_response(body, context)
        usage, shown, raw = answer.usage, answer.body, json.loads(body)
    else:
        chunks, parser = drive(adapter, context, [body])
        usage, shown, raw = parser.usage, chunks[-1], last_usage(body)
    model = shown["model"]
    return "no usage reported" if usage is None else Priced(vendor.price_provider, model, usage, service_tier_of(shown), raw)
