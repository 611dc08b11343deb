"""Checks of content blocks: which ones a role may have, their fields, and the signatures of thoughts."""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from collections.abc import Callable
from typing import Any

from gateway.simulator.anthropic.errors import invalid
from gateway.simulator.mind.seals import is_ours
from gateway.simulator.vendor import Json

ID = re.compile(r"[a-zA-Z0-9_-]+")
IMAGES = {"image/jpeg": b"\xff\xd8", "image/png": b"\x89PNG", "image/gif": b"GIF8", "image/webp": b"RIFF"}
NAME = re.compile(r"[a-zA-Z0-9_-]{1,200}")
USER_BLOCKS = frozenset({"text", "image", "document", "search_result", "tool_result", "container_upload"})
SERVER_BLOCKS = frozenset({"server_tool_use"})
ASSISTANT_BLOCKS = frozenset({"text", "thinking", "redacted_thinking", "tool_use"}) | SERVER_BLOCKS
RESULT_BLOCKS = frozenset({"text", "image", "document", "search_result", "tool_reference", "browser_state"})
TAGS = sorted(USER_BLOCKS | ASSISTANT_BLOCKS)
FIELDS = {
    "text": {"type", "text", "cache_control", "citations"},
    "image": {"type", "source", "cache_control", "transformations"},
    "document": {"type", "source", "cache_control", "citations", "context", "title"},
    "tool_use": {"type", "id", "name", "input", "cache_control", "caller", "toolset_name"},
    "tool_result": {"type", "tool_use_id", "content", "is_error", "cache_control", "toolset_name"},
    "thinking": {"type", "thinking", "signature"},
    "redacted_thinking": {"type", "data"},
}
REQUIRED = {
    "text": ("text",),
    "image": ("source",),
    "document": ("source",),
    "tool_use": ("id", "name", "input"),
    "tool_result": ("tool_use_id",),
    "thinking": ("signature", "thinking"),
    "redacted_thinking": ("data",),
}
SOURCES = {
    "image": {"base64": {"type", "media_type", "data"}, "url": {"type", "url"}, "file": {"type", "file_id"}},
    "document": {
        "base64": {"type", "media_type", "data"},
        "text": {"type", "media_type", "data"},
        "content": {"type", "content"},
        "url": {"type", "url"},
        "file": {"type", "file_id"},
    },
}


def check_block(block: Any, path: str, allowed: frozenset[str], place: str) -> None:
    """One content block. `path` is such as `messages.0.content.1`; `place` is the message's, for misplaced blocks.

    Raises Rejected.
    """
    if not isinstance(block, dict):
        raise invalid(f"{path}: Input should be a valid dictionary or object to extract fields from")
    kind = block.get("type")
    if not isinstance(kind, str):
        raise invalid(f"{path}.type: Field required")
    server_result = kind.endswith("_tool_result") and "tool_use" in allowed
    if kind not in allowed and not server_result:
        raise _misplaced(kind, path, place)
    fields = FIELDS.get(kind)
    if fields is None:
        return
    for name in REQUIRED[kind]:
        if name not in block:
            raise invalid(f"{path}.{kind}.{name}: Field required")
    if not block.keys() <= fields:
        raise invalid(f"{path}.{kind}.{min(block.keys() - fields)}: Extra inputs are not permitted")
    check_cache_control(block.get("cache_control"), f"{path}.{kind}")
    _CHECKS[kind](block, path)


def _misplaced(kind: str, path: str, place: str) -> Exception:
    if kind in ASSISTANT_BLOCKS:
        return invalid(f"{place}: `{kind}` blocks can only be in `assistant` messages")
    if kind in USER_BLOCKS:
        return invalid(f"{place}: `{kind}` blocks can only be in `user` messages")
    tags = ", ".join(f"'{tag}'" for tag in TAGS)
    return invalid(f"{path}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {tags}")


def check_cache_control(control: Any, path: str) -> None:
    if control is None:
        return
    if not isinstance(control, dict) or control.get("type") != "ephemeral":
        raise invalid(f"{path}.cache_control.ephemeral.type: Input should be 'ephemeral'")
    if control.get("ttl", "5m") not in ("5m", "1h"):
        raise invalid(f"{path}.cache_control.ephemeral.ttl: Input should be '5m' or '1h'")
    if control.keys() - {"type", "ttl"}:
        extra = min(control.keys() - {"type", "ttl"})
        raise invalid(f"{path}.cache_control.ephemeral.{extra}: Extra inputs are not permitted")


def check_string(value: Any, path: str) -> None:
    if not isinstance(value, str):
        raise invalid(f"{path}: Input should be a valid string")


