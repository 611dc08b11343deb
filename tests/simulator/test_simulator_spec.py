"""Answers of the OpenAI simulator under OpenAI's own OpenAPI document; the other vendors' under their SDKs' types."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from anthropic import types as claude
from google.genai import types as google
from jsonschema import Draft202012Validator
from pydantic import BaseModel, TypeAdapter

from gateway.simulator.server import Simulator
from tests.shared_data import SHARED, needs_shared
from tests.simulator.clients import call, chat

SPEC = SHARED / "openai-spec" / "openapi.json"
TOOL = {"name": "add", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}}
WANTS: dict[str, dict[str, Any]] = {
    "text": {},
    "tools": {"tools": [{"type": "function", "function": TOOL}], "tool_choice": "required"},
    "functions": {"functions": [TOOL], "function_call": {"name": "add"}},
    "logprobs": {"logprobs": True, "top_logprobs": 3},
    "several": {"n": 3},
    "reasoning": {"model": "gpt-5-mini", "reasoning_effort": "high"},
    "short": {"max_tokens": 2},
    "refusal": {"model": "gpt-4o--fault=refusal"},
    "filter": {"model": "gpt-4o--fault=content_filter"},
}


def nullable(value: Any) -> Any:
    """The document says 3.1 but still uses 3.0's `nullable: true`."""
    if isinstance(value, list):
        return [nullable(item) for item in value]
    if not isinstance(value, dict):
        return value
    fixed = {key: nullable(item) for key, item in value.items()}
    if fixed.pop("nullable", None) is True:
        if "enum" in fixed:
            fixed["enum"] = [*fixed["enum"], None]
        if isinstance(fixed.get("type"), str):
            fixed["type"] = [fixed["type"], "null"]
        elif "type" not in fixed:
            return {"anyOf": [fixed, {"type": "null"}]}
    return fixed


@cache
def components() -> dict[str, Any]:
    found: dict[str, Any] = nullable(json.loads(SPEC.read_text())["components"])
    return found


def check(name: str, body: Any) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": components()}
    found = [f"{list(e.absolute_path)}: {e.message[:200]}" for e in Draft202012Validator(schema).iter_errors(body)]
    assert not found


@needs_shared
@pytest.mark.parametrize("wants", WANTS)
async def test_openai_answers_are_valid(openai_simulator: Simulator, wants: str) -> None:
    path, body = chat("openai")
    seen = await call(openai_simulator, path, {**body, **WANTS[wants]})
    assert seen.status == 200
    check("CreateChatCompletionResponse", seen.json())


@needs_shared
@pytest.mark.parametrize("usage", [False, True])
@pytest.mark.parametrize("wants", WANTS)
async def test_openai_chunks_are_valid(openai_simulator: Simulator, wants: str, usage: bool) -> None:
    path, body = chat("openai", stream=True)
    options = {"stream_options": {"include_usage": True}} if usage else {}
    seen = await call(openai_simulator, path, {**body, **WANTS[wants], **options})
    *chunks, done = seen.events()
    assert done == "[DONE]"
    for event in chunks:
        check("CreateChatCompletionStreamResponse", json.loads(event))


@needs_shared
async def test_openai_lists_and_errors_are_valid(openai_simulator: Simulator) -> None:
    check("ListModelsResponse", (await call(openai_simulator, "/v1/models", None, method="GET")).json())
    for fault in ("400", "401", "403", "404", "429", "500", "503", "insufficient_quota", "context_length"):
        path, body = chat("openai")
        check("ErrorResponse", (await call(openai_simulator, path, body, {"x-simulate": fault})).json())


def strictly(model: Any, body: Any) -> None:
    """Parse with the SDK's type, and find nothing that it does not know: pydantic keeps unknown fields as extras."""
    unknown(TypeAdapter(model).validate_python(body), "")


def unknown(value: Any, path: str) -> None:
    if isinstance(value, BaseModel):
        extra = set(value.model_extra or ())
        assert not extra, f"{path}: {extra}"
        for name in type(value).model_fields:
            unknown(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, list):
        for item in value:
            unknown(item, f"{path}[]")


CLAUDE_TOOL = {"name": "add", "input_schema": TOOL["parameters"]}
CLAUDE: dict[str, dict[str, Any]] = {
    "text": {},
    "tools": {"tools": [CLAUDE_TOOL], "tool_choice": {"type": "any"}},
    "thinking": {"max_tokens": 2000, "thinking": {"type": "enabled", "budget_tokens": 1024}, "tools": [CLAUDE_TOOL]},
    "short": {"max_tokens": 2},
    "refusal": {"model": "claude-haiku-4-5--fault=refusal"},
}


@pytest.mark.parametrize("wants", CLAUDE)
async def test_anthropic_answers_have_the_sdk_types(anthropic_simulator: Simulator, wants: str) -> None:
    path, body = chat("anthropic")
    seen = await call(anthropic_simulator, path, {**body, **CLAUDE[wants]})
    assert seen.status == 200
    strictly(claude.Message, seen.json())


@pytest.mark.parametrize("wants", CLAUDE)
async def test_anthropic_events_have_the_sdk_types(anthropic_simulator: Simulator, wants: str) -> None:
    path, body = chat("anthropic", stream=True)
    seen = await call(anthropic_simulator, path, {**body, **CLAUDE[wants]})
    for event in map(json.loads, seen.events()):
        if event["type"] != "ping":
            strictly(claude.RawMessageStreamEvent, event)


DECLARED = {"functionDeclarations": [{"name": "add", "parametersJsonSchema": TOOL["parameters"]}]}
GOOGLE: dict[str, tuple[str, dict[str, Any]]] = {
    "text": ("gemini-2.5-flash", {}),
    "tools": ("gemini-3.1-pro-preview", {"tools": [DECLARED]}),
    "thoughts": ("gemini-3.1-pro-preview", {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}),
    "several": ("gemini-2.5-flash", {"generationConfig": {"candidateCount": 2, "responseLogprobs": True}}),
    "short": ("gemini-2.5-flash", {"generationConfig": {"maxOutputTokens": 2}}),
    "filter": ("gemini-2.5-flash--fault=content_filter", {}),
    "blocked": ("gemini-2.5-flash--fault=prompt_blocked", {}),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("wants", GOOGLE)
async def test_gemini_answers_have_the_sdk_types(gemini_simulator: Simulator, wants: str, stream: bool) -> None:
    model, more = GOOGLE[wants]
    path, body = chat("gemini", "What is 2 + 2, if I may ask?", model=model, stream=stream)
    seen = await call(gemini_simulator, path, {**body, **more})
    assert seen.status == 200
    for part in map(json.loads, seen.events()) if stream else [seen.json()]:
        part["usageMetadata"].pop("serviceTier", None)  # recorded everywhere, and not yet in the SDK's type
        google.GenerateContentResponse.model_validate(part)
