"""Gemini's error answers, word for word where a recording or a public thread has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.simulator.faults import Fault
from gateway.simulator.vendor import Json, Rejected

TYPE = "type.googleapis.com/google.rpc."
STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "CANCELLED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
NO_KEY = (
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other "
    "form of API consumer identity to call this API."
)
BAD_KEY = "API key not valid. Please pass a valid API key."
NO_LOGIN = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
    "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
    "head to: https://ai.google.dev/gemini-api/docs/rate-limits. To monitor your current usage, head to: "
    "https://ai.dev/rate-limit. \n* Quota exceeded for metric: generativelanguage.googleapis.com/{metric}, "
    "limit: {limit}, model: {model}\nPlease retry in {delay}."
)
INTERNAL = (
    "An internal error has occurred. Please retry or report in "
    "https://developers.generativeai.google/guide/troubleshooting"
)


def rejected(code: int, message: str, details: list[Json] | None = None) -> Rejected:
    error: dict[str, Any] = {"code": code, "message": message, "status": STATUSES.get(code, "UNKNOWN")}
    if details:
        error["details"] = details
    return Rejected(code, error)


def invalid(message: str, details: list[Json] | None = None) -> Rejected:
    """A 400 for what is wrong with the request."""
    return rejected(400, message, details)


def fields_invalid(problems: list[str]) -> Rejected:
    """Gemini lists every broken rule: `* GenerateContentRequest.contents: contents is not specified`."""
    return invalid("".join(f"* GenerateContentRequest.{problem}\n" for problem in problems))


def bad_key() -> Rejected:
    service = {"service": "generativelanguage.googleapis.com"}
    info = {"@type": TYPE + "ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com", "metadata": service}
    localized = {"@type": TYPE + "LocalizedMessage", "locale": "en-US", "message": BAD_KEY}
    return invalid(BAD_KEY, [info, localized])


def unknown_model(model: str, method: str) -> Rejected:
    message = (
        f"models/{model} is not found for API version v1beta, or is not supported for {method}. Call "
        "ModelService.ListModels to see the list of available models and their supported methods."
    )
    return rejected(404, message)


def too_long(tokens: int, limit: int) -> Rejected:
    return invalid(f"The input token count ({tokens}) exceeds the maximum number of tokens allowed ({limit}).")


def _quota(model: str, metric: str, quota: str, limit: str, delay: str) -> Rejected:
    violation = {
        "quotaMetric": f"generativelanguage.googleapis.com/{metric}",
        "quotaId": quota,
        "quotaDimensions": {"location": "global", "model": model},
        "quotaValue": limit,
    }
    link = {
        "description": "Learn more about Gemini API quotas",
        "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
    }
    details: list[Json] = [
        {"@type": TYPE + "Help", "links": [link]},
        {"@type": TYPE + "QuotaFailure", "violations": [violation]},
        {"@type": TYPE + "RetryInfo", "retryDelay": delay},
    ]
    return rejected(429, QUOTA.format(metric=metric, limit=limit, model=model, delay=delay), details)


def refusal(name: str, fault: Fault, model: str) -> Rejected:
    """The error for a fault of kind "refusal". Delays are in `RetryInfo`, where Gemini has them, and in no header."""
    delay = "1s" if fault.retry_after is None else f"{fault.retry_after}s"
    if fault.retry_after_ms is not None:
        delay = f"{float(fault.retry_after_ms) / 1000:g}s"
    if name == "429":
        metric = "generate_content_paid_tier_input_token_count"
        return _quota(model, metric, "GenerateContentPaidTierInputTokensPerModelPerMinute", "1000000", delay)
    if name == "insufficient_quota":
        metric = "generate_content_free_tier_requests"
        return _quota(model, metric, "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "20", delay)
    made = _REFUSALS[name](model)
    if fault.retry_after is not None or fault.retry_after_ms is not None:
        made.error.setdefault("details", []).append({"@type": TYPE + "RetryInfo", "retryDelay": delay})
    return made


_REFUSALS: dict[str, Callable[[str], Rejected]] = {
    "400": lambda model: invalid("Request contains an invalid argument."),
    "401": lambda model: rejected(401, NO_LOGIN),
    "invalid_key": lambda model: bad_key(),
    "403": lambda model: rejected(403, "Your project has been denied access. Please contact support."),
    "model_access": lambda model: rejected(
        403, f"You do not have permission to access the model models/{model} or it may not exist."
    ),
    "404": lambda model: unknown_model(model, "generateContent"),
    "408": lambda model: rejected(408, "The operation was cancelled."),
    "413": lambda model: rejected(413, "Request payload size exceeds the limit: 20971520 bytes."),
    "context_length": lambda model: too_long(1_250_074, 1_048_576),
    "500": lambda model: rejected(500, INTERNAL),
    "502": lambda model: rejected(502, "The service is currently unavailable."),
    "503": lambda model: rejected(503, "The model is overloaded. Please try again later."),
    "504": lambda model: rejected(504, "The request timed out. Please try again."),
    "529": lambda model: rejected(529, "The service is currently unavailable."),
}
