"""Google's errors: what its statuses and typed details add to the shared classification of `errors.py`.

Shape (google.rpc.Status as JSON): `{"error": {"code", "message", "status", "details": [{"@type", ...}]}}`, on some
paths in an array of one. Recorded: a wrong key is 400 with ErrorInfo API_KEY_INVALID; a 429 always speaks of "quota",
per minute or per day, and only `QuotaFailure` tells which; the delay stands in `RetryInfo`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from gateway.core.errors import Failure, FailureClass, ProviderError
from gateway.providers.errors.classify import failure_of, map_http_error
from gateway.providers.errors.shapes import ErrorFacts, read_error
from gateway.providers.errors.words import own_words

_KEY_REASONS = ("API_KEY_", "ACCESS_TOKEN_", "CREDENTIALS_MISSING", "CONSUMER_", "SERVICE_DISABLED")
"""Beginnings of ErrorInfo reasons (google.api.ErrorReason) that speak of our key, token or project."""
_KEY_TEXT = re.compile(r"reported as leaked|has not been used in project|denied access", re.IGNORECASE)
_REFUSED_KEY_TEXT = re.compile(r"\bapi keys?\b", re.IGNORECASE)
"""Of a key only where the status already says that somebody was refused: a 400 names the client's fields too."""
_EXHAUSTED_TEXT = re.compile(r"limit: 0(?![.\d])|per ?day|credits|spend|billing account|prepa(?:id|y)", re.IGNORECASE)
_BILLING_TEXT = re.compile(r"enable billing|billing (?:account|is|has)\b|free tier", re.IGNORECASE)
_FILE_TEXT = re.compile(r"\bcached ?content|\bfiles?\b", re.IGNORECASE)
_FIELD_TEXT = re.compile(r"\W*(?:The )?GenerateContentRequest(?:\.| proto is invalid:\W*)([^\s:]{1,200})")


def is_error(payload: Any) -> bool:
    """Whether a parsed body or event is an error object, alone or in an array of one."""
    if isinstance(payload, list):
        payload = payload[0] if payload else None
    return isinstance(payload, dict) and bool(payload.get("error"))


def map_google_error(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """Classify an answer whose status is not 200. Never raises."""
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        return map_http_error(status, headers, body)
    return _failure(payload, status, headers, None)


def google_error_inside(payload: Any, reason: str) -> ProviderError:
    """The error inside a 200 answer (reason "error_in_200") or in a stream's event ("upstream_error")."""
    return ProviderError(_failure(payload, None, {}, reason))


def _failure(payload: Any, status: int | None, headers: Mapping[str, str], reason: str | None) -> Failure:
    facts = read_error(payload)
    meant = status if status is not None else facts.status
    details = _details(payload)
    code = _openai_code(facts, details, meant)
    facts = replace(facts, code=code or facts.code, param=facts.param or _field(facts, details))
    failure = failure_of(facts, meant, reason=reason, headers=headers)
    if meant in (403, 404) and code is None and _FILE_TEXT.search(facts.message):
        # The caller named a file or a cache that isn't there or isn't ours.
        return replace(failure, cls=FailureClass.CALLER_FAULT, reason=reason or "client_error")
    if meant == 400 and facts.param is None and "thought signature" in facts.message.lower().replace("_", " "):
        # A signature of another route or key: neither the caller's nor this vendor's fault, and another may take it.
        return replace(failure, cls=FailureClass.UNKNOWN, reason=reason or "upstream_error")
    return failure


def _openai_code(facts: ErrorFacts, details: list[dict[str, Any]], status: int | None) -> str | None:
    """The OpenAI code that says what Google meant, where text and status alone would mislead."""
    reasons = [detail["reason"] for detail in details if isinstance(detail.get("reason"), str)]
    said = own_words(facts.message)
    if (
        any(reason.startswith(_KEY_REASONS) for reason in reasons)
        or (status in (400, 401, 403) and _KEY_TEXT.search(said))
        or (status in (401, 403) and _REFUSED_KEY_TEXT.search(said))
    ):
        return "invalid_api_key"
    if "BILLING_DISABLED" in reasons:
        return "billing_not_active"
    if status == 429:
        return "insufficient_quota" if _is_exhausted(facts, details) else "rate_limit_exceeded"
    if facts.type == "FAILED_PRECONDITION":
        if "location is not supported" in facts.message:
            return "unsupported_country_region_territory"
        if _BILLING_TEXT.search(facts.message):
            return "billing_not_active"
    return None


def _is_exhausted(facts: ErrorFacts, details: list[dict[str, Any]]) -> bool:
    """Whether a 429 won't pass by itself soon: a quota per day, none at all, or no money."""
    for detail in details:
        violations = detail.get("violations")
        for violation in violations if isinstance(violations, list) else ():
            if isinstance(violation, dict) and "PerDay" in str(violation.get("quotaId")):
                return True
    return bool(_EXHAUSTED_TEXT.search(facts.message))


def _field(facts: ErrorFacts, details: list[dict[str, Any]]) -> str | None:
    """Google's name of the field that it refuses, from BadRequest's violations or the beginning of the message."""
    for detail in details:
        violations = detail.get("fieldViolations")
        for violation in violations if isinstance(violations, list) else ():
            field = violation.get("field") if isinstance(violation, dict) else None
            if isinstance(field, str) and field:
                return field[:200]
    begun = _FIELD_TEXT.match(facts.message)
    return begun[1] if begun else None


def _details(payload: Any) -> list[dict[str, Any]]:
    if isinstance(payload, list):
        payload = payload[0] if payload else None
    error = payload.get("error") if isinstance(payload, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    return [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []
