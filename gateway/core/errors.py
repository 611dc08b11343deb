"""What can go wrong, by whose fault it was.

GatewayError                  what the client is to be told; `http/errors.py` turns it into an OpenAI error object
├── BadRequest                the client's input is at fault (400, 413, 415, 422)
├── AuthError                 no key or a wrong one (401), or not allowed (403)
├── NotFound                  unknown model or path (404)
├── Overloaded                the gateway itself can't take the request now (503)
└── PlanExhausted             every candidate of the plan failed; carries the Failure that the client should see
ProviderError                 one attempt failed; carries its Failure; raised by adapters, caught by execute
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FailureClass(StrEnum):
    """Whose fault a failed attempt was; this name, not the raw status, decides what happens next."""

    CREDENTIAL = "credential"  # our key is missing, wrong or revoked
    MODEL_ACCESS = "model_access"  # our key may not use this model
    QUOTA = "quota"  # our account has no money or monthly quota left
    MODEL_GONE = "model_gone"  # the vendor doesn't know this model (any more)
    RATE_LIMIT = "rate_limit"  # too fast; will pass
    CONTEXT_WINDOW = "context_window"  # the prompt is too long for this model
    CONTENT_POLICY = "content_policy"  # the vendor's filter refused the request
    CALLER_FAULT = "caller_fault"  # the request itself is wrong
    TRANSIENT = "transient"  # the vendor or the way to it is broken for now
    TIMEOUT = "timeout"  # no answer in time
    TRUNCATED = "truncated"  # the answer broke off
    UNKNOWN = "unknown"  # an answer that makes no sense


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one attempt failed.

    `reason` is the fine-grained outcome for records and metrics, from a closed set: connect_error, dns_error,
    tls_error, connect_timeout, pool_timeout, header_timeout, first_token_timeout, stream_idle, total_timeout,
    stream_truncated, stream_reset, body_truncated, body_too_large, invalid_body, invalid_sse, invalid_http,
    error_in_200, upstream_error, upstream_error_midstream, rate_limited, quota, upstream_5xx, upstream_auth,
    model_gone, client_error, context, filtered, redirect_refused, refused_to_translate, adapter_defect.
    `message` may be shown to the client only for CALLER_FAULT, CONTEXT_WINDOW and CONTENT_POLICY.
    `retry_after_s` is the vendor's wish in seconds, not yet clamped.
    """

    cls: FailureClass
    reason: str
    message: str
    status: int | None = None
    code: str | None = None
    param: str | None = None
    retry_after_s: float | None = None

    @property
    def untranslated(self) -> bool:
        """This vendor can't be asked that: nothing was sent, and another vendor may well take it."""
        return self.reason == "refused_to_translate"


class ProviderError(Exception):
    """One attempt failed."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.cls}/{failure.reason}: {failure.message}")
        self.failure = failure


class GatewayError(Exception):
    """An error with the four fields of OpenAI's error object, its HTTP status, and extra response headers."""

    status = 500
    type = "server_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        status: int | None = None,
        type: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.headers = headers
        if status is not None:
            self.status = status
        if type is not None:
            self.type = type


class BadRequest(GatewayError):
    status = 400
    type = "invalid_request_error"


class AuthError(GatewayError):
    status = 401
    type = "invalid_request_error"


class NotFound(GatewayError):
    status = 404
    type = "invalid_request_error"


def no_model(asked_for: str) -> NotFound:
    """The same for one that is not there and one that the caller may not use: which of both is no news for it."""
    return NotFound(
        f"The model `{asked_for[:200]}` does not exist or you do not have access to it.", code="model_not_found"
    )


class Overloaded(GatewayError):
    status = 503


class PlanExhausted(GatewayError):
    """Every candidate failed. `failure` is the one the client's error was made from."""

    def __init__(
        self,
        message: str,
        failure: Failure,
        *,
        status: int,
        type: str,
        code: str | None = None,
        param: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message, code=code, param=param, status=status, type=type, headers=headers)
        self.failure = failure
