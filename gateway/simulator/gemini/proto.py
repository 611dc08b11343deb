"""Reads JSON as the protocol buffer messages of the Gemini API: unknown names and wrong types are refused together.

As the API does, it takes both `camelCase` and `snake_case` names, a single object in place of a list of one, enum names
in any case, and numbers as strings; null is the same as absent. The result has camelCase names only.
"""

from __future__ import annotations

import math
import re
from binascii import Error, a2b_base64
from typing import Any

import orjson

from gateway.simulator.gemini.errors import TYPE, invalid
from gateway.simulator.gemini.fields import ENUMS, MESSAGES, ONE_OF
from gateway.simulator.vendor import Json

PACKAGE = "type.googleapis.com/google.ai.generativelanguage.v1beta."
NUMBERS = {"int32": 2**31, "int64": 2**63, "float": 0, "double": 0}
URL_SAFE = str.maketrans("-_", "+/")
DUMMY_SIGNATURES = frozenset({"skip_thought_signature_validator", "context_engineering_is_the_way_to_go"})


def read_message(name: str, value: Any) -> Json:
    """The message `name` from its JSON. Raises Rejected, naming every violation."""
    reader = _Reader()
    message = reader.message(name, value, "")
    if reader.violations:
        descriptions = [description for _, description in reader.violations]
        entries = [{"field": field, "description": text} if field else {"description": text}
                   for field, text in reader.violations]  # fmt: skip
        raise invalid("\n".join(descriptions), [{"@type": TYPE + "BadRequest", "fieldViolations": entries}])
    return message


def camel(name: str) -> str:
    if "_" not in name:
        return name
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


class _Reader:
    __slots__ = ("violations",)

    def __init__(self) -> None:
        self.violations: list[tuple[str, str]] = []

    def message(self, name: str, value: Any, path: str) -> Json:
        if not isinstance(value, dict):
            self._wrong(path, PACKAGE + name, value)
            return {}
        fields = MESSAGES[name]
        data = ONE_OF.get(name)
        taken = ""
        read: Json = {}
        for key, inner in value.items():
            field = key if key in fields else camel(key)
            if field not in fields or (field != key and "_" not in key):
                at = f" at '{path}'" if path else ""
                text = f'Invalid JSON payload received. Unknown name "{key}"{at}: Cannot find field.'
                self.violations.append((path, text))
                continue
            if inner is None:
                continue
            if data and field in data:
                if taken:
                    text = f"Invalid value at '{path}' (oneof), oneof field 'data' is already set. Cannot set '{field}'"
                    self.violations.append((path, text))
                taken = field
            read[field] = self.value(fields[field], inner, f"{path}.{snake(field)}" if path else snake(field))
        return read

    def value(self, kind: str, value: Any, path: str) -> Any:
        if kind[0] == "[":
            items = value if isinstance(value, list) else [value]
            return [self.value(kind[1:], item, f"{path}[{index}]") for index, item in enumerate(items)]
        if kind[0] == "{":
            if not isinstance(value, dict):
                self._wrong(path, "Map", value)
                return {}
            parts = enumerate(value.items())
            return {key: self.value(kind[1:], part, f"{path}[{index}].value") for index, (key, part) in parts}
        if isinstance(value, list) and kind != "value":
            text = f'Invalid JSON payload received. Unknown name "{path.rpartition(".")[2]}"'
            self.violations.append((path, f"{text} at '{path}': Proto field is not repeating, cannot start list."))
            return None
        if kind in MESSAGES:
            return self.message(kind, value, path)
        return self._scalar(kind, value, path)

    def _scalar(self, kind: str, value: Any, path: str) -> Any:
        if kind == "value":
            return value
        if kind in ENUMS:
            if isinstance(value, str) and value.upper() in ENUMS[kind]:
                return value.upper()
            self._wrong(path, PACKAGE + kind, value)
        elif kind == "struct":
            if isinstance(value, dict):
                return value
            self._wrong(path, "type.googleapis.com/google.protobuf.Struct", value)
        elif kind == "bytes":
            self._bytes(value, path)
        elif kind in NUMBERS:
            return self._number(kind, value, path)
        elif not isinstance(value, str if kind == "string" else bool):
            self._wrong(path, f"TYPE_{kind.upper()}", value)
        return value

    def _number(self, kind: str, value: Any, path: str) -> Any:
        number = value
        if isinstance(value, str):
            try:
                number = float(value)
            except ValueError:
                number = None
        limit = NUMBERS[kind]
        whole = limit > 0
        if (
            isinstance(number, bool)
            or not isinstance(number, (int, float))
            or not math.isfinite(number)
            or (whole and (not float(number).is_integer() or not -limit <= number < limit))
        ):
            self._wrong(path, f"TYPE_{kind.upper()}", value)
        else:
            return int(number) if whole else number
        return None

    def _bytes(self, value: Any, path: str) -> None:
        if not isinstance(value, str):
            self._wrong(path, "TYPE_BYTES", value)
            return
        if value in DUMMY_SIGNATURES:
            return
        plain = value.translate(URL_SAFE).rstrip("=")
        try:
            a2b_base64(plain + "=" * (-len(plain) % 4), strict_mode=True)
        except (Error, ValueError):
            shown = value[:60]
            text = f"Invalid value at '{path}' (TYPE_BYTES), Base64 decoding failed for \"{shown}\""
            self.violations.append((path, text))

    def _wrong(self, path: str, kind: str, value: Any) -> None:
        shown = orjson.dumps(value).decode()
        self.violations.append((path, f"Invalid value at '{path}' ({kind}), {shown[:200]}"))
