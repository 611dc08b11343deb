"""docs/config.md describes every key of the schema, and no key that isn't there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
import yaml

from gateway.config.scalars import read_duration, read_percent
from gateway.config.schema import Config
from gateway.config.schema_models import CapabilityChange
from gateway.config.schema_parts import BoundsSpec, Spec
from gateway.config.validate import specs
from gateway.core.plan import Timeouts
from tests.config.reading import examine_text, found

DOC = (Path(__file__).resolve().parents[2] / "docs" / "config.md").read_text(encoding="utf-8")


def keys_of(spec: type[Spec], prefix: str) -> Iterator[tuple[str, bool]]:
    """(dotted key, whether it is required) for every key below a part of the schema."""
    for name, field in spec.model_fields.items():
        if spec is CapabilityChange and name == "only":
            continue  # what a plain list stands for; no key to write
        key = prefix + name
        yield key, field.is_required()
        for step, inner in parts(field.annotation):
            for part in specs(inner):
                if part is BoundsSpec:
                    yield from keys_of(part, f"{prefix}<range>.")
                else:
                    yield from keys_of(part, f"{key}{step}.")


def parts(annotation: Any) -> Iterator[tuple[str, Any]]:
    if get_origin(annotation) is dict:
        yield ".<name>", get_args(annotation)[1]
    elif get_origin(annotation) is list:
        yield "[]", get_args(annotation)[0]
    else:
        yield "", annotation


KEYS = dict(keys_of(Config, ""))
ROWS = re.findall(
    r"^\| `([^`]+)` \| ((?:[^|\\]|\\.)+) \| ((?:[^|\\]|\\.)+) \| ((?:[^|\\]|\\.)+) \|$", DOC, re.MULTILINE
)


def test_the_schema_is_walked() -> None:
    assert {"server.port", "providers.<name>.proxy", "models.<name>.price.tiers[].above"} <= KEYS.keys()
    assert {"routes[].when.<range>.over", "routes[].timeouts.idle", "keys.<name>.admin"} <= KEYS.keys()


@pytest.mark.parametrize("key", KEYS)
def test_documented(key: str) -> None:
    assert f"`{key}`" in DOC


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_no_key_that_is_not_there(row: tuple[str, str, str, str]) -> None:
    key, kind, default, meaning = row
    assert key in KEYS
    assert KEYS[key] == (default == "required")
    assert kind.strip()
    assert meaning.strip()


def test_the_defaults_of_timeouts() -> None:
    written = {key: default for key, _, default, _ in ROWS if key.startswith("timeouts.")}
    assert written == {f"timeouts.{field.name}": f"`{field.default:g}s`" for field in fields(Timeouts)}


def test_the_defaults_of_the_server() -> None:
    server = Config().server
    written = {key: default.strip("`") for key, _, default, _ in ROWS if key.startswith("server.")}
    assert written["server.max_body"] == f"{server.max_body >> 20}MB"
    for name in ("body_timeout", "grace", "queue_timeout"):
        assert written[f"server.{name}"] == f"{getattr(server, name):g}s"
    numbers = ("port", "max_json_depth", "max_messages", "workers", "max_in_flight", "queue")
    for name in ("host", *numbers, "headers", "watch", "allow_unauthenticated"):
        assert written[f"server.{name}"] == str(getattr(server, name)).replace("True", "true").replace("False", "false")


def test_the_defaults_of_retry_and_breakers() -> None:
    for section in ("retry", "breakers"):
        spec = getattr(Config(), section)
        written = {key: default.strip("`") for key, _, default, _ in ROWS if key.startswith(f"{section}.")}
        read = {"budget": read_percent, "share": read_percent, "consecutive": int, "min_requests": int}
        assert {key: read.get(key.split(".")[1], read_duration)(text) for key, text in written.items()} == {
            f"{section}.{name}": value for name, value in spec
        }


def test_the_examples_are_valid() -> None:
    """Taken together they make a config; nothing but the models of its routes has to be added."""
    blocks: dict[str, Any] = {}
    for block in re.findall(r"```yaml\n(.*?)```", DOC, re.DOTALL):
        blocks |= yaml.safe_load(block)
    blocks["providers"] |= {
        "anthropic": {"adapter": "anthropic", "api_key": "${A}"},
        "google": {"adapter": "gemini", "api_key": "${G}", "region": "eu"},
    }
    blocks["providers"]["azure"]["api_key"] = "${Z}"  # the docs' file is not there
    blocks["models"] |= {
        "opus": {"provider": "anthropic", "id": "claude-opus-4-6"},
        "haiku": {"provider": "anthropic", "id": "claude-haiku-4-5"},
        "gemini": {"provider": "google", "id": "gemini-3.1-pro-preview"},
        "gpt-mini": {"provider": "openai", "id": "gpt-5.4-mini"},
    }
    blocks["keys"]["web-app"]["team"] = "legal"
    env = dict.fromkeys(("A", "G", "Z", "OPENAI_API_KEY", "WEB_APP_KEY", "LEGAL_KEY", "OTEL_TOKEN"), "0123456789abcdef")
    env["LEGAL_KEY"] = "of-another-caller-0"
    env["REDIS_URL"] = "rediss://me:secret@redis.example.com:6379/0"
    loaded = examine_text(yaml.safe_dump(blocks, sort_keys=False), env)
    assert [line for line in found(loaded) if "error" in line] == []
