from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from gateway.core.plan import Record
from gateway.ledger.entry import begin_of, entry_of
from gateway.ledger.journal import LedgerWriter
from gateway.ledger.lines import read_lines
from gateway.ledger.shipper import is_dead
from tests.ledger.making import entry, journal_in, record_of


def ids(folder: Path) -> list[str]:
    found = []
    for path in sorted(folder.glob("*.journal")):
        found += [line.entry["id"] for line in read_lines(path.read_bytes(), 0, final=True) if line.entry]
    return found


def test_the_entry_of_a_request_that_fell_back() -> None:
    found = entry_of(record_of())
    assert found["model"] == "opus"
    assert found["provider"] == "anthropic"
    assert found["duration_s"] == 1.5
    assert found["first_token_s"] == 0.402
    assert found["overhead_s"] == 0.001
    assert found["usage"] == {"input": 12, "cache_read": 3, "output": 20, "reasoning": 5, "source": "reported"}
    assert found["baselines_nano_usd"] == {"gpt": 900_000, "free": None}
    assert found["signals"] == {"turns": 1, "tools": 1, "code_fences": 2, "script": "latin", "needs": ["tools"]}
    first, second = found["attempts"]
    assert (first["class"], first["reason"], first["status"]) == ("rate_limit", "rate_limited", 429)
    assert first["duration_s"] == 0.1
    assert second["price_version"] == "p1"
    assert "slow down" not in str(found), "a vendor's words about a request may quote it"


def test_a_refused_request_has_an_entry_without_a_route() -> None:
    refused = Record("req_x", 1.0, 2.0, False, outcome="rejected", http_status=401, ended=2.5)
    assert entry_of(refused)["task"] == "none"
    assert entry_of(refused)["attempts"] == []


def test_an_observer_writes_a_beginning_and_an_end(tmp_path: Path) -> None:
    writer = LedgerWriter(journal_in(tmp_path))
    record = record_of("req_9")
    writer.on_start(record)
    assert ids(tmp_path) == []
    writer.on_dispatch(record)
    writer.on_end(record)
    [path] = tmp_path.glob("*.journal")
    lines = list(read_lines(path.read_bytes(), 0, final=True))
    assert [line.entry["kind"] for line in lines if line.entry] == ["begin", "request"]
    assert lines[0].entry == {"kind": "begin", "id": "req_9"}
    assert orjson.loads(lines[0].raw) == begin_of(record)
    assert path.stat().st_mode & 0o077 == 0, "who asked what is not for everybody on this machine"


def test_segments_grow_to_their_size_and_are_locked(tmp_path: Path) -> None:
    journal = journal_in(tmp_path, max_bytes=80_000)
    for number in range(60):
        assert journal.append(entry(f"r{number}"))
    segments = sorted(tmp_path.glob("*.journal"))
    assert len(segments) > 1
    assert [is_dead(path) for path in segments] == [True] * (len(segments) - 1) + [False]
    journal.close()
    assert is_dead(segments[-1])
    assert ids(tmp_path) == [f"r{number}" for number in range(60)]


@pytest.mark.fault(34)
def test_a_full_journal_drops_and_counts_and_takes_again_once_there_is_room(tmp_path: Path) -> None:
    journal = journal_in(tmp_path, max_bytes=40_000)
    kept = [number for number in range(200) if journal.append(entry(f"r{number}"))]
    assert journal.dropped == 200 - len(kept) > 0
    assert ids(tmp_path) == [f"r{number}" for number in kept]
    for path in sorted(tmp_path.glob("*.journal"))[:-1]:
        path.unlink()
    journal._clock.ticks += 2  # type: ignore[attr-defined]
    assert journal.append(entry("again"))


def test_a_write_that_fails_half_way_costs_that_line_only(tmp_path: Path) -> None:
    """b is half written, and its rest refused; c is refused whole."""
    calls = 0

    def write(fd: int, data: bytes) -> int:
        nonlocal calls
        calls += 1
        if calls == 2:
            return os.write(fd, data[: len(data) // 2])
        if calls in (3, 4):
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.write(fd, data)

    journal = journal_in(tmp_path, write=write)
    assert [journal.append(entry(name)) for name in ("a", "b", "c", "d", "e")] == [True, False, False, True, True]
    assert ids(tmp_path) == ["a", "d", "e"]
    assert journal.dropped == 2


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from tests.ledger.making import entry, journal_in
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
journal = journal_in(Path(sys.argv[1]))
print(sum(journal.append(entry(f"r{n}")) for n in range(50)), journal.dropped)
"""


@pytest.mark.fault(34)
def test_a_disk_that_takes_no_more(tmp_path: Path) -> None:
    """The system's own limit of a file's size stands for the full disk: half a line is written, then nothing."""
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=True)
    kept, dropped = map(int, done.stdout.split())
    assert kept + dropped == 50
    assert kept > 5
    assert ids(tmp_path) == [f"r{number}" for number in range(kept)]


def test_a_folder_that_can_not_be_made_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    journal = journal_in(tmp_path / "file" / "journal")
    assert not journal.append(entry("a"))
    assert journal.dropped == 1


KILLED = """
import sys
from pathlib import Path
from tests.ledger.making import entry, journal_in
journal = journal_in(Path(sys.argv[1]))
number = 0
while True:
    journal.append(entry(f"r{number}"))
    print(number, flush=True)
    number += 1
"""


def test_what_was_written_outlives_the_process_that_is_killed(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    said = [int(child.stdout.readline()) for _ in range(200)]
    child.send_signal(signal.SIGKILL)
    child.wait()
    said += [int(line) for line in child.stdout.read().split("\n")[:-1]]
    found = ids(tmp_path)
    assert found[: len(said)] == [f"r{number}" for number in said]
    assert len(found) <= len(said) + 1


def test_a_lock_that_can_not_be_had_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(fd: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("gateway.ledger.journal.fcntl.flock", refuses)
    before = len(os.listdir("/proc/self/fd"))
    journal = journal_in(tmp_path / "j")
    for _ in range(20):
        journal._clock.ticks += 2  # type: ignore[attr-defined]
        assert not journal.append(entry("a"))
    assert os.listdir(tmp_path / "j") == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_stranger_is_not_written_down(tmp_path: Path) -> None:
    writer = LedgerWriter(journal_in(tmp_path))
    writer.on_end(Record("req_x", 1.0, 2.0, False, outcome="rejected", http_status=401, ended=2.5))
    assert ids(tmp_path) == []
    writer.on_end(Record("req_y", 1.0, 2.0, False, principal="web", outcome="rejected", http_status=400, ended=2.5))
    assert ids(tmp_path) == ["req_y"]
