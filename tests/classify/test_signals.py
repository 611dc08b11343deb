"""Structural signals: what a request shows of itself, without understanding its text."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.classify.label import LONG_CONTEXT_TOKENS, StructureOnly, label
from gateway.classify.signals import estimate_tokens, read_signals, script_of
from gateway.core.chat import ChatRequest
from gateway.core.label import UNSURE, Label, Signals

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
AUDIO = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
FILE = {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def request(*messages: Any, **fields: Any) -> ChatRequest:
    turns = [{"role": "user", "content": m} if not isinstance(m, dict) else m for m in messages]
    return ChatRequest({"model": "auto", "messages": turns, **fields})


def signals(*messages: Any, **fields: Any) -> Signals:
    return read_signals(request(*messages, **fields))


def labelled(*messages: Any, **fields: Any) -> Label:
    the_request = request(*messages, **fields)
    return label(the_request, read_signals(the_request), StructureOnly())


def test_counts() -> None:
    found = signals(
        {"role": "system", "content": "Be brief."},
        [{"type": "text", "text": "Look:\n```py\nx\n```"}, IMAGE, AUDIO, FILE, "and this"],
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "a", "content": "done"},
        tools=[TOOL],
    )
    assert (found.turns, found.tools, found.tool_results) == (1, 1, 1)
    assert (found.images, found.audio, found.documents, found.code_fences) == (1, 1, 1, 1)
    assert found.needs == {"tools", "images", "audio_in", "pdf"}
    assert found.chars == len("Be brief.") + len("Look:\n```py\nx\n```") + len("and this") + len("{}") + len("done")


@pytest.mark.parametrize(
    ("fields", "need"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, "json_schema"),
        ({"modalities": ["text", "audio"]}, "audio_out"),
        ({"tools": [{"type": "computer_20250124", "name": "computer"}]}, "computer"),
        ({"functions": [{"name": "f"}]}, "tools"),
    ],
)
def test_needs(fields: dict[str, Any], need: str) -> None:
    assert need in signals("hi", **fields).needs


def test_plain_text_needs_nothing() -> None:
    assert signals("hi", n=1, logprobs=False, response_format={"type": "text"}).needs == frozenset()


def test_tokens_are_of_the_right_order() -> None:
    assert 900 <= estimate_tokens("word " * 1000) <= 1500
    assert 4 <= estimate_tokens("你好世界") <= 8
    assert estimate_tokens("") == 0
    assert estimate_tokens("\ud800 lone surrogate") > 0


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Plain English", "latin"),
        ("Příliš žluťoučký kůň", "latin"),
        ("Привет, как дела?", "cyrillic"),
        ("你好，世界", "han"),
        ("こんにちは", "kana"),
        ("مرحبا بالعالم", "arabic"),
        ("🐎🐎🐎", "latin"),
        ("", "latin"),
        ("x" * 500 + "Привет", "latin"),
    ],
)
def test_script(text: str, script: str) -> None:
    assert script_of(text) == script


def test_flags_stand_beside_the_task() -> None:
    assert labelled("hi").flags == frozenset()
    assert labelled("hi", tools=[TOOL]).flags == {"agentic_tools"}
    assert labelled([IMAGE]).flags == {"multimodal"}
    assert labelled("word " * LONG_CONTEXT_TOKENS).flags == {"long_context"}
    both = labelled([IMAGE], tools=[TOOL])
    assert both.flags == {"agentic_tools", "multimodal"}
    assert both.task == UNSURE
    assert both.confidence == 0.0
    assert len(both.reasons) == 2


def test_a_computer_tool_decides_the_task() -> None:
    found = labelled("hi", tools=[{"type": "computer_use_preview"}])
    assert (found.task, found.confidence) == ("computer_use", 1.0)
