"""F5 to F7: a provider that takes the request and then says nothing (more)."""

from __future__ import annotations

import pytest

from tests.fault_server import Peer
from tests.faults.rig import WAYS, after_words, chain, hold
from tests.faults.wires import OPENAI, STREAM_HEAD, WIRES, Wire, chunk
from tests.running import LoopThread, until

SHORT = {"first_token": "300ms", "answer": "300ms"}


async def no_headers(peer: Peer) -> None:
    await peer.read_request()
    await hold(peer)


async def half_the_headers(peer: Peer) -> None:
    await peer.read_request()
    await peer.send(b"HTTP/1.1 200 OK\r\ncontent-ty")
    await hold(peer)


async def half_an_answer(peer: Peer) -> None:
    await peer.read_request()
    await peer.send(OPENAI.whole[: len(OPENAI.whole) // 2])
    await hold(peer)


@pytest.mark.fault(5)
@pytest.mark.parametrize("silent", [no_headers, half_the_headers])
@pytest.mark.parametrize("stream", WAYS)
def test_slow_headers(loop: LoopThread, silent: object, stream: bool) -> None:
    reason = "first_token_timeout" if stream else "header_timeout"
    with chain(loop, silent, timeouts=SHORT) as rig:  # type: ignore[arg-type]
        rig.falls_back(reason, stream=stream)
        rig.upstream_is_closed()
    with chain(loop, silent, silent, timeouts=SHORT) as rig:  # type: ignore[arg-type]
        rig.gives_up(504, "upstream_timeout", reason, stream=stream)
        rig.upstream_is_closed()


@pytest.mark.fault(5)
def test_a_whole_answer_that_stops_half_way(loop: LoopThread) -> None:
    with chain(loop, half_an_answer, timeouts=SHORT) as rig:
        rig.falls_back("header_timeout")
        rig.upstream_is_closed()
    with chain(loop, half_an_answer, half_an_answer, timeouts=SHORT) as rig:
        rig.gives_up(504, "upstream_timeout", "header_timeout")


@pytest.mark.fault(5)
def test_the_total_deadline_is_over_all_attempts(loop: LoopThread) -> None:
    """Two attempts of 300 ms each do not fit into 400 ms: the second is told that the time is over."""
    with chain(loop, no_headers, no_headers, timeouts={"answer": "300ms", "total": "400ms"}) as rig:
        rig.gives_up(504, "upstream_timeout", "header_timeout", "total_timeout")


@pytest.mark.fault(6)
@pytest.mark.parametrize("begun", ["no event", "a comment", "events without content"])
@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.vendor)
def test_headers_and_then_silence(loop: LoopThread, wire: Wire, begun: str) -> None:
    events = {"no event": (), "a comment": (b": PROCESSING\n\n",), "events without content": wire.begin}[begun]

    async def silent(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(STREAM_HEAD, *map(chunk, events))
        await hold(peer)

    with chain(loop, silent, wire=wire, timeouts=SHORT) as rig:
        rig.falls_back("first_token_timeout", stream=True)
        rig.upstream_is_closed()
    if wire is OPENAI:
        with chain(loop, silent, silent, timeouts=SHORT) as rig:
            rig.gives_up(504, "upstream_timeout", "first_token_timeout", stream=True)


@pytest.mark.fault(7)
@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.vendor)
def test_a_stall_in_mid_stream(loop: LoopThread, wire: Wire) -> None:
    with chain(loop, after_words(wire, hold), wire=wire, timeouts={"idle": "300ms"}) as rig:
        rig.breaks_off("upstream_timeout", "stream_idle")
        rig.upstream_is_closed()


@pytest.mark.fault(7)
def test_a_stream_that_never_ends(loop: LoopThread) -> None:
    """It is never idle, so that only the total deadline can end it."""

    closed: list[str] = []

    async def forever(peer: Peer) -> None:
        try:
            while True:
                await peer.send(chunk(b": still there\n\n"))
                await peer.pause()
        except ConnectionError:
            closed.append("by the gateway")

    with chain(loop, after_words(OPENAI, forever), timeouts={"total": "500ms"}) as rig:
        rig.breaks_off("upstream_timeout", "total_timeout")
        until(lambda: bool(closed))
