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
from gateway.core.errors import ProviderError
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
FLAVORS = {
    "anthropic": "default",
    "google": "default",
    "groq": "default",
    "mistral": "default",
    "perplexity": "default",
}
"""How genai-prices calls the shape of a vendor's answer; `chat` where nothing stands here."""

_GROK_ON_AZURE = "reports more cached than prompt tokens: here all of the prompt is cached, there it is refused"
_TOGETHER = "genai-prices has prices for this vendor, but reads none of its answers"
UNLIKE = {
    "azure-openai/05-json-cached_tokens-json_schema-grok_4_1_fast_non_reasoning": _GROK_ON_AZURE,
    "azure-openai/06-json-cached_tokens-tools-grok_4_1_fast_non_reasoning": _GROK_ON_AZURE,
    "azure-openai/07-json-cached_tokens-grok_4_1_fast_non_reasoning": _GROK_ON_AZURE,
    "azure-openai/11-sse-cached_tokens-tool_calls-tools-grok_4_1_fast_non_reasoning": _GROK_ON_AZURE,
    "gemini/11-json-gemini_2.5_pro_preview_03_25": "there the name models/gemini-2.5-pro is unknown",
    "vertex-gemini/02-json-gemini_2.5_pro": "the recording has numbers for modalities, which there are no names",
    "mistral/06-json-image-tools-mistral_medium_latest": "there num_cached_tokens are billed as if not cached",
    "together/01-json-tool_calls-meta_llama_Llama_3.3_70B_Instruct_": _TOGETHER,
    "together/02-json-tool_calls-tools-meta_llama_Llama_3.3_70B_Instruct_": _TOGETHER,
    "together/03-json-mistralai_Mixtral_8x7B_Instruct_v0": _TOGETHER,
}
"""Recordings whose cost differs, and why."""


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
        usage, shown, raw = (
            answer.usage,
            answer.body,
            merge(events if isinstance(events := json.loads(body), list) else [events]),
        )
    else:
        chunks, parser = drive(adapter, context, [body])
        usage, shown, raw = parser.usage, chunks[-1], merge(events_of(body))
    model = shown["model"]
    return (
        "no usage reported"
        if usage is None
        else Priced(vendor.price_provider, model, usage, service_tier_of(shown), raw)
    )


def events_of(stream: bytes) -> list[dict[str, Any]]:
    lines = stream.replace(b"\r\n", b"\n").split(b"\n")
    return [json.loads(line[5:]) for line in lines if line.startswith(b"data:") and line[5:].strip() != b"[DONE]"]


def merge(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The events of a stream as the whole answer that genai-prices expects: the vendor's own fields, the last ones
    winning."""
    merged: dict[str, Any] = {}
    for event in events:
        for name, value in (event.get("message") or event).items():  # Anthropic's message_start holds a message
            if name in ("usage", "usageMetadata") and isinstance(value, dict):
                stated = {key: one for key, one in value.items() if one is not None}
                merged[name] = {**merged.get(name, {}), **stated}
            elif value is not None:
                merged[name] = value
    if "usage" not in merged and isinstance(merged.get("x_groq"), dict):
        merged["usage"] = merged["x_groq"].get("usage")
    return merged


def cost_here(priced: Priced) -> int | None:
    entry = PRICES.find(priced.provider, priced.model)
    price = price_on(entry.prices, DAY, priced.service_tier) if entry else None
    return None if price is None else cost_nano_usd(priced.usage, price)


def cost_there(priced: Priced) -> int | None:
    flavor = FLAVORS.get(priced.provider, "chat")
    try:
        found = genai_prices.extract_usage(priced.raw, provider_id=priced.provider, api_flavor=flavor)
        context = {"service_tier": priced.service_tier} if priced.service_tier else None
        price = genai_prices.calc_price(
            found.usage,
            priced.model,
            provider_id=priced.provider,
            genai_request_timestamp=datetime(DAY.year, DAY.month, DAY.day, 8, 30, tzinfo=UTC),
            price_context=context,
        )
    except LookupError:
        return None
    return int((price.total_price * 10**9).to_integral_value(ROUND_HALF_UP))


def priced_there(priced: Priced) -> int | str | None:
    try:
        return cost_there(priced)
    except (ValueError, AttributeError) as error:
        return str(error)


@pytest.mark.parametrize("path", cassettes(*ROW_OF_FOLDER))
def test_the_cost_of_a_recorded_answer(path: Path) -> None:
    try:
        priced = read(path)
    except ProviderError:
        pytest.skip("the vendor broke off, or answered nothing")
    if isinstance(priced, str):
        pytest.skip(priced)
    here, there = cost_here(priced), priced_there(priced)
    if f"{path.parent.name}/{path.stem}" in UNLIKE:
        assert here != there, "it is alike now: take it out of the table"
        assert here
    else:
        assert here == there


@pytest.mark.parametrize("tier", ["default", "flex", "priority", "fast", "nonsense"])
@pytest.mark.parametrize("day", [date(2026, 3, 1), DAY])
def test_service_tiers_cost_what_genai_prices_says(tier: str, day: date) -> None:
    usage = Usage(input=1000, cache_read=300, output=200, reasoning=50)
    for tokens in (1000, 280_000):
        priced = usage._replace(input=tokens)
        entry = PRICES.find("openai", "gpt-5.4")
        assert entry is not None
        price = price_on(entry.prices, day, tier)
        assert price is not None
        theirs = genai_prices.calc_price(
            TheirUsage(
                input_tokens=priced.prompt_total,
                cache_read_tokens=300,
                output_tokens=priced.completion_total,
                output_reasoning_tokens=50,
            ),
            "gpt-5.4",
            provider_id="openai",
            genai_request_timestamp=datetime(day.year, day.month, day.day, tzinfo=UTC),
            price_context={"service_tier": tier},
        )
        assert cost_nano_usd(priced, price) == int(theirs.total_price * 10**9)


@pytest.mark.parametrize("tier", [None, 5, {"x": 1}, "x" * 100, ["flex"]])
def test_nonsense_is_no_service_tier(tier: Any) -> None:
    assert service_tier_of({"service_tier": tier}) is None
