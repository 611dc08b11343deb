"""Every metric: its name, type, labels, help and buckets. Nothing else spells a metric's name; docs/metrics.md has the
same table, and a test holds the two together.

Names are ours and stay as they are. Units are in the names, base units throughout. Label values come from closed sets
(names in the config, task labels, failure classes, fixed words): a client can't make series.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NONE = "none"
"""A label that does not apply: a refused request has no model."""
OTHER = "other"
"""A value that is not in the config, such as a model that nobody has heard of."""

Type = Literal["counter", "gauge", "histogram"]
Merge = Literal["sum", "max", "min"]


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """`buckets` are the upper bounds of a histogram, without +Inf. `merge` is how a gauge's values in several processes
    become one; counters and histograms are summed."""

    name: str
    type: Type
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()
    merge: Merge = "sum"


_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)
_FIRST_TOKEN_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60)
_PER_TOKEN_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2)
_OVERHEAD_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1)
_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_BY_TASK = ("route", "task", "model")


def _counter(name: str, labels: tuple[str, ...], help: str) -> Metric:
    return Metric(name, "counter", labels, help)


def _gauge(name: str, labels: tuple[str, ...], help: str, merge: Merge) -> Metric:
    return Metric(name, "gauge", labels, help, merge=merge)


def _histogram(name: str, labels: tuple[str, ...], buckets: tuple[float, ...], help: str) -> Metric:
    return Metric(name, "histogram", labels, help, buckets)


# Requests.
REQUESTS = _counter(
    "gateway_requests_total",
    (*_BY_TASK, "outcome", "status"),
    "Requests by outcome: ok, error, rejected (before any upstream call), client_gone.",
)
ERRORS = _counter(
    "gateway_errors_total",
    (*_BY_TASK, "class"),
    "Requests that ended in an error, by the failure class of the last attempt or by why the gateway refused.",
)
IN_FLIGHT = _gauge("gateway_requests_in_flight", (), "Requests being served.", "sum")
WAITING = _gauge("gateway_requests_waiting", (), "Requests that wait for their turn.", "sum")
QUEUED = _counter("gateway_requests_queued_total", (), "Requests that had to wait for their turn.")
OVERLOADED = _counter(
    "gateway_requests_overloaded_total", ("reason",), "Requests turned away because the worker was full."
)
DURATION = _histogram(
    "gateway_request_duration_seconds",
    (*_BY_TASK, "stream"),
    _SECONDS,
    "From the request's head to the answer's last byte.",
)
FIRST_TOKEN = _histogram(
    "gateway_time_to_first_token_seconds",
    _BY_TASK,
    _FIRST_TOKEN_SECONDS,
    "From the request's head to the first content of a stream.",
)
PER_OUTPUT_TOKEN = _histogram(
    "gateway_time_per_output_token_seconds",
    ("model",),
    _PER_TOKEN_SECONDS,
    "Pace of a stream after its first content: seconds per further output token.",
)
OVERHEAD = _histogram(
    "gateway_overhead_seconds",
    (),
    _OVERHEAD_SECONDS,
    "Time before the first attempt: reading, checking, classifying and routing.",
)
KEY_REQUESTS = _counter("gateway_key_requests_total", ("key", "outcome"), "Requests by the caller's key.")

# Attempts: calls of providers.
ATTEMPTS = _counter(
    "gateway_attempts_total",
    ("model", "provider", "kind", "class"),
    "Upstream calls by why they were made; class is the failure class, ok, or cancelled.",
)
ATTEMPT_DURATION = _histogram(
    "gateway_attempt_duration_seconds", ("model", "provider"), _SECONDS, "How long upstream calls took."
)
ATTEMPT_FIRST_TOKEN = _histogram(
    "gateway_attempt_time_to_first_token_seconds",
    ("model", "provider"),
    _FIRST_TOKEN_SECONDS,
    "From an upstream call's start to its first content; streams only.",
)
FALLBACKS = _counter(
    "gateway_fallbacks_total",
    ("from_model", "to_model", "class"),
    "Moves from one model to the next, and the failure class that caused them.",
)
BREAKER = _gauge(
    "gateway_breaker_state",
    ("provider", "model", "key"),
    "Circuit breaker: 0 closed, 1 half open, 2 open.",
    "max",
)

# Tokens and money.
TOKENS = _counter("gateway_tokens_total", ("model", "task", "kind"), "Tokens by kind; the kinds are disjoint.")
COST = _counter(
    "gateway_cost_usd_total",
    (*_BY_TASK, "kind"),
    "Money spent in USD by what it bought: final answers, failed attempts, hedge, shadow and probe calls.",
)
BASELINE_COST = _counter(
    "gateway_baseline_cost_usd_total",
    ("baseline", "route", "task"),
    "What the same tokens would have cost on a baseline model, in USD; priced requests only.",
)
KEY_COST = _counter("gateway_key_cost_usd_total", ("key",), "Money spent in USD by the caller's key.")
UNPRICED = _counter("gateway_unpriced_requests_total", ("model",), "Answers of a model that has no price.")
USAGE_ESTIMATED = _counter(
    "gateway_usage_estimated_total", ("model",), "Answers whose usage the vendor did not report."
)

# Tasks and quality.
LABELS = _counter(
    "gateway_classified_requests_total", ("task", "unsure"), "Requests that were given a task, or called unsure."
)
FLAGS = _counter(
    "gateway_flagged_requests_total", ("flag",), "Requests by structural flag: tools, long context, pictures or sound."
)
CONFIDENCE = _histogram(
    "gateway_classifier_confidence_ratio", ("task",), _SHARES, "How sure the classifier was of its best guess."
)
DEFECTS = _counter(
    "gateway_quality_defects_total", ("task", "model", "defect"), "Answers that show a defect of their own."
)
FEEDBACK = _counter(
    "gateway_feedback_total",
    ("task", "model", "verdict"),
    "Feedback on answers: good (a score of 0.5 or more), bad, or none where there was no score.",
)

# The gateway itself.
CONFIG_RELOAD_SUCCESS = _gauge(
    "gateway_config_reload_success", (), "1 if the latest config was taken, 0 if it was refused.", "min"
)
CONFIG_RELOAD_TIMESTAMP = _gauge(
    "gateway_config_reload_timestamp_seconds", (), "When the config in force was taken.", "max"
)
CONFIG_INFO = _gauge("gateway_config_info", ("hash",), "1, under the hash of the config in force.", "max")
BUILD_INFO = _gauge("gateway_build_info", ("version",), "1, under the gateway's version.", "max")
PROCESSES = _gauge("gateway_processes", ("role",), "Processes that run: workers and the keeper of the ledger.", "sum")
PROCESS_STARTS = _counter(
    "gateway_process_starts_total", ("process",), "Starts of a worker (its number) or of the keeper."
)
OBSERVER_FAILURES = _counter(
    "gateway_observer_failures_total", ("observer",), "Errors inside a listener; the requests were not hurt."
)
OTEL_DROPPED = _counter(
    "gateway_otel_dropped_records_total", ("reason",), "Records that were not sent on as OpenTelemetry data."
)

# The ledger.
LEDGER_LAG = _gauge(
    "gateway_ledger_lag_seconds", (), "Age of the oldest record that is in the journal but not in the store.", "max"
)
LEDGER_JOURNAL_BYTES = _gauge(
    "gateway_ledger_journal_bytes", (), "Bytes of the journal that wait to be taken into the store.", "max"
)
LEDGER_STORE_UP = _gauge("gateway_ledger_store_up", (), "1 if the ledger's store answers.", "min")
LEDGER_SHIPPED = _counter(
    "gateway_ledger_shipped_entries_total", (), "Entries of the journal that the store has taken."
)
LEDGER_DROPPED = _counter(
    "gateway_ledger_dropped_records_total",
    ("reason",),
    "Records that were lost: journal (full, or not writable) or store (deleted before they were shipped).",
)
LEDGER_CORRUPT = _counter(
    "gateway_ledger_corrupt_lines_total", (), "Lines of the journal that could not be read and were set aside."
)

METRICS: tuple[Metric, ...] = (
    REQUESTS,
    ERRORS,
    IN_FLIGHT,
    WAITING,
    QUEUED,
    OVERLOADED,
    DURATION,
    FIRST_TOKEN,
    PER_OUTPUT_TOKEN,
    OVERHEAD,
    KEY_REQUESTS,
    ATTEMPTS,
    ATTEMPT_DURATION,
    ATTEMPT_FIRST_TOKEN,
    FALLBACKS,
    BREAKER,
    TOKENS,
    COST,
    BASELINE_COST,
    KEY_COST,
    UNPRICED,
    USAGE_ESTIMATED,
    LABELS,
    FLAGS,
    CONFIDENCE,
    DEFECTS,
    FEEDBACK,
    CONFIG_RELOAD_SUCCESS,
    CONFIG_RELOAD_TIMESTAMP,
    CONFIG_INFO,
    BUILD_INFO,
    PROCESSES,
    PROCESS_STARTS,
    OBSERVER_FAILURES,
    OTEL_DROPPED,
    LEDGER_LAG,
    LEDGER_JOURNAL_BYTES,
    LEDGER_STORE_UP,
    LEDGER_SHIPPED,
    LEDGER_DROPPED,
    LEDGER_CORRUPT,
)
"""In the order in which they are shown."""
