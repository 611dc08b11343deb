"""Strings for JSON documents: by format, by pattern, by what the prompt names, within the length limits."""

from __future__ import annotations

import re
from typing import Any

from gateway.simulator.mind.patterns import example_of
from gateway.simulator.mind.values import DATE, EMAIL, URL, Values

SHORT = 60

FORMATS = {
    "date-time": "2026-01-15T12:00:00Z",
    "date": "2026-01-15",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "ada@example.com",
    "idn-email": "ada@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uri-reference": "https://example.com/",
    "iri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "0b5c1f2e-8d3a-4c6b-9e7f-1a2b3c4d5e6f",
    "byte": "c2ltdWxhdGVk",
    "binary": "c2ltdWxhdGVk",
    "json-pointer": "/key",
    "regex": ".*",
}
FOUND_IN_PROMPT = {"date": DATE, "email": EMAIL, "idn-email": EMAIL, "uri": URL, "url": URL, "iri": URL}


def write_string(schema: dict[str, Any], name: str, values: Values) -> str:
    """A string valid under `schema` for the property `name`."""
    least, most = int(schema.get("minLength") or 0), schema.get("maxLength")
    style = str(schema.get("format") or "")
    if style in FOUND_IN_PROMPT:
        found = FOUND_IN_PROMPT[style].search(values.text)
        if found:
            return found.group()
    if style in FORMATS:
        return FORMATS[style]
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        return _matching(pattern, name, values)
    text = values.named(name) if name else None
    if text is not None and text in values.strings:
        values.strings.remove(text)
    if text is None:
        text = values.take_string()
    if text is None and isinstance(schema.get("default"), str):
        text = schema["default"]
    if text is None:
        about = " ".join(values.text.split())[:SHORT]
        text = f"{name}: {about}" if name and about else about or name or "text"
    if len(text) < least:
        text += "." * (least - len(text))
    return text if most is None else text[: int(most)]


def _matching(pattern: str, name: str, values: Values) -> str:
    named = values.named(name) if name else None
    try:
        for candidate in [*([named] if named else []), *values.strings, *map(str, values.numbers)]:
            if re.search(pattern, candidate):
                return candidate
    except re.error:
        return named or "text"
    return example_of(pattern) or named or "text"
