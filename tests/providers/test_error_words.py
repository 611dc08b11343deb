"""A vendor's error quotes the request: what a client calls its tools and fields must never pass for a word on our key,
our account or a model, for that would put them out of service for everybody."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import FailureClass as Class
from gateway.providers.anthropic.adapter import AnthropicAdapter
from gateway.providers.anthropic.errors import error_in
from gateway.providers.errors.classify import error_inside, map_http_error
from gateway.providers.errors.shapes import MAX_MESSAGE_CHARS
from gateway.providers.errors.words import own_words
from gateway.providers.gemini.adapter import GeminiAdapter

TRIGGERS = (
    "unauthorized", "invalid api key", "api key expired", "rate-limit", "rate limit", "TPM", "tokens per minute",
    "model removed", "unknown model", "not a valid model", "spending limit", "payment required", "content policy",
    "flagged", "does not have access", "no endpoints found", "authentication failed",
)  # fmt: skip
"""Texts that classify an error where a vendor says them itself."""


def openai(message: str, **fields: Any) -> bytes:
    return orjson.dumps({"error": {"message": message, "type": "invalid_request_error", **fields}})


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize(
    ("message", "fields"),
    [
        ("Invalid schema for function 'on_unauthorized': In context=(), 'type' is missing.",
         {"code": "invalid_function_parameters", "param": "tools[0].function.parameters"}),
        ("Invalid schema for function 'get_rate-limit': schema must be of 'type: \"object\"'.", {}),
        ("Invalid schema for function 'update_model': In context=(), reference '#/$defs/Spec' not found.", {}),
        ("Invalid parameter: 'tool_call_id' of 'call_model_1' not found in 'tool_calls' of previous message.",
         {"param": "messages.[2].tool_call_id", "code": None}),
        ("Invalid parameter: 'tool_call_id' of 'call_model_1' not found in 'tool_calls' of previous message.", {}),
        ("Error while downloading https://cdn.example.com/models/old/removed.png. Upstream status code: 404.",
         {"code": "invalid_image_url"}),
        ("Error while downloading https://cdn.example.com/unauthorized.png.", {}),
        ("Unknown parameter: 'unauthorized'.", {"code": "unknown_parameter", "param": "unauthorized"}),
        ("Invalid value: 'unauthorized'. Supported values are: 'low', 'high'.", {"code": "invalid_value"}),
        ("The word unauthorized is too long.", {"param": "user"}),
        ("The word unauthorized is too long.", {"code": "string_above_max_length"}),
        ("The tool on_unauthorized has no description, and get-rate-limit none either.", {}),
        ("tool_call_id call_model_1 not found", {}),
        ("Provider returned error", {"metadata": {"raw": '{"error":{"message":"Bad schema of \'rate-limit\'"}}'}}),
    ],
)  # fmt: skip
def test_a_name_in_the_request_is_the_callers_fault(status: int, message: str, fields: dict[str, Any]) -> None:
    failure = map_http_error(status, {}, openai(message, **fields))
    assert (failure.cls, failure.reason) == (Class.CALLER_FAULT, "client_error")


@pytest.mark.parametrize("words", TRIGGERS)
@pytest.mark.parametrize("quoted", ["'{}'", '"{}"', "`{}`", "“{}”", "[{}]", "'it\\'s {}'", "'{} of {}'", "\"'{}'\""])
def test_quoted_words_say_nothing(words: str, quoted: str) -> None:
    message = f"Can't read {quoted.replace('{}', words)} of the request"
    assert map_http_error(400, {}, openai(message)).cls is Class.CALLER_FAULT
    assert map_http_error(400, {}, openai(f"It is {words}")).cls is not Class.CALLER_FAULT, "no trigger at all"


def test_a_quotation_that_was_cut_off_is_one() -> None:
    cut = "Invalid value: 'unauthorized " + "x" * MAX_MESSAGE_CHARS + "'."
    assert map_http_error(400, {}, openai(cut)).cls is Class.CALLER_FAULT


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("You didn't provide it, and the users' keys aren't here", None),
        ("The model `x` has been decommissioned, use `y`", "The model   has been decommissioned, use  "),
        ("Get https://a.example/b?c=1 or s3://bucket/x now", "Get   or   now"),
        ("properties[api_key].type", "properties .type"),
        ("a 'b\\' c' d", "a   d"),
        ("a 'don't' d", "a   d"),
        ('a "b', "a  "),
        ("", None),
    ],
)
def test_own_words(text: str, own: str | None) -> None:
    assert own_words(text) == (text if own is None else own)


@given(st.text(alphabet="a '\"`[]“”\\:/", max_size=60))
def test_any_text_has_own_words(text: str) -> None:
    own = own_words(text)
    assert '"' not in own
    assert "`" not in own


@pytest.mark.parametrize(
    ("status", "message", "fields", "expected"),
    [
        (400, "The model 'old' does not exist.", {"param": "model"}, Class.MODEL_GONE),
        (400, "The model 'old' is not there.", {"param": "model", "code": "model_not_found"}, Class.MODEL_GONE),
        (400, "Incorrect API key provided: 'sk-1'.", {"param": "api_key"}, Class.CREDENTIAL),
        (400, "Incorrect API key provided: 'sk-1'. See https://x.example.", {}, Class.CREDENTIAL),
        (400, "Input is too long: maximum context length is 8.", {"param": "messages"}, Class.CONTEXT_WINDOW),
        (400, "`inputs` tokens + `max_new_tokens` must be <= 8", {}, Class.CONTEXT_WINDOW),
        (400, 'Upstream: {"message": "maximum context length is 8"}', {}, Class.CONTEXT_WINDOW),
        (400, "Your prompt was flagged.", {"param": "prompt", "code": "invalid_value"}, Class.CONTENT_POLICY),
        (400, "You have no remaining credits.", {}, Class.QUOTA),
        (413, "Too large for `m` on tokens per minute (TPM): Limit 6.", {}, Class.RATE_LIMIT),
        (429, "Out of 'tokens per day', check your billing", {"param": "x"}, Class.QUOTA),
        (401, "No such parameter", {"param": "x", "code": "unknown_parameter"}, Class.CREDENTIAL),
        (404, "The model is not there", {"param": "x"}, Class.MODEL_GONE),
    ],
)  # fmt: skip
def test_what_a_vendor_says_itself_still_counts(
    status: int, message: str, fields: dict[str, Any], expected: Class
) -> None:
    assert map_http_error(status, {}, openai(message, **fields)).cls is expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ('{"error":{"message":"Invalid model: x"}}', Class.MODEL_GONE),
        ('{"error":{"message":"No","code":"context_length_exceeded"}}', Class.CONTEXT_WINDOW),
        ('{"error":{"message":"No","metadata":{"raw":"{\\"message\\":\\"invalid api key\\"}"}}}', Class.CREDENTIAL),
        ("upstream says: unknown model", Class.MODEL_GONE),
        ("{", Class.CALLER_FAULT),
    ],
)
def test_the_error_behind_a_router_is_read(raw: str, expected: Class) -> None:
    body = openai("Provider returned error", metadata={"raw": raw, "provider_name": "P"})
    assert map_http_error(400, {}, body).cls is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"type": "invalid_request_error", "param": "tools", "message": "unauthorized"}, Class.CALLER_FAULT),
        ({"code": "invalid_value", "message": "unauthorized"}, Class.CALLER_FAULT),
        ({"type": "invalid_request_error", "message": "Not 'unauthorized'"}, Class.CALLER_FAULT),
        ({"type": "too_many_requests_error", "param": "quota", "message": "Too fast"}, Class.TRANSIENT),
        ({"type": "invalid_request_error", "message": "Unauthorized"}, Class.CREDENTIAL),
    ],
)
def test_in_a_stream_too(error: dict[str, Any], expected: Class) -> None:
    assert error_inside({"error": error}, "upstream_error").failure.cls is expected


def google(message: str, *details: Any, code: int = 400, status: str = "INVALID_ARGUMENT") -> bytes:
    return orjson.dumps({"error": {"code": code, "message": message, "status": status, "details": list(details)}})


IN_TOOLS = "tools[0].function_declarations[0].parameters.properties"
UNKNOWN_NAME = "Invalid JSON payload received. Unknown name \"api key\" at 'tools[0]': Cannot find field."
INVALID_NAME = "The GenerateContentRequest proto is invalid:\n  * tools[0].name: [FIELD_INVALID] thought signature"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (google(f"* GenerateContentRequest.{IN_TOOLS}[api_key].type: must be specified"), f"{IN_TOOLS}[api_key].type"),
        (google(f"* GenerateContentRequest.{IN_TOOLS}[x-api-key].type: bad"), f"{IN_TOOLS}[x-api-key].type"),
        (google(f"* GenerateContentRequest.{IN_TOOLS}[thought signature]: bad"), f"{IN_TOOLS}[thought"),
        (google(UNKNOWN_NAME), None),
        (google(UNKNOWN_NAME, {"fieldViolations": [7, {"field": ""}, {"field": "tools[0]"}]}), "tools[0]"),
        (google(INVALID_NAME), "tools[0].name"),
        (google("Function api_key: is invalid, denied_access, unauthorized_model not found"), None),
        (google("The File billing-2026 is not ACTIVE.", status="FAILED_PRECONDITION"), None),
        (google("No permission to access the File api_key.", code=403, status="PERMISSION_DENIED"), None),
    ],
)  # fmt: skip
def test_google_names_fields_of_the_request(body: bytes, param: str | None) -> None:
    status = orjson.loads(body)["error"]["code"]
    failure = GeminiAdapter().map_error(status, {}, body)
    assert (failure.cls, failure.reason, failure.param) == (Class.CALLER_FAULT, "client_error", param)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (google("API Key not found. Please pass a valid API key."), Class.CREDENTIAL),
        (google("No.", {"reason": "API_KEY_INVALID"}, {"fieldViolations": [{"field": "key"}]}), Class.CREDENTIAL),
        (google("Please use an API Key.", code=403, status="PERMISSION_DENIED"), Class.CREDENTIAL),
        (google("API keys are not supported by this API.", code=401, status="UNAUTHENTICATED"), Class.CREDENTIAL),
        (google("Function call is missing a `thought_signature`."), Class.UNKNOWN),
        (google("This API method requires billing to be enabled. Please enable billing.", status="FAILED_PRECONDITION"),
         Class.QUOTA),
    ],
)  # fmt: skip
def test_google_speaks_of_our_key(body: bytes, expected: Class) -> None:
    assert GeminiAdapter().map_error(orjson.loads(body)["error"]["code"], {}, body).cls is expected


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ("metadata.user_id: unauthorized", "user"),
        ("tools.0.custom.input_schema: JSON schema is invalid: rate limit, unknown model", "tools"),
        ("messages.3: the text says that this organization has been disabled", "messages"),
        ("Tool 'the organization is disabled' is unknown", None),
    ],
)
def test_anthropic_names_fields_of_the_request(message: str, param: str | None) -> None:
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    failure = AnthropicAdapter().map_error(400, {}, orjson.dumps(error))
    assert (failure.cls, failure.reason, failure.param) == (Class.CALLER_FAULT, "client_error", param)
    assert error_in(error, "upstream_error").failure.cls is Class.CALLER_FAULT
