"""What the OpenAI adapter changes for which row and model, where the golden files do not already show it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.core.chat import ChatRequest, Json
from gateway.core.errors import ProviderError
from gateway.core.vendor import Target
from gateway.core.wire import UpstreamCall
from gateway.providers.openai.adapter import OpenAIAdapter
from gateway.providers.openai.models import EFFORTS, nearest_effort
from gateway.providers.openai.request import build_request
from gateway.providers.vendors import VENDORS
from tests.laws import target_for

HELLO: list[Json] = [{"role": "user", "content": "Hi"}]
TOOL: Json = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


def call(row: str, model: str = "some-model", messages: list[Json] | None = None, **fields: Any) -> UpstreamCall:
    body = {"model": "auto", "messages": HELLO if messages is None else messages, **fields}
    return OpenAIAdapter().build_request(ChatRequest(body), target_for(VENDORS[row], model))


def sent(row: str, model: str = "some-model", messages: list[Json] | None = None, **fields: Any) -> Json:
    body: Json = orjson.loads(call(row, model, messages, **fields).body)
    return body


def messages_sent(row: str, *messages: Json, **fields: Any) -> list[Json]:
    translated: list[Json] = sent(row, messages=list(messages), **fields)["messages"]
    return translated


def test_a_request_that_fits_is_passed_on_with_the_upstream_id_only() -> None:
    fields = {"temperature": 0.3, "seed": 4, "tools": [TOOL], "x_unknown": {"a": [1]}}
    assert sent("openai-compatible", "m", **fields) == {"model": "m", "messages": HELLO, **fields}


@pytest.mark.parametrize(
    ("row", "options", "path"),
    [
        ("openai", {}, "/chat/completions"),
        ("azure", {}, "/chat/completions"),
        (
            "azure",
            {"api-version": "2024-10-21"},
            "/deployments/my%2Fdeployment/chat/completions?api-version=2024-10-21",
        ),
        ("openai-compatible", {"api-version": "1 2"}, "/chat/completions?api-version=1%202"),
        ("openai", {"other": "x"}, "/chat/completions"),
    ],
)
def test_path(row: str, options: dict[str, str], path: str) -> None:
    vendor = VENDORS[row]
    target = Target("m", row, "my/deployment", vendor, vendor.capabilities, options=tuple(options.items()))
    assert build_request(ChatRequest({"model": "m", "messages": HELLO}), target).path == path


@pytest.mark.parametrize("row", [name for name, vendor in VENDORS.items() if vendor.adapter == "openai"])
def test_usage_is_asked_for_wherever_the_vendor_takes_the_wish(row: str) -> None:
    body = sent(row, stream=True, stream_options={"include_usage": False})
    if VENDORS[row].stream_options:
        assert body["stream_options"] == {"include_usage": True}
    else:
        assert "stream_options" not in body
    assert "stream_options" not in sent(row)


@pytest.mark.parametrize(
    ("row", "given", "expected"),
    [
        ("openai", {"max_tokens": 5}, {"max_completion_tokens": 5}),
        ("mistral", {"max_completion_tokens": 5}, {"max_tokens": 5}),
        ("openrouter", {"max_tokens": 5}, {"max_tokens": 5}),
        ("openai", {"max_tokens": 5, "max_completion_tokens": 5}, {"max_completion_tokens": 5}),
    ],
)
def test_output_limit_has_the_name_the_vendor_wants(row: str, given: Json, expected: Json) -> None:
    body = sent(row, **given)
    assert {name: value for name, value in body.items() if name.startswith("max_")} == expected
    assert call(row, **given).warnings == ()


REASONING_CASES = [
    # vendor, model, asked, sent, warned
    ("openai", "gpt-5.4", "minimal", "low", True),
    ("openai", "gpt-5.4", "xhigh", "xhigh", False),
    ("openai", "gpt-5.4", "max", "xhigh", True),
    ("openai", "gpt-5", "none", "minimal", True),
    ("openai", "gpt-5-pro", "low", "high", True),
    ("openai", "gpt-4o", "low", None, True),
    ("openai", "gpt-4o", "none", None, False),
    ("openai", "ft:gpt-4o-mini:acme", "low", None, True),
    ("openai", "gpt-7-unheard-of", "low", "low", False),
    ("azure", "o3-mini", "minimal", "low", True),
    ("meta", "muse-spark-1.3", "none", "minimal", True),
    ("meta", "muse-spark-1.3", "xhigh", "xhigh", False),
    ("groq", "qwen/qwen3-32b", "low", "default", True),
    ("groq", "qwen/qwen3-32b", "none", "none", False),
    ("groq", "openai/gpt-oss-120b", "xhigh", "high", True),
    ("groq", "llama-3.3-70b-versatile", "high", None, True),
    ("mistral", "mistral-small-latest", "low", "high", True),
    ("mistral", "mistral-small-latest", "medium", "high", True),
    ("xai", "grok-3-mini", "medium", "high", True),
    ("xai", "grok-4.6", "none", "low", True),
    ("openai-compatible", "any", "weird", "weird", False),
    ("perplexity", "sonar", "weird", "weird", False),
]


@pytest.mark.parametrize(("row", "model", "asked", "expected", "warned"), REASONING_CASES)
def test_reasoning_effort_is_the_nearest_the_model_takes(
    row: str, model: str, asked: str, expected: str | None, warned: bool
) -> None:
    made = call(row, model, reasoning_effort=asked)
    assert orjson.loads(made.body).get("reasoning_effort") == expected
    assert [warning.split(":")[0] for warning in made.warnings] == ["reasoning_effort"] * warned


def test_nearest_effort_prefers_the_higher_of_two() -> None:
    assert nearest_effort("medium", frozenset({"low", "high"})) == "high"
    assert all(nearest_effort(effort, frozenset(EFFORTS)) == effort for effort in EFFORTS)


@pytest.mark.parametrize(
    ("model", "effort", "kept"),
    [
        ("gpt-5.4", None, True),
        ("gpt-5.4", "none", True),
        ("gpt-5.4", "low", False),
        ("gpt-5-mini", None, False),
        ("gpt-5.6", None, False),
        ("gpt-5.6", "none", True),
        ("o4-mini", None, False),
        ("gpt-5-chat-latest", None, True),
        ("gpt-4.1", None, True),
        ("unheard-of", "high", True),
    ],
)
def test_sampling_fields_are_dropped_while_a_model_reasons(model: str, effort: str | None, kept: bool) -> None:
    fields = {"temperature": 0.2, "top_p": 0.5, "stop": ["x"], "logprobs": True}
    made = call("openai", model, **fields, **({"reasoning_effort": effort} if effort else {}))
    body = orjson.loads(made.body)
    assert {name for name in fields if name in body} == (set(fields) if kept else set())
    assert {warning.split(":")[0] for warning in made.warnings} == (set() if kept else set(fields))


def test_values_that_mean_nothing_are_dropped_without_a_warning() -> None:
    made = call("openai", "o3", temperature=1, top_p=1, presence_penalty=0, logprobs=False)
    assert orjson.loads(made.body) == {"model": "o3", "messages": HELLO}
    assert made.warnings == ()
    assert call("groq", n=1, store=False).warnings == ()
    assert call("groq", n=2).warnings == ("n: not supported by groq, dropped",)


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        ("gpt-5.4", None, None),
        ("gpt-5.4", "high", "none"),
        ("gpt-5.6", None, "none"),
        ("gpt-5.6", "none", "none"),
        ("gpt-5.2", "high", "high"),
    ],
)
def test_models_that_take_no_tools_while_reasoning_are_asked_not_to_reason(
    model: str, effort: str | None, expected: str | None
) -> None:
    made = call("openai", model, tools=[TOOL], temperature=0.1, **({"reasoning_effort": effort} if effort else {}))
    body = orjson.loads(made.body)
    assert body.get("reasoning_effort") == expected
    assert body["tools"] == [TOOL]
    assert ("temperature" in body) == (body.get("reasoning_effort") in (None, "none"))


def test_deepseek_without_reasoning_is_a_switch_of_its_own() -> None:
    forced = {"tools": [TOOL], "tool_choice": "required"}
    body = sent("deepseek", "deepseek-v4-flash", reasoning_effort="none", **forced)
    assert body["thinking"] == {"type": "disabled"}
    assert "reasoning_effort" not in body
    assert body["tool_choice"] == "required"
    assert sent("deepseek", "deepseek-v4-flash", thinking={"type": "disabled"}, **forced)["tool_choice"] == "required"
    assert sent("deepseek", "deepseek-v4-flash", **forced)["tool_choice"] == "auto"
    assert sent("deepseek", "deepseek-chat", **forced)["tool_choice"] == "required"


def test_deepseek_wants_reasoning_in_every_assistant_message_beside_tools() -> None:
    history: list[Json] = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, *HELLO]
    assert sent("deepseek", "deepseek-v4-flash", history, tools=[TOOL])["messages"][1]["reasoning_content"] == " "
    assert "reasoning_content" not in sent("deepseek", "deepseek-v4-flash", history)["messages"][1]
    thought: Json = {"role": "assistant", "content": "b", "reasoning_content": "hm"}
    assert sent("deepseek", "deepseek-v4-flash", [thought], tools=[TOOL])["messages"] == [thought]


NAMED: Json = {"type": "function", "function": {"name": "look"}}
ALLOWED: Json = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [NAMED]}}
OTHER: Json = {"type": "function", "function": {"name": "other"}}


@pytest.mark.parametrize(
    ("row", "choice", "expected", "tools", "warned"),
    [
        ("openai", ALLOWED, ALLOWED, [TOOL, OTHER], False),
        ("groq", ALLOWED, "auto", [TOOL], False),
        ("groq", NAMED, NAMED, [TOOL, OTHER], False),
        ("cohere", NAMED, "required", [TOOL], False),
        ("cohere", "required", "required", [TOOL, OTHER], False),
        ("meta", NAMED, "auto", [TOOL], True),
        ("meta", "required", "auto", [TOOL, OTHER], True),
        ("meta", "auto", "auto", [TOOL, OTHER], False),
        ("meta", "none", None, None, False),
        ("meta", ALLOWED, "auto", [TOOL], False),
        ("cohere", {"type": "function", "function": {"name": "absent"}}, "required", [TOOL, OTHER], False),
        ("meta", {"type": "hosted_thing"}, {"type": "hosted_thing"}, [TOOL, OTHER], False),
    ],
)
def test_tool_choice_forms(row: str, choice: Any, expected: Any, tools: list[Json] | None, warned: bool) -> None:
    made = call(row, tools=[TOOL, OTHER], tool_choice=choice)
    body = orjson.loads(made.body)
    assert body.get("tool_choice") == expected
    assert body.get("tools") == tools
    assert bool(made.warnings) == warned


def test_reasoning_goes_back_under_the_vendors_own_name() -> None:
    message: Json = {"role": "assistant", "content": "b", "reasoning_content": "hm"}
    assert messages_sent("cerebras", message) == [{"role": "assistant", "content": "b", "reasoning": "hm"}]
    assert messages_sent("xai", message) == [message]
    assert messages_sent("xai", {"role": "assistant", "content": "b", "reasoning": "hm"}) == [message]
    assert messages_sent("groq", message) == [{"role": "assistant", "content": "b"}]


def test_openrouter_takes_blobs_of_every_vendor_back() -> None:
    details = [{"type": "reasoning.text", "text": "hm", "signature": "s", "format": "anthropic-claude-v1", "index": 0}]
    message: Json = {"role": "assistant", "content": "b", "reasoning_content": "hm", "reasoning_details": details}
    assert messages_sent("openrouter", message) == [
        {"role": "assistant", "content": "b", "reasoning": "hm", "reasoning_details": details}
    ]
    assert call("openrouter", messages=[message]).warnings == ()


def test_foreign_reasoning_is_one_warning_for_the_whole_request() -> None:
    message: Json = {
        "role": "assistant",
        "content": None,
        "reasoning_content": "hm",
        "reasoning_details": [{"type": "reasoning.encrypted", "data": "x", "index": 0}],
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"},
                        "extra_content": {"google": {"thought_signature": "x"}}, "index": 0}],
    }  # fmt: skip
    made = call("openai", messages=[message, message])
    assert made.warnings == ("messages: reasoning of another vendor was left out",)
    plain = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    assert orjson.loads(made.body)["messages"][0] == {"role": "assistant", "content": None, "tool_calls": [plain]}


def test_what_the_sdk_parsed_stays_with_the_client() -> None:
    function = {"name": "look", "arguments": "{}", "parsed_arguments": {}}
    message = {"role": "assistant", "content": "{}", "parsed": {}, "tool_calls": [{"id": "c", "function": function}]}
    made = call("openai", messages=[*HELLO, message, {"role": "tool", "tool_call_id": "c", "content": "seen"}])
    sent_message = orjson.loads(made.body)["messages"][1]
    assert sent_message.keys() == {"role", "content", "tool_calls"}
    assert sent_message["tool_calls"] == [{"id": "c", "function": {"name": "look", "arguments": "{}"}}]
    assert made.warnings == ()
    assert function.keys() == {"name", "arguments", "parsed_arguments"}


def test_unknown_fields_of_a_call_are_left_out_with_a_warning() -> None:
    function = {"name": "look", "arguments": "{}", "mood": "keen"}
    made = call("openai", messages=[*HELLO, {"role": "assistant", "tool_calls": [{"id": "c", "function": function}]}])
    assert orjson.loads(made.body)["messages"][1]["tool_calls"][0]["function"] == {"name": "look", "arguments": "{}"}
    assert made.warnings == ("messages: tool_calls[].function.mood not supported by openai, dropped",)


def test_mistral_ids_are_short_and_still_pair() -> None:
    history: list[Json] = [
        {"role": "assistant", "content": "", "tool_calls": [
            {"id": "call_abc", "type": "function", "function": {"name": "look", "arguments": "{}"}},
            {"id": "VzeppoSaq", "type": "function", "function": {"name": "look", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "call_abc", "content": "1"},
        {"role": "tool", "tool_call_id": "VzeppoSaq", "content": "2"},
    ]  # fmt: skip
    translated = messages_sent("mistral", *history)
    ids = [each["id"] for each in translated[0]["tool_calls"]]
    assert ids == [translated[1]["tool_call_id"], translated[2]["tool_call_id"]]
    assert all(len(each) == 9 and each.isalnum() for each in ids)
    assert ids[1] == "VzeppoSaq"


def test_a_refusal_is_content_where_the_vendor_has_no_field_for_it() -> None:
    refused: Json = {"role": "assistant", "content": None, "refusal": "No."}
    assert messages_sent("groq", refused) == [{"role": "assistant", "content": "No."}]
    assert messages_sent("openai", refused) == [refused]


def test_audio_and_file_parts_are_kept() -> None:
    parts = [
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/x.png"}},
    ]
    for row in ("openai", "groq", "openai-compatible"):
        assert messages_sent(row, {"role": "user", "content": parts})[0]["content"] == parts


@pytest.mark.parametrize(
    ("row", "fields", "param"),
    [
        ("perplexity", {"tools": [TOOL]}, "tools"),
        ("transformers", {"response_format": {"type": "json_object"}}, "response_format"),
        ("deepseek", {"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}}, "response_format"),
        ("groq", {"modalities": ["text", "audio"]}, "modalities"),
    ],
)
def test_what_would_change_the_kind_of_answer_is_refused(row: str, fields: Json, param: str) -> None:
    with pytest.raises(ProviderError) as raised:
        call(row, **fields)
    failure = raised.value.failure
    assert (failure.reason, failure.param, failure.status) == ("refused_to_translate", param, 400)


def test_neutral_forms_of_essential_fields_are_no_refusal() -> None:
    assert "tools" not in sent("perplexity", tools=[])
    assert "response_format" not in sent("transformers", response_format={"type": "text"})
    assert "modalities" not in sent("groq", modalities=["text"])
