"""Overview: is it well, and what does it cost?"""

from __future__ import annotations

from tools.dashboards.expressions import (
    ANSWERABLE,
    CHOSEN,
    OF_MODEL_AND_TASK,
    OF_ROUTE_AND_TASK,
    increase,
    quantile,
    rate,
    share,
    top,
)
from tools.dashboards.panels import Dashboard, Panel, Query, Row

ERRORS = share(
    rate("gateway_requests_total", f'{CHOSEN},outcome="error"'),
    rate("gateway_requests_total", f"{CHOSEN},{ANSWERABLE}"),
)
COST = increase("gateway_cost_usd_total", OF_ROUTE_AND_TASK)
BASELINE = increase("gateway_baseline_cost_usd_total", OF_ROUTE_AND_TASK, "baseline")


def percentiles(metric: str, labels: str = "") -> tuple[Query, ...]:
    return tuple(Query(quantile(q, metric, labels), f"p{q * 100:.0f}") for q in (0.5, 0.95, 0.99))


NOW = Row(
    4,
    (
        Panel(
            "Requests per second",
            "Requests that ended, whatever came of them.",
            "stat",
            "reqps",
            (Query(rate("gateway_requests_total", CHOSEN)),),
            4,
        ),
        Panel(
            "Error share",
            "Requests that ended in an error, of those that were taken on and whose client stayed.",
            "stat",
            "percentunit",
            (Query(ERRORS),),
            4,
            limits=((0.01, "orange"), (0.05, "red")),
        ),
        Panel(
            "Duration, p95",
            "95 of 100 requests were answered in full within this time.",
            "stat",
            "s",
            (Query(quantile(0.95, "gateway_request_duration_seconds", CHOSEN)),),
            4,
        ),
        Panel(
            "Time to first token, p95",
            "95 of 100 streams had begun within this time.",
            "stat",
            "s",
            (Query(quantile(0.95, "gateway_time_to_first_token_seconds", CHOSEN)),),
            4,
        ),
        Panel(
            "Spent",
            "All money spent in the time that is shown: answers, failed attempts, races.",
            "stat",
            "currencyUSD",
            (Query(COST, instant=True),),
            4,
        ),
        Panel(
            "Saved against the baseline",
            "Share of what the same tokens would have cost on a baseline model, net of failed attempts and races.",
            "stat",
            "percentunit",
            (Query(f"1 - scalar({COST}) / {BASELINE}", "{{baseline}}", instant=True),),
            4,
        ),
    ),
)
TRAFFIC = Row(
    8,
    (
        Panel(
            "Traffic by outcome",
            "Rejected: the gateway refused before any provider was called. client_gone: the client did not wait.",
            "timeseries",
            "reqps",
            (Query(rate("gateway_requests_total", CHOSEN, "outcome"), "{{outcome}}"),),
            12,
            stacked=True,
        ),
        Panel(
            "Errors by class",
            "Why requests failed: the failure class of the last attempt, or why the gateway itself refused.",
            "timeseries",
            "reqps",
            (Query(rate("gateway_errors_total", CHOSEN, "class"), "{{class}}"),),
            12,
            stacked=True,
        ),
    ),
)
LATENCY = Row(
    8,
    (
        Panel(
            "Duration",
            "From the request's head to the answer's last byte.",
            "timeseries",
            "s",
            percentiles("gateway_request_duration_seconds", CHOSEN),
        ),
        Panel(
            "Time to first token",
            "From the request's head to the first content of a stream.",
            "timeseries",
            "s",
            percentiles("gateway_time_to_first_token_seconds", CHOSEN),
        ),
        Panel(
            "Overhead",
            "What the gateway adds before the first provider is called: reading, checking, classifying, routing.",
            "timeseries",
            "s",
            percentiles("gateway_overhead_seconds"),
        ),
    ),
)
MONEY = Row(
    8,
    (
        Panel(
            "Cost against baseline",
            "Money per hour as it is spent, beside what the same tokens would have cost on each baseline model.",
            "timeseries",
            "currencyUSD",
            (
                Query(f"3600 * {rate('gateway_cost_usd_total', OF_ROUTE_AND_TASK)}", "spent per hour"),
                Query(
                    f"3600 * {rate('gateway_baseline_cost_usd_total', OF_ROUTE_AND_TASK, 'baseline')}",
                    "all on {{baseline}}",
                ),
            ),
            12,
        ),
        Panel(
            "Task mix",
            "What requests are for, as the classifier labels them.",
            "timeseries",
            "reqps",
            (Query(rate("gateway_requests_total", CHOSEN, "task"), "{{task}}"),),
            12,
            stacked=True,
        ),
    ),
)
SHARES = Row(
    8,
    (
        Panel(
            "Models",
            "The ten that answered most, in the time that is shown.",
            "bargauge",
            "short",
            (Query(top(10, increase("gateway_requests_total", f'{CHOSEN},outcome="ok"', "model")), "{{model}}"),),
        ),
        Panel(
            "Routes",
            "The ten rules that matched most, in the time that is shown.",
            "bargauge",
            "short",
            (Query(top(10, increase("gateway_requests_total", CHOSEN, "route")), "{{route}}"),),
        ),
        Panel(
            "Tokens by kind",
            "Each token is counted in one kind: cached input is not in input, thought is not in output.",
            "timeseries",
            "short",
            (Query(rate("gateway_tokens_total", OF_MODEL_AND_TASK, "kind"), "{{kind}} per second"),),
            stacked=True,
        ),
    ),
)
ITSELF = Row(
    5,
    (
        Panel(
            "In flight",
            "Requests being served, and those that wait for a place.",
            "timeseries",
            "short",
            (Query("gateway_requests_in_flight", "in flight"), Query("gateway_requests_waiting", "waiting")),
        ),
        Panel(
            "Turned away",
            "Requests that found no place, or waited for too long: 503.",
            "timeseries",
            "reqps",
            (Query(f"{rate('gateway_requests_overloaded_total')} or vector(0)", "turned away"),),
        ),
        Panel(
            "Processes",
            "Workers, and the keeper of the ledger, that run.",
            "stat",
            "short",
            (Query("gateway_processes", "{{role}}"),),
            4,
        ),
        Panel(
            "Config",
            "Whether the latest config was taken. If it was refused, the one before stays in force.",
            "stat",
            "short",
            (Query("gateway_config_reload_success * on () group_left (hash) gateway_config_info", "{{hash}}"),),
            4,
            names={"0": "refused", "1": "in force"},
        ),
    ),
)
OVERVIEW = Dashboard(
    "switchyard-overview",
    "Switchyard: overview",
    "Traffic, errors, latency, cost against baseline, task mix.",
    (NOW, TRAFFIC, LATENCY, MONEY, SHARES, ITSELF),
)
