"""JSON Schemas that clients wrote, compiled and kept, and values held against them.

Nothing is ever fetched, and the work for one answer is bounded: a client could write a schema that takes for ever. What
can't be judged is broken by nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import orjson

from gateway.core.chat import Json
from gateway.execute.schema_cost import MOST, NotCounted, depth_of, evaluations

MAX_SCHEMA_BYTES = 32 * 1024
VALIDATORS_KEPT = 32
MAX_PATTERNS = 16
MAX_PATTERN_CHARS = 1_000
"""A compiled pattern takes memory: of a schema with more of them nothing is judged."""
PATTERN_BYTES = 100_000


@dataclass(slots=True)
class Left:
    """How much more work one answer may make, over all its choices and calls."""

    work: int = MOST


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


class Schemas:
    """The compiled schemas of the last requests."""

    def __init__(self) -> None:
        self._compiled: OrderedDict[bytes, _Compiled | None] = OrderedDict()

    def broken_by(self, value: Any, text: str, schema: Any, left: Left) -> bool:
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
