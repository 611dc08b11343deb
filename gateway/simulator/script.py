"""How an answer goes onto the wire: in which pieces, when, and where it breaks."""

from __future__ import annotations

from typing import Literal, NamedTuple

from gateway.simulator.faults import Fault
from gateway.simulator.wire import LAST_CHUNK, Reply, chunk, head

End = Literal["", "fin", "rst", "stall"]

CHUNKED = "transfer-encoding: chunked\r\n"
RST_AFTER_S = 0.02
"""How long the data before a reset may take to reach the client, which a reset would otherwise overtake."""


class Pace(NamedTuple):
    """Seconds until the first token, and tokens per second after it (0: all at once)."""

    ttft_s: float = 0.0
    tps: float = 0.0


AT_ONCE = Pace()


class Step(NamedTuple):
    """After `delay` seconds write `data`; `end` is what then becomes of the connection ("": it stays in use)."""

    delay: float
    data: bytes
    end: End = ""


def whole(reply: Reply) -> bytes:
    """The complete answer in one piece."""
    if reply.events is None:
        return _head_of(reply) + reply.body
    return b"".join((_head_of(reply), *map(chunk, reply.events), LAST_CHUNK))


def paced(reply: Reply, pace: Pace) -> list[Step]:
    """The answer as steps in time: a stream event by event, a whole answer after all of its tokens' time."""
    per_token = 1.0 / pace.tps if pace.tps else 0.0
    if reply.events is None:
        return [Step(pace.ttft_s + reply.tokens * per_token, whole(reply))]
    opening = b"".join(map(chunk, reply.events[: reply.opening]))
    steps = [Step(0.0, _head_of(reply) + opening)]
    wait = pace.ttft_s + reply.hidden_tokens * per_token
    last_content = len(reply.events) - reply.closing
    for event in reply.events[reply.opening : last_content]:
        steps.append(Step(wait, chunk(event)))
        wait = per_token * reply.tokens_per_event
    ending = b"".join(map(chunk, reply.events[max(last_content, reply.opening) :])) + LAST_CHUNK
    steps.append(Step(wait if len(steps) == 1 else 0.0, ending))
    return steps


def broken(reply: Reply, fault: Fault, pace: Pace, error_event: bytes, garbage_event: bytes) -> list[Step]:
    """The answer with a wire fault in it. The connection closes after it wherever its state is in doubt."""
    name = fault.name
    if name == "slow_head":
        steps = paced(reply, pace)
        return [steps[0]._replace(delay=steps[0].delay + fault.seconds), *steps[1:]]
    action, _, place = name.partition("_")
    if place in ("before_head", "after_head") and action in _ENDS:
        data = b"" if place == "before_head" else _head_of(reply)
        return _ended([Step(0.0, data)], _ENDS[action])
    if reply.events is None:
        return _broken_body(reply, fault, pace)
    return _broken_stream(reply, reply.events, fault, pace, error_event, garbage_event)


_ENDS: dict[str, End] = {"stall": "stall", "cut": "fin", "rst": "rst"}


def _ended(steps: list[Step], end: End) -> list[Step]:
    return [*steps, Step(RST_AFTER_S if end == "rst" else 0.0, b"", end)]


def _head_of(reply: Reply) -> bytes:
    framing = CHUNKED if reply.events is not None else f"content-length: {len(reply.body)}\r\n"
    return head(reply.status, reply.headers, framing)


def _broken_body(reply: Reply, fault: Fault, pace: Pace) -> list[Step]:
    """Half of a whole answer: the announced length is never reached."""
    half = len(reply.body) // 2 if fault.after is None else min(fault.after, len(reply.body))
    action = fault.name.partition("_")[0]
    data = _head_of(reply) + reply.body[:half]
    return _ended([Step(pace.ttft_s, data)], _ENDS.get(action, "fin"))


def _broken_stream(
    reply: Reply, events: list[bytes], fault: Fault, pace: Pace, error_event: bytes, garbage_event: bytes
) -> list[Step]:
    last_content = len(events) - reply.closing
    middle = reply.opening + max(1, (last_content - reply.opening) // 2) if fault.after is None else fault.after
    middle = min(middle, last_content)
    name = fault.name
    if name == "no_terminal":
        return paced(_with_events(reply, events[:last_content], 0), pace)
    if name == "error_first":
        return paced(_with_events(reply, [error_event], 1), pace)
    if name == "error_mid":
        return paced(_with_events(reply, [*events[:middle], error_event], 1), pace)
    if name == "garbage_line":
        return paced(_with_events(reply, [*events[:middle], garbage_event, *events[middle:]], reply.closing), pace)
    started = paced(_with_events(reply, events[:middle], 0), pace)[:-1]
    torn = chunk(events[middle])[: -len(events[middle]) // 2] if middle < len(events) else b""
    if name == "stall_mid":
        return _ended(started, "stall")
    return _ended([*started, Step(0.0, torn)], _ENDS.get(name.partition("_")[0], "fin"))


def _with_events(reply: Reply, events: list[bytes], closing: int) -> Reply:
    opening = min(reply.opening, len(events) - closing)
    return Reply(
        reply.status,
        reply.headers,
        events=events,
        opening=opening,
        closing=closing,
        tokens_per_event=reply.tokens_per_event,
        hidden_tokens=reply.hidden_tokens,
    )
