"""The official OpenAI SDK straight against the simulator: what each feature gives back."""

from __future__ import annotations

import json
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel

from gateway.simulator.server import Simulator
from tests.simulator.clients import call, chat, openai_client

ADD = {
    "type": "function",
    "function": {
        "name": "magic_function",
        "parameters": {"type": "object", "properties": {"input": {"type": "integer"}}, "required": ["input"]},
    },
}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
QUESTION = "What is 3 * 12? use magic_function with input 3"


def user(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


async def ask(simulator: Simulator, text: str, model: str = "gpt-4o", **options: Any) -> Any:
    return await openai_client(simulator).chat.completions.create(model=model, messages=user(text), **options)


async def test_text_names_the_prompt_and_is_the_same_each_time(openai_simulator: Simulator) -> None:
    first = await ask(openai_simulator, "What is the capital of France?")
    second = await ask(openai_simulator, "What is the capital of France?")
    text = first.choices[0].message.content
    assert "What is the capital of France?" in text
    assert second.choices[0].message.content == text
    assert first.id != second.id
    assert first.id.startswith("chatcmpl-")
    assert first.choices[0].finish_reason == "stop"
    assert first.usage.total_tokens == first.usage.prompt_tokens + first.usage.completion_tokens
    assert first.usage.completion_tokens == -(-len(text) // 4)


async def test_a_stream_says_the_same_as_the_whole_answer(openai_simulator: Simulator) -> None:
    whole = await ask(openai_simulator, "Tell me something")
    stream = await ask(openai_simulator, "Tell me something", stream=True, stream_options={"include_usage": True})
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage
    assert chunks[-1].choices == []
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]
    assert len({chunk.id for chunk in chunks}) == 1


async def test_a_stream_has_no_usage_unless_asked_and_ends_with_done(openai_simulator: Simulator) -> None:
    path, body = chat("openai", stream=True)
    seen = await call(openai_simulator, path, body)
    assert seen.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert seen.headers["x-request-id"].startswith("req_")
    events = seen.events()
    assert events[-1] == "[DONE]"
    assert all("usage" not in json.loads(event) for event in events[:-1])


@pytest.mark.parametrize("text", ["Say exactly: été 日本 🎈", "Please repeat: a\nb"])
async def test_dictated_text(openai_simulator: Simulator, text: str) -> None:
    answer = await ask(openai_simulator, text)
    assert answer.choices[0].message.content == text.split(": ", 1)[1]


async def test_limit_cuts_the_text(openai_simulator: Simulator) -> None:
    answer = await ask(openai_simulator, "Say exactly: one two three four five six", max_tokens=2)
    assert answer.choices[0].message.content == "one two "
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 2


async def test_stop_sequence_cuts_the_text(openai_simulator: Simulator) -> None:
    answer = await ask(openai_simulator, "Say exactly: one two three", stop=["three", " two"])
    assert answer.choices[0].message.content == "one"
    assert answer.choices[0].finish_reason == "stop"


async def test_many_words(openai_simulator: Simulator) -> None:
    answer = await ask(openai_simulator, "words: 250")
    assert len(answer.choices[0].message.content.split()) == 250


async def test_n_gives_different_choices(openai_simulator: Simulator) -> None:
    answer = await ask(openai_simulator, "Give me ideas for lunch", n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) == 3
    stream = await ask(openai_simulator, "Give me ideas for lunch", n=3, stream=True)
    texts = ["", "", ""]
    async for chunk in stream:
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    assert texts == [choice.message.content for choice in answer.choices]


async def test_seed_moves_the_answer_and_the_fingerprint(openai_simulator: Simulator) -> None:
    one, same, two = [await ask(openai_simulator, "Surprise me, please do", seed=seed) for seed in (1, 1, 2)]
    assert one.system_fingerprint == same.system_fingerprint != two.system_fingerprint
    assert one.choices[0].message.content == same.choices[0].message.content != two.choices[0].message.content


async def test_logprobs(openai_simulator: Simulator) -> None:
    answer = await ask(openai_simulator, "Say exactly: hello you", logprobs=True, top_logprobs=3)
    tokens = answer.choices[0].logprobs.content
    assert "".join(token.token for token in tokens) == "hello you"
    assert all(len(token.top_logprobs) == 3 and token.logprob < 0 for token in tokens)
    assert bytes(tokens[0].bytes) == tokens[0].token.encode()
    stream = await ask(openai_simulator, "Say exactly: hello you", logprobs=True, top_logprobs=3, stream=True)
    streamed = [
        entry async for chunk in stream for choice in chunk.choices if choice.logprobs
        for entry in choice.logprobs.content
    ]  # fmt: skip
    assert streamed == tokens


@pytest.mark.parametrize(("asked", "given"), [(None, "default"), ("auto", "default"), ("priority", "priority")])
async def test_service_tier(openai_simulator: Simulator, asked: Any, given: str) -> None:
    answer = await ask(openai_simulator, "Hello", service_tier=asked)
    assert answer.service_tier == given


async def test_tool_call_takes_its_arguments_from_the_prompt(openai_simulator: Simulator) -> None:
    answer = await ask(openai_simulator, QUESTION, tools=[ADD])
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    (made,) = choice.message.tool_calls
    assert (made.type, made.function.name, json.loads(made.function.arguments)) == (
        "function",
        "magic_function",
        {"input": 3},
    )


async def test_tool_call_streams_in_fragments(openai_simulator: Simulator) -> None:
    stream = await ask(openai_simulator, "What is the weather in San Francisco?", tools=[WEATHER], stream=True)
    deltas = [chunk.choices[0].delta async for chunk in stream]
    fragments = [delta.tool_calls[0] for delta in deltas if delta.tool_calls]
    assert fragments[0].id.startswith("call_")
    assert fragments[0].function.arguments == ""
    assert len(fragments) > 3
    assert all(fragment.id is None and fragment.function.name is None for fragment in fragments[1:])
    assert json.loads("".join(f.function.arguments for f in fragments)) == {"city": "San Francisco"}


async def test_each_mentioned_tool_is_called_at_once_unless_told_not_to(openai_simulator: Simulator) -> None:
    text = "Ask magic_function for 7 and get_weather for Oslo"
    both = await ask(openai_simulator, text, tools=[ADD, WEATHER])
    names = [made.function.name for made in both.choices[0].message.tool_calls]
    assert names == ["magic_function", "get_weather"]
    one = await ask(openai_simulator, text, tools=[ADD, WEATHER], parallel_tool_calls=False)
    assert len(one.choices[0].message.tool_calls) == 1
    every = await ask(openai_simulator, "Use all tools in parallel", tools=[ADD, WEATHER])
    assert len(every.choices[0].message.tool_calls) == 2


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("none", []),
        ("auto", []),
        ("required", ["magic_function"]),
        ({"type": "function", "function": {"name": "get_weather"}}, ["get_weather"]),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "get_weather"}}],
                },
            },
            ["get_weather"],
        ),
    ],
)
async def test_tool_choice_on_a_greeting(openai_simulator: Simulator, choice: Any, names: list[str]) -> None:
    answer = await ask(openai_simulator, "Hello!", tools=[ADD, WEATHER], tool_choice=choice)
    assert [made.function.name for made in answer.choices[0].message.tool_calls or ()] == names


