"""Reading and parsing bodies: limits in size, time and depth."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.config.snapshot import Server
from gateway.core.errors import BadRequest
from gateway.execute.deadlines import Deadlines
from gateway.http import body as http_body
from gateway.http.body import ClientGone, parse_json_object

JSON = {b"content-type": b"application/json"}


def receiving(*messages: dict[str, Any]) -> Callable[[], Any]:
    queue = list(messages)

    async def receive() -> dict[str, Any]:
        if not queue:
            await asyncio.Event().wait()
        return queue.pop(0)

    return receive


async def read_body(receive: Any, headers: dict[bytes, bytes], server: Server) -> bytes:
    task = asyncio.current_task()
    assert task is not None
    return await http_body.read_body(receive, headers, server, Deadlines(), task)


def part(body: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_pieces_are_joined() -> None:
    body = await read_body(receiving(part(b"{", True), part(b"}")), JSON, Server())
    assert body == b"{}"


@pytest.mark.parametrize(
    "content_type", [b"application/json; charset=utf-8", b"Application/JSON", b"application/json ;x=y"]
)
async def test_json_types(content_type: bytes) -> None:
    assert await read_body(receiving(part(b"{}")), {b"content-type": content_type}, Server()) == b"{}"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 415),
        ({b"content-type": b"text/plain"}, 415),
        ({b"content-type": b"application/x-www-form-urlencoded"}, 415),
        ({**JSON, b"content-encoding": b"gzip"}, 415),
        ({**JSON, b"content-encoding": b"zstd"}, 415),
        ({**JSON, b"content-length": b"11"}, 413),
    ],
)
async def test_refused_before_reading(headers: dict[bytes, bytes], status: int) -> None:
    with pytest.raises(BadRequest) as caught:
        await read_body(receiving(), headers, Server(max_body_bytes=10))
    assert caught.value.status == status


async def test_one_byte_over_without_a_length() -> None:
    with pytest.raises(BadRequest) as caught:
        await read_body(receiving(part(b"x" * 10, True), part(b"x", True)), JSON, Server(max_body_bytes=10))
    assert caught.value.status == 413
    assert caught.value.code == "request_too_large"


async def test_the_limit_itself_is_allowed() -> None:
    assert len(await read_body(receiving(part(b"x" * 10)), JSON, Server(max_body_bytes=10))) == 10


async def test_a_body_that_never_ends_is_cut_off() -> None:
    with pytest.raises(BadRequest) as caught:
        await read_body(receiving(part(b"{", True)), JSON, Server(body_timeout_s=0.02))
    assert caught.value.status == 408


async def test_a_client_that_leaves() -> None:
    with pytest.raises(ClientGone):
        await read_body(receiving(part(b"{", True), {"type": "http.disconnect"}), JSON, Server())


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"model":', b"nul", b'{"a": NaN}', b"\xff\xfe", b'{"a": "\\ud800"}', b"{} {}"]
)
def test_what_is_not_json(body: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_json_object(body, 128)
    assert caught.value.message.startswith("We could not parse the JSON body of your request.")
    assert caught.value.code is None


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"7", b"null"])
def test_what_is_not_an_object(body: bytes) -> None:
    with pytest.raises(BadRequest, match="must be a JSON object"):
        parse_json_object(body, 128)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("depth", [129, 1000, 100_000])
def test_deep_nesting(opening: bytes, depth: int) -> None:
    closing = b"]" if opening == b"[" else b"}"
    body = b'{"a":' + opening * depth + b"1" + closing * depth + b"}"
    with pytest.raises(BadRequest):
        parse_json_object(body, 128)


def test_many_brackets_side_by_side_are_not_deep() -> None:
    body = b'{"a":[' + b",".join([b"[]"] * 5000) + b"]}"
    assert len(parse_json_object(body, 128)["a"]) == 5000
