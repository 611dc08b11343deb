"""What an answer shows of its own quality (core.quality.DEFECTS), of whole answers and of streams.

Reads and never changes; a fault of its own is no fault of the request. What was not asked for costs nothing: without
tools and without JSON only the finish reason and the length are looked at. What is too large to judge is not judged.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import orjson

from gateway.core.chat import ChatRequest, Json, text_of
from gateway.core.quality import DEFECTS
from gateway.execute.schema_cost import MOST, NotCounted, depth_of, evaluations

MAX_JUDGED_CHARS = 256 * 1024
MAX_SCHEMA_BYTES = 32 * 1024
MAX_BRACKETS = 2_000
"""No text is nested deeper than it has brackets; beyond this a validator would recurse too far."""
VALIDATORS_KEPT = 32
MAX_PATTERNS = 16
MAX_PATTERN_CHARS = 1_000
"""A compiled pattern takes memory: of a schema with more of them nothing is judged."""
PATTERN_BYTES = 100_000

log = logging.getLogger("gateway.execute")


@dataclass(slots=True)
class _Compiled:
    """A schema as the library has it, and what judging a value of some depth by it weighs; None where it can't be."""

    schema: Json
    validator: Any
    weights: dict[int, int | None] = field(default_factory=dict)

    def weight(self, depth: int) -> int | None:
        if depth not in self.weights:
            try:
                self.weights[depth] = evaluations(self.schema, depth)
            except (NotCounted, RecursionError):
                self.weights[depth] = None
        return self.weights[depth]


@dataclass(slots=True)
class _Left:
    """How much more work one answer may make, over all its choices and calls."""

    work: int = MOST


@dataclass(slots=True)
class _Call:
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class _Choice:
    """What is kept of one choice. `said` is whether there was any text, which itself is kept only if it is judged."""

    text: str = ""
    said: bool = False
    refused: bool = False
    finish_reason: str | None = None
    calls: dict[int, _Call] = field(default_factory=dict)


class Judge:
    """Holds the compiled schemas of the last requests."""

    def __init__(self) -> None:
        self._compiled: OrderedDict[bytes, _Compiled | None] = OrderedDict()

    def whole(self, request: ChatRequest, body: Json) -> tuple[str, ...]:
        """The defects of a chat.completion."""
        try:
            return self._verdict(request, [_choice_of(choice) for choice in body.get("choices") or ()])
        except Exception:
            log.exception("an answer's quality could not be judged")
            return ()

    def witness(self, request: ChatRequest) -> Witness:
        return Witness(self, request)

    def _verdict(self, request: ChatRequest, choices: Iterable[_Choice]) -> tuple[str, ...]:
        found: set[str] = set()
        wanted = _json_wanted(request)
        offered = _offered(request)
        left = _Left()
        for choice in choices:
            if choice.finish_reason == "length":
                found.add("truncated")
            if choice.refused or choice.finish_reason == "content_filter":
                found.add("refused")
            elif not choice.said and not choice.calls:
                found.add("empty")
            elif wanted is not None and choice.said:
                found |= self._judge_json(choice.text, wanted, left)
            for call in choice.calls.values():
                found |= self._judge_call(call, offered, left)
        return tuple(defect for defect in DEFECTS if defect in found)

    def _judge_json(self, text: str, wanted: Json, left: _Left) -> set[str]:
        if not _judgeable(text):
            return set()
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            return {"invalid_json"}
        if wanted.get("type") == "json_object":
            return set() if isinstance(value, dict) else {"invalid_json"}
        schema = (wanted.get("json_schema") or {}).get("schema")
        return {"schema_mismatch"} if self._breaks(value, text, schema, left) else set()

    def _judge_call(self, call: _Call, offered: Mapping[str, Any], left: _Left) -> set[str]:
        if call.name not in offered:
            return {"tool_unknown"}
        schema = offered[call.name]
        if schema is None or not _judgeable(call.arguments):
            return set()
        try:
            value = orjson.loads(call.arguments or "{}")
        except orjson.JSONDecodeError:
            return {"tool_arguments_invalid"}
        return {"tool_arguments_invalid"} if self._breaks(value, call.arguments, schema, left) else set()

    def _breaks(self, value: Any, text: str, schema: Any, left: _Left) -> bool:
        """Whether a value, read from `text`, breaks a schema; one that can't be judged is broken by nothing."""
        compiled = self._compile(schema)
        weight = compiled.weight(depth_of(value)) if compiled is not None else None
        if compiled is None or weight is None:
            return False
        # Named parts of a value are counted once; those of lists and free maps as often as there are commas.
        weight *= 1 + text.count(",")
        if weight > left.work:
            return False
        left.work -= weight
        return not compiled.validator.is_valid(value)

    def _compile(self, schema: Any) -> _Compiled | None:
        """None: it is no schema, is too large, refers elsewhere, or says what the library can't."""
        if not isinstance(schema, dict):
            return None
        text = orjson.dumps(schema)
        if len(text) > MAX_SCHEMA_BYTES:
            return None
        digest = blake2b(text, digest_size=16).digest()
        if digest in self._compiled:
            self._compiled.move_to_end(digest)
        else:
            validator = _validator(schema)
            self._compiled[digest] = None if validator is None else _Compiled(schema, validator)
            if len(self._compiled) > VALIDATORS_KEPT:
                self._compiled.popitem(last=False)
        return self._compiled[digest]


