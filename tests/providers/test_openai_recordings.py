"""The laws of adapters over every recording of a vendor that speaks OpenAI's wire format."""

from __future__ import annotations

import orjson
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway.core.chat import Json
from gateway.core.errors import FailureClass, ProviderError
from gateway.core.usage import Usage
from gateway.providers.base import StreamParser
from gateway.providers.openai.adapter import OpenAIAdapter
from tests.laws import (
    assert_split_invariant,
    assert_truncation_is_visible,
    context_for,
    drive,
    fold,
    target_for,
)
from tests.providers.openai_recorded import NOT_CHAT, RawAnswer, Recording, add_pieces, params, read_raw_stream
from tests.shared_data import needs_shared

ADAPTER = OpenAIAdapter()
FINISH_REASONS = {"stop", "length", "tool_calls", "content_filter", "function_call"}


def stream_of(recording: Recording) -> tuple[list[Json], StreamParser]:
    return drive(ADAPTER, context_for(target_for(recording.vendor)), [recording.body])


def broken_off(recording: Recording) -> bool:
    return b'"error":' in recording.body


WHOLE = params(lambda one: one.is_chat and one.status == 200 and not one.is_stream)
STREAMS = params(lambda one: one.is_chat and one.status == 200 and one.is_stream and not broken_off(one))
BROKEN = params(lambda one: one.is_chat and one.status == 200 and one.is_stream and broken_off(one))
ERRORS = params(lambda one: one.status != 200)


@needs_shared
def test_everything_recorded_is_either_chat_or_named_as_something_else() -> None:
    for param in params(lambda one: not one.is_chat and one.status == 200):
        assert any(part in param.values[0].url for part in NOT_CHAT), param.id
    assert len(WHOLE) >= 60
    assert len(STREAMS) >= 35
    assert len(BROKEN) == 2
    assert len(ERRORS) >= 24


@pytest.mark.parametrize("recording", WHOLE)
def test_whole_answer(recording: Recording) -> None:
    raw = orjson.loads(recording.body)
    answer = ADAPTER.parse_response(recording.body, context_for(target_for(recording.vendor)))
    ChatCompletion.model_validate(answer.body, strict=True)
    assert answer.finish_reason in FINISH_REASONS
    assert answer.body["id"] == raw["id"]
    assert answer.body["model"] == raw["model"]
    assert len(answer.body["choices"]) == len(raw["choices"])
    for choice, raw_choice in zip(answer.body["choices"], raw["choices"], strict=True):
        expected = RawAnswer(calls=[])
        add_pieces(expected, raw_choice.get("message") or {})
        message = choice["message"]
        assert (message["content"] or "") == expected.text
        assert message.get("reasoning_content", "") == expected.reasoning
        assert [[c["function"]["name"], c["function"]["arguments"]] for c in message.get("tool_calls", [])] == (
            expected.calls
        )
        assert "reasoning" not in message
        assert message.get("tool_calls") != []
    assert answer.usage is not None
    assert_usage_sums(answer.usage, raw["usage"])
    assert answer.body["usage"]["total_tokens"] == answer.usage.total
    assert raw["usage"].keys() <= answer.body["usage"].keys()


def assert_usage_sums(usage: Usage, raw: Json) -> None:
    assert usage.total == raw["total_tokens"]
    assert usage.prompt_total == raw["prompt_tokens"]
    assert min(usage.input, usage.cache_read, usage.output, usage.reasoning) >= 0
    details = raw.get("completion_tokens_details") or {}
    assert usage.reasoning == min(details.get("reasoning_tokens") or 0, usage.completion_total)


@pytest.mark.parametrize("recording", STREAMS)
def test_stream_is_what_the_vendor_said(recording: Recording) -> None:
    chunks, parser = stream_of(recording)
    raw = read_raw_stream(recording.body)
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
        assert "usage" not in chunk
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert not any("role" in choice["delta"] for chunk in chunks[1:] for choice in chunk["choices"])
    assert chunks[-1]["choices"][0]["delta"] == {}
    whole = fold(chunks)
    ChatCompletion.model_validate(whole)
    message = whole["choices"][0]["message"]
    assert (message["content"] or "") == raw.text
    assert message.get("reasoning_content", "") == raw.reasoning
    assert (message.get("refusal") or "") == raw.refusal
    calls = message.get("tool_calls", [])
    assert [[call["function"]["name"], call["function"]["arguments"]] for call in calls] == raw.calls
    assert all(call["id"] and call["type"] == "function" for call in calls)
    assert parser.finish_reason == whole["choices"][0]["finish_reason"]
    assert parser.finish_reason in FINISH_REASONS
    said = sum(len(text) for text in (raw.text, raw.reasoning, raw.refusal, *(args for _, args in raw.calls or ())))
    assert parser.text_chars == said
    if raw.usage is None:
        assert parser.usage is None
    else:
        assert parser.usage is not None
        assert_usage_sums(parser.usage, raw.usage)


