"""A vendor is a row of facts. The rows themselves live in `providers/vendors.py`; this is their shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

AuthStyle = Literal["bearer", "x-api-key", "x-goog-api-key", "api-key", "none"]
AdapterName = Literal["openai", "anthropic", "gemini"]

CAPABILITIES = frozenset(
    {
        "tools",  # function tools
        "computer",  # a vendor-defined computer tool
        "images",
        "pdf",
        "audio_in",
        "audio_out",
        "json_schema",
        "n",  # more than one choice
        "logprobs",
    }
)
"""What a request can need of a model. A candidate that lacks one is left out of the plan, on fallbacks too."""


@dataclass(frozen=True, slots=True)
class Vendor:
    """Facts about one vendor's API.

    `hosts` are host names (or `.suffixes`) of base URLs that imply this row. `unsupported` are top-level request
    fields that the vendor refuses: they are dropped with a warning. `message_extras` are non-OpenAI message fields it
    takes back (reasoning blobs); all others are dropped with a warning. `max_tokens_field` is the name it wants for the
    output limit. `price_provider` is the vendor's id in the price list.
    """

    name: str
    adapter: AdapterName
    base_url: str | None = None
    hosts: tuple[str, ...] = ()
    auth: AuthStyle = "bearer"
    api_key_env: str | None = None
    price_provider: str | None = None
    capabilities: frozenset[str] = field(default_factory=frozenset)
    chat_path: str = "/chat/completions"
    max_tokens_field: Literal["max_completion_tokens", "max_tokens"] = "max_tokens"
    developer_role: bool = False
    stream_options: bool = True
    unsupported: frozenset[str] = frozenset()
    message_extras: frozenset[str] = frozenset()
    tool_choice: Literal["all", "no_named", "auto_only"] = "all"
    reasoning_efforts: frozenset[str] | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """All an adapter may know of the model it translates for. Built once per snapshot.

    `context_window` and `max_output` are in tokens, None where unknown. `options` is the model's free `options:` map
    from the YAML (for instance `api-version` on Azure).
    """

    model: str
    provider: str
    upstream_id: str
    vendor: Vendor
    capabilities: frozenset[str]
    context_window: int | None = None
    max_output: int | None = None
    options: tuple[tuple[str, str], ...] = ()
