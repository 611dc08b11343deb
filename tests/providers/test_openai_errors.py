"""Classification of vendor errors: every shape, the order of the rules, how long to wait. The recorded bodies are in
test_openai_recordings.py; here are quoted and documented ones, and the corners."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import FailureClass as Class
from gateway.providers.errors.classify import error_inside, map_http_error
from gateway.providers.errors.retry_after import wanted_wait
from gateway.providers.errors.shapes import ErrorFacts, read_error, read_error_body
from tests.shared_data import SHARED, needs_shared


def classify(status: int, body: Any, **headers: str) -> Class:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return map_http_error(status, headers, raw).cls


def openai_error(message: str = "m", type: str | None = None, code: Any = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": type, "param": None, "code": code}}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, Class.CALLER_FAULT),
        (401, Class.CREDENTIAL),
        (402, Class.QUOTA),
        (403, Class.MODEL_ACCESS),
        (404, Class.MODEL_GONE),
        (408, Class.TIMEOUT),
        (409, Class.TRANSIENT),
        (413, Class.CALLER_FAULT),
        (418, Class.CALLER_FAULT),
        (422, Class.CALLER_FAULT),
        (429, Class.RATE_LIMIT),
        (498, Class.TRANSIENT),
        (500, Class.TRANSIENT),
        (502, Class.TRANSIENT),
        (503, Class.TRANSIENT),
        (504, Class.TRANSIENT),
        (529, Class.TRANSIENT),
        (302, Class.UNKNOWN),
        (204, Class.UNKNOWN),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html><h1>Sorry</h1></html>", b"no", b"{}", b'{"error": null}'])
def test_the_status_decides_where_the_body_says_nothing(status: int, body: bytes, expected: Class) -> None:
    assert classify(status, body) is expected


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (429, {"code": "insufficient_quota"}, Class.QUOTA),
        (429, {"type": "insufficient_quota"}, Class.QUOTA),
        (429, {"code": "credit_balance_exhausted"}, Class.QUOTA),
        (401, {"type": "insufficient_quota", "code": 401}, Class.QUOTA),
        (429, {"code": "slow_down", "type": "rate_limit_error"}, Class.RATE_LIMIT),
        (413, {"code": "rate_limit_exceeded", "type": "tokens"}, Class.RATE_LIMIT),
        (400, {"code": "context_length_exceeded"}, Class.CONTEXT_WINDOW),
        (400, {"type": "exceed_context_size_error"}, Class.CONTEXT_WINDOW),
        (400, {"code": "content_filter"}, Class.CONTENT_POLICY),
        (400, {"code": "content_policy_violation"}, Class.CONTENT_POLICY),
        (400, {"code": "model_decommissioned"}, Class.MODEL_GONE),
        (400, {"code": "1500", "type": "invalid_model"}, Class.MODEL_GONE),
        (400, {"code": "model_not_found"}, Class.MODEL_GONE),
        (403, {"code": "model_not_found"}, Class.MODEL_ACCESS),
        (403, {"code": "unsupported_country_region_territory"}, Class.MODEL_ACCESS),
        (400, {"code": "json_validate_failed"}, Class.TRANSIENT),
        (200, {"code": "insufficient_quota"}, Class.UNKNOWN),
    ],
)
def test_codes_decide_before_the_status(status: int, error: dict[str, Any], expected: Class) -> None:
    assert classify(status, openai_error(**error)) is expected


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (400, "Prompt has 40000 tokens, too large for model with 32768 maximum context length", Class.CONTEXT_WINDOW),
        (400, "This model's maximum prompt length is 131072 but the request has more", Class.CONTEXT_WINDOW),
        (400, "prompt is too long: 3 tokens > 2 maximum", Class.CONTEXT_WINDOW),
        (500, "This model's maximum context length is 5 tokens", Class.CONTEXT_WINDOW),
        (429, "Request too large: maximum context length", Class.RATE_LIMIT),
        (413, "Request too large: too many tokens per minute (TPM)", Class.RATE_LIMIT),
        (400, "The prompt triggered Azure's content management policy", Class.CONTENT_POLICY),
        (400, "Content Exists Risk", Class.CONTENT_POLICY),
        (400, "Your credit balance is too low to use the API", Class.QUOTA),
        (403, "Your team doesn't have any credits yet", Class.QUOTA),
        (402, "You have exceeded your monthly included credits", Class.QUOTA),
        (429, "You exceeded your current quota", Class.QUOTA),
        (400, "Incorrect API key provided.", Class.CREDENTIAL),
        (403, "The API key is blocked.", Class.CREDENTIAL),
        (400, "API key not valid. Please pass a valid API key.", Class.CREDENTIAL),
        (403, "Project `p` does not have access to model `m`", Class.MODEL_ACCESS),
        (400, "Model Not Exist", Class.MODEL_GONE),
        (400, "foo/bar is not a valid model ID", Class.MODEL_GONE),
        (400, "Invalid model: foo", Class.MODEL_GONE),
        (400, "The model `claude-3.5-x` has been decommissioned", Class.MODEL_GONE),
        (400, "Unsupported parameter: 'stop' is not supported with this model.", Class.CALLER_FAULT),
        (400, "Choose another model. Tool not found", Class.CALLER_FAULT),
        (502, "Provider returned error", Class.TRANSIENT),
    ],
)
def test_text_decides_where_codes_say_nothing(status: int, message: str, expected: Class) -> None:
    assert classify(status, openai_error(message)) is expected
    assert classify(status, {"error": message}) is expected
    assert classify(status, {"detail": message}) is expected
    assert classify(status, message.encode()) is expected


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (403, {"message": "No", "metadata": {"flagged_input": "x", "reasons": ["a"]}}, Class.CONTENT_POLICY),
        (400, {"message": "No", "innererror": {"code": "ResponsibleAIPolicyViolation"}}, Class.CONTENT_POLICY),
        (400, {"message": "No", "details": [{"reason": "API_KEY_INVALID"}]}, Class.CREDENTIAL),
        (429, {"message": "You exceeded your current quota", "details": [{"retryDelay": "34.4s"}]}, Class.RATE_LIMIT),
        (429, {"message": "Provider returned error", "metadata": {"raw": "rate-limited"}}, Class.RATE_LIMIT),
        (None, {"message": "No", "status": "UNAVAILABLE"}, Class.TRANSIENT),
        (None, {"message": "No", "type": "invalid_request_error"}, Class.CALLER_FAULT),
        (None, {"message": "No", "code": 404}, Class.MODEL_GONE),
        (None, {"message": "No"}, Class.TRANSIENT),
    ],
)  # fmt: skip
def test_what_stands_beside_the_message(status: int | None, error: dict[str, Any], expected: Class) -> None:
    if status is None:
        assert error_inside({"error": error}, "upstream_error").failure.cls is expected
    else:
        assert classify(status, {"error": error}) is expected
        assert classify(status, [{"error": error}]) is expected


@pytest.mark.parametrize(
    ("body", "facts"),
    [
        ({"detail": "Invalid API Key"}, ErrorFacts("Invalid API Key")),
        ({"message": "m", "id": "x", "error_type": "TOO_MANY_TOKENS"}, ErrorFacts("m", code="TOO_MANY_TOKENS")),
        ({"error": "model 'x' not found"}, ErrorFacts("model 'x' not found")),
        (
            {
                "message": "bad",
                "type": "invalid_request_error",
                "param": "validation_error",
                "code": "wrong_api_format",
            },
            ErrorFacts("bad", "wrong_api_format", "invalid_request_error", "validation_error"),
        ),
        (
            {"detail": [{"type": "extra_forbidden", "loc": ["body", "messages", 0, "user", "name"], "msg": "Extra"}]},
            ErrorFacts("messages[0].user.name: Extra", None, "extra_forbidden", "messages[0].user.name"),
        ),
        (
            {"object": "error", "message": {"detail": [{"loc": ["body", "n"], "msg": "Extra"}]}, "type": "t"},
            ErrorFacts("n: Extra", None, "t", "n"),
        ),
        (
            {"object": "error", "message": '{"detail":[{"loc":["body","n"],"msg":"Extra"}]}', "code": "1000"},
            ErrorFacts("n: Extra", "1000", None, "n"),
        ),
        ({"error": {"message": "m", "code": 429}}, ErrorFacts("m", status=429)),
        ({"error": {"message": "m", "code": 7}}, ErrorFacts("m", code="7")),
        ({"error": {"message": "m", "status_code": 400, "code": "c"}}, ErrorFacts("m", "c", status=400)),
        ([{"error": {"message": "m"}}], ErrorFacts("m")),
        ("plain", ErrorFacts("plain")),
        ([], ErrorFacts()),
        (7, ErrorFacts()),
        (None, ErrorFacts()),
        ({"error": {"message": "loading", "estimated_time": 20.5}}, ErrorFacts("loading", retry_after_s=20.5)),
    ],
)
def test_shapes(body: Any, facts: ErrorFacts) -> None:
    assert read_error(body) == facts


def test_pages_are_told_by_their_title() -> None:
    assert read_error_body(b"<html><head><title>502 Bad\nGateway</title></head>").message == "502 Bad\nGateway"
    assert read_error_body(b"<!doctype html><p>x").message == "an HTML page"
    assert read_error_body(b"\xff\xfe").message
    assert read_error_body(b"").message == ""


@pytest.mark.parametrize(
    ("headers", "message", "wait"),
    [
        ({"retry-after": "2"}, "", 2.0),
        ({"retry-after": "0.5"}, "", 0.5),
        ({"retry-after-ms": "1500"}, "", 1.5),
        ({"retry-after": "1", "retry-after-ms": "0"}, "", 1.0),
        ({"retry-after": "3600"}, "Please try again in 1s", 3600.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, "", 30.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, "", 0.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, "", None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, "", None),
        ({"retry-after": "soon"}, "", None),
        ({"retry-after": "-5"}, "", None),
        ({"retry-after": "nan"}, "", None),
        ({"retry-after": "inf"}, "", None),
        ({}, "Rate limit reached. Please try again in 1.574s. Visit", 1.574),
        ({}, "Please try again in 6m0s.", 360.0),
        ({}, "Please try again in 20ms.", 0.02),
        ({}, "Please try again in 1h2m3.5s.", 3723.5),
        ({}, "Please retry in 34.4s.", 34.4),
        ({}, "Please wait and try again in a moment", None),
        ({}, "", None),
    ],
)
def test_wait(headers: dict[str, str], message: str, wait: float | None) -> None:
    assert wanted_wait(headers, ErrorFacts(message)) == wait


def test_the_failure_has_what_the_client_and_the_record_need() -> None:
    failure = map_http_error(
        400, {}, orjson.dumps({"error": {"message": "bad x", "param": "x", "code": "invalid_value"}})
    )
    assert (failure.reason, failure.message, failure.param, failure.code) == (
        "client_error",
        "bad x",
        "x",
        "invalid_value",
    )
    assert map_http_error(302, {}, b"").reason == "redirect_refused"
    assert map_http_error(503, {}, b"").reason == "upstream_5xx"
    assert map_http_error(503, {}, b"").message == "the upstream answered HTTP 503"
    assert map_http_error(429, {}, b"").reason == "rate_limited"
    assert map_http_error(401, {}, b"").reason == "upstream_auth"
    filtered = map_http_error(400, {}, orjson.dumps(openai_error(code="content_policy_violation")))
    assert (filtered.reason, filtered.code) == ("filtered", "content_filter")


@needs_shared
def test_quoted_bodies_are_classified() -> None:
    expected = {
        ("openai", 429, "insufficient_quota"): Class.QUOTA,
        ("openai", 429, "rate_limit_exceeded"): Class.RATE_LIMIT,
        ("openai", 400, "context_length_exceeded"): Class.CONTEXT_WINDOW,
        ("openai", 401, None): Class.CREDENTIAL,
        ("openai", 400, None): Class.CALLER_FAULT,
        ("openai", 404, None): Class.MODEL_GONE,
        ("anthropic", 529, None): Class.TRANSIENT,
    }
    seen = set()
    for quoted in json.loads((SHARED / "cassettes" / "quoted-errors" / "errors.json").read_text()):
        if "body" in quoted:
            key = (quoted["provider"], quoted["status"], quoted["body"]["error"].get("code"))
            seen.add(key)
            assert classify(quoted["status"], quoted["body"]) is expected[key]
        else:
            data = next(line for line in quoted["sse"].splitlines() if line.startswith("data: "))
            assert error_inside(json.loads(data[6:]), "upstream_error").failure.cls is Class.TRANSIENT
    assert seen == expected.keys()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 600)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["429", "{"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "error",
                    "message",
                    "detail",
                    "code",
                    "type",
                    "status",
                    "details",
                    "metadata",
                    "loc",
                    "msg",
                    "retryDelay",
                ]
            )
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(
    st.integers(100, 999), st.dictionaries(st.sampled_from(["retry-after", "date", "retry-after-ms"]), st.text()), JSON
)
def test_map_error_never_raises_on_json(status: int, headers: dict[str, str], body: Any) -> None:
    failure = map_http_error(status, headers, json.dumps(body).encode())
    assert failure.status == status
    assert failure.message
    assert failure.retry_after_s is None or failure.retry_after_s >= 0
    error_inside(body, "upstream_error")


@given(st.integers(100, 999), st.binary(max_size=200))
def test_map_error_never_raises_on_bytes(status: int, body: bytes) -> None:
    assert map_http_error(status, {}, body).message


def test_deep_nesting_is_read_no_further() -> None:
    assert map_http_error(500, {}, b'{"error":' * 500 + b'"x"' + b"}" * 500).cls is Class.TRANSIENT
    assert map_http_error(400, {}, b"[" * 5000).cls is Class.CALLER_FAULT
