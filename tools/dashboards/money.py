"""Money: who and what spends it, what it bought, what routing saves, and how far the figures can be trusted."""

from __future__ import annotations

from tools.dashboards.expressions import CHOSEN, OF_MODEL, OF_ROUTE_AND_TASK, increase, rate, share, top
from tools.dashboards.panels import Dashboard, Panel, Query, Row

COST = increase("gateway_cost_usd_total", OF_ROUTE_AND_TASK)
BASELINE = increase("gateway_baseline_cost_usd_total", OF_ROUTE_AND_TASK, "baseline")
BESIDE = increase("gateway_cost_usd_total", f'{OF_ROUTE_AND_TASK},kind!="final"')
HOURLY = "3600 * "

NOW = Row(
    4,
    (
        Panel(
            "Spent",
            "All money in the time that is shown. Exact sums: `gateway usage`.",
            "stat",
            "currencyUSD",
            (Query(COST, instant=True),),
            4,
        ),
        Panel(
            "Pace",
            "Money per hour, as it is spent now.",
            "stat",
            "currencyUSD",
            (Query(HOURLY + rate("gateway_cost_usd_total", OF_ROUTE_AND_TASK)),),
            4,
        ),
        Panel(
            "Saved, net",
            "What the same tokens would have cost on the baseline, less all that was spent.",
            "stat",
            "currencyUSD",
            (Query(f"{BASELINE} - scalar({COST})", "{{baseline}}", instant=True),),
            4,
        ),
        Panel(
            "Beside the answers",
            "Share of the money that bought no answer for a client: failed attempts, races, shadow and probe calls.",
            "stat",
            "percentunit",
            (Query(share(BESIDE, COST), instant=True),),
            4,
            limits=((0.05, "orange"), (0.15, "red")),
        ),
        Panel(
            "Unpriced answers",
            "Answers of models without a price: their cost is in none of these sums. Give the model a `price`.",
            "stat",
            "short",
            (Query(f"{increase('gateway_unpriced_requests_total')} or vector(0)", instant=True),),
            4,
            limits=((1, "red"),),
        ),
        Panel(
            "Estimated usage",
            "Answers whose tokens the provider did not report: their cost is an estimate.",
            "stat",
            "short",
            (Query(f"{increase('gateway_usage_estimated_total')} or vector(0)", instant=True),),
            4,
            limits=((1, "orange"),),
        ),
    ),
)
BY = Row(
    8,
    (
        Panel(
            "By model",
            "Money per hour by the model that was called.",
            "timeseries",
            "currencyUSD",
            (Query(HOURLY + rate("gateway_cost_usd_total", CHOSEN, "model"), "{{model}}"),),
            stacked=True,
        ),
        Panel(
            "By task",
            "Money per hour by what requests were for.",
            "timeseries",
            "currencyUSD",
            (Query(HOURLY + rate("gateway_cost_usd_total", CHOSEN, "task"), "{{task}}"),),
            stacked=True,
        ),
        Panel(
            "By key",
            "Money per hour by the caller's key. Teams and single requests: `gateway usage`.",
            "timeseries",
            "currencyUSD",
            (Query(HOURLY + top(12, rate("gateway_key_cost_usd_total", by="key")), "{{key}}"),),
            stacked=True,
        ),
    ),
)
AGAINST = Row(
    8,
    (
        Panel(
            "Against the baselines",
            "In the time that is shown: what the same tokens would have cost, and what routing saved of that, net.",
            "table",
            "currencyUSD",
            (
                Query(BASELINE, "baseline cost"),
                Query(f"{BASELINE} * 0 + scalar({COST})", "spent"),
                Query(f"{BASELINE} - scalar({COST})", "saved"),
                Query(f"1 - scalar({COST}) / {BASELINE}", "saved share"),
            ),
            12,
            units={"saved share": "percentunit"},
        ),
        Panel(
            "Spent and saved per hour",
            "Above zero, routing saves: negative where the baseline would have been cheaper.",
            "timeseries",
            "currencyUSD",
            (
                Query(HOURLY + rate("gateway_cost_usd_total", OF_ROUTE_AND_TASK), "spent"),
                Query(
                    f"{HOURLY}({rate('gateway_baseline_cost_usd_total', OF_ROUTE_AND_TASK, 'baseline')}"
                    f" - scalar({rate('gateway_cost_usd_total', OF_ROUTE_AND_TASK)}))",
                    "saved against {{baseline}}",
                ),
            ),
            12,
        ),
    ),
)
BOUGHT = Row(
    8,
    (
        Panel(
            "What the money bought",
            "final: answers to clients. failed: attempts that gave none. hedge: losers of a race. shadow, probe: ours.",
            "timeseries",
            "currencyUSD",
            (Query(HOURLY + rate("gateway_cost_usd_total", CHOSEN, "kind"), "{{kind}}"),),
            stacked=True,
        ),
        Panel(
            "Price in practice",
            "USD per million tokens of all kinds, as paid: caching and long answers move it.",
            "timeseries",
            "currencyUSD",
            (
                Query(
                    f"1e6 * {rate('gateway_cost_usd_total', OF_MODEL, 'model')} / "
                    + rate("gateway_tokens_total", OF_MODEL, "model"),
                    "{{model}}",
                ),
            ),
        ),
        Panel(
            "Input from caches",
            "Share of prompt tokens that a provider's cache served.",
            "timeseries",
            "percentunit",
            (
                Query(
                    share(
                        rate("gateway_tokens_total", f'{OF_MODEL},kind=~"cache_read.*"', "model"),
                        rate("gateway_tokens_total", f'{OF_MODEL},kind=~"input.*|cache_.*"', "model"),
                    ),
                    "{{model}}",
                ),
            ),
        ),
    ),
)
KEYS = Row(
    7,
    (
        Panel(
            "Keys",
            "Requests and money by the caller's key in the time that is shown.",
            "table",
            "short",
            (
                Query(increase("gateway_key_requests_total", by="key"), "requests"),
                Query(increase("gateway_key_cost_usd_total", by="key"), "cost"),
            ),
            units={"cost": "currencyUSD"},
        ),
        Panel(
            "Routes",
            "Requests and money by route in the time that is shown.",
            "table",
            "short",
            (
                Query(increase("gateway_requests_total", CHOSEN, "route"), "requests"),
                Query(increase("gateway_cost_usd_total", CHOSEN, "route"), "cost"),
            ),
            units={"cost": "currencyUSD"},
        ),
        Panel(
            "Ledger lag",
            "Age of the oldest record that is on this disk but not in the store yet. Nothing is lost while it waits.",
            "timeseries",
            "s",
            (Query("gateway_ledger_lag_seconds", "lag"),),
        ),
    ),
)
LEDGER = Row(
    5,
    (
        Panel(
            "Ledger store",
            "Whether the place where records end up answers.",
            "stat",
            "short",
            (Query("gateway_ledger_store_up"),),
            6,
            names={"0": "away", "1": "up"},
        ),
        Panel(
            "Waiting in the journal",
            "Bytes that wait to be taken into the store.",
            "stat",
            "bytes",
            (Query("gateway_ledger_journal_bytes"),),
            6,
        ),
        Panel(
            "Lost records",
            "Records that the ledger could not keep, in the time that is shown: a full disk, or a full journal.",
            "stat",
            "short",
            (Query(f"{increase('gateway_ledger_dropped_records_total')} or vector(0)", instant=True),),
            6,
            limits=((1, "red"),),
        ),
        Panel(
            "Unreadable lines",
            "Lines of the journal that were set aside, for instance after a power cut.",
            "stat",
            "short",
            (Query(increase("gateway_ledger_corrupt_lines_total"), instant=True),),
            6,
            limits=((1, "orange"),),
        ),
    ),
)
MONEY = Dashboard(
    "switchyard-money",
    "Switchyard: money",
    "Spend by model, task and key; savings net of failed attempts and races; what is unpriced.",
    (NOW, BY, AGAINST, BOUGHT, KEYS, LEDGER),
)
