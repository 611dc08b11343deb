"""What a panel is, how panels become Grafana's JSON, and how rows become a grid. Knows no metric."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

COLUMNS = 24
DATASOURCE = {"type": "prometheus", "uid": "prometheus"}
Kind = Literal["stat", "timeseries", "table", "barchart", "bargauge", "state-timeline"]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Query:
    """`legend` names its lines, as {{label}}; in a table it is the heading of the column. `instant`: only the value at
    the end of the time that is shown."""

    expr: str
    legend: str = ""
    instant: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """`units` gives columns of a table their own; `limits` are (value, colour) from which on a number is coloured;
    `names` shows words in place of values."""

    title: str
    description: str
    kind: Kind
    unit: str
    queries: tuple[Query, ...]
    width: int = 8
    stacked: bool = False
    limits: tuple[tuple[float, str], ...] = ()
    units: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Panels side by side: together as wide as the page."""

    height: int
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """`variables` are labels of `gateway_requests_total` to choose by."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[str, ...] = ("route", "task", "model")


def render(dashboard: Dashboard) -> Json:
    panels: list[Json] = []
    top = 0
    for row in dashboard.rows:
        left = 0
        for panel in row.panels:
            place = {"x": left, "y": top, "w": panel.width, "h": row.height}
            panels.append(_panel(panel, len(panels) + 1, place))
            left += panel.width
        if left != COLUMNS:
            raise ValueError(f"{dashboard.title}: the row of {row.panels[0].title!r} is {left} wide")
        top += row.height
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["switchyard"],
        "schemaVersion": 41,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "timezone": "browser",
        "time": {"from": "now-6h", "to": "now"},
        "links": [
            {"type": "dashboards", "title": "Switchyard", "tags": ["switchyard"], "asDropdown": False, "keepTime": True}
        ],
        "templating": {"list": [_variable(name) for name in dashboard.variables]},
        "panels": panels,
    }


def _variable(name: str) -> Json:
    query = f"label_values(gateway_requests_total, {name})"
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _panel(panel: Panel, number: int, place: dict[str, int]) -> Json:
    form: Json = {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "gridPos": place,
        "targets": [_target(panel, query, index) for index, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": _overrides(panel)},
        "options": _options(panel),
    }
    if panel.kind == "table":
        form["transformations"] = _one_row_a_label(panel)
    return form


def _target(panel: Panel, query: Query, index: int) -> Json:
    instant = query.instant or panel.kind in ("table", "bargauge")
    return {
        "refId": chr(ord("A") + index),
        "datasource": DATASOURCE,
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "instant": instant,
        "range": not instant,
        "format": "table" if panel.kind == "table" else "time_series",
    }


def _defaults(panel: Panel) -> Json:
    steps: list[Json] = [{"color": "green" if panel.limits else "blue", "value": None}]
    steps += [{"color": colour, "value": value} for value, colour in panel.limits]
    defaults: Json = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.decimals is not None:
        defaults["decimals"] = panel.decimals
    if panel.names:
        options = {value: {"text": text, "index": index} for index, (value, text) in enumerate(panel.names.items())}
        defaults["mappings"] = [{"type": "value", "options": options}]
    if panel.kind in ("stat", "bargauge", "state-timeline"):
        defaults["color"] = {"mode": "thresholds"}
    if panel.kind == "timeseries":
        defaults["color"] = {"mode": "palette-classic-by-name"}
        defaults["min"] = 0
        defaults["custom"] = {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 30 if panel.stacked else 5,
            "showPoints": "never",
            "spanNulls": True,
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
        }
    return defaults


def _overrides(panel: Panel) -> list[Json]:
    return [
        {"matcher": {"id": "byName", "options": name}, "properties": [{"id": "unit", "value": unit}]}
        for name, unit in panel.units.items()
    ]


def _options(panel: Panel) -> Json:
    last = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    match panel.kind:
        case "stat":
            return {"reduceOptions": last, "colorMode": "value", "graphMode": "area", "textMode": "auto"}
        case "bargauge":
            return {"reduceOptions": last, "orientation": "horizontal", "displayMode": "basic", "showUnfilled": True}
        case "timeseries":
            legend = {"displayMode": "table", "placement": "right", "showLegend": True, "calcs": ["mean", "max"]}
            return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
        case "state-timeline":
            return {"showValue": "auto", "rowHeight": 0.8, "mergeValues": True, "legend": {"showLegend": True}}
        case "table":
            return {"showHeader": True, "cellHeight": "sm", "footer": {"show": False}}
        case _:
            return {"legend": {"showLegend": True}}


def _one_row_a_label(panel: Panel) -> list[Json]:
    """The queries' values side by side, one row for each set of labels."""
    if len(panel.queries) == 1:
        renames = {"Value": panel.queries[0].legend}
    else:
        renames = {f"Value #{chr(ord('A') + index)}": query.legend for index, query in enumerate(panel.queries)}
    return [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": renames}},
    ]
