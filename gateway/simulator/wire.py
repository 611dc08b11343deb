"""One HTTP request and one answer to it, as plain data, and their bytes."""

from __future__ import annotations

from dataclasses import dataclass

REASONS = {
    200: "OK",
    204: "No Content",
    307: "Temporary Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Request Entity Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
LAST_CHUNK = b"0\r\n\r\n"


@dataclass(slots=True)
class Request:
    """`path` is percent-decoded and without its query. Header names are in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Reply:
    """An answer. `headers` are ready lines (`name: value\\r\\n`), without those that frame the body.

    `events` is set on streams: the first `opening` of them come before any content, the last `closing` are those
    without which the stream is not complete. `tokens` is the output's length, for pacing: a content event carries
    `tokens_per_event` of them, and `hidden_tokens` are those that no event shows.
    """

    status: int
    headers: str
    body: bytes = b""
    events: list[bytes] | None = None
    opening: int = 0
    closing: int = 0
    tokens: int = 0
    tokens_per_event: int = 1
    hidden_tokens: int = 0


def head(status: int, headers: str, framing: str) -> bytes:
    """A status line and headers, `framing` being those that frame the body."""
    reason = REASONS.get(status, "Status")
    return f"HTTP/1.1 {status} {reason}\r\n{headers}{framing}\r\n".encode("latin-1")


def header_lines(headers: dict[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)
