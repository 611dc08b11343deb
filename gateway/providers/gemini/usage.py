"""Gemini's `usageMetadata` as disjoint counts.

`promptTokenCount` includes the cached tokens; `toolUsePromptTokenCount` (results of Google's own tools) and
`thoughtsTokenCount` stand beside prompt and candidates; `totalTokenCount` is the sum of the four. Counts of zero are
left out. Source: UsageMetadata in the API reference, and recorded answers.
"""

from __future__ import annotations

from typing import Any

from gateway.core.chat import Json
from gateway.core.usage import Usage

_AUDIO = ("AUDIO", 4)
"""MediaModality.AUDIO, as a name and as the number that `$alt=json;enum-encoding=int` gives."""


def read_usage(metadata: Any) -> Usage | None:
    """None where nothing was reported."""
    if not isinstance(metadata, dict) or not metadata:
        return None
    cached = _count(metadata.get("cachedContentTokenCount"))
    tool_prompt = _count(metadata.get("toolUsePromptTokenCount"))
    thoughts = _count(metadata.get("thoughtsTokenCount"))
    prompt = _count(metadata.get("promptTokenCount"))
    candidates = _count(metadata.get("candidatesTokenCount"))
    total = _count(metadata.get("totalTokenCount"))
    if "candidatesTokenCount" not in metadata:
        candidates = max(0, total - prompt - tool_prompt - thoughts)
    elif thoughts and total == prompt + tool_prompt + candidates:
        candidates = max(0, candidates - thoughts)  # some models count their thoughts among the candidates' tokens
    cached_audio = min(cached, _audio_tokens(metadata, "cacheTokensDetails"))
    audio = _audio_tokens(metadata, "promptTokensDetails") + _audio_tokens(metadata, "toolUsePromptTokensDetails")
    uncached = max(0, prompt - cached) + tool_prompt
    input_audio = min(max(0, audio - cached_audio), uncached)
    output_audio = min(candidates, _audio_tokens(metadata, "candidatesTokensDetails"))
    return Usage(
        input=uncached - input_audio,
        input_audio=input_audio,
        cache_read=cached - cached_audio,
        cache_read_audio=cached_audio,
        output=candidates - output_audio,
        reasoning=thoughts,
        output_audio=output_audio,
    )


def read_service_tier(metadata: Any) -> str | None:
    """The tier that served the request, by OpenAI's name."""
    tier = metadata.get("serviceTier") if isinstance(metadata, dict) else None
    if tier == "standard":
        return "default"
    return tier if tier in ("flex", "priority") else None


def _count(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0


def _audio_tokens(metadata: Json, name: str) -> int:
    details = metadata.get(name)
    if not isinstance(details, list):
        return 0
    return sum(
        _count(detail.get("tokenCount"))
        for detail in details
        if isinstance(detail, dict) and detail.get("modality") in _AUDIO
    )