def check_text(text: Any, path: str, place: str) -> None:
    check_string(text, path)
    if not text:
        raise invalid(f"{place}: text content blocks must be non-empty")
    if not text.strip():
        raise invalid(f"{place}: text content blocks must contain non-whitespace text")


def _text(block: Json, path: str) -> None:
    check_text(block["text"], f"{path}.text.text", "messages")


def _image(block: Json, path: str) -> None:
    source, where = _source(block, path, "image")
    if source["type"] != "base64":
        return
    media = source.get("media_type")
    if media not in IMAGES:
        kinds = "'image/jpeg', 'image/png', 'image/gif' or 'image/webp'"
        raise invalid(f"{where}.media_type: Input should be {kinds}")
    raw = _base64(source.get("data"), f"{where}.data")
    found = next((name for name, magic in IMAGES.items() if raw.startswith(magic)), media)
    if found != media:
        raise invalid(
            f"{where}.data: The image was specified using the {media} media type, but the image appears to be a "
            f"{found} image"
        )


def _document(block: Json, path: str) -> None:
    source, where = _source(block, path, "document")
    wanted = {"base64": "application/pdf", "text": "text/plain"}.get(source["type"])
    if wanted is not None and source.get("media_type") != wanted:
        raise invalid(f"{where}.media_type: Input should be '{wanted}'")
    if source["type"] == "base64":
        _base64(source.get("data"), f"{where}.data")
    elif source["type"] == "text":
        check_string(source.get("data"), f"{where}.data")


def _source(block: Json, path: str, kind: str) -> tuple[Json, str]:
    source, where = block["source"], f"{path}.{kind}.source"
    if not isinstance(source, dict):
        raise invalid(f"{where}: Input should be a valid dictionary or object to extract fields from")
    tag = source.get("type")
    if not isinstance(tag, str) or tag not in SOURCES[kind]:
        tags = ", ".join(f"'{name}'" for name in SOURCES[kind])
        raise invalid(f"{where}: Input tag '{tag}' found using 'type' does not match any of the expected tags: {tags}")
    fields = SOURCES[kind][tag]
    for name in sorted(fields):
        if name not in source:
            raise invalid(f"{where}.{tag}.{name}: Field required")
    if source.keys() - fields:
        raise invalid(f"{where}.{tag}.{min(source.keys() - fields)}: Extra inputs are not permitted")
    if tag == "url" and not str(source["url"]).startswith(("https://", "http://")):
        raise invalid(f"{where}.url.url: Only HTTPS URLs are supported.")
    return source, f"{where}.{tag}"


def _base64(data: Any, path: str) -> bytes:
    check_string(data, path)
    if not data:
        raise invalid(f"{path}: base64 data must not be empty")
    try:
        return a2b_base64(data, strict_mode=True)
    except (Error, ValueError):
        raise invalid(f"{path}: Invalid base64 data") from None


def _tool_use(block: Json, path: str) -> None:
    check_string(block["id"], f"{path}.tool_use.id")
    if not ID.fullmatch(block["id"]):
        raise invalid(f"{path}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
    check_string(block["name"], f"{path}.tool_use.name")
    if not NAME.fullmatch(block["name"]):
        raise invalid(f"{path}.tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{{1,200}}$'")
    if not isinstance(block["input"], dict):
        raise invalid(f"{path}.tool_use.input: Input should be a valid dictionary")


def _tool_result(block: Json, path: str) -> None:
    check_string(block["tool_use_id"], f"{path}.tool_result.tool_use_id")
    if not ID.fullmatch(block["tool_use_id"]):
        raise invalid(f"{path}.tool_result.tool_use_id: String should match pattern '^[a-zA-Z0-9_-]+$'")
    if not isinstance(block.get("is_error", False), bool):
        raise invalid(f"{path}.tool_result.is_error: Input should be a valid boolean")
    content = block.get("content", "")
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise invalid(f"{path}.tool_result.content: Input should be a valid list")
    for index, part in enumerate(content):
        check_block(part, f"{path}.tool_result.content.{index}", RESULT_BLOCKS, path)


def _thinking(block: Json, path: str) -> None:
    check_string(block["thinking"], f"{path}.thinking.thinking")
    check_string(block["signature"], f"{path}.thinking.signature")
    if not is_ours("thinking", block["thinking"], block["signature"]):
        raise invalid(f"{path}: Invalid `signature` in `thinking` block")


def _redacted(block: Json, path: str) -> None:
    check_string(block["data"], f"{path}.redacted_thinking.data")
    if not is_ours("redacted", "", block["data"]):
        raise invalid(f"{path}: Invalid `data` in `redacted_thinking` block")


_CHECKS: dict[str, Callable[[Json, str], None]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
}
