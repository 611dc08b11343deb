"""What an answer shows of its own quality (core.quality.DEFECTS), of whole answers and of streams.

Reads and never changes; a fault of its own is no fault of the request. What was not asked for costs next to nothing:
without tools and without JSON only the finish reason is looked at, and whether anything was said. What is too large to
judge is not judged.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from gateway.core.chat import ChatRequest, Json, text_of
from gateway.core.quality import DEFECTS
from gateway.execute.schemas import Left, Schemas

MAX_JUDGED_CHARS = 256 * 1024
MAX_BRACKETS = 2_000
"""No text is nested deeper than it has brackets; beyond this a validator would recurse too far."""

log = logging.getLogger("gateway.execute")


@dataclass(slots=True)
class _Call:
    """`arguments` is None where there were too many to keep."""

    name: str = ""
    arguments: list[str] | None = field(default_factory=list)


@dataclass(slots=True)
class _Choice:
    """What is kept of one choice. `said` is whether there was anything for a reader; its text is kept only where it is
    judged, and None where there was too much of it."""

    text: list[str] | None = field(default_factory=list)
    said: bool = False
    refused: bool = False
    finish_reason: str | None = None
    calls: dict[int, _Call] = field(default_factory=dict)


class _Offered(NamedTuple):
    """The tools by name, with the schema of their arguments: {} for one that states none, None for a custom tool.
    `others`: tools of the vendor's own (computer use, search) are among them, whose calls have names of their own."""

    schemas: Mapping[str, Any]
    others: bool


class Judge:
    """Holds the compiled schemas of the last requests."""

    def __init__(self) -> None:
        self._schemas = Schemas()

    def whole(self, request: ChatRequest, body: Json) -> tuple[str, ...]:
        """The defects of a chat.completion."""
        try:
            choices: list[Json] = body.get("choices") or []
            if len(choices) == 1 and "response_format" not in request.body and _plainly_well(choices[0]):
                return ()
            return self._verdict(request, [_choice_of(choice) for choice in choices])
        except Exception:
            log.exception("an answer's quality could not be judged")
            return ()

    def witness(self, request: ChatRequest) -> Witness:
        return Witness(self, request)

    def _verdict(self, request: ChatRequest, choices: Iterable[_Choice]) -> tuple[str, ...]:
        found: set[str] = set()
        wanted = _json_wanted(request)
        offered = _offered(request)
        left = Left()
        for choice in choices:
            if choice.finish_reason == "length":
                found.add("truncated")
            if choice.refused or choice.finish_reason == "content_filter":
                found.add("refused")
            elif not choice.said and not choice.calls:
                found.add("empty")
            elif wanted is not None and not choice.calls:  # words beside a call are not the answer yet
                found |= self._judge_json(choice.text, wanted, left)
            for call in choice.calls.values():
                found |= self._judge_call(call, offered, left)
        return tuple(defect for defect in DEFECTS if defect in found)

    def _judge_json(self, pieces: list[str] | None, wanted: Json, left: Left) -> set[str]:
        text = _judgeable(pieces)
        if not text:
            return set()
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            return {"invalid_json"}
        if wanted.get("type") == "json_object":
            return set() if isinstance(value, dict) else {"invalid_json"}
        schema = (wanted.get("json_schema") or {}).get("schema")
        return {"schema_mismatch"} if self._schemas.broken_by(value, text, schema, left) else set()

    def _judge_call(self, call: _Call, offered: _Offered, left: Left) -> set[str]:
        if call.name not in offered.schemas:
            return set() if offered.others else {"tool_unknown"}
        schema, text = offered.schemas[call.name], _judgeable(call.arguments)
        if schema is None or text is None:
            return set()
        try:
            value = orjson.loads(text or "{}")
        except orjson.JSONDecodeError:
            return {"tool_arguments_invalid"}
        return {"tool_arguments_invalid"} if self._schemas.broken_by(value, text, schema, left) else set()


