"""Whose fault an error of Anthropic's is: whole bodies, error objects inside a 200, error events of a stream."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.core.chat import Json
from gateway.core.errors import FailureClass, ProviderError
from gateway.providers.anthropic.adapter import AnthropicAdapter
from tests.laws import context_for, drive
from tests.providers.anthropic_checks import target

ADAPTER = AnthropicAdapter()
C = FailureClass


def body(kind: str, message: str, **more: Any) -> Json:
    return {"type": "error", "error": {"type": kind, "message": message, **more}, "request_id": "req_1"}


@pytest.mark.parametrize(
    ("status", "kind", "message", "cls", "reason"),
    [
        (400, "invalid_request_error", "messages.0: Input does not match", C.CALLER_FAULT, "client_error"),
        (400, "invalid_request_error", "prompt is too long: 3 tokens > 2 maximum", C.CONTEXT_WINDOW, "context"),
        (
            400, "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 190000 + 64000 > 200000, decrease input length",
            C.CONTEXT_WINDOW, "context",
        ),
        (400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API.", C.QUOTA, "quota"),
        (400, "invalid_request_error", "You have reached your specified API usage limits.", C.QUOTA, "quota"),
        (400, "invalid_request_error", "Output blocked by content filtering policy", C.CONTENT_POLICY, "filtered"),
        (400, "invalid_request_error", "This organization has been disabled.", C.CREDENTIAL, "upstream_auth"),
        (401, "authentication_error", "invalid x-api-key", C.CREDENTIAL, "upstream_auth"),
        (402, "billing_error", "Payment failed.", C.QUOTA, "quota"),
        (403, "permission_error", "Your API key may not use this resource.", C.MODEL_ACCESS, "upstream_auth"),
        (404, "not_found_error", "model: claude-nope", C.MODEL_GONE, "model_gone"),
        (413, "request_too_large", "Request exceeds the maximum size", C.CALLER_FAULT, "client_error"),
        (429, "rate_limit_error", "This request would exceed your rate limit of 50 requests per minute", C.RATE_LIMIT,
         "rate_limited"),
        (500, "api_error", "Internal server error", C.TRANSIENT, "upstream_5xx"),
        (504, "timeout_error", "Request timed out.", C.TRANSIENT, "upstream_5xx"),
        (529, "overloaded_error", "Overloaded", C.TRANSIENT, "upstream_5xx"),
    ],
)  # fmt: skip
def test_whole_errors(status: int, kind: str, message: str, cls: FailureClass, reason: str) -> None:
    failure = ADAPTER.map_error(status, {}, orjson.dumps(body(kind, message)))
    assert (failure.cls, failure.reason, failure.message, failure.status) == (cls, reason, message, status)


@pytest.mark.parametrize(
    ("kind", "cls"),
    [
        ("overloaded_error", C.TRANSIENT),
        ("api_error", C.TRANSIENT),
        ("rate_limit_error", C.RATE_LIMIT),
        ("authentication_error", C.CREDENTIAL),
        ("billing_error", C.QUOTA),
        ("invalid_request_error", C.CALLER_FAULT),
    ],
)
def test_errors_inside_a_200(kind: str, cls: FailureClass) -> None:
    error = body(kind, "No.")
    with pytest.raises(ProviderError) as raised:
        ADAPTER.parse_response(orjson.dumps(error), context_for(target()))
    assert (raised.value.failure.cls, raised.value.failure.reason) == (cls, "error_in_200")
    for stream in (b"event: error\ndata: %b\n\n", b"data: %b\n\n"):
        with pytest.raises(ProviderError) as raised:
            drive(ADAPTER, context_for(target()), [stream % orjson.dumps(error)])
        assert (raised.value.failure.cls, raised.value.failure.reason) == (cls, "upstream_error")


def test_retry_after_is_read_of_errors() -> None:
    limited = orjson.dumps(body("rate_limit_error", "Slow down."))
    assert ADAPTER.map_error(429, {"retry-after": "17"}, limited).retry_after_s == 17
    assert ADAPTER.map_error(429, {}, limited).retry_after_s is None


def test_a_spend_limit_told_by_its_code() -> None:
    details = {"error_code": "enforced_spend_limit_reached"}
    failure = ADAPTER.map_error(429, {}, orjson.dumps(body("rate_limit_error", "Limit.", details=details)))
    assert (failure.cls, failure.reason, failure.code) == (C.QUOTA, "quota", "enforced_spend_limit_reached")


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ("max_tokens: 999999 > 64000, which is the maximum", "max_completion_tokens"),
        ("messages.3.content.0: bad", "messages"),
        ("tools.0.custom.name: String should match pattern", "tools"),
        ("stop_sequences: each must contain non-whitespace", "stop"),
        ("Could not process image", None),
        ("Something: else", None),
    ],
)
def test_the_field_is_named_as_the_client_knows_it(message: str, param: str | None) -> None:
    assert ADAPTER.map_error(400, {}, orjson.dumps(body("invalid_request_error", message))).param == param


@pytest.mark.parametrize("answer", [b"", b"<html><title>502</title></html>", b"[]", b'"x"', b'{"error":"no"}', b"\xff"])
@pytest.mark.parametrize("status", [302, 400, 401, 429, 502, 529])
def test_any_body_has_a_class(status: int, answer: bytes) -> None:
    failure = ADAPTER.map_error(status, {}, answer)
    assert isinstance(failure.cls, FailureClass)
    assert failure.message
