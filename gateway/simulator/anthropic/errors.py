"""Anthropic's error answers, word for word where a recording or a public thread has them."""

from __future__ import annotations

from collections.abc import Callable

from gateway.simulator.faults import Fault
from gateway.simulator.vendor import Rejected

RETRYABLE = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
CREDIT = (
    "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase "
    "credits."
)
RATE_LIMIT = (
    "This request would exceed your organization's rate limit of 50,000 input tokens per minute. For details, "
    "refer to: https://docs.claude.com/en/api/rate-limits. You can see the response headers for current usage. Please "
    "reduce the prompt length or the maximum tokens requested, or try again later."
)


def rejected(status: int, message: str, type: str = "invalid_request_error") -> Rejected:
    return Rejected(status, {"type": type, "message": message})


def invalid(message: str) -> Rejected:
    """A 400 for what is wrong with the request."""
    return rejected(400, message)


def unknown_model(model: str) -> Rejected:
    return rejected(404, f"model: {model}", "not_found_error")


def wrong_key() -> Rejected:
    return rejected(401, "invalid x-api-key", "authentication_error")


def too_long(tokens: int, limit: int) -> Rejected:
    return invalid(f"prompt is too long: {tokens} tokens > {limit} maximum")


def refusal(name: str, fault: Fault, model: str) -> Rejected:
    """The error for a fault of kind "refusal"."""
    made = _REFUSALS[name](model)
    if fault.retry_after is not None or name == "429":
        made.headers["retry-after"] = fault.retry_after or "1"
    if fault.retry_after_ms is not None:
        made.headers["retry-after-ms"] = fault.retry_after_ms
    return made


_REFUSALS: dict[str, Callable[[str], Rejected]] = {
    "400": lambda model: invalid("messages.0: Input does not match the expected shape."),
    "401": lambda model: wrong_key(),
    "invalid_key": lambda model: wrong_key(),
    "403": lambda model: rejected(403, "Request not allowed", "forbidden"),
    "model_access": lambda model: rejected(
        403, "Your API key does not have permission to use the specified resource", "permission_error"
    ),
    "404": unknown_model,
    "408": lambda model: rejected(408, "Request timed out", "timeout_error"),
    "413": lambda model: rejected(413, "Request exceeds the maximum size", "request_too_large"),
    "429": lambda model: rejected(429, RATE_LIMIT, "rate_limit_error"),
    "insufficient_quota": lambda model: invalid(CREDIT),
    "context_length": lambda model: too_long(210_000, 200_000),
    "500": lambda model: rejected(500, "Internal server error", "api_error"),
    "502": lambda model: rejected(502, "Bad gateway", "api_error"),
    "503": lambda model: rejected(503, "Service unavailable", "api_error"),
    "504": lambda model: rejected(504, "Request timed out", "timeout_error"),
    "529": lambda model: rejected(529, "Overloaded", "overloaded_error"),
}
