"""The rows: one per vendor, facts only. Adapters read them; no code anywhere asks for a vendor by name.

A table of all rows for readers is docs/vendors.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gateway.core.vendor import Vendor
from gateway.providers.openai.vendors import OPENAI_VENDORS

NATIVE_VENDORS = (
    Vendor(
        name="anthropic",
        adapter="anthropic",
        base_url="https://api.anthropic.com",
        hosts=("api.anthropic.com",),
        auth="x-api-key",
        api_key_env="ANTHROPIC_API_KEY",
        price_provider="anthropic",
        capabilities=frozenset({"tools", "json_schema", "computer", "images", "pdf"}),
        chat_path="/v1/messages",
        note="recorded: the Messages API.",
    ),
    Vendor(
        name="gemini",
        adapter="gemini",
        base_url="https://generativelanguage.googleapis.com/v1beta",
        hosts=("generativelanguage.googleapis.com",),
        auth="x-goog-api-key",
        api_key_env="GEMINI_API_KEY",
        price_provider="google",
        capabilities=frozenset({"tools", "json_schema", "audio_in", "images", "n", "pdf"}),
        chat_path="/models/{model}",
        note="recorded: generateContent and streamGenerateContent of Google AI Studio, not Vertex.",
    ),
)

VENDORS: Mapping[str, Vendor] = MappingProxyType({row.name: row for row in (*OPENAI_VENDORS, *NATIVE_VENDORS)})
"""All rows by name."""