@pytest.mark.parametrize("recording", STREAMS)
def test_stream_is_split_invariant(recording: Recording) -> None:
    context = context_for(target_for(recording.vendor))
    assert_split_invariant(ADAPTER, context, recording.body, step=1 + len(recording.body) // 4000)


@pytest.mark.parametrize("recording", STREAMS)
def test_truncation_is_visible(recording: Recording) -> None:
    context = context_for(target_for(recording.vendor))
    assert_truncation_is_visible(ADAPTER, context, recording.body, read_raw_stream(recording.body).terminal_at)


@pytest.mark.parametrize("recording", BROKEN)
def test_an_error_event_ends_the_stream(recording: Recording) -> None:
    with pytest.raises(ProviderError) as raised:
        stream_of(recording)
    failure = raised.value.failure
    assert failure.reason == "upstream_error"
    if recording.vendor.name == "groq":
        assert failure.cls is FailureClass.TRANSIENT
        assert (failure.status, failure.code) == (400, "tool_use_failed")
    else:
        assert (failure.cls, failure.status) == (FailureClass.CALLER_FAULT, 400)


C = FailureClass
EXPECTED_ERRORS = {
    "openai-chat/37-error-err400-web_search-gpt_4o": C.CALLER_FAULT,
    "openai-chat/39-error-err400-gpt_5_mini": C.CALLER_FAULT,
    "openai-chat/40-error-err400-tools-gpt_5_mini": C.CALLER_FAULT,
    "openai-chat/41-error-err400-gpt_5_nano": C.CALLER_FAULT,
    "openai-chat/43-error-err400-o1_mini": C.CALLER_FAULT,
    "openai-chat/44-error-err401-gpt_4o": C.CREDENTIAL,
    "openai-chat/45-error-err404-gpt_3.5_turbo_0613": C.MODEL_GONE,
    "azure-openai/13-error-err404-gpt_5_nano": C.MODEL_GONE,
    "azure-openai/14-error-err429-grok_4_1_fast_non_reasoning": C.RATE_LIMIT,
    "groq/15-error-err400-tools-openai_gpt_oss_120b": C.TRANSIENT,
    "groq/17-error-err404-non_existent": C.MODEL_GONE,
    "mistral/18-error-err401-mistral_small_latest": C.CREDENTIAL,
    "deepseek/11-error-err400-deepseek_chat": C.CONTEXT_WINDOW,
    "deepseek/13-error-err401-deepseek_chat": C.CREDENTIAL,
    "xai/12-error-err400-grok_4.3": C.CREDENTIAL,
    "openrouter/14-error-err400-anthropic_claude_haiku_4.5": C.CONTEXT_WINDOW,
    "openrouter/15-error-err401-anthropic_claude_haiku_4.5": C.CREDENTIAL,
    "perplexity/05-error-err400-sonar": C.CONTEXT_WINDOW,
    "perplexity/06-error-err401-sonar": C.CREDENTIAL,
    "huggingface/06-error-err401-mlx_community": C.CREDENTIAL,
    "ollama/13-error-err401-gpt_oss_120b": C.CREDENTIAL,
    "ollama/14-error-err404-nonexistent_model_latest": C.MODEL_GONE,
    "transformers-serve/04-error-unknown-model": C.MODEL_GONE,
    "transformers-serve/05-error-unknown-param": C.CALLER_FAULT,
    "transformers-serve/06-error-bad-type-500-plaintext": C.TRANSIENT,
    "transformers-serve/07-error-malformed-json-422": C.CALLER_FAULT,
    "transformers-serve/08-error-models-500": C.TRANSIENT,
    "transformers-serve/12-error-404": C.MODEL_GONE,
    "cohere/07-error-err400-command_a_03_2025": C.CONTEXT_WINDOW,
    "cohere/09-error-err404-command_r": C.MODEL_GONE,
    "cohere/10-error-err404-embeddings-nonexistent": C.MODEL_GONE,
    "vercel/openai/chat/reasoning-model-legacy-parameter-error.json": C.CALLER_FAULT,
}


@pytest.mark.parametrize("recording", ERRORS)
def test_recorded_errors_are_classified(recording: Recording, request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.id
    failure = ADAPTER.map_error(recording.status, recording.headers, recording.body)
    assert failure.cls is EXPECTED_ERRORS[name], failure
    assert failure.status == recording.status
    assert failure.message
    if failure.cls is C.CONTEXT_WINDOW:
        assert (failure.code, failure.param) == ("context_length_exceeded", "messages")
    if failure.cls is C.RATE_LIMIT:
        assert failure.retry_after_s == 1.0


@needs_shared
def test_every_expected_error_is_recorded() -> None:
    assert {param.id for param in ERRORS} == EXPECTED_ERRORS.keys()
