"""Reads what vendors put into error bodies: objects, strings, arrays, FastAPI's `detail`, HTML, nothing.

Owns the shapes only; whose fault an error was is decided in `classify.py`. Every shape that a recording shows is read,
any other bytes give what text there is. Nothing here raises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import orjson

MAX_MESSAGE_CHARS = 2000
MAX_DEPTH = 6


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """What an error body says. `status` is a status told inside the body; `hint` is further text that helps to
    classify but is not for the client; `retry_after_s` is a wait told inside the body, in seconds."""

    message: str = ""
    code: str | None = None
    type: str | None = None
    param: str | None = None
    status: int | None = None
    hint: str = ""
    retry_after_s: float | None = None


def read_error_body(body: bytes) -> ErrorFacts:
    """The facts of a whole error body."""
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ErrorFacts(message=_plain_text(body))
    return read_error(payload)


def read_error(payload: object, depth: int = 0) -> ErrorFacts:
    """The facts of a parsed error: the whole body, or the value of its `error` key."""
    if depth > MAX_DEPTH:
        return ErrorFacts()
    if isinstance(payload, str):
        return _read_string(payload, depth)
    if isinstance(payload, list):
        return _read_list(payload, depth)
    if isinstance(payload, dict):
        return _read_object(payload, depth)
    return ErrorFacts()


def _read_string(text: str, depth: int) -> ErrorFacts:
    # Proxies put a vendor's JSON body into a string (Mistral's "internal_error_proxy", OpenRouter's `raw`).
    if text.startswith("{") and text.rstrip().endswith("}"):
        try:
            return read_error(orjson.loads(text), depth + 1)
        except orjson.JSONDecodeError:
            pass
    return ErrorFacts(message=text[:MAX_MESSAGE_CHARS])


def _read_list(items: list[Any], depth: int) -> ErrorFacts:
    """Gemini's OpenAI-compatible API sends `[{"error": ...}]`, FastAPI a list of `{"loc", "msg", "type"}`."""
    if items and isinstance(items[0], dict) and "msg" in items[0]:
        texts = [_validation_text(item) for item in items[:5] if isinstance(item, dict)]
        return ErrorFacts(
            message="; ".join(texts)[:MAX_MESSAGE_CHARS],
            type=_text(items[0].get("type")),
            param=_validation_path(items[0].get("loc")),
        )
    return read_error(items[0], depth + 1) if items else ErrorFacts()


def _validation_text(item: dict[str, Any]) -> str:
    path = _validation_path(item.get("loc"))
    message = _text(item.get("msg")) or "invalid"
    return f"{path}: {message}" if path else message


def _validation_path(loc: object) -> str | None:
    """["body", "messages", 0, "role"] -> "messages[0].role"."""
    if not isinstance(loc, list):
        return None
    path = ""
    for step in loc[1:] if loc[:1] == ["body"] else loc:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{step}" if path else str(step)
    return path[:200] or None


def _read_object(body: dict[str, Any], depth: int) -> ErrorFacts:
    inner = body.get("error")
    if inner is None or inner == "" or inner == {}:
        inner = next((body[name] for name in ("detail", "errors") if body.get(name)), None)
    if isinstance(inner, (dict, list, str)):
        facts = read_error(inner, depth + 1)
        if not isinstance(inner, dict):
            code, status = _code_and_status(body)
            facts = replace(facts, code=facts.code or code, status=facts.status or status)
        return facts if facts.message else replace(facts, message=_text(body.get("message")) or "")
    return _read_fields(body, depth)


def _read_fields(error: dict[str, Any], depth: int) -> ErrorFacts:
    """The object that itself holds `message`, `code`, `type`, `param` under the names that vendors use."""
    code, status = _code_and_status(error)
    facts = ErrorFacts(
        code=code,
        status=status,
        type=_text(error.get("type")) or _text(error.get("status")),
        param=_text(error.get("param")),
        hint=_hint(error, depth),
    )
    message = error.get("message") or error.get("msg") or error.get("Message")
    if isinstance(message, (dict, list)) or (isinstance(message, str) and message.startswith("{")):
        nested = read_error(message, depth + 1)
        facts = replace(
            facts,
            message=nested.message,
            code=facts.code or nested.code,
            param=facts.param or nested.param,
        )
    else:
        facts = replace(facts, message=(_text(message) or "")[:MAX_MESSAGE_CHARS])
    return _with_details(facts, error)


def _code_and_status(error: dict[str, Any]) -> tuple[str | None, int | None]:
    """A `code` of 400..599 is a status; any other is a code."""
    status = None
    code = error.get("code", error.get("error_type"))
    for value in (error.get("status_code"), code, error.get("status")):
        if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599:
            status = value
            break
    if isinstance(code, bool) or not isinstance(code, (str, int)) or code == status:
        return None, status
    return str(code)[:200] or None, status


def _hint(error: dict[str, Any], depth: int) -> str:
    """Text beside the message: OpenRouter's metadata of the provider behind it, Azure's inner error."""
    parts: list[str] = []
    metadata = error.get("metadata")
    if isinstance(metadata, dict):
        if "flagged_input" in metadata:
            parts.append("flagged")
        parts.extend(_told_in(value, depth) for value in metadata.values() if isinstance(value, str))
    inner = error.get("innererror")
    if isinstance(inner, dict):
        parts.extend(
            "content management policy" if value == "ResponsibleAIPolicyViolation" else value
            for value in inner.values()
            if isinstance(value, str)
        )
    return " ".join(parts)[:MAX_MESSAGE_CHARS]


def _told_in(text: str, depth: int) -> str:
    """What a text says; of the JSON body of an error (OpenRouter's `raw`) its message, code and type."""
    facts = _read_string(text, depth)
    return " ".join(told for told in (facts.message, facts.code, facts.type, facts.hint) if told)


def _with_details(facts: ErrorFacts, error: dict[str, Any]) -> ErrorFacts:
    """Google's typed details: the reason (API_KEY_INVALID) and the delay it wishes ("34.4s"); Hugging Face's
    `estimated_time` until a model is loaded."""
    wait = error.get("estimated_time")
    if isinstance(wait, (int, float)) and not isinstance(wait, bool):
        facts = replace(facts, retry_after_s=float(wait))
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if not isinstance(detail, dict):
            continue
        reason = detail.get("reason")
        if isinstance(reason, str) and facts.code is None:
            facts = replace(facts, code=reason)
        delay = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)s", str(detail.get("retryDelay")))
        if delay:
            facts = replace(facts, retry_after_s=float(delay[1]))
    return facts


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _plain_text(body: bytes) -> str:
    """What a body that is not JSON says: the title of a page, or its first characters."""
    text = body[:20_000].decode("utf-8", "replace").strip()
    if text.startswith("<") or "<html" in text.lower():
        title = re.search(r"<(title|h1)[^>]*>\s*(.{1,200}?)\s*</\1>", text, re.IGNORECASE | re.DOTALL)
        return title[2] if title else "an HTML page"
    return text[:500]
