"""The simulators against recorded traffic: what the vendors took is taken, what they refused is refused in their words,
and answers have the fields that theirs have."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from gateway.simulator.server import Simulator
from tests.shared_data import cassettes, load_cassette
from tests.simulator.clients import Seen, call

FOLDERS = {"openai-chat": "openai", "anthropic-messages": "anthropic", "gemini": "gemini"}
SIGNATURES = (b'"signature":', b'"thoughtSignature":', b'"thought_signature":')
NOT_ABOUT_THE_REQUEST = {
    "44-error-err401-gpt_4o": "the recording has a wrong key",
    "45-error-err404-gpt_3.5_turbo_0613": "the simulator retires no model",
    "40-error-err400-claude_haiku_4_5_20251001": "the recording's long prompt was cut out",
    "42-error-err401-claude_sonnet_4_0": "the recording has a wrong key",
    "44-error-err404-claude_sonet_4_5": "the simulator knows every model that does not say otherwise",
    "33-error-err404-gemini_3.6_flahs": "the simulator knows every model that does not say otherwise",
    "34-error-err404-count_tokens-nonexistent_model": "Google's wording differs between its methods",
    "35-error-err404-there_is_no_such_model": "Google has changed the wording since",
    "37-error-err429-gemini_2.5_flash": "the recording's quota was used up",
}


async def replay(path: Path) -> tuple[dict[str, Any], Seen]:
    """A recording, and the simulator's answer to its request."""
    recorded = load_cassette(path)
    request = recorded["request"]
    if request["body"] is None or "Embed" in request["url"]:
        pytest.skip("not a chat request")
    url = urlsplit(request["url"])
    headers = {name.lower(): value for name, value in (request.get("headers") or {}).items()}
    kept = {name: value for name, value in headers.items() if name.startswith("anthropic-")}
    async with Simulator(FOLDERS[path.parent.name]) as simulator:
        return recorded, await call(simulator, f"{url.path}?{url.query}", request["body"], kept)


@pytest.mark.parametrize("path", cassettes(*FOLDERS))
async def test_recorded_requests_get_the_recorded_status(path: Path) -> None:
    if path.stem in NOT_ABOUT_THE_REQUEST:
        pytest.skip(NOT_ABOUT_THE_REQUEST[path.stem])
    recorded, seen = await replay(path)
    wanted = recorded["response"]["status"]
    if any(mark in orjson.dumps(recorded["request"]["body"]) for mark in SIGNATURES):
        wanted = 400
        assert b"ignature" in seen.body
    assert seen.status == wanted, seen.body


@pytest.mark.parametrize("path", [p for p in cassettes(*FOLDERS) if "error" in str(p.id)])
async def test_recorded_refusals_have_the_same_words(path: Path) -> None:
    if path is None or path.stem in NOT_ABOUT_THE_REQUEST:
        pytest.skip("not about the request")
    recorded, seen = await replay(path)
    wanted, got = orjson.loads(recorded["response"]["body_text"]), seen.json()
    assert got["error"] == wanted["error"]
    assert wanted.keys() <= got.keys()


def fields(value: Any, path: str = "") -> set[str]:
    """The paths of all fields in a JSON document; list items share theirs."""
    if isinstance(value, dict):
        return {path}.union(*(fields(inner, f"{path}.{key}") for key, inner in value.items()))
    if isinstance(value, list):
        return {path}.union(*(fields(inner, f"{path}[]") for inner in value))
    return {path}


@pytest.mark.parametrize(
    "path",
    [
        p
        for p in cassettes(*FOLDERS)
        if str(p.id)
        in {
            "openai-chat/02-json-tool_calls-tools-gpt_3.5_turbo_0125",
            "openai-chat/19-json-gpt_5_nano",
            "openai-chat/21-json-json_schema-gpt_5.4",
            "openai-chat/32-sse-gpt_5_nano",
            "anthropic-messages/12-json-claude_sonnet_4_0",
            "anthropic-messages/28-sse-claude_haiku_4_5_20251001",
            "gemini/14-json-thinking_resp-gemini_3.1_flash_lite",
            "gemini/25-sse-gemini_2.5_flash",
            "gemini/30-sse-parallel_tools-thinking_resp-tools-gemini_3.5_flash",
        }
    ],
)
async def test_answers_have_the_recorded_fields(path: Path) -> None:
    recorded, seen = await replay(path)
    theirs, ours = recorded["response"]["body_text"].encode(), seen.body
    if "sse" in path.stem:
        wanted = [orjson.loads(event) for event in Seen(body=theirs).events() if event != "[DONE]"]
        got = [orjson.loads(event) for event in seen.events() if event != "[DONE]"]
    else:
        wanted, got = [orjson.loads(theirs)], [orjson.loads(ours)]
    missing = set().union(*map(fields, wanted)) - set().union(*map(fields, got))
    assert not missing
