"""Providers: who is well, who is slow, and what was done about it."""

from __future__ import annotations

from tools.dashboards.expressions import OF_MODEL, RANGE, increase, quantile, rate, share
from tools.dashboards.panels import Dashboard, Panel, Query, Row

COUNTED = f'{OF_MODEL},class!="cancelled"'
GOOD = f'{OF_MODEL},class="ok"'
FAILED = f'{OF_MODEL},class!~"ok|cancelled"'
BREAKERS = {"0": "closed", "1": "half open", "2": "open"}

TABLE = Row(
    8,
    (
        Panel(
            "Providers at a glance",
            "Each model of each provider in the time that is shown. Calls that we ended ourselves are no failures.",
            "table",
            "short",
            (
                Query(increase("gateway_attempts_total", OF_MODEL, "provider, model"), "calls"),
                Query(
                    share(
                        increase("gateway_attempts_total", GOOD, "provider, model"),
                        increase("gateway_attempts_total", COUNTED, "provider, model"),
                    ),
                    "success share",
                ),
                Query(
                    quantile(0.95, "gateway_attempt_duration_seconds", OF_MODEL, "provider, model", RANGE),
                    "duration p95",
                ),
                Query(
                    quantile(0.95, "gateway_attempt_time_to_first_token_seconds", OF_MODEL, "provider, model", RANGE),
                    "first token p95",
                ),
            ),
            24,
            units={"success share": "percentunit", "duration p95": "s", "first token p95": "s"},
        ),
    ),
)
HEALTH = Row(
    8,
    (
        Panel(
            "Success share",
            "Calls that brought an answer, of all that we did not end ourselves.",
            "timeseries",
            "percentunit",
            (
                Query(
                    share(
                        rate("gateway_attempts_total", GOOD, "provider"),
                        rate("gateway_attempts_total", COUNTED, "provider"),
                    ),
                    "{{provider}}",
                ),
            ),
        ),
        Panel(
            "Failures by class",
            "Whose fault failed calls were. The class decides between a retry, the next model, and an error.",
            "timeseries",
            "ops",
            (Query(rate("gateway_attempts_total", FAILED, "provider, class"), "{{provider}} {{class}}"),),
            stacked=True,
        ),
        Panel(
            "Circuit breakers",
            "Open: the model is passed over, until a trial shows that it is back.",
            "state-timeline",
            "short",
            (Query("max by (provider, model, key) (gateway_breaker_state)", "{{provider}} {{model}} {{key}}"),),
            limits=((1, "orange"), (2, "red")),
            names=BREAKERS,
        ),
    ),
)
MOVES = Row(
    8,
    (
        Panel(
            "Fallbacks",
            "Moves from one model to the next, and why.",
            "timeseries",
            "ops",
            (
                Query(
                    rate("gateway_fallbacks_total", by="from_model, to_model, class"),
                    "{{from_model}} to {{to_model}}: {{class}}",
                ),
            ),
        ),
        Panel(
            "Fallbacks in total",
            "The same, counted over the time that is shown.",
            "table",
            "short",
            (Query(increase("gateway_fallbacks_total", by="from_model, to_model, class"), "moves"),),
        ),
        Panel(
            "Calls by reason",
            "first: the one each request begins with. The others are what reliability and measuring cost in calls.",
            "timeseries",
            "ops",
            (Query(rate("gateway_attempts_total", OF_MODEL, "kind"), "{{kind}}"),),
            stacked=True,
        ),
    ),
)
SPEED = Row(
    8,
    (
        Panel(
            "Time to first token, p95",
            "From the start of the call to the first content of a stream, by provider and model.",
            "timeseries",
            "s",
            (
                Query(
                    quantile(0.95, "gateway_attempt_time_to_first_token_seconds", OF_MODEL, "provider, model"),
                    "{{provider}} {{model}}",
                ),
            ),
        ),
        Panel(
            "Time per output token, median",
            "Pace of streams after their first content.",
            "timeseries",
            "s",
            (Query(quantile(0.5, "gateway_time_per_output_token_seconds", OF_MODEL, "model"), "{{model}}"),),
        ),
        Panel(
            "Call duration, p95",
            "How long calls took, failed ones included.",
            "timeseries",
            "s",
            (Query(quantile(0.95, "gateway_attempt_duration_seconds", OF_MODEL, "provider"), "{{provider}}"),),
        ),
    ),
)
TRAFFIC = Row(
    8,
    (
        Panel(
            "Calls by provider",
            "Load on each provider, whatever came of it.",
            "timeseries",
            "ops",
            (Query(rate("gateway_attempts_total", OF_MODEL, "provider"), "{{provider}}"),),
            12,
            stacked=True,
        ),
        Panel(
            "Usage not reported",
            "Share of calls with usage for which the provider did not say how many tokens: they were estimated.",
            "timeseries",
            "percentunit",
            (
                Query(
                    share(
                        rate("gateway_usage_estimated_total", OF_MODEL, "model"),
                        rate("gateway_attempts_total", GOOD, "model"),
                    ),
                    "{{model}}",
                ),
            ),
            12,
        ),
    ),
)
PROVIDERS = Dashboard(
    "switchyard-providers",
    "Switchyard: providers",
    "Health, circuit breakers, fallbacks, retries, time to first token.",
    (TABLE, HEALTH, MOVES, SPEED, TRAFFIC),
    ("model",),
)
