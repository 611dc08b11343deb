"""OpenAI content parts -> Anthropic content blocks.

Owns parts only: text, refusals, images, files. Who said them and in which order is messages.py's.
Source: Messages API reference, TextBlockParam, ImageBlockParam, DocumentBlockParam.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from gateway.core.chat import Json
from gateway.providers.anthropic.build import Build, refusal

IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
PDF = "application/pdf"
_PART_FIELDS = frozenset({"type", "text", "refusal", "image_url", "file", "cache_control", "prompt_cache_breakpoint"})
_PDF_MAGIC_BASE64 = "JVBERi0"


def text_block(text: str) -> Json:
    return {"type": "text", "text": text}


def content_blocks(build: Build, content: object, where: str) -> list[Json]:
    """A message's content as blocks, without empty texts (the API refuses them).

    `where` is the path of the message, for `param`. Raises ProviderError (CALLER_FAULT) for parts that Claude can't
    read.
    """
    if isinstance(content, str):
        blocks = [text_block(content)] if content and not content.isspace() else []
        if content and not blocks:
            build.warn("messages", "text of nothing but white space was left out")
    elif isinstance(content, list):
        blocks = list(_part_blocks(build, content, where))
    else:
        blocks = []
    return blocks


def marked(build: Build, message: Json, blocks: list[Json]) -> list[Json]:
    """`blocks` of `message`; a cache_control mark on the message goes to the last of them."""
    mark = mark_of(build, message)
    if mark and blocks and blocks[-1]["type"] not in ("thinking", "redacted_thinking"):
        return [*blocks[:-1], {**blocks[-1], "cache_control": mark}]
    if mark:
        build.warn("messages", "a cache_control mark where the API takes none was left out")
    return blocks


def mark_of(build: Build, carrier: Json) -> Json | None:
    """The cache_control mark of a message, part or tool; OpenAI's prompt_cache_breakpoint says the same."""
    mark = carrier.get("cache_control")
    if mark and not isinstance(mark, dict):
        build.warn("cache_control", "not an object, dropped")
        return None
    if not mark and carrier.get("prompt_cache_breakpoint"):
        return {"type": "ephemeral"}
    return mark or None


def _part_blocks(build: Build, parts: list[object], where: str) -> Iterable[Json]:
    for index, part in enumerate(parts):
        path = f"{where}.content[{index}]"
        if isinstance(part, str):
            part = {"type": "text", "text": part}
        if not isinstance(part, dict):
            raise refusal(path, f"'{path}' must be an object.", "invalid_type")
        build.report_unknown(part, _PART_FIELDS, "messages.content")
        block = _block(build, part, path)
        if block is None:
            continue
        if mark := mark_of(build, part):
            block["cache_control"] = mark
        yield block


def _block(build: Build, part: Json, path: str) -> Json | None:
    kind = part.get("type")
    if kind in ("text", "refusal"):
        text = part.get(kind) or ""
        if not isinstance(text, str):
            raise refusal(f"{path}.{kind}", f"'{path}.{kind}' must be a string.", "invalid_type")
        if text and not text.isspace():
            return text_block(text)
        if text or mark_of(build, part):
            build.warn("messages", "text of nothing but white space was left out")
        return None
    if kind == "image_url":
        return _image(build, part.get("image_url"), path)
    if kind == "file":
        return _file(part.get("file"), path)
    if kind == "input_audio":
        raise refusal(path, "Claude models take no audio. Send a transcript, or choose a model with audio input.")
    raise refusal(f"{path}.type", f"Content of type {kind!r} can't be sent to an Anthropic model.")


def _image(build: Build, image: object, path: str) -> Json:
    url = image.get("url") if isinstance(image, dict) else image
    if not isinstance(url, str):
        raise refusal(f"{path}.image_url", "An image needs a 'url'.", "invalid_type")
    if isinstance(image, dict) and image.get("detail") not in (None, "auto"):
        build.drop("messages.image_url.detail")
    if url[:5].lower() == "data:":
        media_type, data = _data_url(url, f"{path}.image_url.url")
        return _image_of(media_type, data, f"{path}.image_url.url")
    _check_web_url(url, f"{path}.image_url.url")
    return {"type": "image", "source": {"type": "url", "url": url}}


def _image_of(media_type: str, data: str, path: str) -> Json:
    if media_type == "image/jpg":
        media_type = "image/jpeg"
    if media_type not in IMAGE_TYPES:
        raise refusal(path, f"Claude reads JPEG, PNG, GIF and WebP images, not {media_type or 'untyped data'}.")
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


def _file(file: object, path: str) -> Json:
    """A file part: `file_data` as a data URL (PDF, plain text or an image), bare base64 of a PDF, or a web address."""
    if not isinstance(file, dict):
        raise refusal(f"{path}.file", "A file part needs a 'file' object.", "invalid_type")
    data = file.get("file_data") or file.get("file_url")
    if not isinstance(data, str):
        raise refusal(f"{path}.file", "Anthropic can't read a file by 'file_id'; send its content as 'file_data'.")
    where = f"{path}.file.file_data"
    block: Json
    if data[:5].lower() == "data:":
        media_type, payload = _data_url(data, where)
        if media_type in IMAGE_TYPES:
            return _image_of(media_type, payload, where)
        block = {"type": "document", "source": _document_source(media_type, payload, where)}
    elif data.startswith(_PDF_MAGIC_BASE64):
        block = {"type": "document", "source": {"type": "base64", "media_type": PDF, "data": data}}
    else:
        _check_web_url(data, where)
        block = {"type": "document", "source": {"type": "url", "url": data}}
    if file.get("filename"):
        block["title"] = str(file["filename"])
    return block


def _document_source(media_type: str, payload: str, path: str) -> Json:
    if media_type == PDF:
        return {"type": "base64", "media_type": PDF, "data": payload}
    if media_type.startswith("text/"):
        try:
            text = base64.b64decode(payload, validate=False).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise refusal(path, "The text file is not UTF-8 in base64.", "invalid_value") from None
        return {"type": "text", "media_type": "text/plain", "data": text}
    raise refusal(path, f"Claude reads PDF and text files, not {media_type or 'untyped data'}.")


def _data_url(url: str, path: str) -> tuple[str, str]:
    """The media type (lower case, without parameters) and the base64 payload of a data URL (RFC 2397)."""
    head, comma, payload = url[len("data:") :].partition(",")
    if not comma:
        raise refusal(path, "This data URL has no comma before its data.", "invalid_value")
    media_type, _, parameters = head.lower().partition(";")
    if not parameters.startswith("base64") and ";base64" not in parameters:
        payload = base64.b64encode(unquote_to_bytes(payload)).decode()
    return media_type.strip(), payload


def _check_web_url(url: str, path: str) -> None:
    if not url.lower().startswith(("https://", "http://")):
        raise refusal(path, "Only http(s) addresses and data URLs can be sent.", "invalid_value")
