"""The fault matrix: every way in which an upstream, a client, a store or a process goes wrong that the gateway has an
answer to. Tests name their row with `@pytest.mark.fault(n)`; docs/faults.md has the same rows for readers.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """`beyond` says where the gateway does more than the row asks for, or something else that is better."""

    number: int
    fault: str
    beyond: str = ""

    @property
    def name(self) -> str:
        return f"F{self.number}"


ROWS = (
    Row(1, "connection refused"),
    Row(2, "host name without an address"),
    Row(3, "TLS: unknown CA, expired, another name"),
    Row(4, "connect hangs (full backlog)"),
    Row(5, "slow headers"),
    Row(6, "headers, then silence"),
    Row(7, "stall in mid-stream"),
    Row(8, "stream ends without its last event"),
    Row(9, "reset in mid-stream"),
    Row(10, "whole answer cut short"),
    Row(11, "200 with malformed JSON, nothing, or HTML"),
    Row(12, "200 with an error object"),
    Row(13, "malformed event in mid-stream"),
    Row(14, "first event of a stream is an error"),
    Row(15, "error event in mid-stream"),
    Row(16, "429 with Retry-After"),
    Row(17, "429 with an hour, a date, garbage, RetryInfo"),
    Row(18, "429 out of quota"),
    Row(19, "500, 502, 503, 504, 529"),
    Row(20, "a burst of 5xx"),
    Row(21, "401, 403, 404 from the provider", beyond="502 upstream_misconfigured says whose fault it is"),
    Row(22, "400 from the provider"),
    Row(23, "prompt too long"),
    Row(24, "content filter"),
    Row(25, "client leaves before the answer"),
    Row(26, "client leaves in mid-stream"),
    Row(27, "client reads slowly"),
    Row(28, "body too large, with and without a length"),
    Row(29, "slowloris", beyond="by the gateway itself, without a front proxy"),
    Row(30, "compressed bombs, nesting without end", beyond="415 for all compression: nothing is ever inflated"),
    Row(31, "Redis down at start", beyond="/readyz stays 200, because everything is served; log and metrics say so"),
    Row(32, "Redis dies, or is slow"),
    Row(33, "Redis answers nonsense"),
    Row(34, "ledger's sink full or down"),
    Row(35, "worker killed"),
    Row(36, "SIGTERM"),
    Row(37, "reload of a bad config"),
    Row(38, "reload during streams"),
    Row(39, "fallback loops, chains without end"),
    Row(40, "clock jumps, Retry-After in the past"),
    Row(41, "redirect to another host"),
    Row(42, "events repeated, without id, out of order, null"),
    Row(43, "10,000 events, a 1 MB event, empty deltas"),
    Row(44, "no free connection, no free file descriptor"),
)
