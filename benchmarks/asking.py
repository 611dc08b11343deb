"""A small HTTP/1.1 client that tells how a request ended: completed, broken, refused, or given up on purpose."""

from __future__ import annotations

import asyncio
import json
from typing import NamedTuple

import httptools

TIMEOUT_S = 30.0


class Answer(NamedTuple):
    outcome: str
    request_id: str = ""


class Client:
    """One keep-alive connection, opened anew after it broke."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def ask(self, prompt: str, stream: bool, give_up: bool = False) -> Answer:
        """Ask; with `give_up`, leave as soon as the request is written."""
        body = {"model": "auto", "messages": [{"role": "user", "content": prompt}], "stream": stream}
        payload = json.dumps(body).encode()
        head = f"host: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(payload)}\r\n\r\n"
        try:
            async with asyncio.timeout(TIMEOUT_S):
                if self._writer is None or self._reader is None:
                    self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
                self._writer.write(b"POST /v1/chat/completions HTTP/1.1\r\n" + head.encode() + payload)
                if give_up:
                    await self._writer.drain()
                    self.close()
                    return Answer("given up")
                return await self._read(self._reader, stream)
        except (OSError, TimeoutError, httptools.HttpParserError):
            self.close()
            return Answer("broken")

    async def _read(self, reader: asyncio.StreamReader, stream: bool) -> Answer:
        answer = _Response()
        parser = httptools.HttpResponseParser(answer)
        while not answer.done:
            data = await reader.read(65536)
            if not data:
                self.close()
                return Answer("broken")
            parser.feed_data(data)
        if parser.get_status_code() != 200:
            return Answer("refused")
        whole = answer.body.endswith(b"data: [DONE]\n\n") if stream else answer.body.endswith(b"}")
        return Answer("completed" if whole else "broken", answer.headers.get("x-request-id", ""))


class _Response:
    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.body = b""
        self.done = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.done = True
