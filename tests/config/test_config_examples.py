"""The configs that come with the project, read with the real vendor rows."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gateway.config.load import examine
from gateway.config.prices import packaged_prices
from gateway.config.snapshot import Snapshot
from tests.config.reading import found
from tests.config.vendor_rows import KEYS

vendors = pytest.importorskip("gateway.providers.vendors")
CONFIGS = Path(__file__).resolve().parents[2] / "config"
DEPLOYED = CONFIGS.parent / "deploy" / "config" / "gateway.yaml"
CALLERS = {"APP_KEY": "a" * 20, "METRICS_KEY": "m" * 20}


def read(name: str, env: dict[str, str]) -> Snapshot:
    loaded = examine(CONFIGS / name, env=env, vendors=vendors.VENDORS)
    assert found(loaded) == []
    assert loaded.snapshot is not None
    return loaded.snapshot


def test_the_example() -> None:
    snapshot = read("gateway.yaml", KEYS)
    assert {p.endpoint.host for p in snapshot.providers.values()} == {
        "api.openai.com",
        "api.anthropic.com",
        "generativelanguage.googleapis.com",
        "api.meta.ai",
    }
    assert [route.name for route in snapshot.routes][-1] == "default"
    assert snapshot.aliases == {"auto": "route", "gpt-4o": "route"}
    assert all(model.prices and model.target.context_window for model in snapshot.models.values())


@pytest.mark.parametrize("file", [CONFIGS / "gateway.yaml", DEPLOYED])
@pytest.mark.parametrize("only", ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "MODEL_API_KEY"])
def test_one_key_is_enough_to_begin_with(only: str, file: Path) -> None:
    loaded = examine(file, env={only: "k" * 20, **CALLERS}, vendors=vendors.VENDORS)
    assert loaded.snapshot is not None
    assert len(loaded.snapshot.off) == 3
    assert all(len(route.chain) >= 1 for route in loaded.snapshot.routes)


def test_the_demo_is_the_example_on_simulators() -> None:
    demo, example = read("demo.yaml", {}), read("gateway.yaml", KEYS)
    assert {name: (p.endpoint.authority, p.endpoint.prefix) for name, p in demo.providers.items()} == {
        "openai": ("127.0.0.1:9101", "/v1"),
        "anthropic": ("127.0.0.1:9102", ""),
        "google": ("127.0.0.1:9103", "/v1beta"),
        "meta": ("127.0.0.1:9104", "/v1"),
    }
    assert not any(provider.api_key for provider in demo.providers.values())
    assert demo.routes == example.routes
    assert demo.aliases == example.aliases
    for name, model in example.models.items():
        assert demo.models[name].target == model.target
        assert demo.models[name].prices == model.prices


def test_each_vendor_with_prices_is_in_the_price_list() -> None:
    book = packaged_prices()
    for row in vendors.VENDORS.values():
        if row.price_provider is not None:
            assert book.knows(row.price_provider), row.name


def test_the_deployed_config_is_the_example_with_keys() -> None:
    loaded = examine(DEPLOYED, env={**KEYS, **CALLERS}, vendors=vendors.VENDORS)
    assert found(loaded) == []
    example = read("gateway.yaml", KEYS)
    assert loaded.snapshot is not None
    assert (loaded.snapshot.providers, loaded.snapshot.models) == (example.providers, example.models)
    assert (loaded.snapshot.routes, loaded.snapshot.aliases) == (example.routes, example.aliases)
    assert [(key.name, key.admin) for key in loaded.snapshot.keys] == [("app", False), ("metrics", True)]


def test_the_container_sees_an_edited_config() -> None:
    """A single file that is mounted stays the old one when an editor puts a new one in its place."""
    gateway = yaml.safe_load((CONFIGS.parent / "docker-compose.yml").read_text())["services"]["gateway"]
    (folder,) = (mount.split(":") for mount in gateway["volumes"] if mount.startswith("./"))
    assert (CONFIGS.parent / folder[0]).resolve() == DEPLOYED.parent
    assert f"{folder[1]}/{DEPLOYED.name}" in gateway["command"]
    assert [path.name for path in DEPLOYED.parent.iterdir()] == [DEPLOYED.name], "nothing else goes into the container"
