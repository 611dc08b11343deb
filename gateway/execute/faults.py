"""Transport faults and deadlines as Failures: the mapping from "what broke" to "whose fault, and what next"."""

from __future__ import annotations

from gateway.core.errors import Failure, FailureClass
from gateway.transport.base import TransportFault

_BEFORE_ANSWER = {
    "dns": (FailureClass.TRANSIENT, "dns_error"),
    "connect": (FailureClass.TRANSIENT, "connect_error"),
    "connect_timeout": (FailureClass.TIMEOUT, "connect_timeout"),
    "tls": (FailureClass.TRANSIENT, "tls_error"),
    "pool_timeout": (FailureClass.TRANSIENT, "pool_timeout"),
    "write": (FailureClass.TRANSIENT, "connect_error"),
    "first_byte": (FailureClass.TRANSIENT, "connect_error"),
    "protocol": (FailureClass.UNKNOWN, "invalid_http"),
}


def failure_of_fault(fault: TransportFault, *, streaming: bool) -> Failure:
    """The Failure that a transport fault means. `streaming`: an event stream had begun."""
    if fault.phase == "body":
        if not streaming:
            return Failure(FailureClass.TRUNCATED, "body_truncated", fault.message)
        reason = "stream_reset" if fault.reset else "stream_truncated"
        return Failure(FailureClass.TRUNCATED, reason, fault.message)
    failure_class, reason = _BEFORE_ANSWER[fault.phase]
    return Failure(failure_class, reason, fault.message)


def timed_out(reason: str, seconds: float) -> Failure:
    """`reason`: header_timeout, first_token_timeout, stream_idle or total_timeout."""
    return Failure(FailureClass.TIMEOUT, reason, f"no answer within {seconds:g} s ({reason})")
