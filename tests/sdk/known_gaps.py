"""What official clients can't have from a wire format, and why. The one list: a case that stands here has to fail,
every other has to pass, and docs/sdks.md shows the same rows.
"""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """`suite` is a test file's name without `test_`, `name` a function's without `test_` or the parameter `case`."""

    suite: str
    name: str
    wire: str


ONE_ANSWER = "The Messages API gives one answer per request; `n` over 1 is a 400 that says so."
NO_LOGPROBS = "The vendor's API gives no logprobs for this model; asking for them is a 400 that says so."
NO_SEED = "The Messages API has no seed; it is left out with a warning."
ALWAYS_PARALLEL = "generateContent has no switch against parallel calls; the wish is left out with a warning."
ALWAYS_THINKS = "gemini-3.1-pro can't stop thinking; `none` becomes its lowest level, with a warning."
HIDDEN_THOUGHTS = "OpenAI's chat completions count reasoning tokens and never show the text."
NO_AUDIO = "This model takes no audio; the request is a 400 that names what lacks."
TEXT_RESULTS = "OpenAI's chat completions take only text in tool messages; the vendor's 400 comes through."
WHOLE_ARGUMENTS = "generateContent streams a call's arguments in one piece."
STATUS_RETRIES = (
    "The AI SDK does not read `x-should-retry` and repeats every 408, 409, 429 and 5xx; set `maxRetries: 0`."
)
UNSIGNED_THOUGHTS = "The AI SDK sends reasoning back without its signature; it is left out with a warning."

GAPS: dict[Case, str] = {
    Case("openai_text", "several_choices", "anthropic"): ONE_ANSWER,
    Case("openai_text", "logprobs", "anthropic"): NO_LOGPROBS,
    Case("openai_text", "logprobs", "gemini"): NO_LOGPROBS,
    Case("openai_text", "seed", "anthropic"): NO_SEED,
    Case("openai_streams", "several_choices", "anthropic"): ONE_ANSWER,
    Case("openai_tools", "no_parallel_calls", "gemini"): ALWAYS_PARALLEL,
    Case("openai_reasoning", "reasoning_content", "openai"): HIDDEN_THOUGHTS,
    Case("openai_reasoning", "reasoning_content_streamed", "openai"): HIDDEN_THOUGHTS,
    Case("openai_reasoning", "no_effort", "gemini"): ALWAYS_THINKS,
    Case("openai_media", "audio", "openai"): NO_AUDIO,
    Case("openai_media", "audio", "anthropic"): NO_AUDIO,
    Case("langchain", "audio_inputs", "openai"): NO_AUDIO,
    Case("langchain", "audio_inputs", "anthropic"): NO_AUDIO,
    Case("langchain", "image_tool_message", "openai"): TEXT_RESULTS,
    Case("langchain", "pdf_tool_message", "openai"): TEXT_RESULTS,
    Case("pydantic_ai", "thinking", "openai"): HIDDEN_THOUGHTS,
    Case("instructor", "partials_of_a_call", "gemini"): WHOLE_ARGUMENTS,
    Case("vercel", "an_exhausted_plan_is_final", "openai"): STATUS_RETRIES,
    Case("vercel", "an_exhausted_plan_is_final", "anthropic"): STATUS_RETRIES,
    Case("vercel", "an_exhausted_plan_is_final", "gemini"): STATUS_RETRIES,
    Case("vercel", "reasoning_text", "openai"): HIDDEN_THOUGHTS,
    Case("vercel", "stream_reasoning_text", "openai"): HIDDEN_THOUGHTS,
    Case("vercel", "image_from_a_tool", "openai"): TEXT_RESULTS,
    Case("vercel", "thoughts_come_back", "anthropic"): UNSIGNED_THOUGHTS,
}
