"""Writes chat completions, whole and as streams, with the fields that api.openai.com sends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.simulator.mind.answer import ToolCall
from gateway.simulator.mind.tokens import pieces
from gateway.simulator.stats import Tally
from gateway.simulator.vendor import Json

CREATED = 1_760_000_000
DONE = b"data: [DONE]\n\n"
PADDING = "simulatedpadding"
ALTERNATIVES = (" the", " a", ".", ",", "\n", " and", " of", "!", " in", " to")
MOST_TOP_LOGPROBS = 20


@dataclass(slots=True)
class Choice:
    """One choice. `call_ids` stand beside `calls`; `legacy` asks for `function_call` in place of tool calls."""

    index: int
    text: str = ""
    refusal: str | None = None
    calls: tuple[ToolCall, ...] = ()
    call_ids: tuple[str, ...] = ()
    finish: str = "stop"
    legacy: bool = False


@dataclass(slots=True)
class Completion:
    """All that an answer is written from."""

    id: str
    model: str
    fingerprint: str
    tier: str
    choices: list[Choice]
    tally: Tally
    audio_tokens: int = 0
    top_logprobs: int | None = None
    include_usage: bool = False
    obfuscate: bool = True
    usage: Json = field(init=False)

    def __post_init__(self) -> None:
        tally = self.tally
        self.usage = {
            "prompt_tokens": tally.input,
            "completion_tokens": tally.output,
            "total_tokens": tally.input + tally.output,
            "prompt_tokens_details": {"cached_tokens": tally.cached, "audio_tokens": self.audio_tokens},
            "completion_tokens_details": {
                "reasoning_tokens": tally.reasoning,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }


def whole(completion: Completion) -> bytes:
    """A chat.completion object."""
    body = {
        "id": completion.id,
        "object": "chat.completion",
        "created": CREATED,
        "model": completion.model,
        "choices": [_whole_choice(choice, completion.top_logprobs) for choice in completion.choices],
        "usage": completion.usage,
        "service_tier": completion.tier,
        "system_fingerprint": completion.fingerprint,
    }
    return orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _whole_choice(choice: Choice, top_logprobs: int | None) -> Json:
    message: Json = {"role": "assistant", "content": choice.text}
    if choice.calls or choice.refusal is not None:
        message["content"] = None
    if choice.calls and choice.legacy:
        message["function_call"] = _function(choice.calls[0])
    elif choice.calls:
        message["tool_calls"] = [
            {"id": id, "type": "function", "function": _function(call)}
            for id, call in zip(choice.call_ids, choice.calls, strict=True)
        ]
    message["refusal"] = choice.refusal
    message["annotations"] = []
    logprobs = None
    if top_logprobs is not None and not choice.calls:
        logprobs = {"content": [logprob(piece, top_logprobs) for piece in pieces(choice.text)], "refusal": None}
    return {"index": choice.index, "message": message, "logprobs": logprobs, "finish_reason": choice.finish}


def _function(call: ToolCall) -> Json:
    return {"name": call.name, "arguments": orjson.dumps(call.arguments).decode()}


def logprob(piece: str, alternatives: int) -> Json:
    """A token's log probability, invented but the same for the same token."""
    value = -0.01 - (sum(piece.encode("utf-8", "surrogatepass")) % 97) / 100
    entry = _token(piece, value)
    others = [other for other in ALTERNATIVES if other != piece]
    top = [_token(piece, value)] if alternatives else []
    top += [
        _token(others[n % len(others)] * (1 + n // len(others)), value - 1.5 - n / 4) for n in range(alternatives - 1)
    ]
    return {**entry, "top_logprobs": top[:MOST_TOP_LOGPROBS]}


def _token(piece: str, value: float) -> Json:
    return {"token": piece, "logprob": round(value, 6), "bytes": list(piece.encode("utf-8", "surrogatepass"))}


class ChunkWriter:
    """Writes the events of one stream."""

    __slots__ = ("_completion", "_head", "_tail")

    def __init__(self, completion: Completion) -> None:
        self._completion = completion
        start = {
            "id": completion.id,
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": completion.model,
            "service_tier": completion.tier,
            "system_fingerprint": completion.fingerprint,
        }
        self._head = b"data: " + orjson.dumps(start)[:-1] + b',"choices":'
        self._tail = b',"usage":null' if completion.include_usage else b""

    def chunk(self, choice: int, delta: Json, finish: str | None = None, logprobs: Any = None) -> bytes:
        entry = {"index": choice, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return self._event(orjson.dumps([entry]), self._tail)

    def usage(self) -> bytes:
        return self._event(b"[]", b',"usage":' + orjson.dumps(self._completion.usage))

    def _event(self, choices: bytes, tail: bytes) -> bytes:
        padding = b""
        if self._completion.obfuscate:
            padding = b',"obfuscation":"%b"' % PADDING[: 1 + len(choices) % len(PADDING)].encode()
        return b"%b%b%b%b}\n\n" % (self._head, choices, tail, padding)

    def events(self) -> tuple[list[bytes], int, int]:
        """All events, how many of them open the stream, and how many end it."""
        opening: list[bytes] = []
        content: list[bytes] = []
        for choice in self._completion.choices:
            if choice.calls:
                content += self._calls(choice)
            else:
                opening.append(self._first(choice))
                content += self._text(choice)
        ending = [self.chunk(choice.index, {}, choice.finish) for choice in self._completion.choices]
        if self._completion.include_usage:
            ending.append(self.usage())
        ending.append(DONE)
        return [*opening, *content, *ending], len(opening), len(ending)

    def _first(self, choice: Choice) -> bytes:
        if choice.refusal is not None:
            return self.chunk(choice.index, {"role": "assistant", "content": None, "refusal": ""})
        return self.chunk(choice.index, {"role": "assistant", "content": "", "refusal": None})

    def _text(self, choice: Choice) -> list[bytes]:
        if choice.refusal is not None:
            return [self.chunk(choice.index, {"refusal": piece}) for piece in pieces(choice.refusal)]
        top = self._completion.top_logprobs
        return [
            self.chunk(
                choice.index,
                {"content": piece},
                logprobs=None if top is None else {"content": [logprob(piece, top)], "refusal": None},
            )
            for piece in pieces(choice.text)
        ]

    def _calls(self, choice: Choice) -> list[bytes]:
        """Tool calls: the name first, then the arguments in fragments."""
        events = []
        for number, call in enumerate(choice.calls):
            function = _function(call)
            fragments = pieces(function["arguments"])
            start = {"name": call.name, "arguments": ""}
            if choice.legacy:
                first: Json = {"function_call": start}
                rest: list[Json] = [{"function_call": {"arguments": fragment}} for fragment in fragments]
            else:
                tool_call = {"index": number, "id": choice.call_ids[number], "type": "function", "function": start}
                first = {"tool_calls": [tool_call]}
                rest = [
                    {"tool_calls": [{"index": number, "function": {"arguments": fragment}}]} for fragment in fragments
                ]
            if number == 0:
                first = {"role": "assistant", "content": None, **first, "refusal": None}
            events += [self.chunk(choice.index, delta) for delta in (first, *rest)]
        return events


def error_event(error: Json) -> bytes:
    """An error in the middle of a stream."""
    return b"data: " + orjson.dumps({"error": error}) + b"\n\n"
