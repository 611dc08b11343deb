"""How these tests talk to a simulator: official SDK clients, and a raw HTTP client that notes how a reply ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from anthropic import AsyncAnthropic
from google import genai
from google.genai import types
from openai import AsyncOpenAI

from gateway.simulator.server import Simulator

VENDORS = ("openai", "anthropic", "gemini")
MODELS = {"openai": "gpt-4o", "anthropic": "claude-haiku-4-5", "gemini": "gemini-2.5-flash"}


@dataclass
class Seen:
    """What came back on the wire. `end` is "complete", "cut" (closed too early) or "reset"."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    end: str = "complete"

    def json(self) -> Any:
        return orjson.loads(self.body)

    def events(self) -> list[str]:
        """The data of each server-sent event."""
        blocks = self.body.decode().replace("\r\n", "\n").split("\n\n")
        lines = [line for block in blocks for line in block.split("\n")]
        return [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]


def chat(vendor: str, text: str = "Hello there, how are you today?", *, model: str = "", stream: bool = False) -> tuple[
    str, dict[str, Any]
]:  # fmt: skip
    """Path and body of a plain request."""
    model = model or MODELS[vendor]
    messages = [{"role": "user", "content": text}]
    if vendor == "openai":
        return "/v1/chat/completions", {"model": model, "messages": messages, "stream": stream}
    if vendor == "anthropic":
        return "/v1/messages", {"model": model, "max_tokens": 500, "messages": messages, "stream": stream}
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return f"/v1beta/models/{model}:{method}", {"contents": [{"role": "user", "parts": [{"text": text}]}]}


def request_bytes(method: str, path: str, body: Any, headers: Mapping[str, str] | None = None) -> bytes:
    raw = body if isinstance(body, bytes) else orjson.dumps(body) if body is not None else b""
    lines = {"host": "simulator", "anthropic-version": "2023-06-01", "content-length": str(len(raw)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + raw


async def read_reply(reader: asyncio.StreamReader) -> Seen:
    """One HTTP answer, however badly it ends."""
    seen = Seen()
    pieces: list[bytes] = []
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        seen.status = int(first.split(" ")[1])
        seen.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        if "content-length" in seen.headers:
            pieces.append(await reader.readexactly(int(seen.headers["content-length"])))
        elif seen.headers.get("transfer-encoding") == "chunked":
            while size := int(await reader.readuntil(b"\r\n"), 16):
                pieces.append((await reader.readexactly(size + 2))[:-2])
            await reader.readexactly(2)
    except asyncio.IncompleteReadError as error:
        pieces.append(error.partial if seen.status else b"")
        seen.end = "cut"
    except ConnectionResetError:
        seen.end = "reset"
    seen.body = b"".join(pieces)
    return seen


async def call(
    simulator: Simulator, path: str, body: Any, headers: Mapping[str, str] | None = None, method: str = "POST"
) -> Seen:
    """One request on a connection of its own."""
    reader, writer = await asyncio.open_connection(simulator.host, simulator.port)
    writer.write(request_bytes(method, path, body, headers))
    seen = await read_reply(reader)
    writer.close()
    return seen


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop run until the condition holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 (what it waits for is a plain counter)
            await asyncio.sleep(0)


def openai_client(simulator: Simulator, key: str = "sk-any") -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{simulator.base_url}/v1", api_key=key, max_retries=0, timeout=10)


def anthropic_client(simulator: Simulator, key: str = "sk-ant-any") -> AsyncAnthropic:
    return AsyncAnthropic(base_url=simulator.base_url, api_key=key, max_retries=0, timeout=10)


def gemini_client(simulator: Simulator, key: str = "any") -> genai.Client:
    options = types.HttpOptions(base_url=simulator.base_url, retry_options=types.HttpRetryOptions(attempts=1))
    return genai.Client(api_key=key, http_options=options)
