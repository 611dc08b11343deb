"""One folder a gateway: emptied by who takes it, left alone by all others, and gone once nobody has it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.observe import folders
from gateway.observe.folders import FOLDER, own_folder
from gateway.observe.names import QUEUED
from gateway.observe.totals import Totals


def counted(folder: Path) -> list[float]:
    return Totals(folder, "0").merged()[QUEUED, ()]


def test_a_new_start_begins_at_zero(tmp_path: Path) -> None:
    for _ in range(2):
        with own_folder(tmp_path) as folder:
            assert folder == tmp_path / FOLDER
            assert counted(folder) == [0]
            Totals(folder, "0").add((QUEUED, ()), (7,))


def test_two_at_a_time_have_one_each(tmp_path: Path) -> None:
    with own_folder(tmp_path) as first:
        Totals(first, "0").add((QUEUED, ()), (7,))
        with own_folder(tmp_path) as second, own_folder(tmp_path) as third:
            assert len({first, second, third}) == 3
            assert counted(second) == [0]
            assert counted(first) == [7]
            Totals(second, "0").add((QUEUED, ()), (1,))
        assert counted(first) == [7]
        with own_folder(tmp_path) as again:
            assert again == second
            assert counted(again) == [0]
            assert not third.exists(), "nobody has it"


def test_what_is_none_of_ours_stays(tmp_path: Path) -> None:
    own = tmp_path / "prometheus-data"
    own.mkdir()
    (own / "0.metrics").touch()
    noted = tmp_path / "prometheus-7"
    noted.mkdir()
    (noted / "notes.txt").touch()
    with own_folder(tmp_path):
        assert (own / "0.metrics").exists()
        assert (noted / "notes.txt").exists()


def test_a_forked_process_holds_it_too(tmp_path: Path) -> None:
    """A supervisor that was killed leaves workers that drain: their numbers are theirs until they have ended."""
    program = """
import os, sys
from pathlib import Path
from gateway.observe.folders import own_folder
with own_folder(Path(sys.argv[1])) as folder:
    if os.fork():
        os._exit(0)
    print(folder.name, flush=True)
    sys.stdin.read()
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.wait(30) == 0
    assert parent.stdin is not None
    assert parent.stdout is not None
    assert parent.stdout.readline() == f"{FOLDER}\n"
    with own_folder(tmp_path) as other:
        assert other.name != FOLDER
    parent.stdin.close()
    assert parent.stdout.read() == "", "the child has ended"
    parent.stdout.close()
    with own_folder(tmp_path) as free:
        assert free.name == FOLDER


def test_one_that_is_removed_while_it_is_taken_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def removed_first(path: Path, *args: int) -> int:
        lock = opened(path, *args)
        if path.parent.name == FOLDER:
            path.unlink()
            path.parent.rmdir()
        return lock

    monkeypatch.setattr(folders.os, "open", removed_first)
    with own_folder(tmp_path) as folder:
        assert folder.name == f"{FOLDER}-2"


def test_where_none_can_be_had_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError), own_folder(tmp_path / "file"):
        pass
    monkeypatch.setattr(folders, "MOST_GATEWAYS", 1)
    with own_folder(tmp_path), pytest.raises(OSError, match="share"), own_folder(tmp_path):
        pass
