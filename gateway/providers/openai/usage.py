"""Token counts of OpenAI's wire format -> disjoint Usage, and back into the answer.

Vendors overlap and place their counts differently; the rules here are by shape, not by vendor:
- cached tokens: prompt_tokens_details.cached_tokens (OpenAI), cached_tokens (Together), num_cached_tokens (Mistral),
  prompt_cache_hit_tokens (DeepSeek); they are part of prompt_tokens. More of them than prompt tokens (Grok on Azure)
  means: all of the prompt.
- a total above prompt + completion: what is missing is reasoning outside completion_tokens (xAI, Gemini's layer).
- more reasoning than completion tokens inside a total that leaves no room for them (OpenRouter): all of the completion.
"""

from __future__ import annotations

from typing import Any

from gateway.core.chat import Json
from gateway.core.usage import MOST_TOKENS, Usage

_ELSEWHERE = frozenset(
    {"cached_tokens", "num_cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens"}
    | {"cache_creation_input_tokens", "reasoning_tokens"}
)
"""Where other vendors put counts that OpenAI has among the details."""


def read_usage(raw: Any) -> Usage | None:
    """Usage summing to the vendor's total, or None where `raw` reports no token counts."""
    if not isinstance(raw, dict):
        return None
    return _read_exact(raw) or _read_any(raw)


def _read_exact(raw: Json) -> Usage | None:
    """OpenAI's own shape with counts that add up: nearly every answer. None: look closer."""
    prompt, completion = raw.get("prompt_tokens"), raw.get("completion_tokens")
    asked, answered = raw.get("prompt_tokens_details"), raw.get("completion_tokens_details")
    if type(asked) is not dict or type(answered) is not dict or type(prompt) is not int or type(completion) is not int:
        return None
    if raw.get("total_tokens") != prompt + completion or not _ELSEWHERE.isdisjoint(raw):
        return None
    cached, heard, written = (
        asked.get("cached_tokens", 0),
        asked.get("audio_tokens", 0),
        asked.get("cache_write_tokens", 0),
    )
    reasoning, spoken = answered.get("reasoning_tokens", 0), answered.get("audio_tokens", 0)
    if not (type(cached) is type(heard) is type(written) is type(reasoning) is type(spoken) is int):
        return None
    fresh, shown = prompt - cached - heard - written, completion - reasoning - spoken
    if min(cached, heard, written, reasoning, spoken, fresh, shown) < 0 or max(prompt, completion) > MOST_TOKENS:
        return None
    return Usage(fresh, heard, cached, 0, written, 0, shown, reasoning, spoken)


def _read_any(raw: Json) -> Usage | None:
    prompt = _count(raw, "prompt_tokens", "input_tokens")
    completion = _count(raw, "completion_tokens", "output_tokens")
    total = _count(raw, "total_tokens")
    if prompt is None and completion is None:
        return None
    prompt, completion = prompt or 0, completion or 0
    prompt_details = _details(raw, "prompt_tokens_details", "input_tokens_details")
    completion_details = _details(raw, "completion_tokens_details", "output_tokens_details")
    reasoning = _count(completion_details, "reasoning_tokens") or _count(raw, "reasoning_tokens") or 0
    outside = (total or 0) - prompt - completion
    if outside > 0:
        completion += outside
        reasoning = max(reasoning, outside)
    cached = _count(prompt_details, "cached_tokens") or _count(
        raw, "cached_tokens", "num_cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens"
    )
    written = _count(prompt_details, "cache_write_tokens", "cache_creation_tokens") or _count(
        raw, "cache_creation_input_tokens"
    )
    cache_read = min(cached or 0, prompt)
    cache_write = min(written or 0, prompt - cache_read)
    input_audio = min(_count(prompt_details, "audio_tokens") or 0, prompt - cache_read - cache_write)
    reasoning = min(reasoning, completion)
    output_audio = min(_count(completion_details, "audio_tokens") or 0, completion - reasoning)
    return Usage(
        input=prompt - cache_read - cache_write - input_audio,
        input_audio=input_audio,
        cache_read=cache_read,
        cache_write_5m=cache_write,
        output=completion - reasoning - output_audio,
        reasoning=reasoning,
        output_audio=output_audio,
    )


def take_usage(raw: Any) -> tuple[Usage | None, Json | None]:
    """Usage, and what to show of it: a vendor's object that is OpenAI's own stays as it is."""
    if not isinstance(raw, dict):
        return None, None
    exact = _read_exact(raw)
    if exact is not None:
        return exact, raw
    usage = _read_any(raw)
    return usage, None if usage is None else usage_object(raw, usage)


def usage_object(raw: Json, usage: Usage) -> Json:
    """The answer's `usage`: the vendor's own with OpenAI's counts in place, so that both agree."""
    ours = usage.to_openai()
    merged = {**raw, **ours}
    for name in ("prompt_tokens_details", "completion_tokens_details"):
        theirs = raw.get(name)
        if isinstance(theirs, dict):
            # Counts of predicted tokens are the vendor's alone; Usage does not keep them.
            predicted = {
                key: theirs[key]
                for key in ("accepted_prediction_tokens", "rejected_prediction_tokens")
                if _count(theirs, key) is not None
            }
            merged[name] = {**theirs, **ours[name], **predicted}
    return merged


def _details(raw: Json, *names: str) -> Json:
    for name in names:
        value = raw.get(name)
        if isinstance(value, dict):
            return value
    return {}


def _count(raw: Json, *names: str) -> int | None:
    """The first of `names` that holds a count: a whole number of at least 0, and believable."""
    for name in names:
        value = raw.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS:
            return value
    return None
