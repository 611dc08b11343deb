"""Which adapter speaks to a vendor: one per wire format, named by the vendor's row."""

from __future__ import annotations

from gateway.core.vendor import Vendor
from gateway.providers.anthropic.adapter import AnthropicAdapter
from gateway.providers.base import Adapter
from gateway.providers.gemini.adapter import GeminiAdapter
from gateway.providers.openai.adapter import OpenAIAdapter


def adapter_for(vendor: Vendor) -> Adapter:
    """A new adapter; they keep nothing between calls."""
    if vendor.adapter == "anthropic":
        return AnthropicAdapter()
    if vendor.adapter == "gemini":
        return GeminiAdapter()
    return OpenAIAdapter()
