"""When the plan is exhausted: which failure the client is told of, and as what.

What was our own fault (keys, quota, retired models) is never shown as the client's; no host, key or vendor name is.
Statuses and codes: the fault matrix and the table of OpenAI errors that the project keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from gateway.core.errors import Failure, FailureClass, PlanExhausted
from gateway.core.headers import SHOULD_RETRY
from gateway.core.plan import Attempt

MAX_RETRY_AFTER_S = 300.0
_STOP_RETRIES = (SHOULD_RETRY, "false")
_CALLERS = (FailureClass.CALLER_FAULT, FailureClass.CONTEXT_WINDOW, FailureClass.CONTENT_POLICY)
_OURS = frozenset({FailureClass.CREDENTIAL, FailureClass.MODEL_ACCESS, FailureClass.MODEL_GONE})


def exhausted(attempts: Sequence[Attempt]) -> PlanExhausted:
    """The error for a request whose attempts all failed. Expects at least one failed attempt."""
    return _judge([attempt.failure for attempt in attempts if attempt.failure is not None])


def exhausted_by(failure: Failure) -> PlanExhausted:
    """The error for one failure that nothing could follow."""
    return _judge([failure])


def _judge(failures: Sequence[Failure]) -> PlanExhausted:
    # What one vendor can't be asked is told only where no other was asked.
    failures = [failure for failure in failures if not failure.untranslated] or failures
    for cls in _CALLERS:
        for failure in failures:
            if failure.cls is cls:
                return _callers_error(failure)
    if all(failure.cls is FailureClass.RATE_LIMIT for failure in failures):
        return _rate_limited(failures)
    telling = [failure for failure in failures if failure.cls is not FailureClass.RATE_LIMIT]
    return _upstream_error(telling[-1])


def describe(failure: Failure) -> dict[str, str | None]:
    """The fields of the error object for a failure after the commit point, where no status can be sent any more."""
    error = exhausted_by(failure)
    return {"message": error.message, "type": error.type, "param": error.param, "code": error.code}


def _callers_error(failure: Failure) -> PlanExhausted:
    code, param = failure.code, failure.param
    status = failure.status if failure.status in (400, 404, 413, 415, 422) else 400
    if failure.cls is FailureClass.CONTEXT_WINDOW:
        code, param, status = "context_length_exceeded", "messages", 400
    elif failure.cls is FailureClass.CONTENT_POLICY:
        code, status = "content_filter", 400
    return PlanExhausted(
        failure.message,
        failure,
        status=status or 400,
        type="invalid_request_error",
        code=code,
        param=param,
        headers=(_STOP_RETRIES,),
    )


def _rate_limited(failures: Sequence[Failure]) -> PlanExhausted:
    waits = [failure.retry_after_s for failure in failures if failure.retry_after_s is not None]
    wait = ceil(min(MAX_RETRY_AFTER_S, max(0.0, min(waits)))) if waits else 1
    return PlanExhausted(
        f"Rate limit reached at every model that may serve this request. Please try again in {wait}s.",
        failures[-1],
        status=429,
        type="requests",
        code="rate_limit_exceeded",
        headers=(("retry-after", str(wait)), _STOP_RETRIES),
    )


def _upstream_error(failure: Failure) -> PlanExhausted:
    if failure.reason == "pool_timeout":
        # Ours, and soon over: the one case where the client shall try again.
        return PlanExhausted(
            "The gateway has no free connection to the models that may serve this request. Please try again in 1s.",
            failure,
            status=503,
            type="service_unavailable_error",
            code="server_is_overloaded",
            headers=(("retry-after", "1"),),
        )
    if failure.cls is FailureClass.TIMEOUT:
        status, code, message = 504, "upstream_timeout", "No model that may serve this request answered in time."
    elif failure.cls in _OURS:
        status, code = 502, "upstream_misconfigured"
        message = "The gateway is not set up for the model that was to serve this request; its log says why."
    elif failure.cls in (FailureClass.TRUNCATED, FailureClass.UNKNOWN):
        status, code = 502, "upstream_invalid_response"
        message = "The model that served this request gave an incomplete or invalid answer."
    else:
        status, code = 503, "upstream_unavailable"
        message = "No model that may serve this request is available at the moment."
    return PlanExhausted(message, failure, status=status, type="server_error", code=code, headers=(_STOP_RETRIES,))
