"""One content part of an OpenAI message as a Gemini `Part`: text, images, audio, PDF and other files, video.

Media in the request itself become `inlineData`; URLs become `fileData`, which Google fetches (Gemini API guide "File
input methods": public and signed https URLs, Files API URIs; on Vertex also gs://). Nothing is fetched here.
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from gateway.core.chat import Json
from gateway.providers.gemini.notes import Warnings, note, refusal

_MIME_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "bmp": "image/bmp",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "html": "text/html",
    "csv": "text/csv",
    "xml": "text/xml",
    "json": "application/json",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "mpeg": "video/mpeg",
    "mpg": "video/mpeg",
    "webm": "video/webm",
    "avi": "video/avi",
    "wmv": "video/wmv",
    "flv": "video/x-flv",
    "3gp": "video/3gpp",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "aac": "audio/aac",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "aiff": "audio/aiff",
    "m4a": "audio/m4a",
    "pcm": "audio/pcm",
}
_AUDIO_FORMATS = ("wav", "mp3", "flac", "aac", "ogg", "opus", "aiff", "m4a", "pcm")
_TYPELESS_URLS = ("https://generativelanguage.googleapis.com/", "https://www.youtube.com/", "https://youtu.be/")
"""URLs whose kind Google knows itself: uploaded files and YouTube videos."""


def content_to_parts(content: Any, where: str, warnings: Warnings) -> list[Json]:
    """The parts of a message's `content` (string, list or null). Empty text gives no part: Vertex refuses it."""
    if isinstance(content, str):
        return [{"text": content}] if content else []
    if content is None:
        return []
    if not isinstance(content, list):
        raise refusal(where, "The content of a message is a string or a list of parts.", "invalid_type")
    parts = []
    for index, item in enumerate(content):
        part = _part(item, f"{where}[{index}]", warnings)
        if part is not None:
            parts.append(part)
    return parts


def _part(item: Any, where: str, warnings: Warnings) -> Json | None:
    if isinstance(item, str):
        return {"text": item} if item else None
    if not isinstance(item, dict):
        raise refusal(where, "A content part is an object with a type.", "invalid_type")
    kind = item.get("type")
    if len(item) > 2:
        _note_extras(item, kind, warnings)
    if kind in ("text", "refusal"):
        text = item.get(kind)
        return {"text": text} if isinstance(text, str) and text else None
    if kind == "image_url":
        return _image(item.get("image_url"), where, warnings)
    if kind == "input_audio":
        return _audio(item.get("input_audio"), where)
    if kind == "file":
        return _file(item.get("file"), where, warnings)
    if kind == "video_url":
        return _media_from_url(_url_in(item.get("video_url"), where), where, "video/mp4", warnings)
    raise refusal(where, f"Gemini takes no content part of type {str(kind)[:40]!r}; send text, an image or a file.")


def _note_extras(item: Json, kind: Any, warnings: Warnings) -> None:
    for name in item:
        if name not in ("type", kind):
            note(warnings, f"messages: {name} of content parts is not supported by gemini, dropped")


def _image(image: Any, where: str, warnings: Warnings) -> Json:
    if isinstance(image, dict) and image.get("detail") not in (None, "auto"):
        note(warnings, "messages: image detail is not supported by gemini, dropped")
    return _media_from_url(_url_in(image, where), where, "image/jpeg", warnings)


def _url_in(value: Any, where: str) -> str:
    url = value.get("url") if isinstance(value, dict) else value
    if not isinstance(url, str) or not url:
        raise refusal(where, "The part has no URL.", "invalid_type")
    return url


def _media_from_url(url: str, where: str, assumed_type: str, warnings: Warnings) -> Json:
    if url.startswith("data:"):
        return {"inlineData": _blob(url, where)}
    if not url.startswith(("https://", "http://", "gs://")):
        raise refusal(where, "The URL of an image or a file begins with https://, http:// or data:.")
    if url.startswith(_TYPELESS_URLS):
        return {"fileData": {"fileUri": url}}
    mime_type = _type_by_name(url.split("?", 1)[0].split("#", 1)[0])
    if mime_type is None:
        mime_type = assumed_type
        note(warnings, f"messages: a URL without a known file extension was sent as {assumed_type}")
    return {"fileData": {"fileUri": url, "mimeType": mime_type}}


def _blob(url: str, where: str) -> Json:
    """`inlineData` of a data: URL (RFC 2397). The payload is not decoded: Gemini says what is wrong with it."""
    head, comma, data = url.partition(",")
    mime_type, *parameters = head[5:].split(";")
    if not comma or "/" not in mime_type:
        raise refusal(where, "A data: URL looks like data:image/png;base64,... and names its media type.")
    if "base64" not in parameters:
        data = base64.b64encode(unquote_to_bytes(data)).decode("ascii")
    elif "%" in data:
        data = unquote(data)
    mime_type = mime_type.lower()
    return {"mimeType": "image/jpeg" if mime_type == "image/jpg" else mime_type, "data": data}


def _audio(audio: Any, where: str) -> Json:
    data, kind = (audio.get("data"), audio.get("format")) if isinstance(audio, dict) else (None, None)
    if not isinstance(data, str):
        raise refusal(where, "input_audio has its base64 in data and its kind in format.", "invalid_type")
    if data.startswith("data:"):
        return {"inlineData": _blob(data, where)}
    if kind not in _AUDIO_FORMATS:
        raise refusal(f"{where}.input_audio.format", f"Gemini takes audio as {', '.join(_AUDIO_FORMATS)}.")
    return {"inlineData": {"mimeType": _MIME_TYPES[kind], "data": data}}


def _file(file: Any, where: str, warnings: Warnings) -> Json:
    if not isinstance(file, dict):
        raise refusal(where, "A file part has its content in file.file_data.", "invalid_type")
    if file.get("file_id"):
        raise refusal(
            f"{where}.file.file_id", "Files uploaded to OpenAI can't be read by Gemini; send the content in file_data."
        )
    data, name = file.get("file_data"), file.get("filename")
    if not isinstance(data, str) or not data:
        raise refusal(where, "A file part has its content in file.file_data.", "invalid_type")
    if name:
        note(warnings, "messages: file names are not sent to gemini, dropped")
    if data.startswith(("data:", "https://", "http://", "gs://")):
        return _media_from_url(data, where, "application/pdf", warnings)
    mime_type = _type_by_name(name) if isinstance(name, str) else None
    return {"inlineData": {"mimeType": mime_type or "application/pdf", "data": data}}


def _type_by_name(name: str) -> str | None:
    _, dot, extension = name.rsplit("/", 1)[-1].rpartition(".")
    return _MIME_TYPES.get(extension.lower()) if dot else None
