"""Anthropic's errors -> Failure. The classification is the shared one of errors.py; here stand Anthropic's own words.

Shape: {"type": "error", "error": {"type", "message", "details"?}, "request_id"?}, as a whole body, as a stream's
`error` event, or (behind proxies) inside a 200. Source: Anthropic API reference, "Errors".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import orjson

from gateway.core.errors import Failure, FailureClass, ProviderError
from gateway.providers.errors.classify import failure_of, map_http_error
from gateway.providers.errors.shapes import ErrorFacts, read_error
from gateway.providers.errors.words import own_words

_SPENT_CODES = frozenset({
    "contract_spend_limit_reached", "enforced_spend_limit_reached", "linked_organization_spend_limit_reached",
    "linked_organization_billing_unavailable", "user_profile_billing_not_authorized", "user_profile_not_billable",
})  # fmt: skip
_CLOSED_ORGANIZATION = re.compile(r"organization (?:has been|is) (?:disabled|on hold)", re.IGNORECASE)
_FIELD = re.compile(r"([a-z_]+)(?=[.:])")
_OUR_NAMES = (
    ("messages", "messages"), ("system", "messages"), ("tools", "tools"), ("tool_choice", "tool_choice"),
    ("max_tokens", "max_completion_tokens"), ("temperature", "temperature"), ("top_p", "top_p"), ("top_k", "top_k"),
    ("stop_sequences", "stop"), ("thinking", "reasoning_effort"), ("output_config", "response_format"),
    ("metadata", "user"), ("service_tier", "service_tier"), ("cache_control", "cache_control"),
)  # fmt: skip
"""The client's name for the field with which Anthropic begins a message ("max_tokens: must be ..."). What follows may
quote the request."""


def map_error(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """Never raises. `retry-after` is read only of answers that are errors: Anthropic sends it on some 200s too."""
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        return map_http_error(status, headers, body)
    return _failure(payload, read_error(payload), status, headers, None)


def error_in(payload: object, reason: str) -> ProviderError:
    """The error inside a 200 ("error_in_200") or a stream ("upstream_error")."""
    facts = read_error(payload)
    return ProviderError(_failure(payload, facts, facts.status, {}, reason))


def _failure(
    payload: object, facts: ErrorFacts, status: int | None, headers: Mapping[str, str], reason: str | None
) -> Failure:
    field = _FIELD.match(facts.message)
    if field and facts.param is None:
        facts = replace(facts, param=dict(_OUR_NAMES).get(field[1]))
    failure = failure_of(facts, status, reason=reason, headers=headers)
    code = _detailed_code(payload)
    if code in _SPENT_CODES:
        return replace(failure, cls=FailureClass.QUOTA, reason=reason or "quota", code=code)
    if failure.cls is not FailureClass.CALLER_FAULT:
        return failure
    if failure.param is None and _CLOSED_ORGANIZATION.search(own_words(failure.message)):
        return replace(failure, cls=FailureClass.CREDENTIAL, reason=reason or "upstream_auth")
    if status == 413:
        return replace(failure, code="request_too_large")
    return failure


def _detailed_code(payload: object) -> str | None:
    error = payload.get("error") if isinstance(payload, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    code = details.get("error_code") if isinstance(details, dict) else None
    return code if isinstance(code, str) else None
