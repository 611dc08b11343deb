"""The turns of PromQL that panels share. Durations are Grafana's own variables; the test fills them in."""

from __future__ import annotations

RATE = "$__rate_interval"
RANGE = "$__range"
CHOSEN = 'route=~"$route",task=~"$task",model=~"$model"'
OF_ROUTE_AND_TASK = 'route=~"$route",task=~"$task"'
OF_MODEL_AND_TASK = 'model=~"$model",task=~"$task"'
OF_MODEL = 'model=~"$model"'
OF_TASK = 'task=~"$task"'
ANSWERABLE = 'outcome=~"ok|error"'
"""Requests that the gateway took on and whose client stayed: what an error share is a share of."""


def rate(metric: str, labels: str = "", by: str = "") -> str:
    return summed(f"rate({metric}{{{labels}}}[{RATE}])", by)


def increase(metric: str, labels: str = "", by: str = "") -> str:
    return summed(f"increase({metric}{{{labels}}}[{RANGE}])", by)


def summed(inner: str, by: str = "") -> str:
    return f"sum by ({by}) ({inner})" if by else f"sum({inner})"


def share(part: str, whole: str) -> str:
    """0 while there is a whole and no part."""
    return f"({part} or 0 * {whole}) / {whole}"


def quantile(q: float, metric: str, labels: str = "", by: str = "", window: str = RATE) -> str:
    grouped = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({grouped}) (rate({metric}_bucket{{{labels}}}[{window}])))"


def mean(metric: str, labels: str = "", by: str = "", window: str = RATE) -> str:
    total, count = (summed(f"rate({metric}_{part}{{{labels}}}[{window}])", by) for part in ("sum", "count"))
    return f"{total} / {count}"


def top(count: int, expr: str) -> str:
    return f"topk({count}, {expr})"
