"""F8 to F13 and F41 to F43: answers that break off, or that are none."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.fault_server import FaultServer, Peer, Script, chunked, response
from tests.faults.rig import ASK, WAYS, Answer, Rig, after_words, chain, hold, saying, working
from tests.faults.wires import (
    ANTHROPIC,
    OPENAI,
    STREAM_HEAD,
    TEXT,
    WIRES,
    Wire,
    anthropic_event,
    chunk,
    data,
    json_response,
    openai_chunk,
)
from tests.running import LoopThread

INVALID = "upstream_invalid_response"
each_wire = pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.vendor)


async def cut_in_a_chunk(peer: Peer) -> None:
    await peer.send(b"40\r\ndata: {")


async def clean_end(peer: Peer) -> None:
    await peer.send(b"0\r\n\r\n")


async def fin(peer: Peer) -> None:
    """The body has no announced end that it could fall short of, but the last chunk is missing."""


async def rst(peer: Peer) -> None:
    peer.reset()


@pytest.mark.fault(8)
@pytest.mark.parametrize("end", [cut_in_a_chunk, fin, clean_end])
@each_wire
def test_a_stream_without_its_last_event(loop: LoopThread, wire: Wire, end: Any) -> None:
    with chain(loop, after_words(wire, end), wire=wire) as rig:
        rig.breaks_off(INVALID, "stream_truncated")


@pytest.mark.fault(8)
def test_a_stream_that_ends_with_its_connection(loop: LoopThread) -> None:
    """HTTP/1.0 style, without length or chunks: FIN is how it ends well, too."""

    async def until_fin(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n", *OPENAI.begin, *OPENAI.words[:2])

    with chain(loop, until_fin) as rig:
        rig.breaks_off(INVALID, "stream_truncated")


@pytest.mark.fault(8)
@each_wire
def test_a_stream_that_ends_before_any_content(loop: LoopThread, wire: Wire) -> None:
    empty = chunked(*wire.begin, headers=[("content-type", "text/event-stream")])
    with chain(loop, saying(empty), wire=wire) as rig:
        answer = rig.ask(stream=True)
        assert (answer.status, answer.text, answer.events[-1]) == (200, TEXT, "[DONE]")
        assert rig.posts(rig.a) == 1
        failure = rig.record.attempts[0].failure
        assert failure is not None
        assert failure.reason in ("stream_truncated", "invalid_body")


@pytest.mark.fault(9)
@each_wire
def test_a_reset_in_mid_stream(loop: LoopThread, wire: Wire) -> None:
    """The events before the reset may be lost with it; where they arrived, they are told."""
    with chain(loop, after_words(wire, rst_after_the_client_has_it), wire=wire) as rig:
        rig.breaks_off(INVALID, "stream_reset")


async def rst_after_the_client_has_it(peer: Peer) -> None:
    # A reset overtakes what is still in the kernel's buffers: it waits until the gateway has read all.
    await peer.drained()
    peer.reset()


@pytest.mark.fault(10)
@pytest.mark.parametrize("end", [fin, rst])
def test_a_whole_answer_cut_short(loop: LoopThread, end: Any) -> None:
    async def half(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(OPENAI.whole[:-20])
        await peer.drained()
        await end(peer)

    with chain(loop, half) as rig:
        rig.falls_back("body_truncated")
    with chain(loop, half, half) as rig:
        rig.gives_up(502, INVALID, "body_truncated")


@pytest.mark.fault(10)
@pytest.mark.parametrize("stream", WAYS)
@pytest.mark.parametrize("end", [fin, rst])
def test_a_connection_closed_before_any_answer(loop: LoopThread, end: Any, stream: bool) -> None:
    async def nothing(peer: Peer) -> None:
        await peer.read_request()
        await end(peer)

    with chain(loop, nothing) as rig:
        rig.falls_back("connect_error", stream=stream)
    with chain(loop, nothing, nothing) as rig:
        rig.gives_up(503, "upstream_unavailable", "connect_error", stream=stream)


NOT_AN_ANSWER = {
    "malformed JSON": response(b'{"choices": [', headers=[("content-type", "application/json")]),
    "nothing": response(b"", headers=[("content-type", "application/json")]),
    "HTML": response(b"<html><title>Welcome</title></html>", headers=[("content-type", "text/html")]),
    "JSON of another kind": json_response([1, 2, 3]),
    "no choices": json_response({"id": "x", "object": "chat.completion", "choices": []}),
}


@pytest.mark.fault(11)
@pytest.mark.parametrize("stream", WAYS)
@pytest.mark.parametrize("what", NOT_AN_ANSWER)
def test_a_200_that_is_no_answer(loop: LoopThread, what: str, stream: bool) -> None:
    bad = saying(NOT_AN_ANSWER[what])
    with chain(loop, bad) as rig:
        rig.falls_back("invalid_body", stream=stream)
    with chain(loop, bad, bad) as rig:
        rig.gives_up(502, INVALID, "invalid_body", stream=stream)


ERRORS_IN_200 = {
    "server_error": ({"message": "Oops", "type": "server_error"}, 503, "upstream_unavailable", "server_error"),
    "invalid_api_key": (
        {"message": "Bad key", "type": "invalid_request_error", "code": "invalid_api_key"},
        502,
        "upstream_misconfigured",
        "server_error",
    ),
    "rate_limit_exceeded": (
        {"message": "Too fast", "type": "requests", "code": "rate_limit_exceeded"},
        429,
        "rate_limit_exceeded",
        "requests",
    ),
}


@pytest.mark.fault(12)
@pytest.mark.parametrize("stream", WAYS)
@pytest.mark.parametrize("code", ERRORS_IN_200)
def test_an_error_in_a_200(loop: LoopThread, code: str, stream: bool) -> None:
    error, status, told, kind = ERRORS_IN_200[code]
    bad = saying(json_response({"error": error}))
    with chain(loop, bad) as rig:
        rig.falls_back("error_in_200", stream=stream)
    with chain(loop, bad, bad) as rig:
        rig.gives_up(status, told, "error_in_200", stream=stream, type=kind)


@pytest.mark.fault(12)
@pytest.mark.parametrize("stream", WAYS)
def test_the_callers_fault_in_a_200_goes_to_nobody_else(loop: LoopThread, stream: bool) -> None:
    error = {"message": "temperature is too high", "type": "invalid_request_error", "param": "temperature"}
    with chain(loop, saying(json_response({"error": error}))) as rig:
        answer = rig.ask(stream=stream)
        assert (answer.status, answer.error["param"]) == (400, "temperature")
        assert rig.posts(rig.b) == 0


@pytest.mark.fault(13)
@each_wire
def test_a_malformed_event_in_mid_stream(loop: LoopThread, wire: Wire) -> None:
    async def broken(peer: Peer) -> None:
        await peer.send(chunk(wire.broken))
        await hold(peer)

    with chain(loop, after_words(wire, broken), wire=wire) as rig:
        rig.breaks_off(INVALID, "invalid_sse")
        rig.upstream_is_closed()


@pytest.mark.fault(13)
@each_wire
def test_a_malformed_event_before_any_content(loop: LoopThread, wire: Wire) -> None:
    bad = saying(chunked(*wire.begin, wire.broken, headers=[("content-type", "text/event-stream")]))
    with chain(loop, bad, wire=wire) as rig:
        rig.falls_back("invalid_sse", stream=True)


@pytest.mark.fault(41)
@pytest.mark.parametrize("stream", WAYS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(loop: LoopThread, status: int, stream: bool) -> None:
    """The key would go to whatever host it names."""
    elsewhere = FaultServer(working())
    loop.run(elsewhere.__aenter__())
    try:
        moved = saying(response(b"", status, [("location", f"{elsewhere.base_url}/v1/chat/completions")]))
        with chain(loop, moved) as rig:
            rig.falls_back("redirect_refused", stream=stream)
        with chain(loop, moved, moved) as rig:
            rig.gives_up(502, INVALID, "redirect_refused", stream=stream)
        assert elsewhere.peers == []
    finally:
        loop.run(elsewhere.__aexit__(None))


def streaming(*events: bytes) -> Script:
    return saying(chunked(*events, headers=[("content-type", "text/event-stream")]))


def well_ended(rig: Rig, **fields: Any) -> Answer:
    answer = rig.ask(stream=True, **fields)
    assert answer.status == 200, answer.response.text
    assert answer.events[-1] == "[DONE]"
    assert rig.record.outcome == "ok"
    return answer


def calls_of(answer: Answer) -> list[dict[str, Any]]:
    """Tool calls as a client folds them: by index; the id and the name come once."""
    calls: dict[int, dict[str, Any]] = {}
    for event in answer.events[:-1]:
        for choice in event["choices"]:
            for part in choice["delta"].get("tool_calls") or ():
                call = calls.setdefault(part["index"], {"arguments": ""})
                if part.get("id"):
                    call["id"] = part["id"]
                function = part.get("function") or {}
                if function.get("name"):
                    call["name"] = function["name"]
                assert function.get("arguments", "") is not None
                call["arguments"] += function.get("arguments", "")
    assert list(calls) == list(range(len(calls))), "a gap in the indexes"
    return list(calls.values())


TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]


def tool_part(**fields: Any) -> bytes:
    return openai_chunk({"tool_calls": [fields]})


@pytest.mark.fault(42)
def test_a_repeated_message_start(loop: LoopThread) -> None:
    start, *rest = ANTHROPIC.begin
    with chain(loop, streaming(start, start, *rest, *ANTHROPIC.words, *ANTHROPIC.end), wire=ANTHROPIC) as rig:
        answer = well_ended(rig)
        assert answer.text == TEXT
        assert rig.record.usage is not None
        assert rig.record.usage.input == 7


@pytest.mark.fault(42)
@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([{"index": 0, "function": {"name": "f", "arguments": '{"a":1}'}}], id="no id"),
        pytest.param(
            [
                {"index": 3, "id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a"'}},
                {"index": 3, "function": {"arguments": ":1}"}},
            ],
            id="gap in the index",
        ),
        pytest.param(
            [
                {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": None}},
                {"index": 0, "function": {"arguments": '{"a":1}'}},
            ],
            id="null arguments",
        ),
        pytest.param(
            [
                {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a"'}},
                {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ":1}"}},
            ],
            id="id and name repeated",
        ),
        pytest.param(
            [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}], id="no index"
        ),
    ],
)
def test_strange_parts_of_a_call(loop: LoopThread, parts: list[dict[str, Any]]) -> None:
    events = [*OPENAI.begin, *(tool_part(**part) for part in parts), openai_chunk({}, "tool_calls"), OPENAI.end[-1]]
    with chain(loop, streaming(*events)) as rig:
        (call,) = calls_of(well_ended(rig, tools=TOOLS))
        assert (call["name"], call["arguments"]) == ("f", '{"a":1}')
        assert call["id"]


@pytest.mark.fault(42)
@pytest.mark.parametrize(
    "event",
    [
        pytest.param(anthropic_event("content_block_delta", index=9, delta=None), id="null delta"),
        pytest.param(anthropic_event("content_block_delta", index=None, delta={}), id="null index"),
        pytest.param(anthropic_event("content_block_stop", index=7), id="stop of an unknown block"),
        pytest.param(anthropic_event("of_next_year", x=1), id="unknown event"),
        pytest.param(data([], "content_block_delta"), id="no object"),
        pytest.param(data("null", "message_delta"), id="null"),
    ],
)
def test_strange_events_crash_nothing(loop: LoopThread, event: bytes) -> None:
    """Put in form or refused, but always one end of the stream, and never a 500."""
    events = [*ANTHROPIC.begin, *ANTHROPIC.words[:2], event, *ANTHROPIC.words[2:], *ANTHROPIC.end]
    with chain(loop, streaming(*events), wire=ANTHROPIC) as rig:
        answer = rig.ask(stream=True)
        assert answer.status == 200
        assert answer.events[-1] == "[DONE]" or answer.error["code"] == INVALID
        assert (rig.record.outcome == "ok") is (answer.events[-1] == "[DONE]")


@pytest.mark.fault(43)
def test_ten_thousand_events(loop: LoopThread) -> None:
    words = [openai_chunk({"content": f"{number} "}) for number in range(10_000)]
    with chain(loop, streaming(*OPENAI.begin, *words, *OPENAI.end)) as rig:
        assert well_ended(rig).text == "".join(f"{number} " for number in range(10_000))


@pytest.mark.fault(43)
def test_one_event_of_a_megabyte(loop: LoopThread) -> None:
    text = "x" * 1_000_000
    with chain(loop, streaming(*OPENAI.begin, openai_chunk({"content": text}), *OPENAI.end)) as rig:
        assert well_ended(rig).text == text


@pytest.mark.fault(43)
def test_empty_deltas(loop: LoopThread) -> None:
    empty = openai_chunk({"content": ""})
    with chain(loop, streaming(*OPENAI.begin, empty, *OPENAI.words, *[empty] * 100, *OPENAI.end)) as rig:
        assert well_ended(rig).text == TEXT


def bound(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Make a bound so small that a test meets it."""
    monkeypatch.setattr(f"gateway.execute.run.{name}", 256 * 1024)