async def test_tool_results_are_answered_with_their_text(openai_simulator: Simulator) -> None:
    client = openai_client(openai_simulator)
    messages: list[Any] = user("What is the weather in Oslo and in Rome?")
    first = await client.chat.completions.create(model="gpt-4o", messages=messages, tools=[WEATHER])  # type: ignore[list-item]
    made = first.choices[0].message
    assert made.tool_calls
    messages += [made, {"role": "tool", "tool_call_id": made.tool_calls[0].id, "content": "rainy, 7 degrees"}]
    second = await client.chat.completions.create(model="gpt-4o", messages=messages, tools=[WEATHER])  # type: ignore[list-item]
    assert second.choices[0].message.content == "The tool returned: rainy, 7 degrees"


async def test_when_a_call_is_required_the_tools_are_called_one_after_another(openai_simulator: Simulator) -> None:
    client = openai_client(openai_simulator)
    messages: list[Any] = user("Please go on with this until it is done")
    called = []
    for _ in range(3):
        answer = await client.chat.completions.create(
            model="gpt-4o",
            messages=messages,
            tools=[WEATHER, ADD],  # type: ignore[list-item]
            tool_choice="required",
        )
        (made,) = answer.choices[0].message.tool_calls or ()
        called.append(made.function.name)  # type: ignore[union-attr]
        messages += [answer.choices[0].message, {"role": "tool", "tool_call_id": made.id, "content": "done"}]
    assert called == ["get_weather", "magic_function", "magic_function"]


async def test_old_style_functions(openai_simulator: Simulator) -> None:
    answer = await ask(openai_simulator, QUESTION, functions=[ADD["function"]])
    assert answer.choices[0].finish_reason == "function_call"
    assert json.loads(answer.choices[0].message.function_call.arguments) == {"input": 3}


class Event(BaseModel):
    title: str
    day: Literal["monday", "friday"]
    guests: list[str]
    room: int | None


