"""Several processes, one sum: what each counted outlives it, and is never counted twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.observe import slot_file
from gateway.observe import totals as room
from gateway.observe.ledger_metrics import keeper_metrics
from gateway.observe.metrics import Metrics
from gateway.observe.names import (
    ATTEMPTS,
    CONFIG_RELOAD_SUCCESS,
    DURATION,
    IN_FLIGHT,
    LEDGER_CORRUPT,
    LEDGER_DROPPED,
    LEDGER_LAG,
    LEDGER_STORE_UP,
    OTHER,
    PROCESS_STARTS,
    PROCESSES,
    QUEUED,
)
from gateway.observe.totals import Totals

ROOT = Path(__file__).resolve().parents[2]
CELLS = len(DURATION.buckets) + 2
LABELS = ("default", "coding", "a", "true")


def test_any_process_shows_the_sum(tmp_path: Path) -> None:
    one, two = Totals(tmp_path, "0"), Totals(tmp_path, "1")
    one.add((QUEUED, ()), (2,))
    two.add((QUEUED, ()), (3,))
    one.add((DURATION, LABELS), [1.0] * CELLS)
    two.add((DURATION, LABELS), [2.0] * CELLS)
    two.add((ATTEMPTS, ("a", "one", "first", "ok")), (1,))
    for totals in (one, two):
        merged = totals.merged()
        assert merged[QUEUED, ()] == [5]
        assert merged[DURATION, LABELS] == [3.0] * CELLS
        assert merged[ATTEMPTS, ("a", "one", "first", "ok")] == [1]


def test_gauges_merge_as_their_meaning_asks(tmp_path: Path) -> None:
    one, two = Totals(tmp_path, "0"), Totals(tmp_path, "1")
    for number, totals in enumerate((one, two)):
        totals.put((IN_FLIGHT, ()), 4 + number)
        totals.put((CONFIG_RELOAD_SUCCESS, ()), number)
        totals.put((LEDGER_LAG, ()), 10 * number)
    merged = one.merged()
    assert merged[IN_FLIGHT, ()] == [9]
    assert merged[CONFIG_RELOAD_SUCCESS, ()] == [0]
    assert merged[LEDGER_LAG, ()] == [10]
    two.drop((IN_FLIGHT, ()))
    assert one.merged()[IN_FLIGHT, ()] == [4]
    one.drop((IN_FLIGHT, ()))
    assert (IN_FLIGHT, ()) not in one.merged()


CHILD = """
import sys, time
from pathlib import Path
from gateway.observe.totals import Totals
from gateway.observe.names import IN_FLIGHT, QUEUED
totals = Totals(Path(sys.argv[1]), "0")
totals.add((QUEUED, ()), (7,))
totals.put((IN_FLIGHT, ()), 3)
print("counted", flush=True)
time.sleep(60)
"""


def test_a_killed_process_keeps_its_counts_and_loses_its_gauges(tmp_path: Path) -> None:
    watcher = Totals(tmp_path, "1")
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "counted\n"
    assert watcher.merged()[QUEUED, ()] == [7]
    assert watcher.merged()[IN_FLIGHT, ()] == [3]
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    child.stdout.close()
    assert watcher.merged()[QUEUED, ()] == [7]
    assert (IN_FLIGHT, ()) not in watcher.merged()
    successor = Totals(tmp_path, "0")
    successor.add((QUEUED, ()), (1,))
    for totals in (watcher, successor):
        assert totals.merged()[QUEUED, ()] == [8], "counters go on where they were"
        assert (IN_FLIGHT, ()) not in totals.merged()


def test_workers_and_starts_are_counted(tmp_path: Path) -> None:
    Metrics(Totals(tmp_path, "0"))
    Metrics(Totals(tmp_path, "0"))
    keeper = keeper_metrics(tmp_path)
    keeper.state(up=False, lag_s=4.5, waiting_bytes=100)
    keeper.shipped(10, 2, 1)
    merged = Metrics(Totals(tmp_path, "1")).totals.merged()
    assert merged[PROCESSES, ("worker",)] == [2]
    assert merged[PROCESSES, ("keeper",)] == [1]
    assert merged[PROCESS_STARTS, ("0",)] == [2]
    assert merged[PROCESS_STARTS, ("keeper",)] == [1]
    assert merged[LEDGER_STORE_UP, ()] == [0]
    assert merged[LEDGER_LAG, ()] == [4.5]
    assert merged[LEDGER_DROPPED, ("store",)] == [2]
    assert merged[LEDGER_CORRUPT, ()] == [1]


@pytest.mark.parametrize("size", range(0, 200, 9))
def test_a_damaged_file_is_started_anew(tmp_path: Path, size: int) -> None:
    whole = Totals(tmp_path, "0")
    whole.add((QUEUED, ()), (7,))
    path = tmp_path / f"0{slot_file.SUFFIX}"
    content = path.read_bytes()
    path.write_bytes(content[:size] + b"\xff" * 32)
    assert Totals(tmp_path, "1").merged()[QUEUED, ()] == [0], "the others go on without it"
    again = Totals(tmp_path, "0")
    again.add((QUEUED, ()), (1,))
    assert Totals(tmp_path, "1").merged()[QUEUED, ()] == [1]


def test_files_of_another_version_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Totals(tmp_path, "0").add((QUEUED, ()), (7,))
    monkeypatch.setattr(room, "_DIGEST", b"12345678")
    assert Totals(tmp_path, "1").merged()[QUEUED, ()] == [0]
    assert Totals(tmp_path, "0").merged()[QUEUED, ()] == [0]


def test_a_file_grows(tmp_path: Path) -> None:
    one = Totals(tmp_path, "0")
    for number in range(2000):
        one.add((ATTEMPTS, (f"model-{number}", "one", "first", "ok")), (number,))
    assert (tmp_path / f"0{slot_file.SUFFIX}").stat().st_size > 65536
    merged = Totals(tmp_path, "1").merged()
    assert merged[ATTEMPTS, ("model-1999", "one", "first", "ok")] == [1999]
    assert Totals(tmp_path, "0").merged()[ATTEMPTS, ("model-1999", "one", "first", "ok")] == [1999]


def test_a_full_disk_costs_the_others_their_view_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    one = Totals(tmp_path, "0")
    monkeypatch.setattr(os, "posix_fallocate", full)
    for number in range(2000):
        one.add((ATTEMPTS, (f"model-{number}", "one", "first", "ok")), (1,))
    assert len([series for series in one.merged() if series[0] is ATTEMPTS]) == 2000
    alone = Totals(tmp_path, "1")
    alone.add((QUEUED, ()), (1,))
    assert alone.merged()[QUEUED, ()] == [1]


def test_a_folder_that_cannot_be_written_leaves_the_process_its_own(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    alone = Totals(tmp_path / "file" / "prometheus", "0")
    alone.add((QUEUED, ()), (1,))
    assert alone.merged()[QUEUED, ()] == [1]


def test_series_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_SERIES", 3)
    one = Totals()
    for number in range(9):
        one.add((ATTEMPTS, (f"model-{number}", "one", "first", "ok")), (1,))
    series = {labels: values for (metric, labels), values in one.merged().items() if metric is ATTEMPTS}
    assert len(series) == 4
    assert series[OTHER, OTHER, OTHER, OTHER] == [6]