@pytest.mark.fault(43)
@pytest.mark.parametrize("words", [0, 2])
def test_an_event_without_end(loop: LoopThread, words: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound on one event holds, before the first content and after it."""
    bound(monkeypatch, "MAX_EVENT_BYTES")
    sent: list[int] = []

    async def endless(peer: Peer) -> None:
        await peer.send(chunk(b"data: "))
        while len(sent) < 10_000:
            await peer.send(chunk(b"x" * 65536))
            sent.append(65536)

    with chain(loop, after_words(OPENAI, endless, words)) as rig:
        if words:
            rig.breaks_off(INVALID, "invalid_sse")
        else:
            rig.falls_back("invalid_sse", stream=True)
    assert len(sent) < 10_000, "the gateway would have read for ever"


@pytest.mark.fault(43)
def test_a_whole_answer_without_end(loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    bound(monkeypatch, "MAX_ANSWER_BYTES")

    async def endless(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(STREAM_HEAD.replace(b"text/event-stream", b"application/json"))
        for _ in range(1000):
            await peer.send(chunk(b" " * 65536))

    with chain(loop, endless) as rig:
        rig.falls_back("body_too_large")


def test_the_client_is_told_in_json(loop: LoopThread) -> None:
    """The rig itself: what it asserts of an error is asserted of the real bytes."""
    with chain(loop, saying(NOT_AN_ANSWER["HTML"]), saying(NOT_AN_ANSWER["HTML"])) as rig:
        raw = httpx.post(f"{rig.gateway.base_url}/chat/completions", json=ASK)
        assert set(json.loads(raw.content)["error"]) == {"message", "type", "param", "code"}