class Witness:
    """Follows one stream. Chunks are handed in only where `folds`: a request that asked for tools or JSON."""

    __slots__ = ("_choices", "_judge", "_kept", "_request", "folds")

    def __init__(self, judge: Judge, request: ChatRequest) -> None:
        self._judge = judge
        self._request = request
        self._choices: dict[int, _Choice] = {}
        self._kept = 0
        self.folds = bool(_json_wanted(request) or _offered(request))

    def see(self, chunks: Iterable[Json]) -> None:
        try:
            self._see(chunks)
        except Exception:
            log.exception("a stream's quality could not be judged")
            self._kept = MAX_JUDGED_CHARS + 1

    def _see(self, chunks: Iterable[Json]) -> None:
        for chunk in chunks:
            for piece in chunk.get("choices") or ():
                choice = self._choices.setdefault(piece.get("index", 0), _Choice())
                choice.finish_reason = piece.get("finish_reason") or choice.finish_reason
                self._add(choice, piece.get("delta") or {})

    def verdict(self, finish_reason: str | None, chars: int) -> tuple[str, ...]:
        """The defects, once the stream has ended well. `chars` is how much was said, in all."""
        try:
            choices = list(self._choices.values())
            if not self.folds:
                choices = [_Choice(said=chars > 0, finish_reason=finish_reason)]
                if finish_reason in ("tool_calls", "function_call"):
                    choices[0].calls[0] = _Call()
            return () if self._kept > MAX_JUDGED_CHARS else self._judge._verdict(self._request, choices)
        except Exception:
            log.exception("a stream's quality could not be judged")
            return ()

    def _add(self, choice: _Choice, delta: Json) -> None:
        text = delta.get("content")
        if isinstance(text, str) and text:
            choice.said = True
            choice.text += self._room(text)
        if delta.get("refusal"):
            choice.refused = True
        calls = list(delta.get("tool_calls") or ())
        if delta.get("function_call"):
            calls.append({"index": 0, "function": delta["function_call"]})
        for piece in calls:
            call = choice.calls.setdefault(piece.get("index", 0), _Call())
            name, arguments = _named(piece)
            call.name += name
            call.arguments += self._room(arguments)

    def _room(self, text: str) -> str:
        """The text, while there is room for it: a stream has no end that is known beforehand."""
        self._kept += len(text)
        return text if self._kept <= MAX_JUDGED_CHARS else ""


def _choice_of(raw: Json) -> _Choice:
    message = raw.get("message") or {}
    text = text_of(message)
    calls = list(message.get("tool_calls") or ())
    if message.get("function_call"):
        calls.append({"function": message["function_call"]})
    return _Choice(
        text=text,
        said=bool(text or message.get("audio")),
        refused=bool(message.get("refusal")),
        finish_reason=raw.get("finish_reason"),
        calls={number: _Call(*_named(call)) for number, call in enumerate(calls)},
    )


def _named(call: Json) -> tuple[str, str]:
    """Name and arguments of a call, or of a piece of one; a custom tool's input is text of any kind."""
    function = call.get("function") or {}
    custom = call.get("custom") or {}
    return function.get("name") or custom.get("name") or "", function.get("arguments") or ""


def _json_wanted(request: ChatRequest) -> Json | None:
    wanted = request.body.get("response_format")
    return wanted if isinstance(wanted, dict) and wanted.get("type") in ("json_object", "json_schema") else None


def _offered(request: ChatRequest) -> dict[str, Any]:
    """The tools by name, with the schema of their arguments: {} for one that states none, None for a custom tool."""
    offered: dict[str, Any] = {}
    for tool in request.tools:
        if isinstance(tool.get("function"), dict):
            offered[tool["function"].get("name", "")] = tool["function"].get("parameters") or {}
        elif isinstance(tool.get("custom"), dict):
            offered[tool["custom"].get("name", "")] = None
    for function in request.body.get("functions") or ():
        offered[function.get("name", "")] = function.get("parameters") or {}
    return offered


def _judgeable(text: str) -> bool:
    return len(text) <= MAX_JUDGED_CHARS and text.count("{") + text.count("[") <= MAX_BRACKETS


def _validator(schema: Json) -> Any:
    if not _modest(schema):
        return None
    # Most requests ask for no JSON, and the library is large.
    import jsonschema_rs

    try:
        return jsonschema_rs.validator_for(
            schema,
            retriever=_refuse_references,
            pattern_options=jsonschema_rs.RegexOptions(size_limit=PATTERN_BYTES),  # linear time, whatever the pattern
            validate_formats=False,
        )
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: BLE001  # a panic of the library is no Exception
        return None


def _modest(schema: Json) -> bool:
    """Whether its patterns are few and short."""
    patterns: list[str] = []
    nodes: list[Any] = [schema]
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            if isinstance(node.get("pattern"), str):
                patterns.append(node["pattern"])
            if isinstance(node.get("patternProperties"), dict):
                patterns += node["patternProperties"]
            nodes += node.values()
        elif isinstance(node, list):
            nodes += node
    return len(patterns) <= MAX_PATTERNS and sum(map(len, patterns)) <= MAX_PATTERN_CHARS


def _refuse_references(uri: str) -> Any:
    raise ValueError("a schema of a request may not refer to anything outside itself")
