"""Google's errors by whose fault they were: every shape that was recorded or quoted, in the project's own words."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.core.chat import Json
from gateway.core.errors import FailureClass
from gateway.providers.gemini.adapter import GeminiAdapter

C = FailureClass


def error(code: int, message: str, status: str, *details: Json) -> Json:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


def info(reason: str) -> Json:
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}


def over(*quota_ids: str) -> Json:
    violations = [{"quotaMetric": "generate_content", "quotaId": quota} for quota in quota_ids]
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": violations}


def wait(delay: str) -> Json:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


QUOTA = "You exceeded your current quota, please check your plan and billing details."
EXHAUSTED = "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize(
    ("status", "body", "cls", "reason"),
    [
        (
            400,
            error(400, "API key not valid.", "INVALID_ARGUMENT", info("API_KEY_INVALID")),
            C.CREDENTIAL,
            "upstream_auth",
        ),
        (
            400,
            error(400, "API key expired. Please renew the API key.", "INVALID_ARGUMENT"),
            C.CREDENTIAL,
            "upstream_auth",
        ),
        (401, error(401, "Request had invalid authentication.", "UNAUTHENTICATED"), C.CREDENTIAL, "upstream_auth"),
        (401, error(401, "x", "UNAUTHENTICATED", info("ACCESS_TOKEN_EXPIRED")), C.CREDENTIAL, "upstream_auth"),
        (403, error(403, "Your API key was reported as leaked.", "PERMISSION_DENIED"), C.CREDENTIAL, "upstream_auth"),
        (
            403,
            error(403, "It is disabled.", "PERMISSION_DENIED", info("SERVICE_DISABLED")),
            C.CREDENTIAL,
            "upstream_auth",
        ),
        (403, error(403, "x", "PERMISSION_DENIED", info("BILLING_DISABLED")), C.QUOTA, "quota"),
        (
            403,
            error(403, "Permission 'predict' denied on resource.", "PERMISSION_DENIED"),
            C.MODEL_ACCESS,
            "upstream_auth",
        ),
        (403, error(403, "No permission to access the File abc.", "PERMISSION_DENIED"), C.CALLER_FAULT, "client_error"),
        (404, error(404, "models/x is not found for API version v1beta.", "NOT_FOUND"), C.MODEL_GONE, "model_gone"),
        (404, error(404, "Requested entity was not found.", "NOT_FOUND"), C.MODEL_GONE, "model_gone"),
        (404, error(404, "CachedContent not found.", "NOT_FOUND"), C.CALLER_FAULT, "client_error"),
        (
            429,
            error(429, QUOTA, EXHAUSTED, over("RequestsPerModelPerMinute"), wait("34.4s")),
            C.RATE_LIMIT,
            "rate_limited",
        ),
        (429, error(429, QUOTA, EXHAUSTED, over("PerMinute-FreeTier", "RequestsPerDay-FreeTier")), C.QUOTA, "quota"),
        (429, error(429, QUOTA + "\n* limit: 0, model: x\nPlease retry in 20s.", EXHAUSTED), C.QUOTA, "quota"),
        (429, error(429, "Your prepayment credits are depleted.", EXHAUSTED), C.QUOTA, "quota"),
        (429, error(429, "Resource has been exhausted (e.g. check quota).", EXHAUSTED), C.RATE_LIMIT, "rate_limited"),
        (429, error(429, QUOTA, EXHAUSTED), C.RATE_LIMIT, "rate_limited"),
        (429, error(429, QUOTA + " limit: 0.5 per second", EXHAUSTED), C.RATE_LIMIT, "rate_limited"),
        (
            400,
            error(
                400, "The input token count (12) exceeds the maximum number of tokens allowed (9).", "INVALID_ARGUMENT"
            ),
            C.CONTEXT_WINDOW,
            "context",
        ),
        (
            400,
            error(400, "User location is not supported for the API use.", "FAILED_PRECONDITION"),
            C.MODEL_ACCESS,
            "upstream_auth",
        ),
        (400, error(400, "Please enable billing on your project.", "FAILED_PRECONDITION"), C.QUOTA, "quota"),
        (
            400,
            error(400, "The media is not in an ACTIVE state.", "FAILED_PRECONDITION"),
            C.CALLER_FAULT,
            "client_error",
        ),
        (400, error(400, 'Unknown name "x": Cannot find field.', "INVALID_ARGUMENT"), C.CALLER_FAULT, "client_error"),
        (
            400,
            error(400, "Thinking level MINIMAL is not supported.", "INVALID_ARGUMENT"),
            C.CALLER_FAULT,
            "client_error",
        ),
        (400, error(400, "Corrupted thought signature.", "INVALID_ARGUMENT"), C.UNKNOWN, "upstream_error"),
        (500, error(500, "An internal error has occurred.", "INTERNAL"), C.TRANSIENT, "upstream_5xx"),
        (503, error(503, "The model is overloaded.", "UNAVAILABLE"), C.TRANSIENT, "upstream_5xx"),
        (504, error(504, "Deadline expired.", "DEADLINE_EXCEEDED"), C.TRANSIENT, "upstream_5xx"),
        (499, error(499, "The operation was cancelled.", "CANCELLED"), C.TRANSIENT, "upstream_error"),
    ],
)
def test_classes(status: int, body: Json, cls: FailureClass, reason: str) -> None:
    adapter = GeminiAdapter()
    for shape in (body, [body]):
        failure = adapter.map_error(status, {}, orjson.dumps(shape))
        assert (failure.cls, failure.reason, failure.status) == (cls, reason, status)
        assert failure.message == body["error"]["message"]


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({}, error(429, QUOTA, EXHAUSTED, wait("34.4s")), 34.4),
        ({}, error(429, QUOTA, EXHAUSTED, wait("48s")), 48.0),
        ({}, error(429, QUOTA + " Please retry in 20.5s.", EXHAUSTED), 20.5),
        ({"retry-after": "7"}, error(429, QUOTA, EXHAUSTED, wait("48s")), 7.0),
        ({}, error(429, QUOTA, EXHAUSTED, wait("soon")), None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], body: Json, seconds: float | None) -> None:
    assert GeminiAdapter().map_error(429, headers, orjson.dumps(body)).retry_after_s == seconds


@pytest.mark.parametrize(
    "body", [b"", b"<html>502</html>", b"null", b"[]", b"{}", b'{"error":"text"}', b'{"error":{"details":7}}']
)
@pytest.mark.parametrize(
    ("status", "cls"),
    [(302, C.UNKNOWN), (400, C.CALLER_FAULT), (401, C.CREDENTIAL), (404, C.MODEL_GONE), (502, C.TRANSIENT)],
)
def test_any_body_is_classified_by_its_status(status: int, cls: FailureClass, body: bytes) -> None:
    failure: Any = GeminiAdapter().map_error(status, {}, body)
    assert failure.cls is cls
    assert failure.message