class Witness:
    """Follows one stream. Chunks are handed in while it is `watching`: to the end of a stream whose request asked for
    tools, JSON or several choices, else until something was said."""

    __slots__ = ("_choices", "_failed", "_folds", "_judge", "_keeps_text", "_kept", "_request", "watching")

    def __init__(self, judge: Judge, request: ChatRequest) -> None:
        self._judge = judge
        self._request = request
        self._choices: dict[int, _Choice] = {}
        self._kept = 0
        self._failed = False
        body = request.body
        self._keeps_text = body.get("response_format") is not None and _json_wanted(request) is not None
        asked = body.get("tools") or body.get("functions") or (body.get("n") or 1) != 1
        self._folds = self._keeps_text or bool(asked)
        self.watching = True

    def see(self, chunks: Iterable[Json]) -> None:
        try:
            for chunk in chunks:
                for piece in chunk.get("choices") or ():
                    choice = self._choices.setdefault(piece.get("index", 0), _Choice())
                    choice.finish_reason = piece.get("finish_reason") or choice.finish_reason
                    self._add(choice, piece.get("delta") or {})
                    if choice.said and not self._folds:
                        self.watching = False
        except Exception:
            log.exception("a stream's quality could not be followed")
            self.watching, self._failed = False, True

    def verdict(self, finish_reason: str | None) -> tuple[str, ...]:
        """The defects, once the stream has ended well."""
        if self._failed:
            return ()
        try:
            choices = self._choices
            if not self._folds:
                choice = next(iter(choices.values())) if choices else _Choice()
                if choice.said and finish_reason == "stop":
                    return ()
                choice.finish_reason = finish_reason
                if finish_reason in ("tool_calls", "function_call"):
                    choice.calls.setdefault(0, _Call())
                choices = {0: choice}
            return self._judge._verdict(self._request, choices.values())
        except Exception:
            log.exception("a stream's quality could not be judged")
            return ()

    def _add(self, choice: _Choice, delta: Json) -> None:
        text = delta.get("content")
        if text:
            choice.said = True
            if self._keeps_text and isinstance(text, str):
                choice.text = self._keep(choice.text, text)
        if not choice.said and (delta.get("audio") or delta.get("images")):
            choice.said = True
        if delta.get("refusal"):
            choice.refused = True
        calls = delta.get("tool_calls")
        if calls:
            for piece in calls:
                self._add_call(choice, piece)
        if delta.get("function_call"):
            self._add_call(choice, {"function": delta["function_call"]})

    def _add_call(self, choice: _Choice, piece: Json) -> None:
        call = choice.calls.setdefault(piece.get("index", 0), _Call())
        name, arguments = _named(piece)
        call.name += name
        call.arguments = self._keep(call.arguments, arguments)

    def _keep(self, pieces: list[str] | None, text: str) -> list[str] | None:
        """The pieces with `text`, while there is room for it: a stream has no end that is known beforehand."""
        self._kept += len(text)
        if pieces is None or self._kept > MAX_JUDGED_CHARS:
            return None
        pieces.append(text)
        return pieces


def _plainly_well(choice: Json) -> bool:
    """Nearly every answer: some text, ended by itself, and no call."""
    message = choice["message"]
    text = message.get("content")
    if choice.get("finish_reason") != "stop" or type(text) is not str or not text or message.get("refusal"):
        return False
    return not message.get("tool_calls") and not message.get("function_call")


def _choice_of(raw: Json) -> _Choice:
    message = raw.get("message") or {}
    text = text_of(message)
    calls = list(message.get("tool_calls") or ())
    if message.get("function_call"):
        calls.append({"function": message["function_call"]})
    return _Choice(
        text=[text],
        said=bool(text or message.get("audio") or message.get("images")),
        refused=bool(message.get("refusal")),
        finish_reason=raw.get("finish_reason"),
        calls={number: _called(call) for number, call in enumerate(calls)},
    )


def _called(call: Json) -> _Call:
    name, arguments = _named(call)
    return _Call(name, [arguments])


def _named(call: Json) -> tuple[str, str]:
    """Name and arguments of a call, or of a piece of one; a custom tool's input is text of any kind."""
    function = call.get("function") or {}
    custom = call.get("custom") or {}
    return function.get("name") or custom.get("name") or "", function.get("arguments") or ""


def _json_wanted(request: ChatRequest) -> Json | None:
    wanted = request.body.get("response_format")
    return wanted if isinstance(wanted, dict) and wanted.get("type") in ("json_object", "json_schema") else None


def _offered(request: ChatRequest) -> _Offered:
    schemas: dict[str, Any] = {}
    others = False
    for tool in request.tools:
        if isinstance(tool.get("function"), dict):
            schemas[tool["function"].get("name", "")] = tool["function"].get("parameters") or {}
        elif isinstance(tool.get("custom"), dict):
            schemas[tool["custom"].get("name", "")] = None
        else:
            others = True
    for function in request.body.get("functions") or ():
        schemas[function.get("name", "")] = function.get("parameters") or {}
    return _Offered(schemas, others)


def _judgeable(pieces: list[str] | None) -> str | None:
    """The text, if it was kept and is small enough."""
    text = None if pieces is None else "".join(pieces)
    if text is None or len(text) > MAX_JUDGED_CHARS or text.count("{") + text.count("[") > MAX_BRACKETS:
        return None
    return text
