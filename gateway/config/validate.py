"""Holds the document's tree against the schema and says what doesn't fit, where, and what would.

An entry that doesn't fit is set aside, so that the rest can still be checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.config.document import Node, Path, find, key_position
from gateway.config.problem import Findings, Position, suggest
from gateway.config.references import UNSHOWN_PLACES, place_of
from gateway.config.scalars import REFUSED
from gateway.config.schema import Config
from gateway.config.schema_parts import Spec
from gateway.config.snapshot import Secret


@dataclass(frozen=True, slots=True)
class Validated:
    """The config without its broken entries. `broken` holds the paths of those, two steps deep; `route_numbers` are
    the places in the file of `config.routes`."""

    config: Config
    broken: frozenset[Path]
    route_numbers: tuple[int, ...]


def validate(root: Node, lost: set[Path], findings: Findings) -> Validated:
    """Check the tree; every misfit goes to `findings`. `lost` are values that are missing and were told already."""
    data = root.plain()
    if not isinstance(data, dict):
        findings.error(root.position, "a config is a mapping of sections: server, keys, providers, models, routes, ...")
        data = {}
    for section in [name for name, value in data.items() if value is None]:
        if section in Config.model_fields:
            del data[section]
    broken = {entry_of(path) for path in lost}
    route_numbers = tuple(range(len(data["routes"]))) if isinstance(data.get("routes"), list) else ()
    while True:
        data, route_numbers = without(data, broken, route_numbers)
        try:
            return Validated(Config.model_validate(data), frozenset(broken), route_numbers)
        except ValidationError as failure:
            before = frozenset(broken)
            for error in failure.errors(include_url=False):
                path = original_path(error["loc"], route_numbers)
                if entry_of(path) in before:
                    # A section that can't do without what was set aside, such as redis without its url.
                    broken.add(path[:1])
                    continue
                explain(error, path, root, findings)
                broken.add(entry_of(path))
            if broken == before:  # cannot happen: each error names an entry or a section that was still there
                raise


def entry_of(path: Path) -> Path:
    return path[:2]


def original_path(loc: tuple[int | str, ...], route_numbers: tuple[int, ...]) -> Path:
    """The error's path with the route's number in the file instead of among those left."""
    if len(loc) > 1 and loc[0] == "routes" and isinstance(loc[1], int):
        return ("routes", route_numbers[loc[1]], *loc[2:])
    return loc


def without(
    data: dict[str, Any], broken: set[Path], route_numbers: tuple[int, ...]
) -> tuple[dict[str, Any], tuple[int, ...]]:
    """The data without its broken entries, and the numbers of the routes that are left."""
    kept: dict[str, Any] = {}
    numbers = tuple(number for number in route_numbers if ("routes", number) not in broken)
    for section, value in data.items():
        if (section,) in broken:
            continue
        if section == "routes" and isinstance(value, list):
            left = set(numbers)
            kept[section] = [route for number, route in zip(route_numbers, value, strict=True) if number in left]
        elif isinstance(value, dict):
            kept[section] = {name: entry for name, entry in value.items() if (section, name) not in broken}
        else:
            kept[section] = value
    return kept, numbers


def explain(error: ErrorDetails, path: Path, root: Node, findings: Findings) -> None:
    kind = error["type"]
    if path[-1:] == ("[key]",):
        findings.error(key_position(root, path[:-1]), str(error["ctx"]["message"] if "ctx" in error else error["msg"]))
    elif kind == "extra_forbidden":
        known = known_keys(path[:-1])
        where = f" in {what(path[:-1])}" if len(path) > 1 else ""
        key = str(path[-1])[:80]
        findings.error(key_position(root, path), f'unknown key "{key}"{where}{suggest(key, known)}')
    elif kind == "missing":
        findings.error(above(root, path), f'"{path[-1]}" is missing{" in " + what(path[:-1]) if path[:-1] else ""}')
    else:
        findings.error(find(root, path).position, sentence(error, path, root))


def above(root: Node, path: Path) -> Position:
    """Where a thing that is missing a key stands: its name, or the thing itself in a list."""
    parent = path[:-1]
    if parent and isinstance(parent[-1], str):
        return key_position(root, parent)
    return find(root, parent).position


def named(path: Path) -> str:
    """The last key in a path that a person would name."""
    return next((str(step) for step in reversed(path) if isinstance(step, str)), "")


def what(path: Path) -> str:
    singular = {"providers": "provider", "models": "model", "keys": "key"}
    if len(path) == 2 and path[0] in singular:
        return f'{singular[str(path[0])]} "{path[1]}"'
    return "this route" if path[0] == "routes" and len(path) == 2 else f'"{named(path)}"'


def sentence(error: ErrorDetails, path: Path, root: Node) -> str:
    """The misfit in words. A value is shown only where no secret can stand."""
    node = find(root, path)
    subject = named(path) if path[-1] != "only" else named(path[:-1])
    subject = f'each of "{subject}"' if isinstance(path[-1], int) else f'"{subject}"'
    kind, context = error["type"], error.get("ctx", {})
    if kind == REFUSED:
        message = str(context["message"])
        return f"{subject} {message}" if message.startswith("must ") else message
    wanted = WANTED.get(kind, "").format_map(context)
    if not wanted:
        return f"{subject}: {error['msg']}"
    secret = isinstance(node.value, Secret | list | dict) or place_of(path) in UNSHOWN_PLACES
    shown = "" if secret else f", not {show(node.value)}"
    hint = "; put it in quotes" if kind in ("string_type", "is_instance_of") and not isinstance(node.value, str) else ""
    return f"{subject} must be {wanted}{shown}{hint if not isinstance(node.value, list | dict) else ''}"


def show(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value[:40]}"' if isinstance(value, str) else str(value)[:40]


WANTED = {
    "string_type": "a string",
    "is_instance_of": "a string",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list, such as [a, b]",
    "dict_type": "a mapping, such as {{name: value}}",
    "model_type": "a mapping of keys",
    "model_attributes_type": "a mapping of keys",
    "greater_than_equal": "at least {ge:g}",
    "greater_than": "more than {gt:g}",
    "less_than_equal": "at most {le:g}",
    "string_pattern_mismatch": "text without control characters",
    "string_too_short": "longer than nothing",
    "string_too_long": "at most {max_length} characters",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
}


def known_keys(path: Path) -> set[str]:
    """The keys that the schema knows below `path`."""
    annotations: list[Any] = [Config]
    for step in path:
        annotations = [found for annotation in annotations for found in inside(annotation, step)]
    return {name for annotation in annotations for spec in specs(annotation) for name in spec.model_fields} - {"only"}


def inside(annotation: Any, step: str | int) -> Iterator[Any]:
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        if field := annotation.model_fields.get(str(step)):
            yield field.annotation
    elif get_origin(annotation) is dict:
        yield get_args(annotation)[1]
    elif get_origin(annotation) is list:
        yield get_args(annotation)[0]
    else:
        for option in get_args(annotation):
            yield from inside(option, step)


def specs(annotation: Any) -> Iterator[type[Spec]]:
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        yield annotation
    elif get_origin(annotation) not in (dict, list):
        for option in get_args(annotation):
            yield from specs(option)
