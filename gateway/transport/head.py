"""Heads of requests and responses: what we refuse to send and what we refuse to read. Pure; both transports use it.

Sources: RFC 9110 (semantics), RFC 9112 (HTTP/1.1 framing), with the lenient readings left out: whatever two parsers
could frame differently is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from gateway.core.wire import Headers

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110, 5.6.2."""

Framing = Literal["none", "length", "chunked", "close"]

OWN_HEADERS = frozenset(
    {
        "host",
        "accept-encoding",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "proxy-connection",
        "upgrade",
        "expect",
        "te",
        "trailer",
    }
)
"""Headers that belong to the connection: the transport sets them or leaves them out, whatever the caller gave."""


class ProtocolViolation(Exception):
    """The response is not HTTP/1.1 as we accept it. The message names no secret."""


def forwarded_headers(headers: Headers) -> Iterator[tuple[str, str]]:
    """The caller's headers without OWN_HEADERS."""
    return ((name, value) for name, value in headers if name.lower() not in OWN_HEADERS)


def compose_head(method: str, target: str, authority: str, headers: Headers) -> bytes:
    """The request line and headers, each line ended, without framing headers and without the closing empty line.

    Raises ValueError for CR, LF or NUL anywhere, for what is not Latin-1, and for a method, target or header name that
    is none. Its message holds nothing of the values.
    """
    if not TOKEN.fullmatch(method):
        raise ValueError("the method is not an HTTP token")
    if not target.isascii() or not target.isprintable() or " " in target or not target:
        raise ValueError("the request target has a character that must be percent-encoded")
    lines = [f"{method} {target} HTTP/1.1", f"host: {authority}", "accept-encoding: identity"]
    for name, value in forwarded_headers(headers):
        if not TOKEN.fullmatch(name):
            raise ValueError("a header name is not an HTTP token")
        lines.append(f"{name}: {value}")
    text = "\r\n".join(lines)
    breaks = len(lines) - 1
    if text.count("\r") != breaks or text.count("\n") != breaks or "\0" in text:
        raise ValueError("a header has a CR, LF or NUL in it")
    try:
        return (text + "\r\n").encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError("a header has a character outside Latin-1") from None


def response_framing(method: str, status: int, http_1_0: bool, headers: dict[str, str], max_body_bytes: int) -> Framing:
    """How the body ends: "none" (there is none), at its announced length, with its last chunk, or at the close.

    Raises ProtocolViolation for a content coding, for framing that is ambiguous, and for an announced length beyond
    `max_body_bytes` (0: no cap).
    """
    if method == "HEAD" or status in (204, 304):
        return "none"
    encoding = headers.get("content-encoding")
    if encoding is not None and encoding.strip().lower() not in ("", "identity"):
        raise ProtocolViolation("the body has a content coding although identity was asked for")
    coding = headers.get("transfer-encoding")
    length = headers.get("content-length")
    if coding is not None:
        if http_1_0 or length is not None or coding.strip().lower() != "chunked":
            raise ProtocolViolation("the transfer coding is ambiguous or unknown")
        return "chunked"
    if length is None:
        return "close"
    if not length.isascii() or not length.isdigit():
        raise ProtocolViolation("the content-length is not one number")
    if max_body_bytes and int(length) > max_body_bytes:
        raise ProtocolViolation(f"the announced body is longer than {max_body_bytes} bytes")
    return "length"
