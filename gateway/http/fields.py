"""Checks of single JSON values, and the exact words in which OpenAI refuses them.

Each check takes (value, path) and raises BadRequest with `param` = path. Wordings are OpenAI's, as recorded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from gateway.core.errors import BadRequest

Check = Callable[[Any, str], None]

_NAMES = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


def type_name(value: Any) -> str:
    return _NAMES[type(value)]


def wrong_type(path: str, expected: str, value: Any) -> BadRequest:
    return BadRequest(
        f"Invalid type for '{path}': expected {expected}, but got {type_name(value)} instead.",
        code="invalid_type",
        param=path,
    )


def missing(path: str) -> BadRequest:
    return BadRequest(f"Missing required parameter: '{path}'.", code="missing_required_parameter", param=path)


def invalid_value(path: str, message: str) -> BadRequest:
    return BadRequest(message, code="invalid_value", param=path)


def _shown(value: object) -> str:
    """A client's value inside an error text: bounded."""
    text = str(value)
    return text if len(text) <= 100 else text[:100] + "..."


def unsupported_choice(path: str, value: object, choices: Iterable[str]) -> BadRequest:
    names = [f"'{choice}'" for choice in choices]
    listed = names[0] if len(names) == 1 else ", ".join(names[:-1]) + f", and {names[-1]}"
    return invalid_value(path, f"Invalid value: '{_shown(value)}'. Supported values are: {listed}.")


def boolean(value: Any, path: str) -> None:
    if not isinstance(value, bool):
        raise wrong_type(path, "a boolean", value)


def object_(value: Any, path: str) -> None:
    if not isinstance(value, dict):
        raise wrong_type(path, "an object", value)


def anything(value: Any, path: str) -> None:
    """For fields whose shape only the model's vendor knows."""


def string(max_length: int | None = None, min_length: int = 0, pattern: str | None = None) -> Check:
    compiled = re.compile(pattern) if pattern else None

    def check(value: Any, path: str) -> None:
        if not isinstance(value, str):
            raise wrong_type(path, "a string", value)
        if max_length is not None and len(value) > max_length:
            raise BadRequest(
                f"Invalid '{path}': string too long. Expected a string with maximum length {max_length}, "
                f"but got a string with length {len(value)} instead.",
                code="string_above_max_length",
                param=path,
            )
        if len(value) < min_length:
            raise BadRequest(
                f"Invalid '{path}': empty string. Expected a string with minimum length {min_length}, "
                "but got an empty string instead.",
                code="empty_string",
                param=path,
            )
        if compiled is not None and compiled.fullmatch(value) is None:
            raise invalid_value(
                path, f"Invalid '{path}': string does not match pattern. Expected a string that matches '{pattern}'."
            )

    return check


def one_of(*choices: str) -> Check:
    def check(value: Any, path: str) -> None:
        if not isinstance(value, str):
            raise wrong_type(path, f"one of {', '.join(repr(choice) for choice in choices)}", value)
        if value not in choices:
            raise unsupported_choice(path, value, choices)

    return check


def integer(low: int | None = None, high: int | None = None) -> Check:
    def check(value: Any, path: str) -> None:
        if type(value) is not int:
            raise wrong_type(path, "an integer", value)
        _check_range(value, path, low, high, "integer")

    return check


def number(low: float | None = None, high: float | None = None) -> Check:
    def check(value: Any, path: str) -> None:
        if type(value) not in (int, float):
            raise wrong_type(path, "a decimal", value)
        _check_range(value, path, low, high, "decimal")

    return check


def _check_range(value: float, path: str, low: float | None, high: float | None, kind: str) -> None:
    if low is not None and value < low:
        raise BadRequest(
            f"Invalid '{path}': {kind} below minimum value. "
            f"Expected a value >= {low:g}, but got {_shown(value)} instead.",
            code=f"{kind}_below_min_value",
            param=path,
        )
    if high is not None and value > high:
        raise BadRequest(
            f"Invalid '{path}': {kind} above maximum value. "
            f"Expected a value <= {high:g}, but got {_shown(value)} instead.",
            code=f"{kind}_above_max_value",
            param=path,
        )


def array(item: Check, max_length: int | None = None, min_length: int = 0, of: str = "objects") -> Check:
    def check(value: Any, path: str) -> None:
        if not isinstance(value, list):
            raise wrong_type(path, f"an array of {of}", value)
        check_length(value, path, max_length, min_length)
        for index, member in enumerate(value):
            item(member, f"{path}[{index}]")

    return check


def check_length(value: list[Any], path: str, max_length: int | None, min_length: int = 0) -> None:
    if len(value) < min_length:
        got = "an empty array" if not value else f"an array with length {len(value)}"
        kind = "empty array" if not value else "array too short"
        raise BadRequest(
            f"Invalid '{path}': {kind}. Expected an array with minimum length {min_length}, but got {got} instead.",
            code="empty_array" if not value else "array_below_min_length",
            param=path,
        )
    if max_length is not None and len(value) > max_length:
        raise BadRequest(
            f"Invalid '{path}': array too long. Expected an array with maximum length {max_length}, "
            f"but got an array with length {len(value)} instead.",
            code="array_above_max_length",
            param=path,
        )


def string_or_strings(max_length: int) -> Check:
    """A string, or an array of at most `max_length` strings (`stop`)."""

    def check(value: Any, path: str) -> None:
        if isinstance(value, str):
            return
        if not isinstance(value, list):
            raise wrong_type(path, "a string or an array of strings", value)
        check_length(value, path, max_length)
        for index, member in enumerate(value):
            if not isinstance(member, str):
                raise wrong_type(f"{path}[{index}]", "a string", member)

    return check


def check_fields(value: dict[str, Any], path: str, checks: dict[str, Check]) -> None:
    """Run `checks` on the fields that are there and not null; fields without a check pass."""
    for name, member in value.items():
        if member is not None:
            check = checks.get(name)
            if check is not None:
                check(member, f"{path}.{name}")


def require(value: dict[str, Any], path: str, name: str, check: Check) -> Any:
    """A field that must be there."""
    member = value.get(name)
    where = f"{path}.{name}" if path else name
    if member is None and name not in value:
        raise missing(where)
    check(member, where)
    return member
