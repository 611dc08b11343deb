"""Golden files: every request of `golden/requests` through every target, compared with what was reviewed before.

`UPDATE_GOLDEN=1 pytest tests/test_golden.py` rewrites the files; the diff is then the review.
"""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.core.chat import ChatRequest, Json
from gateway.core.errors import ProviderError
from gateway.core.vendor import Target
from gateway.core.wire import UpstreamCall
from gateway.providers.registry import adapter_for
from gateway.providers.vendors import VENDORS

GOLDEN = Path(__file__).parent / "golden"
REQUESTS = sorted(path.stem for path in (GOLDEN / "requests").glob("*.json"))
TARGETS = {
    "openai": "gpt-5.4",
    "openai-compatible": "some-model",
    "meta": "muse-spark-1.3",
    "mistral": "mistral-medium-latest",
    "deepseek": "deepseek-v4-flash",
    "anthropic": "claude-opus-4-6",
    "gemini": "gemini-3.1-pro-preview",
}
"""Vendor row -> upstream id."""


def target(name: str) -> Target:
    vendor = VENDORS[name]
    return Target(
        model="catalogue-name",
        provider=name,
        upstream_id=TARGETS[name],
        vendor=vendor,
        capabilities=vendor.capabilities,
        context_window=200_000,
        max_output=32_000,
    )


def load_request(name: str) -> Json:
    body: Json = json.loads((GOLDEN / "requests" / f"{name}.json").read_text())
    return body


def translate(name: str, body: Json) -> Json:
    """What the target's adapter makes of a request, as the golden files hold it."""
    try:
        call: UpstreamCall = adapter_for(VENDORS[name]).build_request(ChatRequest(body), target(name))
    except ProviderError as refused:
        failure = refused.failure
        return {
            "error": {
                "class": str(failure.cls),
                "reason": failure.reason,
                "message": failure.message,
                "param": failure.param,
                "code": failure.code,
                "status": failure.status,
            }
        }
    return {
        "path": call.path,
        "headers": dict(call.headers),
        "body": orjson.loads(call.body),
        "warnings": list(call.warnings),
    }


def as_file(translated: Any) -> str:
    return json.dumps(translated, indent=1, ensure_ascii=False, sort_keys=False) + "\n"


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("target_name", TARGETS)
def test_translation_is_what_was_reviewed(target_name: str, name: str) -> None:
    body = load_request(name)
    original = copy.deepcopy(body)
    translated = as_file(translate(target_name, body))
    assert body == original, "the client's request was changed"
    assert as_file(translate(target_name, body)) == translated, "two translations of one request differ"
    path = GOLDEN / target_name / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(translated)
    assert path.exists(), f"no golden file {path}: run with UPDATE_GOLDEN=1 and review it"
    assert translated == path.read_text()


def test_no_golden_file_is_stale() -> None:
    expected = {f"{target_name}/{name}.json" for target_name in TARGETS for name in REQUESTS}
    expected |= {f"requests/{name}.json" for name in REQUESTS}
    assert {str(path.relative_to(GOLDEN)) for path in GOLDEN.rglob("*.json")} == expected


@pytest.mark.parametrize("target_name", TARGETS)
def test_warnings_are_short_ascii_and_told_once(target_name: str) -> None:
    for name in REQUESTS:
        warnings = translate(target_name, load_request(name)).get("warnings", [])
        assert len(set(warnings)) == len(warnings)
        for warning in warnings:
            assert warning.isascii(), warning
            assert ": " in warning, warning
            assert len(warning) < 200, warning
