"""Whose fault a vendor's error was: the one classification that every adapter shares.

Owns the rules (status, code, type, text -> FailureClass) and the Failure made from them. It reads nothing but what it
is handed: the shapes are read in `shapes.py`, the waiting time in `retry_after.py`, and `words.py` tells a vendor's
words from the client's. Rules and their order come from CONFORMANCE.md sections 2 and 3 and from the recorded bodies;
nothing here knows a vendor by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.core.errors import Failure, FailureClass, ProviderError
from gateway.providers.errors.retry_after import wanted_wait
from gateway.providers.errors.shapes import ErrorFacts, read_error, read_error_body
from gateway.providers.errors.words import OUR_FIELDS, has_request_code, own_words

_C = FailureClass

DECISIVE_CODES: Mapping[str, FailureClass] = {
    "context_length_exceeded": _C.CONTEXT_WINDOW,
    "exceed_context_size_error": _C.CONTEXT_WINDOW,
    "too_many_prompt_tokens": _C.CONTEXT_WINDOW,
    "too_many_tokens": _C.CONTEXT_WINDOW,
    "model_context_window_exceeded": _C.CONTEXT_WINDOW,
    "content_filter": _C.CONTENT_POLICY,
    "content_policy_violation": _C.CONTENT_POLICY,
    "responsibleaipolicyviolation": _C.CONTENT_POLICY,
    "data_inspection_failed": _C.CONTENT_POLICY,
    "moderation_blocked": _C.CONTENT_POLICY,
    "prohibited_content": _C.CONTENT_POLICY,
    "insufficient_quota": _C.QUOTA,
    "credit_balance_exhausted": _C.QUOTA,
    "organization_spend_limit_exceeded": _C.QUOTA,
    "project_spend_limit_exceeded": _C.QUOTA,
    "organization_usage_limit_exceeded": _C.QUOTA,
    "billing_hard_limit_reached": _C.QUOTA,
    "billing_not_active": _C.QUOTA,
    "billing_error": _C.QUOTA,
    "insufficient_balance": _C.QUOTA,
    "invalid_api_key": _C.CREDENTIAL,
    "api_key_invalid": _C.CREDENTIAL,
    "authentication_error": _C.CREDENTIAL,
    "unauthenticated": _C.CREDENTIAL,
    "account_deactivated": _C.CREDENTIAL,
    "unsupported_country_region_territory": _C.MODEL_ACCESS,
    "model_access_denied": _C.MODEL_ACCESS,
    "deploymentnotfound": _C.MODEL_GONE,
    "model_decommissioned": _C.MODEL_GONE,
    "model_deprecated": _C.MODEL_GONE,
    "invalid_model": _C.MODEL_GONE,
    "rate_limit_exceeded": _C.RATE_LIMIT,
    "ratelimitreached": _C.RATE_LIMIT,
    "rate_limit_error": _C.RATE_LIMIT,
    "too_many_requests": _C.RATE_LIMIT,
    "slow_down": _C.RATE_LIMIT,
    # The model, not the caller, produced something unusable: another try may succeed.
    "tool_use_failed": _C.TRANSIENT,
    "json_validate_failed": _C.TRANSIENT,
    "server_is_overloaded": _C.TRANSIENT,
    "overloaded_error": _C.TRANSIENT,
    "engine_overloaded": _C.TRANSIENT,
}
"""Codes and types (lower case) that say it all, whatever the status."""

HINTING_CODES: Mapping[str, FailureClass] = {
    "model_not_found": _C.MODEL_GONE,
    "not_found_error": _C.MODEL_GONE,
    "not_found": _C.MODEL_GONE,
    "permission_error": _C.MODEL_ACCESS,
    "permission_denied": _C.MODEL_ACCESS,
    "resource_exhausted": _C.RATE_LIMIT,
    "deadline_exceeded": _C.TIMEOUT,
    "timeout_error": _C.TIMEOUT,
    "request_timeout": _C.TIMEOUT,
    "server_error": _C.TRANSIENT,
    "internal_server_error": _C.TRANSIENT,
    "internal_error": _C.TRANSIENT,
    "internal": _C.TRANSIENT,
    "api_error": _C.TRANSIENT,
    "unavailable": _C.TRANSIENT,
    "service_unavailable_error": _C.TRANSIENT,
    "service_unavailable": _C.TRANSIENT,
    "invalid_request_error": _C.CALLER_FAULT,
    "invalid_argument": _C.CALLER_FAULT,
    "failed_precondition": _C.CALLER_FAULT,
    "request_too_large": _C.CALLER_FAULT,
    "validation_error": _C.CALLER_FAULT,
    "badrequesterror": _C.CALLER_FAULT,
}
"""Codes and types that decide where no status does (error events, errors inside a 200)."""

STATUS_CLASSES: Mapping[int, FailureClass] = {
    401: _C.CREDENTIAL,
    402: _C.QUOTA,
    403: _C.MODEL_ACCESS,
    404: _C.MODEL_GONE,
    408: _C.TIMEOUT,
    409: _C.TRANSIENT,
    410: _C.MODEL_GONE,
    425: _C.TRANSIENT,
    429: _C.RATE_LIMIT,
    498: _C.TRANSIENT,  # Groq: flex tier capacity exceeded
    499: _C.TRANSIENT,
}


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_CONTEXT_TEXT = _any_of(
    r"maximum context length",
    r"context[ _]length[ _]exceeded",
    r"context window",
    r"context limit",
    r"(?:prompt|input|messages) (?:is|are) too long",
    r"maximum prompt length",
    r"input token count",
    r"too many (?:input |prompt )?tokens",
    r"exceeds? the maximum number of (?:input )?tokens",
    r"available context size",
    r"reduce the length of (?:the |your )?(?:messages|prompt|input)",
    r"`inputs` tokens",
)
_RATE_TEXT = _any_of(r"(?:tokens|requests) per (?:min|day|hour|sec)", r"\b[TR]P[MD]\b", r"(?<![\w-])rate[ -]limit")
_POLICY_TEXT = _any_of(
    r"content management policy",
    r"content polic(?:y|ies)",
    r"usage polic(?:y|ies)",
    r"\bflagged\b",
    r"safety system",
    r"content exists risk",
    r"inappropriate content",
    r"blocked by .{0,40}(?:safety|filter|moderation)",
)
_QUOTA_TEXT = _any_of(
    r"exceeded your current quota",
    r"insufficient (?:account )?(?:balance|credits?|funds|quota)",
    r"credit balance is too low",
    r"(?:out of|have any|more|no remaining) credits",
    r"spend(?:ing)? limit",
    r"billing (?:hard )?limit",
    r"payment required",
    r"monthly included credits",
    r"credit limit",
    r"reached your .{0,40}usage limit",
    r"check your billing",
)
_CREDENTIAL_TEXT = _any_of(
    r"(?:incorrect|invalid|wrong|missing|expired|revoked) (?:x-)?api[ _-]?key",
    r"api[ _-]?key (?:is )?(?:not valid|invalid|expired|revoked|blocked|disabled|not found)",
    r"api key: .{0,60}is invalid",
    r"didn't provide an api key",
    r"authentication (?:fail|header|error)",
    r"(?<![\w-])unauthori[sz]ed(?![\w-])",
    r"invalid (?:authentication|bearer|username or password|credentials)",
)
_ACCESS_TEXT = _any_of(r"does not have (?:access|permission)", r"not (?:allowed|authorized) to (?:use|access)")
_MODEL_TEXT = _any_of(
    r"(?<![\w-])model(?:[^.\n]|\.(?=\S)){0,120}?"  # within one sentence; a dot inside a name does not end it
    r"(?:(?:does not|doesn't|not) exist|not found|deprecated|decommissioned|removed|retired|no longer)",
    r"(?:unknown|invalid|no such) model",
    r"not a valid model",
    r"no endpoints found",
    r"server is pinned to",
    r"deployment .{0,60}does not exist",
)

_REFUSALS = frozenset({400, 413, 422})
"""With these vendors refuse a request for what it says; some use 400 for a wrong key or a missing model too."""
_OF_THE_PROMPT = frozenset({_C.CONTEXT_WINDOW, _C.CONTENT_POLICY})
"""What may still be meant where the vendor names a part of the request."""

SHORT_WAIT_S = 24 * 3600.0
"""A vendor that says "quota" and asks for a shorter wait than this means a rate (Gemini does)."""


def classify(facts: ErrorFacts, status: int | None, retry_after_s: float | None = None) -> FailureClass:
    """The class of an error by its codes, then its text, then its status. `status` is None inside a 200."""
    if status is not None and status < 400:
        return _C.UNKNOWN
    codes = [name.lower() for name in (facts.code, facts.type) if name]
    for code in codes:
        decided = DECISIVE_CODES.get(code)
        if decided is not None:
            return decided
    by_text = _classify_text(f"{facts.message}\n{facts.hint}", status, retry_after_s)
    if by_text not in _OF_THE_PROMPT and _is_about_the_request(facts, codes, status):
        return _C.CALLER_FAULT
    if by_text is not None:
        return by_text
    if status is not None:
        if status == 403 and "model_not_found" in codes:
            return _C.MODEL_ACCESS
        if "model_not_found" in codes:
            return _C.MODEL_GONE
        if status >= 500:
            return _C.TRANSIENT
        return STATUS_CLASSES.get(status, _C.CALLER_FAULT)
    return next((HINTING_CODES[code] for code in codes if code in HINTING_CODES), _C.TRANSIENT)


def _is_about_the_request(facts: ErrorFacts, codes: list[str], status: int | None) -> bool:
    """Whether the vendor says which part of the request it won't take."""
    if facts.param in OUR_FIELDS or (status is not None and status not in _REFUSALS):
        return False
    refused = status is not None or any(HINTING_CODES.get(code) is _C.CALLER_FAULT for code in codes)
    return has_request_code(codes) or (refused and facts.param is not None)


