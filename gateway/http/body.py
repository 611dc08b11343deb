"""Reading a request's body: bounded in size, time and nesting, refused before it is all read where it can be."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from starlette.types import Receive

from gateway.config.snapshot import Server
from gateway.core.errors import BadRequest
from gateway.core.headers import SHOULD_RETRY
from gateway.execute.deadlines import Deadlines

RawHeaderMap = dict[bytes, bytes]

CLIENT_GONE_STATUS = 499
"""nginx' word for it; nobody is left to read it but the record."""


class ClientGone(Exception):
    """The client closed the connection before its request was whole."""


async def read_body(
    receive: Receive, headers: RawHeaderMap, server: Server, deadlines: Deadlines, task: asyncio.Task[None]
) -> bytes:
    """The whole body. `task` is the one that runs this: it is interrupted when the time is over.

    Raises BadRequest: 413 beyond the size limit, 415 for a Content-Encoding or a content type other than JSON, 408
    when the body does not arrive in time. Raises ClientGone.
    """
    _check_headers(headers, server)
    deadline = _BodyDeadline(task)
    handle = deadlines.after(server.body_timeout_s, deadline.pass_)
    try:
        return await _receive_all(receive, server.max_body_bytes)
    except asyncio.CancelledError:
        if not deadline.passed or task.uncancel():
            raise
        raise BadRequest(
            f"The request's body did not arrive within {server.body_timeout_s:g} s.",
            status=408,
            headers=(("connection", "close"), (SHOULD_RETRY, "false")),
        ) from None
    finally:
        handle.cancel()


class _BodyDeadline:
    """Tells a cancellation of ours from one that came from elsewhere."""

    __slots__ = ("passed", "task")

    def __init__(self, task: asyncio.Task[None]) -> None:
        self.task = task
        self.passed = False

    def pass_(self) -> None:
        self.passed = True
        self.task.cancel()


def _check_headers(headers: RawHeaderMap, server: Server) -> None:
    encoding = headers.get(b"content-encoding")
    if encoding is not None and encoding.strip().lower() not in (b"", b"identity"):
        raise BadRequest("Content-Encoding is not supported: send the body uncompressed.", status=415)
    content_type = headers.get(b"content-type", b"")
    if content_type != b"application/json" and content_type.partition(b";")[0].strip().lower() != b"application/json":
        # Browsers send other types across origins without asking; demanding this one keeps web pages out.
        raise BadRequest("Send the request with the header 'Content-Type: application/json'.", status=415)
    announced = headers.get(b"content-length")
    if announced is not None and announced.isdigit() and int(announced) > server.max_body_bytes:
        raise _too_large(server.max_body_bytes)


async def _receive_all(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body = message.get("body", b"")
        size += len(body)
        if size > limit:
            raise _too_large(limit)
        parts.append(body)
        if not message.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(limit: int) -> BadRequest:
    return BadRequest(
        f"The request is larger than {limit} bytes, the limit of this gateway.",
        status=413,
        code="request_too_large",
        headers=(("connection", "close"),),
    )


def parse_json_object(body: bytes, max_depth: int) -> dict[str, Any]:
    """The body as a JSON object. Raises BadRequest (400) for anything else, and for nesting beyond `max_depth`."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP "
            f"library correctly. The API expects a JSON payload, but what was sent was not valid JSON: {error}.)"
        ) from None
    if not isinstance(value, dict):
        raise BadRequest('The request body must be a JSON object, such as {"model": "auto", "messages": [...]}.')
    # No document is deeper than it has opening brackets, and counting bytes is far cheaper than walking.
    if body.count(b"{") + body.count(b"[") > max_depth and _depth_exceeds(value, max_depth):
        raise BadRequest(f"The request's JSON is nested more than {max_depth} levels deep.")
    return value


def _depth_exceeds(value: Any, limit: int) -> bool:
    level: list[Any] = [value]
    for _ in range(limit):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return False
    return True
