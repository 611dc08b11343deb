"""What the Gemini adapter asks: fields, thinking, formats, Google's extras. Google's SDK types read every request."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.core.chat import Json
from gateway.core.errors import FailureClass, ProviderError
from gateway.core.vendor import Target, Vendor
from tests.providers.gemini_sdk import NEW, OLD, gemini, send, sent

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


def refused(body: Json, target: Target | None = None) -> str | None:
    """The param of the refusal that a request meets."""
    with pytest.raises(ProviderError) as caught:
        send(body, target)
    failure = caught.value.failure
    assert (failure.cls, failure.reason, failure.status) == (FailureClass.CALLER_FAULT, "refused_to_translate", 400)
    assert failure.code
    return failure.param


@pytest.mark.parametrize(
    ("id", "stream", "path"),
    [
        (NEW, False, "/models/gemini-3.1-pro-preview:generateContent"),
        (NEW, True, "/models/gemini-3.1-pro-preview:streamGenerateContent?alt=sse"),
        ("odd id?key=1\r\n", False, "/models/odd%20id%3Fkey%3D1%0D%0A:generateContent"),
        ("tunedModels/mine-1", False, "/tunedModels/mine-1:generateContent"),
        ("endpoints/1234", True, "/endpoints/1234:streamGenerateContent?alt=sse"),
    ],
)
def test_path(id: str, stream: bool, path: str) -> None:
    call = send({"stream": stream}, gemini(id))
    assert call.path == path
    assert call.headers == (("content-type", "application/json"),)


def test_plain_request_is_minimal() -> None:
    call = send({"stream": False, "n": 1, "temperature": None, "presence_penalty": 0, "stop": None})
    assert call.body == b'{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}'
    assert call.warnings == ()


def test_settings() -> None:
    body = sent(
        {
            "temperature": 0.2,
            "top_p": 0.9,
            "top_k": 40,
            "presence_penalty": 0.5,
            "frequency_penalty": -0.5,
            "n": 2,
            "seed": 7,
            "stop": ["a", "b"],
            "max_completion_tokens": 100,
            "max_tokens": 5,
            "logprobs": True,
            "top_logprobs": 3,
            "service_tier": "flex",
        },
        gemini(OLD),
    )
    assert body["serviceTier"] == "flex"
    assert body["generationConfig"] == {
        "temperature": 0.2,
        "topP": 0.9,
        "topK": 40,
        "presencePenalty": 0.5,
        "frequencyPenalty": -0.5,
        "candidateCount": 2,
        "seed": 7,
        "stopSequences": ["a", "b"],
        "maxOutputTokens": 100,
        "responseLogprobs": True,
        "logprobs": 3,
    }


def test_stop_may_be_one_string_but_not_six() -> None:
    assert sent({"stop": "END"})["generationConfig"] == {"stopSequences": ["END"]}
    assert "generationConfig" not in sent({"stop": []})
    assert refused({"stop": list("abcdef")}) == "stop"


def test_limits_are_lowered_loudly() -> None:
    call = send({"max_tokens": 100_000, "seed": 2**40 + 5}, gemini(max_output=65_536))
    assert call.warnings == (
        "max_tokens: 100000 lowered to 65536, the most gemini-3.1-pro-preview writes",
        "seed: shortened to 31 bits for gemini",
    )
    assert sent({"max_tokens": 10}, gemini(max_output=65_536))["generationConfig"] == {"maxOutputTokens": 10}
    assert sent({"seed": 2**40 + 5})["generationConfig"] == {"seed": 5}


@pytest.mark.parametrize(
    "model", ["gemini-3.6-flash", "gemini-3.5-flash-lite", "gemini-4-argon", "gemini-flash-latest"]
)
def test_models_with_fixed_sampling_are_sent_none(model: str) -> None:
    call = send({"temperature": 0.1, "top_p": 0.5, "frequency_penalty": 1, "presence_penalty": 0}, gemini(model))
    assert b"generationConfig" not in call.body
    assert [warning.split(":")[0] for warning in call.warnings] == ["temperature", "top_p", "frequency_penalty"]
    assert send({"temperature": 1}, gemini(model)).warnings == ()


def test_fields_that_gemini_lacks_are_named() -> None:
    call = send(
        {
            "user": "u",
            "logit_bias": {"1": 1},
            "metadata": {"a": "b"},
            "store": True,
            "prediction": {"type": "content", "content": "x"},
            "prompt_cache_key": "k",
            "safety_identifier": "s",
            "verbosity": "low",
            "web_search_options": {},
            "audio": {"voice": "alloy", "format": "mp3"},
            "something_new": 1,
            "service_tier": "scale",
            "parallel_tool_calls": False,
            "tools": [TOOL],
            "stream_options": {"include_usage": True},
        }
    )
    assert sorted(warning.split(":")[0] for warning in call.warnings) == [
        "audio",
        "logit_bias",
        "metadata",
        "parallel_tool_calls",
        "prediction",
        "prompt_cache_key",
        "safety_identifier",
        "service_tier",
        "something_new",
        "store",
        "user",
        "verbosity",
        "web_search_options",
    ]


def test_values_that_ask_for_nothing_give_no_warning() -> None:
    body = {
        "store": False,
        "logit_bias": {},
        "metadata": {},
        "user": None,
        "service_tier": "auto",
        "modalities": ["text"],
    }
    assert send(body).warnings == ()


def test_fields_that_the_vendor_row_excludes_are_dropped_loudly() -> None:
    vendor = Vendor(name="vertex", adapter="gemini", unsupported=frozenset({"seed"}))
    call = send({"seed": 1}, gemini(vendor=vendor))
    assert call.warnings == ("seed: not supported by gemini, dropped",)
    assert b"seed" not in call.body


@pytest.mark.parametrize(
    ("model", "effort", "config", "warned"),
    [
        ("gemini-3.1-pro-preview", "low", {"thinkingLevel": "LOW", "includeThoughts": True}, False),
        ("gemini-3.1-pro-preview", "high", {"thinkingLevel": "HIGH", "includeThoughts": True}, False),
        ("gemini-3.1-pro-preview", "minimal", {"thinkingLevel": "LOW", "includeThoughts": True}, True),
        ("gemini-3.1-pro-preview", "none", {"thinkingLevel": "LOW"}, True),
        ("gemini-3.1-pro-preview", "xhigh", {"thinkingLevel": "HIGH", "includeThoughts": True}, True),
        ("gemini-3-pro-preview", "medium", {"thinkingLevel": "HIGH", "includeThoughts": True}, True),
        ("gemini-3-flash-preview", "minimal", {"thinkingLevel": "MINIMAL", "includeThoughts": True}, False),
        ("gemini-3.1-flash-lite", "none", {"thinkingLevel": "MINIMAL"}, True),
        ("gemini-3.8-flash", "minimal", {"thinkingLevel": "LOW", "includeThoughts": True}, True),
        ("gemini-pro-latest", "medium", {"thinkingLevel": "MEDIUM", "includeThoughts": True}, False),
        ("models/gemini-3-flash-preview", "low", {"thinkingLevel": "LOW", "includeThoughts": True}, False),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128}, True),
        ("gemini-2.5-pro", "high", {"thinkingBudget": 24576, "includeThoughts": True}, False),
        ("gemini-2.5-pro", "xhigh", {"thinkingBudget": 32768, "includeThoughts": True}, False),
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}, False),
        ("gemini-2.5-flash", "low", {"thinkingBudget": 1024, "includeThoughts": True}, False),
        ("gemini-2.5-flash", "xhigh", {"thinkingBudget": 24576, "includeThoughts": True}, True),
        ("gemini-2.5-flash-lite", "medium", {"thinkingBudget": 8192, "includeThoughts": True}, False),
        ("gemini-2.5-flash-image", "high", None, True),
        ("gemini-2.0-flash", "high", None, True),
        ("gemini-2.0-flash", "none", None, False),
        ("my-tuned-model", "high", None, True),
        ("gemini-2.5-flash", "enormous", None, True),
        ("gemini-3.1-pro-preview", "enormous", None, True),
    ],
)
def test_reasoning_effort(model: str, effort: str, config: Json | None, warned: bool) -> None:
    call = send({"reasoning_effort": effort}, gemini(model))
    body = sent({"reasoning_effort": effort}, gemini(model))
    assert body.get("generationConfig", {}).get("thinkingConfig") == config
    assert [warning.startswith("reasoning_effort: ") for warning in call.warnings] == [True] * warned


def test_json_schema_passes_whole() -> None:
    schema = {
        "type": "object",
        "properties": {
            "next": {"$ref": "#/$defs/Node"},
            "kind": {"type": ["string", "null"], "enum": ["a", None]},
            "const": {"type": "string"},
        },
        "required": ["next"],
        "additionalProperties": False,
        "$defs": {"Node": {"type": "object", "properties": {"value": {"type": "integer"}}}},
    }
    format = {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": schema}}
    body = sent({"response_format": format})
    assert body["generationConfig"] == {"responseMimeType": "application/json", "responseJsonSchema": schema}


def test_json_schema_is_rewritten_where_gemini_would_misread_it() -> None:
    schema: Json = {
        "definitions": {"N": {"const": 1}},
        "properties": {
            "a": {"$ref": "#/definitions/N", "description": "d"},
            "b": {"allOf": [{"$ref": "#/definitions/N"}], "title": "B"},
            "c": {"items": [{"const": "x"}]},
            "d": {"enum": [{"const": 1}], "default": {"$ref": "kept"}},
            "e": {"const": 1, "enum": [1, 2]},
        },
    }
    format = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "description": "what it is"}}
    assert sent({"response_format": format})["generationConfig"]["responseJsonSchema"] == {
        "$defs": {"N": {"enum": [1]}},
        "properties": {
            "a": {"anyOf": [{"$ref": "#/$defs/N"}], "description": "d"},
            "b": {"anyOf": [{"$ref": "#/$defs/N"}], "title": "B"},
            "c": {"items": [{"enum": ["x"]}]},
            "d": {"enum": [{"const": 1}], "default": {"$ref": "kept"}},
            "e": {"enum": [1]},
        },
        "description": "what it is",
    }


def test_response_formats() -> None:
    assert sent({"response_format": {"type": "json_object"}})["generationConfig"] == {
        "responseMimeType": "application/json"
    }
    assert "generationConfig" not in sent({"response_format": {"type": "text"}})
    assert refused({"response_format": {"type": "grammar"}}) == "response_format"
    broken = {"type": "json_schema", "json_schema": {"name": "n", "schema": []}}
    assert refused({"response_format": broken}) == "response_format.json_schema.schema"


def test_json_beside_tools_needs_gemini_3() -> None:
    body = {"response_format": {"type": "json_object"}, "tools": [TOOL]}
    assert refused(body, gemini(OLD)) == "response_format"
    assert "tools" in sent(body, gemini(NEW))
    assert "tools" in sent(body, gemini("my-tuned-model"))
    without = sent({**body, "tool_choice": "none"}, gemini(OLD))
    assert "tools" not in without
    assert "toolConfig" not in without


def test_modalities() -> None:
    assert sent({"modalities": ["text", "image"]})["generationConfig"] == {"responseModalities": ["TEXT", "IMAGE"]}
    assert refused({"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}) == "modalities"


SAFETY = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]


@pytest.mark.parametrize(
    ("extras", "expected"),
    [
        ({"safety_settings": SAFETY}, {"safetySettings": SAFETY}),
        ({"cached_content": "cachedContents/1"}, {"cachedContent": "cachedContents/1"}),
        ({"google": {"cached_content": "cachedContents/1"}}, {"cachedContent": "cachedContents/1"}),
        ({"extra_body": {"google": {"safetySettings": SAFETY}}}, {"safetySettings": SAFETY}),
        (
            {"extra_body": {"google": {"thinking_config": {"thinking_budget": 5, "include_thoughts": True}}}},
            {"generationConfig": {"thinkingConfig": {"thinking_budget": 5, "include_thoughts": True}}},
        ),
        (
            {"google": {"media_resolution": "MEDIA_RESOLUTION_LOW", "image_config": {"aspect_ratio": "1:1"}}},
            {"generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_LOW", "imageConfig": {"aspect_ratio": "1:1"}}},
        ),
        ({"google": {"labels": {"team": "a"}}}, {"labels": {"team": "a"}}),
    ],
)
def test_google_extras(extras: Json, expected: Json) -> None:
    assert send(extras).warnings == ()
    body = sent(extras)
    del body["contents"]
    assert body == expected


def test_google_tools_stand_beside_functions() -> None:
    body = sent(
        {"tools": [TOOL], "google": {"tools": [{"google_search": {}}], "tool_config": {"retrieval_config": {}}}}
    )
    assert body["tools"][0] == {"google_search": {}}
    assert body["tools"][1]["functionDeclarations"][0]["name"] == "f"
    assert body["toolConfig"] == {"retrieval_config": {}}


def test_google_extras_say_what_they_could_not_place() -> None:
    call = send(
        {
            "reasoning_effort": "low",
            "extra_body": {"google": {"thinking_config": {"thinking_level": "HIGH"}, "mystery": 1}, "other": 1},
        }
    )
    assert call.warnings == (
        "extra_body.other: not supported by gemini, dropped",
        "reasoning_effort: extra_body.google.thinking_config stands instead of it",
        "extra_body.google.mystery: unknown to the gateway, dropped",
    )


@pytest.mark.parametrize("extras", [{"google": 1}, {"extra_body": []}, {"extra_body": {"google": []}}])
def test_google_extras_are_objects(extras: Json) -> None:
    assert refused(extras) == "extra_body.google"
    assert refused({"google": {"tools": {}}}) == "extra_body.google.tools"
    assert refused({"google": {"tool_config": []}}) == "extra_body.google.tool_config"


FUNCTION: Json = {
    "name": "get_weather",
    "description": "Weather of a place",
    "parameters": {
        "type": "object",
        "properties": {"place": {"$ref": "#/$defs/Place"}, "days": {"type": "integer", "exclusiveMinimum": 0}},
        "required": ["place"],
        "additionalProperties": False,
        "$defs": {"Place": {"type": "string"}},
    },
}


def tools_of(body: Json, model: str = NEW) -> tuple[list[Json], Json | None]:
    asked = sent(body, gemini(model))
    return asked["tools"][0]["functionDeclarations"], asked.get("toolConfig", {}).get("functionCallingConfig")


def test_tools_keep_their_schema_whole() -> None:
    declarations, config = tools_of({"tools": [{"type": "function", "function": FUNCTION}]})
    assert config is None
    assert declarations == [
        {
            "name": "get_weather",
            "description": "Weather of a place",
            "parametersJsonSchema": FUNCTION["parameters"],
        }
    ]


@pytest.mark.parametrize("parameters", [None, {}])
def test_tools_without_parameters(parameters: Any) -> None:
    declarations, _ = tools_of({"tools": [{"type": "function", "function": {"name": "now", "parameters": parameters}}]})
    assert declarations == [{"name": "now"}]


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (None, None),
        ("auto", None),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ({"type": "function", "function": {"name": "a"}}, {"mode": "ANY", "allowedFunctionNames": ["a"]}),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"function": {"name": "a"}}]}},
            {"mode": "ANY", "allowedFunctionNames": ["a"]},
        ),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"function": {"name": "a"}}]}},
            {"mode": "VALIDATED", "allowedFunctionNames": ["a"]},
        ),
    ],
)
def test_tool_choice(choice: Any, config: Json | None) -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in "ab"]
    assert tools_of({"tools": tools, "tool_choice": choice}) == ([{"name": "a"}, {"name": "b"}], config)


def test_older_models_are_offered_the_allowed_tools_only() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in "ab"]
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"function": {"name": "b"}}]}}
    assert tools_of({"tools": tools, "tool_choice": allowed}, "gemini-2.0-flash") == ([{"name": "b"}], None)


def test_strict_tools_are_validated_where_gemini_can() -> None:
    tools = [{"type": "function", "function": {"name": "a", "strict": True}}]
    assert tools_of({"tools": tools})[1] == {"mode": "VALIDATED"}
    assert tools_of({"tools": tools, "tool_choice": "required"})[1] == {"mode": "ANY"}
    call = send({"tools": tools}, gemini("gemini-2.0-flash"))
    assert call.warnings == ("tools: strict is not supported by gemini-2.0-flash, dropped",)


def test_legacy_functions() -> None:
    declarations, config = tools_of({"functions": [FUNCTION], "function_call": {"name": "get_weather"}})
    assert declarations[0]["name"] == "get_weather"
    assert config == {"mode": "ANY", "allowedFunctionNames": ["get_weather"]}
    assert tools_of({"functions": [FUNCTION], "function_call": "none"})[1] == {"mode": "NONE"}


def test_a_choice_without_tools_is_dropped_loudly() -> None:
    call = send({"tool_choice": "required"})
    assert call.warnings == ("tool_choice: there are no tools, dropped",)
    assert send({"tool_choice": "none"}).warnings == ()


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0]"),
        ({"tools": [TOOL, {"type": "web_search"}]}, "tools[1]"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": [1]}}]},
            "tools[0].function.parameters",
        ),
        ({"tools": [TOOL], "tool_choice": {"type": "custom", "custom": {"name": "x"}}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function"}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": "sometimes"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "allowed_tools"}}, "tool_choice.allowed_tools"),
        ({"functions": ["f"]}, "functions[0]"),
    ],
)
def test_what_gemini_cannot_be_asked(body: Json, param: str) -> None:
    assert refused(body) == param


def test_a_request_nested_beyond_what_json_writers_take_is_refused() -> None:
    arguments = "[" * 300 + "]" * 300
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a":' + arguments + "}"}}
    with pytest.raises(ProviderError) as caught:
        send({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call]}]})
    assert caught.value.failure.cls is FailureClass.CALLER_FAULT
