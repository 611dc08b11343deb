"""Law 2, exhaustively: every recorded stream, cut in two and truncated at every single byte.

Cut anywhere, it gives the same events and so the same chunks; truncated anywhere before the end of its terminal event,
it ends in an error. The state at each byte is copied rather than built anew, so that all offsets can be tried.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from gateway.core.errors import ProviderError
from gateway.core.wire import SseEvent
from gateway.providers.base import Adapter, StreamParser
from gateway.providers.registry import adapter_for
from gateway.providers.vendors import VENDORS
from gateway.transport.sse import SseDecoder
from tests.laws import context_for, target_for
from tests.shared_data import cassettes, load_cassette

ROW_OF_FOLDER = {
    "openai-chat": "openai",
    "azure-openai": "azure",
    "anthropic-messages": "anthropic",
    "gemini": "gemini",
    "vertex-gemini": "gemini",
    "transformers-serve": "transformers",
    **{
        name: name
        for name in (
            *("groq", "mistral", "deepseek", "xai", "openrouter", "together", "cerebras"),
            *("perplexity", "huggingface", "ollama", "cohere"),
        )
    },
}
CHAT_PATHS = ("chat/completions", "/v1/messages", "streamGenerateContent")
TOLD_ERRORS = {"groq/14", "openrouter/11"}
"""Recordings in which the vendor itself broke off, with an error event."""


def recorded_streams() -> list[Any]:
    found = cassettes(*ROW_OF_FOLDER)
    return [param for param in found if param.values[0] is None or is_chat_stream(load_cassette(param.values[0]))]


def is_chat_stream(recorded: dict[str, Any]) -> bool:
    body = recorded["response"].get("body_text") or ""
    asked = any(part in recorded["request"]["url"] for part in CHAT_PATHS)
    return asked and recorded["response"].get("status") == 200 and "data:" in body[:600]


def ends_well(decoder: SseDecoder, parser: StreamParser) -> bool:
    """Whether a body that ends here passes as a whole answer."""
    try:
        for event in decoder.finish():
            if not parser.done:
                parser.feed(event)
        parser.finish()
    except ProviderError:
        return False
    return True


def events_of(stream: bytes) -> list[SseEvent]:
    decoder = SseDecoder()
    return decoder.feed(stream) + decoder.finish()


@pytest.mark.parametrize("path", recorded_streams())
def test_cut_and_truncated_at_every_byte(path: Path) -> None:
    row = VENDORS[ROW_OF_FOLDER[path.parent.name]]
    adapter: Adapter = adapter_for(row)
    stream = load_cassette(path)["response"]["body_text"].encode()
    whole = events_of(stream)
    decoder, parser = SseDecoder(), adapter.stream_parser(context_for(target_for(row)))
    seen: list[SseEvent] = []
    complete_from: int | None = None
    told_error = False
    for offset in range(len(stream)):
        if not (parser.done or told_error) and ends_well(copy.deepcopy(decoder), copy.deepcopy(parser)):
            complete_from = offset if complete_from is None else complete_from
        elif complete_from is not None and not parser.done:
            raise AssertionError(f"complete at byte {complete_from}, and no more at {offset}")
        # What follows up to the end of the event, in one piece, gives the same events as it does byte by byte.
        rest = copy.deepcopy(decoder).feed(stream[offset : stream.find(b"\n", offset) + 2 or len(stream)])
        assert rest == whole[len(seen) : len(seen) + len(rest)], f"cut at byte {offset}"
        for event in decoder.feed(stream[offset : offset + 1]):
            seen.append(event)
            try:
                if not (parser.done or told_error):
                    parser.feed(event)
            except ProviderError:
                told_error = True
    assert seen + decoder.finish() == whole
    assert told_error == (f"{path.parent.name}/{path.stem[:2]}" in TOLD_ERRORS)
    if not told_error:
        if complete_from is None:
            assert ends_well(decoder, parser)
        assert stream[complete_from or len(stream) :].strip() == b"", "complete before its terminal event was"
