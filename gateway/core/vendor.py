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
    fields that the vendor refuses or ignores: they are dropped with a warning. `renamed` are pairs (OpenAI's name,
    the vendor's). `message_extras` are the message fields it takes beside role, content, tool_calls and tool_call_id
    (`name`, `refusal`, reasoning blobs, `cache_control` on content parts); all others are dropped with a warning.
    `max_tokens_field` is the name it wants for the output limit. `price_provider` is its id in the price list.

    `dated_chat_path` replaces `chat_path` for a Target with an `api-version` option ("{model}" stands for the
    upstream id). `tool_choice`: "all" also takes `allowed_tools`, "named" a named function, "no_named" only the
    words, "auto_only" only "auto". `ends_with_done`: its streams end with `[DONE]`; where they do not, the finish
    reason is the terminal event. `short_tool_ids`: tool call ids must be nine letters or digits. `prefill_flag` is
    the field that marks a trailing assistant message as the start of the answer.
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
    dated_chat_path: str | None = None
    max_tokens_field: Literal["max_completion_tokens", "max_tokens"] = "max_tokens"
    developer_role: bool = False
    stream_options: bool = True
    unsupported: frozenset[str] = frozenset()
    renamed: tuple[tuple[str, str], ...] = ()
    message_extras: frozenset[str] = frozenset()
    tool_choice: Literal["all", "named", "no_named", "auto_only"] = "named"
    reasoning_efforts: frozenset[str] | None = None
    ends_with_done: bool = True
    short_tool_ids: bool = False
    prefill_flag: str | None = None
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
