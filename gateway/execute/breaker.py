"""One breaker: when a model is left alone at one of a provider's keys, for how long, and how it comes back.

A pure state machine; every time comes in as `now` (monotonic seconds). Faults of the caller never count. It opens
after failures in a row, or when too large a share of the last requests failed; at once where the vendor names a wait
or says that nothing will come. When its time is over one request at a time may try; its outcome decides.
"""

from __future__ import annotations

from gateway.config.snapshot import Breakers
from gateway.core.errors import Failure, FailureClass
from gateway.core.health import BreakerState

_NOT_ITS_FAULT = frozenset({FailureClass.CALLER_FAULT, FailureClass.CONTEXT_WINDOW, FailureClass.CONTENT_POLICY})
_OURS = frozenset({"total_timeout", "pool_timeout"})
"""Reasons that say nothing of the vendor: our own time or our own connections had run out."""
_MISCONFIGURED = frozenset({FailureClass.CREDENTIAL, FailureClass.MODEL_ACCESS, FailureClass.MODEL_GONE})
_REACHABILITY = frozenset(
    {"connect_error", "dns_error", "tls_error", "connect_timeout", "header_timeout", "first_token_timeout"}
    | {"upstream_5xx", "stream_reset", "body_truncated", "stream_truncated", "stream_idle"}
)
"""Reasons of which an answer to a probe says that they may be over."""
_GROWTH_LIMIT = 16


def says_nothing(failure: Failure) -> bool:
    """Whether a failure tells nothing about the health of who was called."""
    return failure.cls in _NOT_ITS_FAULT or failure.reason in _OURS


class Breaker:
    """`opened` counts how often it has opened: an outcome counts only where it began after the last opening, since
    what was under way before says nothing new. `rules` may be exchanged while it runs."""

    __slots__ = (
        "_bad",
        "_bad_before",
        "_ok",
        "_ok_before",
        "_turns_at",
        "closed_at",
        "consecutive",
        "grown",
        "opened",
        "probing",
        "reason",
        "rules",
        "tries",
        "until",
    )

    def __init__(self, rules: Breakers) -> None:
        self.rules = rules
        self.reason = ""
        self.until = 0.0
        self.tries = True
        self.probing = False
        self.opened = 0
        self.grown = 0
        self.closed_at = 0.0
        self.consecutive = 0
        self._turns_at = 0.0
        self._ok = self._bad = self._ok_before = self._bad_before = 0

    def state(self, now: float) -> BreakerState:
        if not self.reason or (now >= self.until and not self.tries):
            return "closed"
        return "half_open" if now >= self.until else "open"

    def available(self, now: float) -> bool:
        """Whether a request may be sent: closed, or half open with nobody trying yet."""
        return not self.reason or (now >= self.until and not self.probing)

    def begin(self, now: float) -> bool:
        """A request is sent. Whether it is the one that tries a half-open breaker."""
        if not self.reason or now < self.until or self.probing:
            return False
        if not self.tries:
            self.close(now)
            return False
        self.probing = True
        return True

    def end_wait(self, now: float) -> None:
        """Whoever it is about can be reached again: the next request may try. A wait that was named stays: the vendor
        or a person has to end that."""
        if self.reason and self.tries and self.reason in _REACHABILITY:
            self.until = min(self.until, now)

    def succeeded(self, opened: int, now: float) -> bool:
        """An answer came, to a request that began when it had `opened` so often. Whether that closes it."""
        if not self.reason:
            self.consecutive = 0
            if now >= self._turns_at:
                self._turn(now)
            self._ok += 1
            return False
        if opened != self.opened:
            return False
        self.close(now)
        return True

    def failed(self, failure: Failure, opened: int, now: float) -> bool:
        """An answer did not come. Whether that opens it, also anew."""
        if says_nothing(failure):
            return False
        wait = self._named_wait(failure)
        if self.reason:
            if opened == self.opened and self.probing:
                self.open(failure.reason, wait or self._next_wait(failure, now), now)
                return True
            if wait is not None and now + wait > self.until:
                self.until = now + wait
            return False
        if wait is not None or failure.cls is FailureClass.RATE_LIMIT:
            wait = wait or self._next_wait(failure, now)
            self.open(failure.reason, wait, now, tries=failure.cls is not FailureClass.RATE_LIMIT)
            return True
        self.consecutive += 1
        if now >= self._turns_at:
            self._turn(now)
        self._bad += 1
        if not self._too_many():
            return False
        self.open(failure.reason, self._next_wait(failure, now), now)
        return True

    def gave_up(self, opened: int) -> None:
        """The request that tried it was ended by us, or told nothing: another may try."""
        if opened == self.opened:
            self.probing = False

    def open(self, reason: str, wait: float, now: float, *, tries: bool = True) -> None:
        """Leave it alone for `wait` seconds. `tries`: afterwards one request has to try before the others follow."""
        self.reason = reason
        self.until = now + wait
        self.tries = tries
        self.probing = False
        self.opened += 1

    def close(self, now: float) -> None:
        self.reason = ""
        self.probing = False
        self.consecutive = 0
        self.closed_at = now
        self._ok = self._bad = self._ok_before = self._bad_before = 0
        self._turns_at = now + self.rules.window_s / 2

    def try_now(self, now: float) -> None:
        """End the wait early: the next request tries."""
        if self.reason and self.until > now:
            self.until = now

    def _named_wait(self, failure: Failure) -> float | None:
        """The wait that a failure asks for at once, whatever came before it."""
        rules = self.rules
        if failure.cls is FailureClass.QUOTA:
            return rules.quota_s
        if failure.cls in _MISCONFIGURED:
            return rules.misconfigured_s
        if failure.cls is FailureClass.RATE_LIMIT and failure.retry_after_s:
            return min(failure.retry_after_s, rules.max_open_s)
        return None

    def _next_wait(self, failure: Failure, now: float) -> float:
        """Longer each time it opens again soon after it closed; not shorter than the vendor asks."""
        rules = self.rules
        if not self.reason and now - self.closed_at > rules.window_s:
            self.grown = 0
        wait = rules.open_s * 2.0 ** min(self.grown, _GROWTH_LIMIT)
        self.grown += 1
        return min(max(wait, failure.retry_after_s or 0.0), rules.max_open_s)

    def _too_many(self) -> bool:
        rules = self.rules
        if self.consecutive >= rules.consecutive:
            return True
        bad = self._bad + self._bad_before
        total = bad + self._ok + self._ok_before
        return total >= rules.min_requests and bad >= total * rules.share

    def _turn(self, now: float) -> None:
        """Two halves of the window, of which the older is forgotten when the younger is full."""
        half = self.rules.window_s / 2
        fresh = now < self._turns_at + half
        self._ok_before, self._bad_before = (self._ok, self._bad) if fresh else (0, 0)
        self._ok = self._bad = 0
        self._turns_at = now + half
