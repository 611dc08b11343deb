"""The official Anthropic SDK straight against the simulator: what each feature gives back."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import pytest
from anthropic.types import Message

from gateway.simulator.server import Simulator
from tests.simulator.clients import anthropic_client, call, chat

MODEL = "claude-haiku-4-5"
WEATHER: Any = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CLOCK: Any = {"name": "get_clock", "input_schema": {"type": "object", "properties": {}}}
QUESTION = "What is the weather in San Francisco?"
THINK: Any = {"type": "enabled", "budget_tokens": 1024}
REDACT = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_0123"


def user(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


async def ask(simulator: Simulator, text: str, **options: Any) -> Message:
    wanted = {"model": MODEL, "max_tokens": 2000, "messages": user(text), **options}
    answer: Message = await anthropic_client(simulator).messages.create(**wanted)
    return answer


async def stream(simulator: Simulator, text: str, **options: Any) -> tuple[list[str], Message]:
    """The event types and the message that the SDK puts together from them."""
    wanted = {"model": MODEL, "max_tokens": 2000, "messages": user(text), **options}
    async with anthropic_client(simulator).messages.stream(**wanted) as events:
        types = [event.type async for event in events]
        return types, await events.get_final_message()


def text_of(message: Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


async def test_instructions_to_answer_with_json_are_obeyed(anthropic_simulator: Simulator) -> None:
    text, system = "Tell me of 'name' and 'cargo'.", "Answer with one valid JSON object and nothing else."
    answer = await ask(anthropic_simulator, text, system=system)
    assert json.loads(text_of(answer)).keys() == {"name", "cargo"}


async def test_text(anthropic_simulator: Simulator) -> None:
    answer = await ask(anthropic_simulator, "What is the capital of France?")
    assert "What is the capital of France?" in text_of(answer)
    assert (answer.stop_reason, answer.stop_sequence, answer.role, answer.type) == (
        "end_turn",
        None,
        "assistant",
        "message",
    )
    assert answer.id.startswith("msg_01")
    assert answer.usage.output_tokens == -(-len(text_of(answer)) // 4)
    assert answer.usage.service_tier == "standard"


async def test_a_stream_says_the_same_as_the_whole_answer(anthropic_simulator: Simulator) -> None:
    whole = await ask(anthropic_simulator, "Tell me something", thinking=THINK)
    types, streamed = await stream(anthropic_simulator, "Tell me something", thinking=THINK)
    assert text_of(streamed) == text_of(whole)
    assert streamed.usage.output_tokens == whole.usage.output_tokens
    assert streamed.usage.input_tokens == whole.usage.input_tokens
    assert streamed.stop_reason == whole.stop_reason
    assert types[0] == "message_start"
    assert types[-1] == "message_stop"


async def test_events_on_the_wire(anthropic_simulator: Simulator) -> None:
    path, body = chat("anthropic", stream=True)
    seen = await call(anthropic_simulator, path, body)
    assert seen.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert seen.headers["request-id"].startswith("req_")
    blocks = [block.split("\n") for block in seen.body.decode().split("\n\n") if block]
    names = [block[0].removeprefix("event: ") for block in blocks]
    assert names[:3] == ["message_start", "content_block_start", "ping"]
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    for name, block in zip(names, blocks, strict=True):
        assert json.loads(block[1].removeprefix("data: "))["type"] == name
    delta = json.loads(blocks[-2][1].removeprefix("data: "))
    assert set(delta["usage"]) == {
        "input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens",
    }  # fmt: skip


async def test_limit_and_stop_sequence(anthropic_simulator: Simulator) -> None:
    short = await ask(anthropic_simulator, "Say exactly: one two three four", max_tokens=2)
    assert (text_of(short), short.stop_reason) == ("one two ", "max_tokens")
    stopped = await ask(anthropic_simulator, "Say exactly: one two three", stop_sequences=["three"])
    assert (text_of(stopped), stopped.stop_reason, stopped.stop_sequence) == ("one two ", "stop_sequence", "three")


async def test_tool_use_and_its_result(anthropic_simulator: Simulator) -> None:
    first = await ask(anthropic_simulator, QUESTION, tools=[WEATHER])
    assert first.stop_reason == "tool_use"
    assert [block.type for block in first.content] == ["text", "tool_use"]
    use: Any = first.content[1]
    assert use.id.startswith("toolu_01")
    assert use.input == {"city": "San Francisco"}
    messages = [
        *user(QUESTION),
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "foggy"}]},
    ]
    second = await ask(anthropic_simulator, "", messages=messages, tools=[WEATHER])
    assert text_of(second) == "The tool returned: foggy"


async def test_tool_use_streams_as_partial_json(anthropic_simulator: Simulator) -> None:
    path, body = chat("anthropic", QUESTION, stream=True)
    seen = await call(anthropic_simulator, path, {**body, "tools": [WEATHER]})
    parts = [
        event["delta"]["partial_json"]
        for event in map(json.loads, seen.events())
        if event.get("delta", {}).get("type") == "input_json_delta"
    ]
    assert parts[0] == ""
    assert len(parts) > 2
    assert json.loads("".join(parts)) == {"city": "San Francisco"}
    _, message = await stream(anthropic_simulator, QUESTION, tools=[WEATHER])
    assert message.content[-1].input == {"city": "San Francisco"}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ({"type": "none"}, []),
        ({"type": "auto"}, ["get_weather", "get_clock"]),
        ({"type": "auto", "disable_parallel_tool_use": True}, ["get_weather"]),
        ({"type": "any"}, ["get_weather", "get_clock"]),
        ({"type": "tool", "name": "get_clock"}, ["get_clock"]),
    ],
)
async def test_tool_choice(anthropic_simulator: Simulator, choice: Any, names: list[str]) -> None:
    text = "The weather in Oslo and the clock, please?"
    answer = await ask(anthropic_simulator, text, tools=[WEATHER, CLOCK], tool_choice=choice)
    assert [block.name for block in answer.content if block.type == "tool_use"] == names


@pytest.mark.parametrize("old", [False, True])
async def test_output_format(anthropic_simulator: Simulator, old: bool) -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "schema": schema}
    options: Any = {"output_config": {"format": wanted}}
    if old:
        options = {
            "extra_body": {"output_format": wanted},
            "extra_headers": {"anthropic-beta": "structured-outputs-2025-11-13"},
        }
    answer = await ask(anthropic_simulator, "What is 2 + 5?", **options)
    assert json.loads(text_of(answer)) == {"a": 2, "b": 5}


@pytest.mark.parametrize(
    ("model", "thinking"), [(MODEL, THINK), ("claude-opus-4-6", {"type": "adaptive"}), ("claude-opus-4-6", THINK)]
)
async def test_thinking_is_signed_and_counted(anthropic_simulator: Simulator, model: str, thinking: Any) -> None:
    answer = await ask(anthropic_simulator, QUESTION, model=model, thinking=thinking)
    thought: Any = answer.content[0]
    assert (thought.type, bool(thought.thinking), bool(thought.signature)) == ("thinking", True, True)
    assert answer.usage.output_tokens_details is not None
    assert 0 < answer.usage.output_tokens_details.thinking_tokens < answer.usage.output_tokens
    assert anthropic_simulator.stats.tokens.reasoning == answer.usage.output_tokens_details.thinking_tokens


async def test_thinking_can_be_omitted(anthropic_simulator: Simulator) -> None:
    answer = await ask(anthropic_simulator, "Hello", thinking={**THINK, "display": "omitted"})
    thought: Any = answer.content[0]
    assert (thought.type, thought.thinking, bool(thought.signature)) == ("thinking", "", True)


@pytest.mark.parametrize("text", [QUESTION, f"{QUESTION} {REDACT}"])
async def test_thoughts_survive_the_tool_loop_and_are_checked(anthropic_simulator: Simulator, text: str) -> None:
    first = await ask(anthropic_simulator, text, tools=[WEATHER], thinking=THINK)
    kind = "redacted_thinking" if REDACT in text else "thinking"
    assert [block.type for block in first.content] == [kind, "text", "tool_use"]
    content = [block.model_dump(exclude_none=True) for block in first.content]
    result = {"type": "tool_result", "tool_use_id": content[2]["id"], "content": "foggy"}

    async def go_on(blocks: list[Any]) -> Message:
        messages = [
            *user(text),
            {"role": "assistant", "content": blocks},
            {"role": "user", "content": [result]},
        ]
        return await ask(anthropic_simulator, "", messages=messages, tools=[WEATHER], thinking=THINK)

    assert text_of(await go_on(content)) == "The tool returned: foggy"
    field = "data" if REDACT in text else "signature"
    forged = [{**content[0], field: "RXFvQlJ5dkw5"}, *content[1:]]
    with pytest.raises(anthropic.BadRequestError, match=f"messages.1.content.0: Invalid `{field}` in `{kind}` block"):
        await go_on(forged)
    with pytest.raises(anthropic.BadRequestError, match="Expected `thinking` or `redacted_thinking`, but found `text`"):
        await go_on(content[1:])


async def test_an_altered_thought_is_refused(anthropic_simulator: Simulator) -> None:
    first = await ask(anthropic_simulator, "Hello", thinking=THINK)
    content = [block.model_dump(exclude_none=True) for block in first.content]
    content[0]["thinking"] += "."
    messages = [*user("Hello"), {"role": "assistant", "content": content}, *user("Go on")]
    with pytest.raises(anthropic.BadRequestError, match="Invalid `signature`"):
        await ask(anthropic_simulator, "", messages=messages)


async def test_refusal_by_magic_string(anthropic_simulator: Simulator) -> None:
    answer = await ask(anthropic_simulator, "ANTHROPIC_MAGIC_STRING_TRIGGER_REFUSAL_0123")
    assert (answer.stop_reason, answer.content) == ("refusal", [])
    assert answer.stop_details is not None
    assert answer.stop_details.type == "refusal"


@pytest.mark.parametrize(("ttl", "field"), [("5m", "ephemeral_5m_input_tokens"), ("1h", "ephemeral_1h_input_tokens")])
async def test_cache_is_written_then_read_where_it_is_marked(
    anthropic_simulator: Simulator, ttl: str, field: str
) -> None:
    system = [{"type": "text", "text": "rule " * 2000, "cache_control": {"type": "ephemeral", "ttl": ttl}}]
    first = (await ask(anthropic_simulator, "one", system=system)).usage
    second = (await ask(anthropic_simulator, "another", system=system)).usage
    unmarked = (await ask(anthropic_simulator, "one", system=system[0]["text"])).usage
    assert first.cache_creation is not None
    assert first.cache_creation_input_tokens == getattr(first.cache_creation, field) == 2500
    assert (first.cache_read_input_tokens, second.cache_read_input_tokens) == (0, 2500)
    assert second.cache_creation_input_tokens == 0
    assert second.input_tokens < 10
    assert (unmarked.cache_read_input_tokens, unmarked.cache_creation_input_tokens) == (0, 0)
    assert unmarked.input_tokens == first.input_tokens + 2500


async def test_a_longer_conversation_reads_the_old_part_and_writes_the_new(anthropic_simulator: Simulator) -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    opening = {"role": "user", "content": [{"type": "text", "text": "story " * 1000, **mark}]}
    later = {"role": "user", "content": [{"type": "text", "text": "more " * 400, **mark}]}
    first = (await ask(anthropic_simulator, "", messages=[opening])).usage
    unmarked_opening = {"role": "user", "content": "story " * 1000}
    messages = [unmarked_opening, {"role": "assistant", "content": "ok"}, later]
    second = (await ask(anthropic_simulator, "", messages=messages)).usage
    assert first.cache_creation_input_tokens == second.cache_read_input_tokens == 1503
    assert second.cache_creation_input_tokens == 4 + 503
    assert second.input_tokens == 0


async def test_a_short_prompt_is_not_cached(anthropic_simulator: Simulator) -> None:
    system = [{"type": "text", "text": "short", "cache_control": {"type": "ephemeral"}}]
    usage = (await ask(anthropic_simulator, "one", system=system)).usage
    assert usage.cache_creation_input_tokens == 0


async def test_count_tokens_agrees_with_the_usage(anthropic_simulator: Simulator) -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    document = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}
    messages: Any = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, image, document]}]
    counted = await anthropic_client(anthropic_simulator).messages.count_tokens(
        model=MODEL, messages=messages, tools=[WEATHER], system="Be brief."
    )
    answer = await ask(anthropic_simulator, "", messages=messages, tools=[WEATHER], system="Be brief.")
    assert counted.input_tokens == answer.usage.input_tokens > 2500


async def test_prefill_is_taken_by_older_models_only(anthropic_simulator: Simulator) -> None:
    messages = [*user("Write a function, please"), {"role": "assistant", "content": "```python"}]
    assert (await ask(anthropic_simulator, "", messages=messages)).stop_reason == "end_turn"
    with pytest.raises(anthropic.BadRequestError, match="does not support assistant message prefill"):
        await ask(anthropic_simulator, "", messages=messages, model="claude-opus-4-6")


async def test_computer_tool_needs_its_beta_header(anthropic_simulator: Simulator) -> None:
    tool = {"type": "computer_20250124", "name": "computer", "display_width_px": 1024, "display_height_px": 768}
    with pytest.raises(anthropic.BadRequestError, match="Input tag 'computer_20250124'"):
        await ask(anthropic_simulator, "Use the computer to take a screenshot", tools=[tool])
    answer = await ask(
        anthropic_simulator,
        "Use the computer to take a screenshot",
        tools=[tool],
        extra_headers={"anthropic-beta": "computer-use-2025-01-24"},
    )
    assert answer.content[-1].input == {"action": "screenshot"}  # type: ignore[union-attr]


async def test_models(anthropic_simulator: Simulator) -> None:
    client = anthropic_client(anthropic_simulator)
    assert MODEL in [model.id async for model in client.models.list()]
    assert (await client.models.retrieve("claude-x")).id == "claude-x"


async def test_required_key_and_version(anthropic_simulator: Simulator) -> None:
    async with Simulator("anthropic", require_key="sk-right") as simulator:
        with pytest.raises(anthropic.AuthenticationError) as wrong:
            await anthropic_client(simulator, "sk-wrong").messages.create(
                model=MODEL, max_tokens=9, messages=user("Hi")
            )
        assert wrong.value.body["error"] == {  # type: ignore[index]
            "type": "authentication_error",
            "message": "invalid x-api-key",
        }
        path, body = chat("anthropic")
        none = await call(simulator, path, body)
        assert none.status == 401
        assert none.headers["x-should-retry"] == "false"
        right = await call(simulator, path, body, {"x-api-key": "sk-right"})
        assert right.status == 200
    path, body = chat("anthropic")
    no_version = await call(anthropic_simulator, path, body, {"anthropic-version": ""})
    assert no_version.json()["error"]["message"] == "anthropic-version: header is required"
