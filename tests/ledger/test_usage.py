"""Reports: their spans, groups and money, and how they look."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.ledger.asking import BadQuestion, read_query
from gateway.ledger.render import FOCUS, as_csv, as_json, as_table, money, percent
from gateway.ledger.rollup import DAY, HOUR
from gateway.ledger.usage import Query, Report, report
from tests.ledger.making import NOON, batch, entry, open_sqlite

ENTRIES = (
    entry("a", baselines_nano_usd={"opus": 5000, "old": None}),
    entry("b", task="simple_qa", model="=cmd()", cost_nano_usd=3000, baselines_nano_usd={"opus": 2000},
          costs_nano_usd={"final": 2000, "failed": 1000}, attempts=[{"model": "x"}, {"model": "y", "usage": {}}]),
    entry("c", outcome="error", cost_nano_usd=None, costs_nano_usd={}, usage={}, attempts=[{"model": "gpt"}]),
    entry("d", cost_nano_usd=None, costs_nano_usd={}, baselines_nano_usd={"opus": 9000}, quality=["truncated"]),
    entry("e", at=NOON + DAY, baselines_nano_usd={"opus": 5000}),
)  # fmt: skip


@pytest.fixture
def reported(tmp_path: Path) -> Report:
    store = open_sqlite(tmp_path)
    store.append(batch("s", 0, 1, ENTRIES))
    found = report(store, Query(int(NOON), int(NOON) + 60, ("task", "model")))
    store.close()
    return found


def test_money_by_group(reported: Report) -> None:
    by_group = {line.group: line for line in reported.lines}
    assert reported.lines[0].group == ("simple_qa", "=cmd()"), "what costs most comes first"
    coding = by_group["coding", "gpt"]
    assert (coding.requests, coding.errors, coding.cost, coding.unpriced) == (3, 1, 1000, 1)
    assert coding.savings == {"opus": 4000}, "a request of unknown cost takes no part in the comparison"
    qa = by_group["simple_qa", "=cmd()"]
    assert (qa.wasted, qa.savings["opus"]) == (1000, -1000)
    assert reported.total.cost == 4000


def test_spans(tmp_path: Path) -> None:
    store = open_sqlite(tmp_path)
    store.append(batch("s", 0, 1, ENTRIES))
    hours = report(store, Query(int(NOON) + 1800, int(NOON) + 3600))
    assert (hours.since, hours.total.requests) == (NOON, 4), "an hour is the least that is told"
    days = report(store, Query(int(NOON) - 5 * DAY, int(NOON) + 2 * DAY, ("day", "task")))
    assert [line.group for line in days.lines] == [
        ("2025-11-25", "simple_qa"),
        ("2025-11-25", "coding"),
        ("2025-11-26", "coding"),
    ]
    assert report(store, Query(int(NOON) - 5 * DAY, int(NOON) + 2 * DAY, ("hour",))).lines[0].group == (
        "2025-11-25T12:00Z",
    )
    assert report(store, Query(0, 10)).lines == ()
    store.close()


def test_csv_has_focus_columns_and_no_formula(reported: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(reported))))
    assert set(FOCUS) <= rows[0].keys()
    assert rows[0]["x_model"] == "'=cmd()"
    assert (rows[0]["BilledCost"], rows[0]["BillingCurrency"], rows[0]["x_wasted_cost"]) == (
        "0.000003",
        "USD",
        "0.000001",
    )
    assert rows[1]["x_saving_opus"] == "0.000004"
    assert all(name in FOCUS or name.startswith("x_") for name in rows[0])


def test_a_line_of_a_day_is_charged_for_that_day(tmp_path: Path) -> None:
    store = open_sqlite(tmp_path)
    store.append(batch("s", 0, 1, ENTRIES))
    for by, start, end in (
        ("task,day", "2025-11-26T00:00:00Z", "2025-11-27T00:00:00Z"),
        ("hour", "2025-11-26T12:00:00Z", "2025-11-26T13:00:00Z"),
    ):
        found = report(store, Query(int(NOON), int(NOON) + 2 * DAY, tuple(by.split(","))))
        rows = list(csv.DictReader(io.StringIO(as_csv(found))))
        assert (start, end) in {(row["ChargePeriodStart"], row["ChargePeriodEnd"]) for row in rows}
    store.close()


def test_the_table_adds_up_and_says_what_is_unknown(reported: Report) -> None:
    text = as_table(reported)
    lines = text.splitlines()
    assert lines[0] == "2025-11-25 12:00 to 2025-11-25 12:01 UTC"
    assert lines[-4].startswith("+? 1 requests have no known cost")
    assert any(line.startswith("total") and "4" in line for line in lines)
    assert len({len(line) for line in lines if line.startswith("─")}) == 1
    assert as_table(Report(("task",), 0, 10, ())).endswith("Nothing was asked in this time.\n")


def test_json_rounds_no_money(reported: Report) -> None:
    found = json.loads(json.dumps(as_json(reported)))
    assert found["total"]["cost_usd"] == "0.000004"
    assert found["data"][0]["saving_usd"] == {"opus": "-0.000001"}
    assert found["data"][1]["defects"] == {"truncated": 1}


@pytest.mark.parametrize(
    ("nano", "said"), [(0, "$0.0000"), (1_234, "$0.000001"), (12_340_000, "$0.0123"), (1_234_567_890_123, "$1,234.57")]
)
def test_money_for_a_person(nano: int, said: str) -> None:
    assert money(nano) == said


def test_percentages_for_a_person() -> None:
    assert [percent(share) for share in (0, 0.0004, 0.5)] == ["0%", "<0.1%", "50.0%"]


def test_questions() -> None:
    query = read_query({"by": "task, model", "since": "2d", "team": "x"}, NOON)
    assert query == Query(int(NOON) - 2 * DAY, int(NOON) + 1, ("task", "model"), (("team", "x"),))
    assert query.grain == DAY
    assert read_query({"since": "36h"}, NOON).grain == HOUR
    assert read_query({"since": "2025-11-25"}, NOON).since == NOON - 12 * HOUR
    assert read_query({"since": "2025-11-25T08:00+02:00"}, NOON).since == NOON - 6 * HOUR
    for asked in ({"since": "7"}, {"since": "2025-13-01"}, {"by": "x"}, {"x": "y"}):
        with pytest.raises(BadQuestion):
            read_query(asked, NOON)


CONFIG = """
ledger: {{dir: "{folder}", keep: {{records: 3650d, hours: 3650d}}}}
providers: {{x: {{adapter: openai, base_url: "http://127.0.0.1:9/v1", api_key: k-1234567890}}}}
models: {{gpt: {{provider: x, id: gpt-5.4}}}}
routes: [{{name: default, chain: [gpt]}}]
"""


def usage(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", "usage", str(config), *arguments], capture_output=True, text=True, check=False
    )


def test_the_command(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(CONFIG.format(folder=tmp_path / "state"))
    nothing = usage(config)
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert "there is no ledger" in nothing.stderr
    store = open_sqlite(tmp_path / "state")
    store.append(batch("s", 0, 1, ENTRIES))
    store.close()
    found = usage(config, "--since", "2025-11-25", "--by", "day,task")
    assert found.returncode == 0
    assert "2025-11-26  coding" in found.stdout
    assert json.loads(usage(config, "--since", "2025-11-25", "--format", "json").stdout)["total"]["requests"] == 5
    assert json.loads(usage(config, "--request", "a").stdout) == entry(
        "a", baselines_nano_usd={"opus": 5000, "old": None}
    )
    assert usage(config, "--request", "zz").returncode == 1
    wrong = usage(config, "--by", "colour")
    assert (wrong.returncode, "--by: no group" in wrong.stderr) == (2, True)
