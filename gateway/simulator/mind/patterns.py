"""A text that matches a regular expression, best effort: for `pattern` in JSON schemas."""

from __future__ import annotations

import re
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

CATEGORIES: dict[Any, str] = {
    sre.CATEGORY_DIGIT: "1",
    sre.CATEGORY_WORD: "a",
    sre.CATEGORY_SPACE: " ",
    sre.CATEGORY_NOT_SPACE: "a",
}
CANDIDATES = "aA1 -_.!~"


def example_of(pattern: str) -> str | None:
    """A short text in which `pattern` is found, or None where none could be made."""
    try:
        text = _write(_parser.parse(pattern))
        return text if re.search(pattern, text) else None
    except (re.error, RecursionError, OverflowError):
        return None


def _write(tree: Any) -> str:
    return "".join(_write_node(operator, argument) for operator, argument in tree)


def _write_node(operator: Any, argument: Any) -> str:
    if operator is sre.LITERAL:
        return chr(argument)
    if operator is sre.NOT_LITERAL:
        return next(char for char in CANDIDATES if ord(char) != argument)
    if operator is sre.ANY:
        return "a"
    if operator is sre.IN:
        return _pick(argument)
    if operator in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
        least, most, body = argument
        times: int = min(max(least, 1), most) if isinstance(most, int) else max(least, 1)
        return _write(body) * times
    if operator is sre.SUBPATTERN:
        return _write(argument[3])
    if operator is sre.ATOMIC_GROUP:
        return _write(argument)
    if operator is sre.BRANCH:
        return _write(argument[1][0])
    return ""


def _pick(members: list[tuple[Any, Any]]) -> str:
    """One character of a set such as `[a-z0-9]` or `[^"]`."""
    if members[0][0] is sre.NEGATE:
        inner = members[1:]
        return next((char for char in CANDIDATES if not any(_holds(member, char) for member in inner)), "a")
    operator, argument = members[0]
    if operator is sre.LITERAL:
        return chr(argument)
    if operator is sre.RANGE:
        return chr(argument[0])
    return CATEGORIES.get(argument, "a")


def _holds(member: tuple[Any, Any], char: str) -> bool:
    operator, argument = member
    if operator is sre.LITERAL:
        return bool(ord(char) == argument)
    if operator is sre.RANGE:
        return bool(argument[0] <= ord(char) <= argument[1])
    classes: dict[Any, bool] = {
        sre.CATEGORY_DIGIT: char.isdigit(),
        sre.CATEGORY_WORD: char.isalnum() or char == "_",
        sre.CATEGORY_SPACE: char.isspace(),
    }
    return classes.get(argument, False)
