"""Messages arrive whole, however their bytes are cut; a peer that is gone or deaf is noticed."""

from __future__ import annotations

import socket

import pytest

from gateway.process import channel
from gateway.process.channel import Channel, Decoder, encode

MESSAGES = [{"what": "drain"}, {"what": "reload", "data": "\x00ÿ é" * 1000}, {"what": "end"}]


@pytest.mark.parametrize("size", [1, 3, 7, 100_000])
def test_any_cut_gives_the_same_messages(size: int) -> None:
    data = b"".join(encode(message) for message in MESSAGES)
    decoder = Decoder()
    found = [message for at in range(0, len(data), size) for message in decoder.feed(data[at : at + size])]
    assert found == MESSAGES


def test_what_is_no_message_is_refused() -> None:
    with pytest.raises(ValueError):
        Decoder().feed(b"\xff\xff\xff\xff")
    with pytest.raises(ValueError):
        Decoder().feed(b"\x00\x00\x00\x02{]")


def test_both_ends() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        line = Channel(ours)
        assert line.send(MESSAGES[1])
        theirs.sendall(encode(MESSAGES[0]) + encode(MESSAGES[2]))
        assert line.receive() == [MESSAGES[0], MESSAGES[2]]
    assert line.receive() is None
    assert not line.send(MESSAGES[0])
    line.close()


def test_a_peer_that_does_not_read_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "SEND_TIMEOUT_S", 0.01)
    ours, theirs = socket.socketpair()
    with theirs:
        line = Channel(ours)
        assert not line.send({"what": "x" * 10_000_000})
        line.close()