def _classify_text(text: str, status: int | None, retry_after_s: float | None) -> FailureClass | None:
    if status is not None and status >= 500:
        return _C.CONTEXT_WINDOW if _CONTEXT_TEXT.search(text) else None
    # Proxies quote a vendor's whole error. A prompt's length is looked for there too: that puts nothing out of service.
    whole, text = text, text if status == 429 else own_words(text)
    rate = status == 429 or bool(_RATE_TEXT.search(text))
    if rate and status in (None, 400, 413):  # Groq: 413 for a request beyond the tokens of one minute
        return _C.RATE_LIMIT
    if not rate and status not in (401, 402, 403, 404) and _CONTEXT_TEXT.search(whole):
        return _C.CONTEXT_WINDOW
    if not rate and _POLICY_TEXT.search(text):
        return _C.CONTENT_POLICY
    if _QUOTA_TEXT.search(text):
        waits = retry_after_s is not None and retry_after_s < SHORT_WAIT_S
        return _C.RATE_LIMIT if status == 429 and waits else _C.QUOTA
    if status in (None, 400, 403) and _CREDENTIAL_TEXT.search(text):
        return _C.CREDENTIAL
    if status in (None, 400, 403, 404, 422):
        if _ACCESS_TEXT.search(text):
            return _C.MODEL_ACCESS
        if _MODEL_TEXT.search(text):
            return _C.MODEL_GONE
    return None


