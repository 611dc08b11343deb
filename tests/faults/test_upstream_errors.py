"""F14 to F24 as far as one request sees them: a provider that says no, in its own words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fault_server import Peer, chunked, response
from tests.faults.rig import SECRET, WAYS, after_words, chain, hold, saying, working
from tests.faults.wires import ANTHROPIC, GEMINI, OPENAI, TEXT, WIRES, Wire, chunk, data, json_response, openai_chunk
from tests.running import LoopThread

UNAVAILABLE = "upstream_unavailable"


def openai_error(message: str, type: str = "invalid_request_error", code: str | None = None, **more: Any) -> Any:
    return {"error": {"message": message, "type": type, "param": None, "code": code, **more}}


QUOTA = openai_error(
    "You exceeded your current quota, please check your plan.", "insufficient_quota", "insufficient_quota"
)
LIMITED = openai_error("Rate limit reached for gpt-5.4-mini", "requests", "rate_limit_exceeded")
GROQ = {"error": {"message": "Failed to call a function", "type": "invalid_request_error", "code": "tool_use_failed"}}

FIRST_EVENTS = {
    "OpenAI out of quota": (data(QUOTA), 503, UNAVAILABLE, "server_error"),
    "OpenAI overloaded": (OPENAI.overloaded, 503, UNAVAILABLE, "server_error"),
    "OpenAI rate limit": (data(LIMITED), 429, "rate_limit_exceeded", "requests"),
    "Groq's named error event": (data(GROQ, "error"), 503, UNAVAILABLE, "server_error"),
}


@pytest.mark.fault(14)
@pytest.mark.parametrize("what", FIRST_EVENTS)
def test_a_stream_whose_first_event_is_an_error(loop: LoopThread, what: str) -> None:
    """No byte has gone out, so that the client gets a real status."""
    event, status, code, kind = FIRST_EVENTS[what]
    bad = saying(chunked(event, headers=[("content-type", "text/event-stream")]))
    with chain(loop, bad) as rig:
        rig.falls_back("upstream_error", stream=True)
    with chain(loop, bad, bad) as rig:
        rig.gives_up(status, code, "upstream_error", stream=True, type=kind)


@pytest.mark.fault(14)
@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.vendor)
def test_an_error_after_events_without_content(loop: LoopThread, wire: Wire) -> None:
    bad = saying(chunked(*wire.begin, wire.overloaded, headers=[("content-type", "text/event-stream")]))
    with chain(loop, bad, wire=wire) as rig:
        rig.falls_back("upstream_error", stream=True)


@pytest.mark.fault(15)
@pytest.mark.parametrize(
    ("wire", "event"),
    [
        pytest.param(OPENAI, OPENAI.overloaded, id="openai"),
        pytest.param(OPENAI, data({"status_code": 400, **GROQ}, "error"), id="groq"),
        pytest.param(ANTHROPIC, ANTHROPIC.overloaded, id="anthropic"),
        pytest.param(GEMINI, GEMINI.overloaded, id="gemini"),
    ],
)
def test_an_error_event_in_mid_stream(loop: LoopThread, wire: Wire, event: bytes) -> None:
    async def says_no(peer: Peer) -> None:
        await peer.send(chunk(event))
        await hold(peer)

    with chain(loop, after_words(wire, says_no), wire=wire) as rig:
        rig.breaks_off(UNAVAILABLE, "upstream_error_midstream")
        rig.upstream_is_closed()


def limited(wait: str | None = None, **headers: str) -> bytes:
    return json_response(LIMITED, 429, **({"retry_after": wait} if wait else {}), **headers)


@pytest.mark.fault(16)
@pytest.mark.parametrize("stream", WAYS)
def test_a_rate_limit(loop: LoopThread, stream: bool) -> None:
    """The client is told the shortest wait of the chain."""
    with chain(loop, saying(limited("7"))) as rig:
        rig.falls_back("rate_limited", stream=stream)
    with chain(loop, saying(limited("7")), saying(limited("2"))) as rig:
        answer = rig.gives_up(429, "rate_limit_exceeded", "rate_limited", stream=stream, type="requests")
        assert answer.headers["retry-after"] == "2"
        assert (rig.posts(rig.a), rig.posts(rig.b)) == (1, 1), "a provider that asks for a pause was asked again"


NOW = "Wed, 25 Nov 2026 10:00:00 GMT"
IN_90_S = "Wed, 25 Nov 2026 10:01:30 GMT"
WAITS = [
    pytest.param(OPENAI, limited("3600"), "300", id="an hour is clamped"),
    pytest.param(OPENAI, limited(IN_90_S, date=NOW), "90", id="a date"),
    pytest.param(OPENAI, limited("soon, perhaps"), "1", id="garbage"),
    pytest.param(OPENAI, limited("-5"), "1", id="negative"),
    pytest.param(OPENAI, limited("1e999"), "1", id="infinite"),
    pytest.param(OPENAI, limited(retry_after_ms="2500"), "3", id="milliseconds"),
    pytest.param(OPENAI, limited("1", retry_after_ms="0"), "1", id="Azure's 0 ms beside 1 s"),
    pytest.param(
        GEMINI,
        json_response(
            {
                "error": {
                    "code": 429,
                    "message": "Resource exhausted",
                    "status": "RESOURCE_EXHAUSTED",
                    "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.4s"}],
                }
            },
            429,
        ),
        "35",
        id="Gemini's RetryInfo",
    ),
]


@pytest.mark.fault(17)
@pytest.mark.parametrize(("wire", "answer", "told"), WAITS)
def test_how_long_to_wait(loop: LoopThread, wire: Wire, answer: bytes, told: str) -> None:
    with chain(loop, saying(answer), wire=wire) as rig:
        rig.falls_back("rate_limited")
    # Where `a` names no wait that makes sense, neither does `b`; else `b` wants the longer one.
    with chain(loop, saying(answer), saying(answer if told == "1" else limited("3000")), wire=wire) as rig:
        seen = rig.gives_up(429, "rate_limit_exceeded", "rate_limited", type="requests")
        assert seen.headers["retry-after"] == told


@pytest.mark.fault(18)
@pytest.mark.parametrize("stream", WAYS)
def test_out_of_quota(loop: LoopThread, stream: bool) -> None:
    """Our quota is not the client's: it gets no 429, and nobody is asked twice."""
    broke = saying(json_response(QUOTA, 429))
    with chain(loop, broke) as rig:
        rig.falls_back("quota", stream=stream)
    with chain(loop, broke, broke) as rig:
        answer = rig.gives_up(503, UNAVAILABLE, "quota", stream=stream)
        assert "quota" not in answer.response.text
        assert (rig.posts(rig.a), rig.posts(rig.b)) == (1, 1)


