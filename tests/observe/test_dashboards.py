"""The dashboards are what the code says, and read well: no panel covers another, each says what it shows."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.observe.names import METRICS
from tests.observe.prometheus import promtool
from tools.dashboards.__main__ import FOLDER
from tools.dashboards.files import DASHBOARDS, text_of

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
SAMPLES = {
    f"{metric.name}{suffix}": {*metric.labels, *({"le"} if suffix == "_bucket" else ())}
    for metric in METRICS
    for suffix in (("_bucket", "_sum", "_count") if metric.type == "histogram" else ("",))
}
BY_FILE = pytest.mark.parametrize("name", DASHBOARDS)


def panels(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / name).read_text())["panels"]
    return found


@BY_FILE
def test_the_files_are_what_the_generator_writes(name: str) -> None:
    assert (FOLDER / name).read_text() == text_of(DASHBOARDS[name]), "run `make dashboards`"


def test_there_are_no_other_files() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(DASHBOARDS)


@BY_FILE
def test_panels_do_not_overlap_and_leave_no_gap(name: str) -> None:
    places = [panel["gridPos"] for panel in panels(name)]
    covered = [{(x, y) for x in columns(p) for y in range(p["y"], p["y"] + p["h"])} for p in places]
    for one, other in combinations(covered, 2):
        assert not one & other
    height = max(p["y"] + p["h"] for p in places)
    assert sum(map(len, covered)) == 24 * height
    assert all(p["x"] + p["w"] <= 24 for p in places)


def columns(place: dict[str, int]) -> range:
    return range(place["x"], place["x"] + place["w"])


@BY_FILE
def test_each_panel_says_what_it_shows_and_in_what_unit(name: str) -> None:
    titles = [panel["title"] for panel in panels(name)]
    assert len(set(titles)) == len(titles)
    for panel in panels(name):
        assert panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert len(panel["description"]) > 20, panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["targets"]
        headings = {target["legendFormat"] for target in panel["targets"]}
        for override in panel["fieldConfig"]["overrides"]:
            assert override["matcher"]["options"] in headings, panel["title"]


@BY_FILE
def test_queries_ask_for_metrics_and_labels_that_exist(name: str) -> None:
    variables = {variable["name"] for variable in json.loads((FOLDER / name).read_text())["templating"]["list"]}
    for panel in panels(name):
        for target in panel["targets"]:
            check_names(target["expr"])
            used = set(re.findall(r"\$(?!__)(\w+)", target["expr"]))
            assert used <= variables, panel["title"]


def test_alerts_ask_for_metrics_and_labels_that_exist() -> None:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 10
    for rule in rules:
        check_names(rule["expr"])


def check_names(expr: str) -> None:
    for metric, labels in re.findall(r"(gateway_\w+)(?:\{([^}]*)\})?", expr):
        assert metric in SAMPLES, expr
        asked = set(re.findall(r"(\w+)\s*(?:=|!=|=~|!~)\s*\"", labels))
        assert asked <= SAMPLES[metric], expr


def test_alert_rules_are_valid_and_do_what_they_say() -> None:
    for what, file in (("check", "alerts.yml"), ("test", "alerts_test.yml")):
        done = promtool(what, "rules", str(PROMETHEUS / file))
        assert done.returncode == 0, (done.stdout + done.stderr).decode()


def test_every_alert_is_tested_and_documented() -> None:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    tests = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text())["tests"]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert alerts == fired
    page = (ROOT / "docs" / "dashboards.md").read_text()
    assert not {alert for alert in alerts if f"`{alert}`" not in page}


def test_every_metric_is_on_a_dashboard_or_in_an_alert() -> None:
    text = (PROMETHEUS / "alerts.yml").read_text() + "".join((FOLDER / name).read_text() for name in DASHBOARDS)
    unused = {metric.name for metric in METRICS if not re.search(rf"\b{metric.name}(_bucket|_sum|_count)?\b", text)}
    assert unused <= NOT_SHOWN


NOT_SHOWN = {
    "gateway_config_reload_timestamp_seconds",
    "gateway_build_info",
    "gateway_requests_queued_total",
    "gateway_otel_dropped_records_total",
    "gateway_ledger_shipped_entries_total",
}
"""For the curious and for alerts of one's own."""


def test_compose_mounts_what_prometheus_and_grafana_read() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    mounts = {}
    for service in ("prometheus", "grafana"):
        for volume in services[service]["volumes"]:
            source, target, *_ = volume.split(":")
            mounts[target] = ROOT / source
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    for path in config["rule_files"]:
        assert mounts[path].is_file()
    provisioning = mounts["/etc/grafana/provisioning"]
    [provider] = yaml.safe_load((provisioning / "dashboards" / "switchyard.yaml").read_text())["providers"]
    assert mounts[provider["options"]["path"]] == FOLDER
    [source] = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    for panel in (panel for name in DASHBOARDS for panel in panels(name)):
        for target in panel["targets"]:
            assert target["datasource"] == {"type": "prometheus", "uid": source["uid"]}
