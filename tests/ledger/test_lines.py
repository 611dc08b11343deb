from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.lines import encode_line, read_lines
from tests.ledger.making import entry

ENTRIES = [entry("a"), entry("b", task="line\nfeed \u2028 \x00"), entry("c")]
DATA = b"".join(map(encode_line, ENTRIES))


def good(data: bytes, *, final: bool = True) -> list[str]:
    return [line.entry["id"] for line in read_lines(data, 0, final=final) if line.entry is not None]


def test_lines_come_back_with_their_ends() -> None:
    lines = list(read_lines(DATA, 1000, final=True))
    assert [line.entry for line in lines] == ENTRIES
    assert lines[-1].end == 1000 + len(DATA)


@pytest.mark.parametrize("cut", range(0, len(DATA), 7))
def test_cut_anywhere_whole_lines_are_kept(cut: int) -> None:
    whole = DATA[:cut].count(b"\n")
    assert good(DATA[:cut]) == [e["id"] for e in ENTRIES[:whole]]
    rest = list(read_lines(DATA[:cut], 0, final=False))
    assert all(line.entry is not None for line in rest), "an unfinished line is left for later"
    assert (rest[-1].end if rest else 0) == DATA.rfind(b"\n", 0, cut) + 1


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_one_changed_byte_costs_at_most_the_lines_it_stands_in(at: int, change: int) -> None:
    broken = bytearray(DATA)
    broken[at] ^= change
    kept = good(bytes(broken))
    assert len(kept) >= len(ENTRIES) - 2
    assert set(kept) <= {"a", "b", "c"}


@given(st.binary(max_size=300))
def test_rubbish_is_never_an_entry(junk: bytes) -> None:
    assert good(junk + b"\n" + encode_line(ENTRIES[0]))[-1] == "a"


def test_a_json_line_without_its_kind_is_corrupt() -> None:
    assert [line.entry for line in read_lines(encode_line({"id": "x"}), 0, final=True)] == [None]