@pytest.mark.fault(19)
@pytest.mark.parametrize("stream", WAYS)
@pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
def test_a_provider_in_trouble(loop: LoopThread, status: int, stream: bool) -> None:
    ill = saying(json_response(openai_error("Oops", "server_error"), status))
    with chain(loop, ill) as rig:
        rig.falls_back("upstream_5xx", stream=stream)
    with chain(loop, ill, ill) as rig:
        rig.gives_up(503, UNAVAILABLE, "upstream_5xx", stream=stream)
        assert rig.posts(rig.a) + rig.posts(rig.b) <= 3


@pytest.mark.fault(19)
def test_a_page_in_place_of_an_error(loop: LoopThread) -> None:
    page = saying(response(b"<html><h1>502 Bad Gateway</h1></html>", 502, [("content-type", "text/html")]))
    with chain(loop, page) as rig:
        rig.falls_back("upstream_5xx")
    with chain(loop, page, page) as rig:
        assert "Bad Gateway" not in rig.gives_up(503, UNAVAILABLE, "upstream_5xx").response.text


NOT_LET_IN = [
    pytest.param(
        401, openai_error(f"Incorrect API key provided: {SECRET}", code="invalid_api_key"), "upstream_auth", id="401"
    ),
    pytest.param(403, openai_error("You are not allowed to use this model"), "upstream_auth", id="403"),
    pytest.param(404, openai_error("The model `x` does not exist", code="model_not_found"), "model_gone", id="404"),
]