_REASONS: Mapping[FailureClass, str] = {
    _C.CREDENTIAL: "upstream_auth",
    _C.MODEL_ACCESS: "upstream_auth",
    _C.QUOTA: "quota",
    _C.MODEL_GONE: "model_gone",
    _C.RATE_LIMIT: "rate_limited",
    _C.CONTEXT_WINDOW: "context",
    _C.CONTENT_POLICY: "filtered",
    _C.CALLER_FAULT: "client_error",
}
_OPENAI_CODES: Mapping[FailureClass, str] = {
    _C.CONTEXT_WINDOW: "context_length_exceeded",
    _C.CONTENT_POLICY: "content_filter",
}


def failure_of(
    facts: ErrorFacts, status: int | None, *, reason: str | None = None, headers: Mapping[str, str] | None = None
) -> Failure:
    """The Failure of one vendor error. `reason` overrides the one that class and status give."""
    retry_after_s = wanted_wait(headers or {}, facts)
    cls = classify(facts, status, retry_after_s)
    if reason is None:
        if status is not None and 300 <= status < 400:
            reason = "redirect_refused"
        elif status is not None and status < 300:
            reason = "invalid_body"
        elif status is not None and status >= 500 and cls not in _REASONS:
            reason = "upstream_5xx"
        else:
            reason = _REASONS.get(cls, "upstream_error")
    return Failure(
        cls,
        reason,
        facts.message or ("the upstream sent an error" if status is None else f"the upstream answered HTTP {status}"),
        status=status,
        code=_OPENAI_CODES.get(cls, facts.code),
        param=facts.param or ("messages" if cls is _C.CONTEXT_WINDOW else None),
        retry_after_s=retry_after_s,
    )


def map_http_error(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """Classify a whole answer whose status is not 200, of any recorded shape. Never raises."""
    return failure_of(read_error_body(body), status, headers=headers)


def error_inside(payload: object, reason: str) -> ProviderError:
    """The error that stands inside a 200 answer (reason "error_in_200") or a stream's event ("upstream_error").

    The status it was meant to have is used where the payload tells one.
    """
    facts = read_error(payload)
    return ProviderError(failure_of(facts, facts.status, reason=reason))


def invalid_answer(message: str, reason: str = "invalid_body") -> ProviderError:
    """An answer that is not what the vendor's API sends. `reason` is invalid_body or invalid_sse."""
    return ProviderError(Failure(_C.UNKNOWN, reason, message))


def truncated_stream(message: str = "the stream ended before its terminal event") -> ProviderError:
    return ProviderError(Failure(_C.TRUNCATED, "stream_truncated", message))