async def test_json_schema_by_parse_and_by_stream(openai_simulator: Simulator) -> None:
    client = openai_client(openai_simulator)
    text = 'title: "Lunch" on friday with Ada Lovelace and Bob, room 12'
    parsed = await client.chat.completions.parse(model="gpt-4o", messages=user(text), response_format=Event)  # type: ignore[arg-type]
    event = parsed.choices[0].message.parsed
    assert event == Event(title="Lunch", day="friday", guests=["Ada Lovelace", "Bob"], room=12)
    async with client.chat.completions.stream(model="gpt-4o", messages=user(text), response_format=Event) as stream:  # type: ignore[arg-type]
        async for _ in stream:
            pass
        final = await stream.get_final_completion()
    assert final.choices[0].message.parsed == event


async def test_json_object(openai_simulator: Simulator) -> None:
    text = "Tell me a joke as JSON with the keys 'setup' and 'punchline'."
    answer = await ask(openai_simulator, text, response_format={"type": "json_object"})
    assert set(json.loads(answer.choices[0].message.content)) == {"setup", "punchline"}


async def test_json_in_the_prompt_is_taken_over(openai_simulator: Simulator) -> None:
    answer = await ask(openai_simulator, 'Call it with {"input": 41}, please', tools=[ADD])
    assert json.loads(answer.choices[0].message.tool_calls[0].function.arguments) == {"input": 41}


@pytest.mark.parametrize(("effort", "more"), [("low", 16), ("medium", 32), ("high", 64)])
async def test_reasoning_is_counted(openai_simulator: Simulator, effort: Any, more: int) -> None:
    plain = await ask(openai_simulator, "Think about it", model="gpt-5.4-mini")
    answer = await ask(openai_simulator, "Think about it", model="gpt-5.4-mini", reasoning_effort=effort)
    assert plain.usage.completion_tokens_details.reasoning_tokens == 0
    assert answer.usage.completion_tokens_details.reasoning_tokens == more
    assert answer.usage.completion_tokens == plain.usage.completion_tokens + more


async def test_reasoning_takes_at_most_half_of_the_limit(openai_simulator: Simulator) -> None:
    answer = await ask(openai_simulator, "Say exactly: abcdefghijkl", model="gpt-5-mini", max_completion_tokens=4)
    assert answer.usage.completion_tokens_details.reasoning_tokens == 2
    assert answer.choices[0].message.content == "abcdefgh"
    assert answer.choices[0].finish_reason == "length"


async def test_a_known_beginning_is_cached(openai_simulator: Simulator) -> None:
    client = openai_client(openai_simulator)
    long = [{"role": "system", "content": "rule " * 2000}, *user("first question")]
    first = await client.chat.completions.create(model="gpt-4o", messages=long)  # type: ignore[arg-type]
    second = await client.chat.completions.create(model="gpt-4o", messages=[long[0], *user("another one")])  # type: ignore[list-item]
    cached = [answer.usage.prompt_tokens_details.cached_tokens for answer in (first, second) if answer.usage]  # type: ignore[union-attr]
    assert cached[0] == 0
    assert cached[1] >= 2048
    assert cached[1] % 128 == 0
    assert openai_simulator.stats.tokens.cached == cached[1]


async def test_attachments_are_counted_and_named(openai_simulator: Simulator) -> None:
    content = [
        {"type": "text", "text": "What do you see here?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
    ]
    client = openai_client(openai_simulator)
    answer = await client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": content}])  # type: ignore[list-item, misc]
    plain = await ask(openai_simulator, "What do you see here?")
    assert answer.choices[0].message.content is not None
    assert answer.choices[0].message.content.endswith("I got 2 images. I got 1 document.")
    assert answer.usage is not None
    assert answer.usage.prompt_tokens - plain.usage.prompt_tokens == 2 * 85 + 250


async def test_models(openai_simulator: Simulator) -> None:
    client = openai_client(openai_simulator)
    ids = [model.id async for model in client.models.list()]
    assert "gpt-5.4-mini" in ids
    assert (await client.models.retrieve("anything")).id == "anything"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("no-such-model")


@pytest.mark.parametrize(
    ("authorization", "code", "start"),
    [
        (None, None, "You didn't provide an API key."),
        ("Bearer invalid-key-12345", "invalid_api_key", "Incorrect API key provided: invalid-*****2345."),
    ],
)
async def test_required_key(authorization: str | None, code: str | None, start: str) -> None:
    async with Simulator("openai", require_key="sk-right") as simulator:
        path, body = chat("openai")
        headers = {"authorization": authorization} if authorization else {}
        seen = await call(simulator, path, body, headers)
        error = seen.json()["error"]
        assert (seen.status, error["code"], error["type"], error["param"]) == (401, code, "invalid_request_error", None)
        assert error["message"].startswith(start)
        right = await call(simulator, path, body, {"authorization": "Bearer sk-right"})
        assert right.status == 200
