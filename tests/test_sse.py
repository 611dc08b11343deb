"""The SSE decoder: every framing rule, and the same events whatever the split."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.wire import SseEvent
from gateway.transport.sse import SseDecoder, SseTooLarge


def decode(*pieces: bytes) -> list[SseEvent]:
    decoder = SseDecoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.finish()


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\n", [("", b"a")]),
        (b"data:a\n\ndata:  b\n\n", [("", b"a"), ("", b" b")]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [("", b"a"), ("", b"b")]),
        (b"data: a\r\rdata: b\r\r", [("", b"a"), ("", b"b")]),
        (b"\xef\xbb\xbfdata: a\n\n", [("", b"a")]),
        (b"event: ping\ndata: {}\n\n", [("ping", b"{}")]),
        (b"event: only-a-name\n\ndata: a\n\n", [("", b"a")]),
        (b"data: a\ndata: b\n\n", [("", b"a\nb")]),
        (b"data\ndata\n\n", [("", b"\n")]),
        (b": OPENROUTER PROCESSING\n\ndata: a\n\n", [("", b"a")]),
        (b"id: 7\nretry: 100\nunknown: x\ndata: a\n\n", [("", b"a")]),
        (b"data: a", [("", b"a")]),
        (b"data: a\n", [("", b"a")]),
        (b"", []),
        (b"\n\n\n", []),
        ("data: žluťoučký 🐎\n\n".encode(), [("", "žluťoučký 🐎".encode())]),
    ],
)
def test_framing_at_every_split(stream: bytes, expected: list[tuple[str, bytes]]) -> None:
    assert decode(stream) == expected
    assert decode(*(stream[i : i + 1] for i in range(len(stream)))) == expected
    for offset in range(len(stream)):
        assert decode(stream[:offset], stream[offset:]) == expected


@given(
    st.lists(
        st.sampled_from([b"data: x", b"data:", b"event: e", b": c", b"\n", b"\r", b"\r\n", b"\xef\xbb\xbf", b"y"])
    ),
    st.lists(st.integers(0, 60)),
)
def test_any_split_gives_the_same_events(parts: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(parts)
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[a:b] for a, b in itertools.pairwise(edges)]
    assert decode(*pieces) == decode(stream)


@pytest.mark.parametrize("endless", [b"data: " + b"x" * 64, b"data: x\n", b": " + b"x" * 64])
def test_an_endless_event_or_line_is_refused(endless: bytes) -> None:
    decoder = SseDecoder(max_event_bytes=1000)
    with pytest.raises(SseTooLarge):
        [decoder.feed(endless) for _ in range(2000)]
