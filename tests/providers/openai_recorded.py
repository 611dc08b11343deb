"""Recorded traffic of the vendors that speak OpenAI's wire format, and what it says read without the adapter.

Owns the choice of recordings (what is no chat completion is named here with its reason) and an independent reading of
raw streams that the adapter's chunks are held against.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.core.vendor import Vendor
from gateway.providers.vendors import VENDORS
from tests.shared_data import SHARED

FOLDERS = {
    "openai-chat": "openai",
    "azure-openai": "azure",
    "groq": "groq",
    "mistral": "mistral",
    "deepseek": "deepseek",
    "xai": "xai",
    "openrouter": "openrouter",
    "together": "together",
    "cerebras": "cerebras",
    "perplexity": "perplexity",
    "huggingface": "huggingface",
    "ollama": "ollama",
    "transformers-serve": "transformers",
    "cohere": "cohere",
}
"""Folder of recordings -> vendor row."""

FIXTURES = {
    "alibaba": "openai-compatible",
    "xai": "xai",
    "perplexity": "perplexity",
    "mistral": "mistral",
    "groq": "groq",
    "deepseek/chat": "deepseek",
    "openai/chat": "openai",
}
"""Folder under vercel-ai-fixtures whose files are chat completions -> vendor row. The others hold the Responses API
(openai/responses, xai/responses, open-responses), completions, rerankings and native APIs (cohere, anthropic)."""

NOT_CHAT = (
    "/responses",
    "/embeddings",
    "/models",
    "/images/",
    "/videos/",
    "/ocr",
    "/v1/completions",
    "/api/chat",  # Ollama's native API
    "/v2/chat",  # Cohere's native API
    "/v1/chat",
    "/v2/embed",
    "/api/models/",
    "endpoints.huggingface.cloud/",  # text generation inference
)
"""Parts of the URLs of recordings that are not OpenAI's chat completions."""


@dataclass(frozen=True)
class Recording:
    vendor: Vendor
    url: str
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_chat(self) -> bool:
        return "/chat/completions" in self.url

    @property
    def is_stream(self) -> bool:
        return not self.body.lstrip().startswith((b"{", b"["))


def recordings() -> list[tuple[str, Recording]]:
    found = []
    for folder, row in FOLDERS.items():
        for path in sorted((SHARED / "cassettes" / folder).glob("*.json")):
            found.append((f"{folder}/{path.stem}", read_cassette(path, VENDORS[row])))
    for folder, row in FIXTURES.items():
        for path in sorted((SHARED / "cassettes" / "vercel-ai-fixtures" / folder).glob("*.*")):
            found.append((f"vercel/{folder}/{path.name}", read_fixture(path, VENDORS[row])))
    return found


def read_cassette(path: Path, vendor: Vendor) -> Recording:
    recorded = json.loads(path.read_text())
    response = recorded["response"]
    return Recording(
        vendor=vendor,
        url=recorded["request"]["url"],
        status=response["status"],
        headers={name.lower(): value for name, value in response["headers"].items()},
        body=(response["body_text"] or "").encode(),
    )


def read_fixture(path: Path, vendor: Vendor) -> Recording:
    """Fixtures hold a body, or the data lines of a stream without their framing and without [DONE]."""
    text = path.read_text()
    status = 200
    if path.name.endswith(".chunks.txt"):
        lines = [line for line in text.splitlines() if line.strip()]
        if vendor.ends_with_done:
            lines.append("[DONE]")
        text = "".join(f"data: {line}\n\n" for line in lines)
    elif "error" in json.loads(text):
        status = 400
    return Recording(vendor, "vercel-ai-fixtures/chat/completions", status, {}, text.encode())


def params(wanted: Any) -> list[Any]:
    """pytest params of the recordings that `wanted` chooses; one skipped param where the data is not there."""
    if not SHARED.is_dir():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"needs the reference data folder {SHARED}"))]
    return [pytest.param(recording, id=name) for name, recording in recordings() if wanted(recording)]


@dataclass
class RawAnswer:
    """What a stream or body says, read naively: text, reasoning, tool calls as (name, arguments), last usage."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    calls: list[list[str]] | None = None
    usage: dict[str, Any] | None = None
    terminal_at: int = 0


def read_raw_stream(body: bytes) -> RawAnswer:
    """The first choice of a recorded stream. Framing is taken as recorded: lines that begin with `data: `."""
    raw = RawAnswer(calls=[])
    offset = 0
    for line in body.split(b"\n"):
        end = offset + len(line)
        offset = end + 1
        if not line.startswith(b"data: "):
            continue
        if line.strip() == b"data: [DONE]":
            raw.terminal_at = end
            break
        chunk = json.loads(line[6:])
        raw.usage = chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage") or raw.usage
        for choice in chunk.get("choices") or ():
            if choice["index"] == 0:
                add_pieces(raw, choice.get("delta") or {})
            if choice.get("finish_reason"):
                raw.terminal_at = end
    return raw


def add_pieces(raw: RawAnswer, piece: dict[str, Any]) -> None:
    content = piece.get("content")
    for part in content if isinstance(content, list) else [{"type": "text", "text": content or ""}]:
        if part["type"] == "text":
            raw.text += part["text"]
        elif part["type"] == "thinking":
            raw.reasoning += "".join(inner["text"] for inner in part["thinking"])
    raw.reasoning += piece.get("reasoning_content") or piece.get("reasoning") or ""
    raw.refusal += piece.get("refusal") or ""
    calls = raw.calls = raw.calls if raw.calls is not None else []
    for call in piece.get("tool_calls") or ():
        function = call["function"]
        if call.get("index", len(calls)) >= len(calls):
            calls.append(["", ""])
        calls[call.get("index", -1)][0] += function.get("name") or ""
        calls[call.get("index", -1)][1] += function.get("arguments") or ""
