"""Token counts of one answer, as disjoint kinds, and their OpenAI rendering.

Vendors overlap their counts (OpenAI's `prompt_tokens` includes the cached ones, Anthropic's `input_tokens` does not).
Inside the gateway each token stands in exactly one field, so that counts add up and no token is billed twice.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

UsageSource = Literal["reported", "estimated"]

USUAL_OUTPUT_TOKENS = 500
"""The answer that an estimate of a request's cost reckons with."""
MOST_TOKENS = 1_000_000_000
"""No answer has more of any kind: a vendor that says so is not believed."""


class Usage(NamedTuple):
    """Disjoint token counts. Units: tokens.

    `input` is text (and image) input that no cache served; `output` is what the reader sees, without `reasoning`
    and without `output_audio`. `source` says whether the vendor reported the counts or the gateway estimated them.
    """

    input: int = 0
    input_audio: int = 0
    cache_read: int = 0
    cache_read_audio: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    output_audio: int = 0
    source: UsageSource = "reported"

    @property
    def believable(self) -> Usage:
        """Itself, or with absurd counts cut to the most that is believed, and called an estimate."""
        if max(self[:-1]) <= MOST_TOKENS:
            return self
        counts = {name: min(count, MOST_TOKENS) for name, count in zip(self._fields[:-1], self[:-1], strict=True)}
        return self._replace(**counts, source="estimated")

    @property
    def prompt_total(self) -> int:
        return (
            self.input
            + self.input_audio
            + self.cache_read
            + self.cache_read_audio
            + self.cache_write_5m
            + self.cache_write_1h
        )

    @property
    def completion_total(self) -> int:
        return self.output + self.reasoning + self.output_audio

    @property
    def total(self) -> int:
        return self.prompt_total + self.completion_total

    def to_openai(self) -> dict[str, Any]:
        """The `usage` object of a chat completion (OpenAI API reference, CompletionUsage)."""
        completion = self.completion_total
        prompt = self.prompt_total
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {
                "cached_tokens": self.cache_read + self.cache_read_audio,
                "audio_tokens": self.input_audio + self.cache_read_audio,
                "cache_write_tokens": self.cache_write_5m + self.cache_write_1h,
            },
            "completion_tokens_details": {
                "reasoning_tokens": self.reasoning,
                "audio_tokens": self.output_audio,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }
