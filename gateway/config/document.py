"""YAML text to a tree of plain values that know where they stand. Knows nothing of what the config means.

Built from parser events, without recursion and without PyYAML's constructors: no tag is ever obeyed, and depth, size
and the growth by aliases are bounded while reading. Scalars follow YAML 1.2's core rules (`on` and `no` are strings,
12:30 is a string, 010 is a string); mapping keys are always text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from gateway.config.problem import ConfigError, Findings, Position, Problem

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_VALUES = 50_000

Scalar = str | int | float | bool | None
Path = tuple[str | int, ...]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_INT = re.compile(r"[-+]?(0|[1-9](_?[0-9]){0,17})")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]{1,3})?")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A value and where it starts. `keys` are the positions of a mapping's keys; `size` counts the values within, with
    aliases expanded."""

    value: Any
    position: Position
    keys: dict[str, Position] = field(default_factory=dict)
    size: int = 1

    def child(self, step: str | int) -> Node | None:
        found: Node | None = None
        if isinstance(self.value, dict):
            found = self.value.get(step)
        elif isinstance(self.value, list) and isinstance(step, int) and step < len(self.value):
            found = self.value[step]
        return found

    def plain(self) -> Any:
        """The value without positions."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def find(root: Node, path: Sequence[str | int]) -> Node:
    """The deepest node along `path` that exists; steps that name nothing are passed over."""
    node = root
    for step in path:
        node = node.child(step) or node
    return node


def key_position(root: Node, path: Sequence[str | int]) -> Position:
    """Where the last key of `path` stands, or else the nearest thing above it that exists."""
    if not path:
        return root.position
    parent = find(root, path[:-1])
    return parent.keys.get(str(path[-1])) or find(root, path).position


def plain_scalar(text: str) -> Scalar:
    """An unquoted scalar's value."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def read_document(data: bytes, source: str, findings: Findings) -> Node:
    """The document's tree; an empty document is an empty mapping.

    Duplicate keys go to `findings`. Raises ConfigError for whatever keeps the text from being read at all.
    """
    text = _decode(data, source)
    composer = _Composer(source, findings)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            composer.take(event)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, source) from None
    except yaml.YAMLError as error:
        raise _fatal(source, Position(1, 1), f"not valid YAML: {error}") from None
    return composer.root


def _fatal(source: str, position: Position, message: str) -> ConfigError:
    return ConfigError(source, (Problem(position, "error", message),))


def _decode(data: bytes, source: str) -> str:
    if len(data) > MAX_BYTES:
        raise _fatal(source, Position(1, 1), f"the file is larger than {MAX_BYTES} bytes: this is no gateway config")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        raise _fatal(source, _end_of(before), "not UTF-8 text: save the file as UTF-8") from None
    if bad := _UNPRINTABLE.search(text):
        message = f"control character U+{ord(bad[0]):04X}: remove it"
        raise _fatal(source, _end_of(text[: bad.start()]), message)
    return text


def _end_of(text: str) -> Position:
    return Position(text.count("\n") + 1, len(text) - text.rfind("\n"))


def _syntax_error(error: yaml.MarkedYAMLError, text: str, source: str) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return _fatal(source, Position(1, 1), f"not valid YAML: {error.problem}")
    position = Position(mark.line + 1, mark.column + 1)
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if line[mark.column : mark.column + 1] == "\t" or line[: len(line) - len(line.lstrip())].count("\t"):
        return _fatal(source, position, "a tab can't indent YAML: use spaces")
    started = f" that begins on line {error.context_mark.line + 1}" if error.context_mark else ""
    context = f" ({error.context}{started})" if error.context else ""
    return _fatal(source, position, f"not valid YAML: {error.problem}{context}")


@dataclass(slots=True)
class _Open:
    """A collection that is not closed yet. `key` is the mapping key that waits for its value."""

    position: Position
    anchor: str | None
    items: dict[str, Node] | list[Node]
    keys: dict[str, Position] = field(default_factory=dict)
    merged: list[Node] = field(default_factory=list)
    key: str | None = None
    size: int = 1


class _Composer:
    """Takes parser events one by one and keeps the open collections on a stack."""

    def __init__(self, source: str, findings: Findings) -> None:
        self._source = source
        self._findings = findings
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}
        self._documents = 0
        self._values = 0
        self.root = Node({}, Position(1, 1))

    def take(self, event: yaml.Event) -> None:
        mark = event.start_mark
        position = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
        if isinstance(event, yaml.ScalarEvent):
            self._refuse_tag(event.tag, position)
            self._scalar(event, position)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(str(event.anchor), position)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._refuse_tag(event.tag, position)
            self._start(event, position)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._end()
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _fatal(self._source, position, "a second document begins here: a config is one document")

    def _refuse_tag(self, tag: str | None, position: Position) -> None:
        if tag is not None:
            shown = tag.replace("tag:yaml.org,2002:", "!!")[:80]
            raise _fatal(self._source, position, f"the tag {shown} is not allowed: write plain values")

    def _scalar(self, event: yaml.ScalarEvent, position: Position) -> None:
        target = self._stack[-1] if self._stack else None
        if target is not None and isinstance(target.items, dict) and target.key is None:
            self._key(target, event.value, position)
            return
        node = Node(plain_scalar(event.value) if event.implicit[0] else event.value, position)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._add(node)

    def _key(self, target: _Open, key: str, position: Position) -> None:
        first = target.keys.get(key)
        if first is not None:
            self._findings.error(position, f'duplicate key "{key[:80]}": it also stands on line {first.line}')
        else:
            target.keys[key] = position
        target.key = key

    def _alias(self, anchor: str, position: Position) -> None:
        node = self._anchors.get(anchor)
        if node is None:
            what = "refers to itself" if anchor in self._anchors else "has no anchor before it"
            raise _fatal(self._source, position, f"the alias *{anchor} {what}")
        if self._stack and isinstance(self._stack[-1].items, dict) and self._stack[-1].key is None:
            raise _fatal(self._source, position, "an alias can't be a key: write the key out")
        self._add(node, position)

    def _start(self, event: yaml.CollectionStartEvent, position: Position) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise _fatal(self._source, position, f"nested deeper than {MAX_DEPTH} levels")
        if self._stack and isinstance(self._stack[-1].items, dict) and self._stack[-1].key is None:
            raise _fatal(self._source, position, "a key must be a plain name, not a list or a mapping")
        if event.anchor:
            self._anchors[event.anchor] = None
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        self._stack.append(_Open(position, event.anchor, {} if is_mapping else []))

    def _end(self) -> None:
        done = self._stack.pop()
        for merged in done.merged:
            self._merge(done, merged)
        node = Node(done.items, done.position, done.keys, done.size)
        if done.anchor:
            self._anchors[done.anchor] = node
        self._add(node)

    def _add(self, node: Node, at: Position | None = None) -> None:
        """Put a finished value where it belongs: into the open collection, or at the root."""
        if not self._stack:
            self.root = Node({}, node.position) if node.value is None else node
            return
        target = self._stack[-1]
        target.size += node.size
        if target.size > MAX_VALUES:
            raise _fatal(self._source, at or node.position, f"more than {MAX_VALUES} values, with aliases expanded")
        if isinstance(target.items, list):
            target.items.append(node)
        elif target.key == "<<":
            target.keys.pop("<<", None)
            target.merged.extend(node.value if isinstance(node.value, list) else [node])
            target.key = None
        else:
            target.items.setdefault(str(target.key), node)
            target.key = None

    def _merge(self, target: _Open, merged: Node) -> None:
        """`<<`: the keys of another mapping, where this one doesn't give them itself."""
        if not isinstance(merged.value, dict) or not isinstance(target.items, dict):
            raise _fatal(self._source, merged.position, "<< takes a mapping or a list of mappings")
        for key, node in merged.value.items():
            if key not in target.items:
                target.items[key] = node
                target.keys[key] = merged.keys[key]