@pytest.mark.fault(21)
@pytest.mark.parametrize("stream", WAYS)
@pytest.mark.parametrize(("status", "body", "reason"), NOT_LET_IN)
def test_a_provider_that_does_not_let_us_in(
    loop: LoopThread, status: int, body: Any, reason: str, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Our key, our fault: never the client's 401, and the key is in no text."""
    closed = saying(json_response(body, status))
    with chain(loop, closed) as rig:
        rig.falls_back(reason, stream=stream)
        assert rig.posts(rig.a) == 1
        assert SECRET in str(rig.a and rig.a.requests[0].headers)
        assert SECRET not in str(rig.record)
    told = [vars(line) for line in caplog.records if line.getMessage() == "attempt failed"]
    assert told, "the operator is not told"
    assert SECRET not in str(told)
    with chain(loop, closed, closed) as rig:
        rig.gives_up(502, "upstream_misconfigured", reason, stream=stream)


@pytest.mark.fault(22)
@pytest.mark.parametrize("stream", WAYS)
@pytest.mark.parametrize("status", [400, 422])
def test_the_callers_fault_is_passed_on(loop: LoopThread, status: int, stream: bool) -> None:
    error = {
        "message": "Invalid 'user': too long",
        "type": "invalid_request_error",
        "param": "user",
        "code": "string_above_max_length",
    }
    with chain(loop, saying(json_response({"error": error}, status))) as rig:
        answer = rig.ask(stream=stream)
        assert (answer.status, answer.error) == (status, error)
        assert rig.posts(rig.b) == 0
        record = rig.record
        assert (record.outcome, record.http_status) == ("error", status)
        assert [a.failure and a.failure.reason for a in record.attempts] == ["client_error"]


OVERFLOWS = {
    "openai": openai_error(
        "This model's maximum context length is 8 tokens.", code="context_length_exceeded", param="messages"
    ),
    "anthropic": {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8 maximum"},
    },
    "gemini": {
        "error": {
            "code": 400,
            "message": "The input token count (9) exceeds the maximum number of tokens allowed (8).",
            "status": "INVALID_ARGUMENT",
        }
    },
}


@pytest.mark.fault(23)
@pytest.mark.parametrize("stream", WAYS)
@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.vendor)
def test_a_prompt_that_is_too_long(loop: LoopThread, wire: Wire, stream: bool) -> None:
    """Only a bigger window is worth another try."""
    full = saying(json_response(OVERFLOWS[wire.vendor], 400))
    with chain(loop, full, wire=wire, a_model=", context: 8000", b_model=", context: 9000") as rig:
        rig.falls_back("context", stream=stream)
    with chain(loop, full, wire=wire, a_model=", context: 8000", b_model=", context: 8000") as rig:
        answer = rig.ask(stream=stream)
        error = answer.error
        assert (answer.status, error["code"], error["param"]) == (400, "context_length_exceeded", "messages")
        assert rig.posts(rig.b) == 0
        assert [a.failure and a.failure.reason for a in rig.record.attempts] == ["context"]


@pytest.mark.fault(23)
def test_a_prompt_that_is_too_long_for_all(loop: LoopThread) -> None:
    full = saying(json_response(OVERFLOWS["openai"], 400))
    with chain(loop, full, full, a_model=", context: 8000", b_model=", context: 9000") as rig:
        answer = rig.gives_up(400, "context_length_exceeded", "context", type="invalid_request_error")
        assert answer.error["param"] == "messages"


FILTERED = openai_error("Your request was flagged by our safety system.", code="content_policy_violation")


@pytest.mark.fault(24)
@pytest.mark.parametrize("stream", WAYS)
def test_a_content_filter(loop: LoopThread, stream: bool) -> None:
    filtered = saying(json_response(FILTERED, 400))
    with chain(loop, filtered) as rig:
        answer = rig.ask(stream=stream)
        assert (answer.status, answer.error["code"]) == (400, "content_filter")
        assert rig.posts(rig.b) == 0, "the default is to take no for an answer"
    with chain(loop, filtered, route=", fallback_on: [content_policy]") as rig:
        rig.falls_back("filtered", stream=stream)


@pytest.mark.fault(24)
def test_an_answer_that_the_filter_stopped(loop: LoopThread) -> None:
    """That is an answer, with its reason to end, and no error."""
    stopped = chunked(
        *OPENAI.begin,
        *OPENAI.words,
        openai_chunk({}, "content_filter"),
        OPENAI.end[-1],
        headers=[("content-type", "text/event-stream")],
    )
    with chain(loop, saying(stopped)) as rig:
        answer = rig.ask(stream=True)
        assert (answer.status, answer.text, answer.events[-1]) == (200, TEXT, "[DONE]")
        reasons = [e["choices"][0]["finish_reason"] for e in answer.events[:-1] if e["choices"]]
        assert reasons[-1] == "content_filter"
        assert (rig.record.outcome, rig.record.finish_reason) == ("ok", "content_filter")
        assert rig.posts(rig.b) == 0


def test_the_rig_works(loop: LoopThread) -> None:
    """Without a fault, the first of the chain answers, in every format and both ways."""
    for wire in WIRES:
        for stream in WAYS:
            with chain(loop, working(wire), wire=wire) as rig:
                answer = rig.ask(stream=stream)
                assert (answer.status, answer.text) == (200, TEXT), answer.response.text
                assert answer.headers["x-gateway-provider"] == "a"
                usage = rig.record.usage
                assert usage is not None
                assert (usage.source, usage.input, usage.output) == ("reported", 7, 4)
