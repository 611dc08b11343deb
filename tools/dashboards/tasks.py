"""Tasks: what each costs, on which model, how sure, how good."""

from __future__ import annotations

from tools.dashboards.expressions import (
    ANSWERABLE,
    CHOSEN,
    OF_MODEL_AND_TASK,
    OF_TASK,
    RANGE,
    increase,
    mean,
    quantile,
    rate,
    share,
    summed,
)
from tools.dashboards.panels import Dashboard, Panel, Query, Row

REQUESTS = increase("gateway_requests_total", CHOSEN, "task")
COST = increase("gateway_cost_usd_total", CHOSEN, "task")
UNSURE = share(
    summed(f'rate(gateway_classified_requests_total{{unsure="true"}}[{RANGE}])'),
    summed(f"rate(gateway_classified_requests_total[{RANGE}])"),
)

TABLE = Row(
    9,
    (
        Panel(
            "Tasks at a glance",
            "Each task in the time that is shown. Cost is of all attempts; defects are those that answers show.",
            "table",
            "short",
            (
                Query(REQUESTS, "requests"),
                Query(COST, "cost"),
                Query(f"{COST} / {REQUESTS}", "cost per request"),
                Query(
                    share(
                        increase("gateway_requests_total", f'{CHOSEN},outcome="error"', "task"),
                        increase("gateway_requests_total", f"{CHOSEN},{ANSWERABLE}", "task"),
                    ),
                    "error share",
                ),
                Query(quantile(0.95, "gateway_request_duration_seconds", CHOSEN, "task", RANGE), "duration p95"),
                Query(mean("gateway_classifier_confidence_ratio", OF_TASK, "task", RANGE), "confidence"),
                Query(share(increase("gateway_quality_defects_total", OF_MODEL_AND_TASK, "task"), REQUESTS), "defects"),
            ),
            24,
            units={
                "cost": "currencyUSD",
                "cost per request": "currencyUSD",
                "error share": "percentunit",
                "duration p95": "s",
                "confidence": "percentunit",
                "defects": "percentunit",
            },
        ),
    ),
)
COSTS = Row(
    8,
    (
        Panel(
            "Spend per hour by task",
            "Where the money goes, failed attempts and races included.",
            "timeseries",
            "currencyUSD",
            (Query(f"3600 * {rate('gateway_cost_usd_total', CHOSEN, 'task')}", "{{task}}"),),
            12,
            stacked=True,
        ),
        Panel(
            "Cost per request by task",
            "All money of the task over all its requests.",
            "timeseries",
            "currencyUSD",
            (
                Query(
                    rate("gateway_cost_usd_total", CHOSEN, "task")
                    + " / "
                    + rate("gateway_requests_total", CHOSEN, "task"),
                    "{{task}}",
                ),
            ),
            12,
        ),
    ),
)
MODELS = Row(
    8,
    (
        Panel(
            "Which model answers which task",
            "Requests by task and the model that answered, in the time that is shown.",
            "table",
            "short",
            (
                Query(increase("gateway_requests_total", f'{CHOSEN},outcome="ok"', "task, model"), "answers"),
                Query(increase("gateway_cost_usd_total", CHOSEN, "task, model"), "cost"),
                Query(quantile(0.5, "gateway_request_duration_seconds", CHOSEN, "task, model", RANGE), "duration p50"),
            ),
            12,
            units={"cost": "currencyUSD", "duration p50": "s"},
        ),
        Panel(
            "Duration p95 by task",
            "95 of 100 requests of the task were answered within this time.",
            "timeseries",
            "s",
            (Query(quantile(0.95, "gateway_request_duration_seconds", CHOSEN, "task"), "{{task}}"),),
            12,
        ),
    ),
)
SURE = Row(
    8,
    (
        Panel(
            "Unsure",
            "Share of requests in the time that is shown that got no task: they take the default route.",
            "stat",
            "percentunit",
            (Query(UNSURE, instant=True),),
            4,
        ),
        Panel(
            "Unsure share",
            "A jump says that apps send something new: look at their texts, or write a rule under `tasks`.",
            "timeseries",
            "percentunit",
            (
                Query(
                    share(
                        rate("gateway_classified_requests_total", 'unsure="true"'),
                        rate("gateway_classified_requests_total"),
                    ),
                    "unsure",
                ),
            ),
            10,
        ),
        Panel(
            "Confidence by task",
            "Mean confidence of the classifier's best guess. Rules of your own count as 1.",
            "timeseries",
            "percentunit",
            (Query(mean("gateway_classifier_confidence_ratio", OF_TASK, "task"), "{{task}}"),),
            10,
        ),
    ),
)
SHAPE = Row(
    8,
    (
        Panel(
            "Structure",
            "Requests with tools, long prompts, pictures, sound or documents: this stands beside the task.",
            "timeseries",
            "reqps",
            (Query(rate("gateway_flagged_requests_total", by="flag"), "{{flag}}"),),
            12,
        ),
        Panel(
            "Tokens per second by task",
            "Input and output together, thought and cache included.",
            "timeseries",
            "short",
            (Query(rate("gateway_tokens_total", OF_MODEL_AND_TASK, "task"), "{{task}}"),),
            12,
            stacked=True,
        ),
    ),
)
QUALITY = Row(
    8,
    (
        Panel(
            "Defects by kind",
            "What answers show: cut off, refused, empty, JSON that is none or breaks its schema, bad tool calls.",
            "timeseries",
            "reqps",
            (Query(rate("gateway_quality_defects_total", OF_MODEL_AND_TASK, "defect"), "{{defect}}"),),
        ),
        Panel(
            "Defects by task and model",
            "Defects for each request that the model answered, in the time that is shown.",
            "table",
            "percentunit",
            (
                Query(
                    increase("gateway_quality_defects_total", OF_MODEL_AND_TASK, "task, model")
                    + " / "
                    + increase("gateway_requests_total", CHOSEN, "task, model"),
                    "defects",
                ),
            ),
        ),
        Panel(
            "Feedback",
            "What callers said of answers, by task (POST /v1/feedback).",
            "timeseries",
            "reqps",
            (Query(rate("gateway_feedback_total", OF_MODEL_AND_TASK, "task, verdict"), "{{task}} {{verdict}}"),),
        ),
    ),
)
TASKS = Dashboard(
    "switchyard-tasks",
    "Switchyard: tasks",
    "What each task costs, on which model, how sure the classifier is, and how good the answers are.",
    (TABLE, COSTS, MODELS, SURE, SHAPE, QUALITY),
)
