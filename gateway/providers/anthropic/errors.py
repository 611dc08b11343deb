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
from gateway.providers.errors.classify import error_inside, map_http_error

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
"""The client's name for the field with which Anthropic begins a message ("max_tokens: must be ...")."""


def map_error(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """Never raises. `retry-after` is read only of answers that are errors: Anthropic sends it on some 200s too."""
    failure = map_http_error(status, headers, body)
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        return failure
    return _in_our_words(failure, payload)


def error_in(payload: object, reason: str) -> ProviderError:
    """The error inside a 200 ("error_in_200") or a stream ("upstream_error")."""
    raised = error_inside(payload, reason)
    return ProviderError(replace(_in_our_words(raised.failure, payload), reason=reason))


def _in_our_words(failure: Failure, payload: object) -> Failure:
    error = payload.get("error") if isinstance(payload, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    code = details.get("error_code") if isinstance(details, dict) else None
    if code in _SPENT_CODES:
        return replace(failure, cls=FailureClass.QUOTA, reason="quota", code=code)
    if failure.cls is not FailureClass.CALLER_FAULT:
        return failure
    if _CLOSED_ORGANIZATION.search(failure.message):
        return replace(failure, cls=FailureClass.CREDENTIAL, reason="upstream_auth")
    if failure.status == 413:
        return replace(failure, code="request_too_large")
    field = _FIELD.match(failure.message)
    if field and failure.param is None:
        return replace(failure, param=dict(_OUR_NAMES).get(field[1]))
    return failure
