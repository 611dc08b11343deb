"""The rows of facts: whole, consistent, documented, and the only place that knows vendors by name."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from genai_prices.data_snapshot import get_snapshot

import gateway.providers
from gateway.core.vendor import CAPABILITIES, Vendor
from gateway.providers.anthropic.adapter import AnthropicAdapter
from gateway.providers.credentials import authorization
from gateway.providers.gemini.adapter import GeminiAdapter
from gateway.providers.openai.adapter import OpenAIAdapter
from gateway.providers.openai.models import EFFORTS, MODEL_FACTS
from gateway.providers.registry import adapter_for
from gateway.providers.vendors import VENDORS

ROWS = [pytest.param(vendor, id=name) for name, vendor in VENDORS.items()]
PROVIDERS = Path(gateway.providers.__file__).parent
DOCS = PROVIDERS.parent.parent / "docs" / "vendors.md"


@pytest.mark.parametrize("vendor", ROWS)
def test_row_is_whole(vendor: Vendor) -> None:
    assert VENDORS[vendor.name] is vendor
    assert vendor.capabilities <= CAPABILITIES
    assert vendor.capabilities
    assert vendor.note.endswith(".")
    assert vendor.chat_path.startswith("/")
    assert vendor.reasoning_efforts is None or vendor.reasoning_efforts <= set(EFFORTS)
    assert not {"model", "messages", "stream"} & vendor.unsupported
    if vendor.base_url is not None:
        parts = urlsplit(vendor.base_url)
        assert parts.scheme == "https" or parts.hostname == "localhost"
        assert not vendor.base_url.endswith("/")
    for host in vendor.hosts:
        assert re.fullmatch(r"\.?[a-z0-9.-]+", host)


def test_no_host_implies_two_rows() -> None:
    hosts = [host for vendor in VENDORS.values() for host in vendor.hosts]
    assert len(hosts) == len(set(hosts))
    for vendor in VENDORS.values():
        if vendor.base_url is not None and vendor.hosts and "localhost" not in vendor.base_url:
            name = urlsplit(vendor.base_url).hostname or ""
            assert any(name == host or (host.startswith(".") and name.endswith(host)) for host in vendor.hosts)


def test_rows_can_not_be_changed() -> None:
    with pytest.raises(TypeError):
        VENDORS["x"] = VENDORS["openai"]  # type: ignore[index]


def test_price_providers_are_known_to_the_price_list() -> None:
    known = {provider.id for provider in get_snapshot().providers}
    assert {vendor.price_provider for vendor in VENDORS.values()} - {None} <= known


def test_model_facts_belong_to_rows_and_longer_names_stand_first() -> None:
    assert MODEL_FACTS.keys() <= VENDORS.keys()
    for rows in MODEL_FACTS.values():
        starts = [start for start, _ in rows]
        for place, start in enumerate(starts):
            assert not any(start.startswith(earlier) for earlier in starts[:place]), start


@pytest.mark.parametrize(
    ("name", "secret", "headers"),
    [
        ("openai", "sk-1", (("authorization", "Bearer sk-1"),)),
        ("azure", "k", (("api-key", "k"),)),
        ("anthropic", "k", (("x-api-key", "k"),)),
        ("gemini", "k", (("x-goog-api-key", "k"),)),
        ("ollama", "", ()),
    ],
)
def test_authorization(name: str, secret: str, headers: tuple[tuple[str, str], ...]) -> None:
    assert authorization(VENDORS[name], secret) == headers


def test_a_vendor_without_authorization_gets_none() -> None:
    assert authorization(Vendor(name="x", adapter="openai", auth="none"), "secret") == ()


@pytest.mark.parametrize("vendor", ROWS)
def test_adapter(vendor: Vendor) -> None:
    classes = {"openai": OpenAIAdapter, "anthropic": AnthropicAdapter, "gemini": GeminiAdapter}
    assert type(adapter_for(vendor)) is classes[vendor.adapter]


def test_no_code_asks_for_a_vendor_by_name() -> None:
    """A comparison with `.name` or with a row's name would hide a fact that belongs into the row."""
    for path in PROVIDERS.glob("openai*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare):
                text = ast.unparse(node)
                assert ".vendor.name" not in text, f"{path.name}: {text}"
                assert "vendor.name" not in text, f"{path.name}: {text}"


def documented() -> dict[str, str]:
    """First cell of each row of the table in docs/vendors.md -> the whole row."""
    rows = (line for line in DOCS.read_text().splitlines() if line.startswith("| `"))
    return {line.split("`")[1]: line for line in rows}


@pytest.mark.parametrize("vendor", ROWS)
def test_row_is_documented_as_it_is(vendor: Vendor) -> None:
    row = documented().get(vendor.name)
    assert row is not None, f"docs/vendors.md has no row for {vendor.name}"
    assert (vendor.base_url or "your own") in row
    assert (vendor.api_key_env or "none") in row
    for capability in vendor.capabilities:
        assert capability in row, f"docs/vendors.md does not say that {vendor.name} has {capability}"


def test_no_documented_row_is_stale() -> None:
    assert documented().keys() == VENDORS.keys()
