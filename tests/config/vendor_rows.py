"""A few vendor rows of the tests' own: enough to resolve any config without the real table."""

from __future__ import annotations

from gateway.core.vendor import CAPABILITIES, Vendor

CHAT = frozenset({"tools", "images", "pdf", "json_schema"})

ROWS = {
    row.name: row
    for row in (
        Vendor(
            name="openai",
            adapter="openai",
            base_url="https://api.openai.com/v1",
            hosts=("api.openai.com",),
            api_key_env="OPENAI_API_KEY",
            price_provider="openai",
            capabilities=CAPABILITIES,
        ),
        Vendor(
            name="anthropic",
            adapter="anthropic",
            base_url="https://api.anthropic.com",
            hosts=("api.anthropic.com",),
            auth="x-api-key",
            api_key_env="ANTHROPIC_API_KEY",
            price_provider="anthropic",
            capabilities=CHAT | {"computer"},
        ),
        Vendor(
            name="gemini",
            adapter="gemini",
            base_url="https://generativelanguage.googleapis.com/v1beta",
            hosts=("generativelanguage.googleapis.com",),
            auth="x-goog-api-key",
            api_key_env="GEMINI_API_KEY",
            price_provider="google",
            capabilities=CHAT | {"audio_in"},
        ),
        Vendor(
            name="meta",
            adapter="openai",
            base_url="https://api.meta.ai/v1",
            hosts=("api.meta.ai",),
            api_key_env="MODEL_API_KEY",
            price_provider="meta",
            capabilities=frozenset({"tools", "json_schema"}),
        ),
        Vendor(name="azure", adapter="openai", hosts=(".openai.azure.com",), auth="api-key", price_provider="azure"),
        Vendor(name="openai-compatible", adapter="openai", capabilities=frozenset({"tools"})),
    )
}

KEYS = {
    "OPENAI_API_KEY": "openai-canary-0123456789",
    "ANTHROPIC_API_KEY": "anthropic-canary-0123456789",
    "GEMINI_API_KEY": "gemini-canary-0123456789",
    "MODEL_API_KEY": "meta-canary-0123456789",
}
