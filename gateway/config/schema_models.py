"""The schema of `models`: the catalogue, its capabilities and prices."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from gateway.config.scalars import Capabilities, Name, Text, Tokens, Usd, refuse
from gateway.config.schema_parts import Spec

MAX_CHAIN = 10


class RatesSpec(Spec):
    input: Usd
    output: Usd
    cache_read: Usd | None = None
    cache_write: Usd | None = None
    cache_write_1h: Usd | None = None
    reasoning: Usd | None = None
    input_audio: Usd | None = None
    cache_read_audio: Usd | None = None
    output_audio: Usd | None = None


class TierSpec(RatesSpec):
    above: Tokens


class PriceSpec(RatesSpec):
    request: Usd | None = None
    tiers: list[TierSpec] = []
    service_tiers: dict[Name, RatesSpec] = {}


class CapabilityChange(Spec):
    """`only` is what a plain list stands for."""

    only: Capabilities | None = None
    add: Capabilities = []
    remove: Capabilities = []


def read_capabilities(value: Any) -> Any:
    if isinstance(value, str | list):
        return {"only": value}
    if not isinstance(value, dict):
        raise refuse("must be a list, such as [tools, images], or {add: [...], remove: [...]}")
    if "only" in value:
        raise refuse("write the list itself instead of {only: [...]}")
    return value


def read_price(value: Any) -> Any:
    if value == "free":
        return {"input": 0, "output": 0}
    if not isinstance(value, dict):
        raise refuse("must be free, or {input: x, output: y} in USD per million tokens")
    return value


def read_option(value: Any) -> Any:
    """Options go to the adapter as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


class ModelSpec(Spec):
    provider: str
    id: Text
    context: Tokens | None = None
    max_output: Tokens | None = None
    capabilities: Annotated[CapabilityChange | None, BeforeValidator(read_capabilities)] = None
    tier: Name | None = None
    price: Annotated[PriceSpec | None, BeforeValidator(read_price)] = None
    fallbacks: Annotated[list[str], Field(max_length=MAX_CHAIN)] = []
    options: dict[str, Annotated[str, BeforeValidator(read_option)]] = {}
