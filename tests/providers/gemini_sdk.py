"""Google's own SDK types as a check on the requests that the adapter writes: every field must be one that they know.

The types of google-genai forbid extra fields, and each request is read in the camelCase form that goes over the wire.
"""

from __future__ import annotations

from typing import Any

import orjson
from google.genai import types

from gateway.core.chat import ChatRequest, Json
from gateway.core.vendor import Target, Vendor
from gateway.core.wire import UpstreamCall
from gateway.providers.gemini.adapter import GeminiAdapter
from tests.laws import target_for

VENDOR = Vendor(name="gemini", adapter="gemini")
NEW = "gemini-3.1-pro-preview"
OLD = "gemini-2.5-flash"


def gemini(upstream_id: str = NEW, **facts: Any) -> Target:
    return target_for(facts.pop("vendor", VENDOR), upstream_id, **facts)


def send(body: Json, target: Target | None = None) -> UpstreamCall:
    """The call for a request; its body has been read by Google's types."""
    body = {"model": "auto", "messages": [{"role": "user", "content": "hi"}], **body}
    before = orjson.dumps(body)
    call = GeminiAdapter().build_request(ChatRequest(body), target or gemini())
    assert orjson.dumps(body) == before, "the client's request was changed"
    assert all(warning.isascii() and ": " in warning for warning in call.warnings)
    assert len(set(call.warnings)) == len(call.warnings)
    assert_google_reads(orjson.loads(call.body))
    return call


def sent(body: Json, target: Target | None = None) -> Json:
    """The request body that Google gets."""
    parsed: Json = orjson.loads(send(body, target).body)
    return parsed


def assert_google_reads(body: Json) -> None:
    body = dict(body)
    contents = body.pop("contents")
    assert contents, "a request without contents is refused"
    for content in contents:
        assert_content(content)
        assert content["role"] in ("user", "model")
    if "systemInstruction" in body:
        assert_content(body.pop("systemInstruction"))
    for tool in body.pop("tools", ()):
        types.Tool.model_validate(tool)
    if "toolConfig" in body:
        types.ToolConfig.model_validate(body.pop("toolConfig"))
    if "generationConfig" in body:
        config = dict(body.pop("generationConfig"))
        types.ThinkingConfig.model_validate(config.get("thinkingConfig", {}))
        if "imageConfig" in config:  # GenerateContentConfig has it, GenerationConfig not yet
            types.ImageConfig.model_validate(config.pop("imageConfig"))
        types.GenerationConfig.model_validate(config)
    for setting in body.pop("safetySettings", ()):
        types.SafetySetting.model_validate(setting)
    rest = types.GenerateContentConfig.model_validate(body)
    assert set(rest.model_dump(exclude_none=True)) <= {"cached_content", "service_tier", "labels"}


def assert_content(content: Json) -> None:
    types.Content.model_validate(content)
    assert content["parts"], "a content without parts is refused"
    for part in content["parts"]:
        kinds = part.keys() - {"thoughtSignature", "thought"}
        assert len(kinds) == 1, f"a part is of exactly one kind: {part}"
