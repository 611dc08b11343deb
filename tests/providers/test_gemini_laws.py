"""The laws of adapters over everything that was recorded of Gemini, on AI Studio and on Vertex."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.core.chat import has_content
from gateway.core.errors import FailureClass
from gateway.core.usage import Usage
from gateway.providers.gemini.adapter import GeminiAdapter
from tests.laws import (
    assert_split_invariant,
    assert_truncation_is_visible,
    context_for,
    drive,
    fold,
)
from tests.providers.gemini_sdk import gemini
from tests.shared_data import cassettes, load_cassette

ADAPTER = GeminiAdapter()
CONTEXT = context_for(gemini("asked-model"))
RECORDED = cassettes("gemini", "vertex-gemini")


def is_chat(path: Path) -> bool:
    """Embeddings and countTokens are other endpoints."""
    return "generateContent" in (url := load_cassette(path)["request"]["url"]) or "streamGenerateContent" in url


def recorded(kind: str) -> list[Any]:
    """The chat exchanges of one kind: "sse", "error" or "json" (whole answers)."""
    return [
        param
        for param in RECORDED
        if param.values[0] is None or (f"-{kind}-" in param.values[0].name and is_chat(param.values[0]))
    ] or [pytest.param(None, marks=pytest.mark.skip(reason=f"no recorded {kind}"))]


def body_of(path: Path) -> bytes:
    text: str = load_cassette(path)["response"]["body_text"]
    return text.encode()


def reported_total(metadata: dict[str, Any]) -> int:
    total: int = metadata["totalTokenCount"]
    return total


def assert_disjoint(usage: Usage | None, metadata: dict[str, Any]) -> None:
    assert usage is not None
    assert usage.total == reported_total(metadata)
    assert usage.reasoning == metadata.get("thoughtsTokenCount", 0)
    assert usage.cache_read + usage.cache_read_audio == metadata.get("cachedContentTokenCount", 0)
    assert usage.prompt_total == metadata["promptTokenCount"] + metadata.get("toolUsePromptTokenCount", 0)
    openai = usage.to_openai()
    assert openai["prompt_tokens"] + openai["completion_tokens"] == openai["total_tokens"]


@pytest.mark.parametrize("path", recorded("json"))
def test_whole_answers(path: Path) -> None:
    raw = orjson.loads(body_of(path))
    last = raw[-1] if isinstance(raw, list) else raw
    answer = ADAPTER.parse_response(body_of(path), CONTEXT)
    assert_disjoint(answer.usage, last["usageMetadata"])
    assert answer.body["usage"] == answer.usage.to_openai() if answer.usage else False
    (choice,) = answer.body["choices"]
    reason = last["candidates"][0]["finishReason"]
    expected = {"STOP": "stop", "MAX_TOKENS": "length", 2: "length", "SAFETY": "content_filter"}[reason]
    if choice["message"].get("tool_calls"):
        expected = "tool_calls"
    assert answer.finish_reason == choice["finish_reason"] == expected
    assert choice["message"].keys() >= {"role", "content", "refusal"}
    assert answer.body["model"] == last["modelVersion"].removeprefix("models/")
    assert answer.body["id"] == last.get("responseId", CONTEXT.id)
    for call in choice["message"].get("tool_calls", ()):
        assert call["id"]
        assert isinstance(orjson.loads(call["function"]["arguments"]), dict)


@pytest.mark.parametrize("path", recorded("sse"))
def test_streams_fold_to_the_whole_answer(path: Path) -> None:
    stream = body_of(path)
    events = [orjson.loads(line[6:]) for line in stream.splitlines() if line.startswith(b"data: ")]
    whole = ADAPTER.parse_response(orjson.dumps(events), CONTEXT)
    chunks, parser = drive(ADAPTER, CONTEXT, [stream])
    assert parser.done
    assert_disjoint(parser.usage, events[-1]["usageMetadata"])
    assert parser.usage == whole.usage
    assert parser.finish_reason == whole.finish_reason
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert not any("usage" in chunk for chunk in chunks)
    assert any(has_content(chunk) for chunk in chunks)
    folded = fold(chunks)
    expected = {
        name: value for name, value in whole.body.items() if name in ("id", "object", "created", "model", "choices")
    }
    for choice in expected["choices"]:
        del choice["message"]["refusal"]
    assert folded == expected


@pytest.mark.parametrize("path", recorded("sse"))
def test_streams_cut_anywhere_give_the_same_chunks(path: Path) -> None:
    assert_split_invariant(ADAPTER, CONTEXT, body_of(path))


@pytest.mark.parametrize("path", recorded("sse"))
def test_streams_that_break_off_end_in_an_error(path: Path) -> None:
    stream = body_of(path)
    assert_truncation_is_visible(ADAPTER, CONTEXT, stream, terminal_at=len(stream.rstrip()))


CLASSES = {
    "33-error-err404-gemini_3.6_flahs": (FailureClass.MODEL_GONE, "model_gone"),
    "35-error-err404-there_is_no_such_model": (FailureClass.MODEL_GONE, "model_gone"),
    "37-error-err429-gemini_2.5_flash": (FailureClass.RATE_LIMIT, "rate_limited"),
    "06-error-err400-gemini_2.5_flash": (FailureClass.CONTEXT_WINDOW, "context"),
    "07-error-err400-gemini_2.5_pro": (FailureClass.CALLER_FAULT, "client_error"),
    "09-error-err400-tools-gemini_3_flash_preview": (FailureClass.CALLER_FAULT, "client_error"),
    "10-error-err404-gemini_does_not_exist": (FailureClass.MODEL_GONE, "model_gone"),
}


@pytest.mark.parametrize("path", recorded("error"))
def test_errors_are_classified(path: Path) -> None:
    response = load_cassette(path)["response"]
    failure = ADAPTER.map_error(response["status"], response["headers"], body_of(path))
    assert (failure.cls, failure.reason) == CLASSES[path.stem]
    assert failure.status == response["status"]
    assert failure.message == orjson.loads(body_of(path))["error"]["message"]
    assert failure.retry_after_s == (48.0 if response["status"] == 429 else None)


def test_other_endpoints_are_the_only_ones_left_out() -> None:
    left_out = {p.values[0].stem for p in RECORDED if p.values[0] is not None and not is_chat(p.values[0])}
    assert all("embeddings" in name or "count_tokens" in name for name in left_out)
