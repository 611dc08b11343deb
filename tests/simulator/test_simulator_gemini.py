"""The official Google SDK straight against the simulator: what each feature gives back."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from google.genai import errors, types

from gateway.simulator.server import Simulator
from tests.simulator.clients import call, chat, gemini_client

OLD, NEW = "gemini-2.5-flash", "gemini-3.1-pro-preview"
QUESTION = "What is the weather in San Francisco?"
WEATHER = types.FunctionDeclaration(
    name="get_weather",
    parameters=types.Schema(
        type=types.Type.OBJECT, properties={"city": types.Schema(type=types.Type.STRING)}, required=["city"]
    ),
)
CLOCK = types.FunctionDeclaration(name="get_clock", parameters_json_schema={"type": "object", "properties": {}})
TOOLS = types.Tool(function_declarations=[WEATHER, CLOCK])
Answer = types.GenerateContentResponse


async def ask(simulator: Simulator, contents: Any, model: str = OLD, **config: Any) -> Answer:
    options = types.GenerateContentConfig(**config)
    answer: Answer = await gemini_client(simulator).aio.models.generate_content(
        model=model, contents=contents, config=options
    )
    return answer


async def stream(simulator: Simulator, contents: Any, model: str = OLD, **config: Any) -> list[Answer]:
    options = types.GenerateContentConfig(**config)
    chunks = await gemini_client(simulator).aio.models.generate_content_stream(
        model=model, contents=contents, config=options
    )
    return [chunk async for chunk in chunks]


def parts_of(answer: Answer) -> list[types.Part]:
    assert answer.candidates
    content = answer.candidates[0].content
    return list(content.parts or ()) if content else []


def usage_of(answer: Answer) -> Any:
    assert answer.usage_metadata is not None
    return answer.usage_metadata


async def test_text(gemini_simulator: Simulator) -> None:
    answer = await ask(gemini_simulator, "What is the capital of France?")
    assert answer.text is not None
    assert "What is the capital of France?" in answer.text
    usage = usage_of(answer)
    assert usage.candidates_token_count == -(-len(answer.text) // 4)
    assert usage.total_token_count == (
        usage.prompt_token_count + usage.candidates_token_count + usage.thoughts_token_count
    )
    assert sum(detail.token_count for detail in usage.prompt_tokens_details) == usage.prompt_token_count
    assert answer.candidates is not None
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert answer.model_version == OLD
    assert answer.response_id


@pytest.mark.parametrize("model", [OLD, NEW, "gemini-2.0-flash"])
async def test_a_stream_says_the_same_as_the_whole_answer(gemini_simulator: Simulator, model: str) -> None:
    whole = await ask(gemini_simulator, "Tell me something", model)
    chunks = await stream(gemini_simulator, "Tell me something", model)
    assert len(chunks) > 2
    assert "".join(chunk.text or "" for chunk in chunks) == whole.text
    assert usage_of(chunks[-1]) == usage_of(whole)
    counts = [usage_of(chunk).candidates_token_count for chunk in chunks]
    assert counts == sorted(counts)
    reasons = [chunk.candidates[0].finish_reason for chunk in chunks if chunk.candidates]
    assert reasons[-1] == types.FinishReason.STOP
    assert set(reasons[:-1]) == {None}


async def test_stream_on_the_wire(gemini_simulator: Simulator) -> None:
    path, body = chat("gemini", stream=True)
    seen = await call(gemini_simulator, path, body)
    assert seen.headers["content-type"] == "text/event-stream"
    assert seen.body.endswith(b"\r\n\r\n")
    assert b"[DONE]" not in seen.body
    assert b"\n\n" not in seen.body
    assert all("usageMetadata" in json.loads(event) for event in seen.events())


async def test_stream_without_alt_sse_is_one_array(gemini_simulator: Simulator) -> None:
    path, body = chat("gemini", stream=True)
    seen = await call(gemini_simulator, path.removesuffix("?alt=sse"), body)
    assert seen.headers["content-type"].startswith("application/json")
    chunks = seen.json()
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"
    assert len(chunks) > 2


async def test_limit_stop_and_candidates(gemini_simulator: Simulator) -> None:
    thoughtless = {"thinking_config": types.ThinkingConfig(thinking_budget=0)}
    short = await ask(gemini_simulator, "Say exactly: one two three", max_output_tokens=2, **thoughtless)
    assert short.candidates
    assert (short.text, short.candidates[0].finish_reason) == ("one two ", types.FinishReason.MAX_TOKENS)
    stopped = await ask(gemini_simulator, "Say exactly: one two three", stop_sequences=["three"])
    assert stopped.text == "one two "
    several = await ask(gemini_simulator, "Give me ideas for lunch", candidate_count=2)
    assert several.candidates
    texts = [c.content.parts[0].text for c in several.candidates if c.content and c.content.parts]
    assert len(set(texts)) == 2


async def test_thinking_takes_at_most_half_of_the_limit(gemini_simulator: Simulator) -> None:
    answer = await ask(gemini_simulator, "Say exactly: abcdefghijkl", "gemini-2.5-pro", max_output_tokens=4)
    assert (answer.text, usage_of(answer).thoughts_token_count) == ("abcdefgh", 2)


@pytest.mark.parametrize(("model", "has_id"), [(OLD, False), (NEW, True)])
async def test_function_call_and_response(gemini_simulator: Simulator, model: str, has_id: bool) -> None:
    first = await ask(gemini_simulator, QUESTION, model, tools=[TOOLS])
    assert first.function_calls
    made = first.function_calls[0]
    assert (made.name, made.args, bool(made.id)) == ("get_weather", {"city": "San Francisco"}, has_id)
    response = types.FunctionResponse(id=made.id, name="get_weather", response={"result": "foggy"})
    contents = [
        types.UserContent(QUESTION),
        first.candidates[0].content,  # type: ignore[index]
        types.Content(role="user", parts=[types.Part(function_response=response)]),
    ]
    second = await ask(gemini_simulator, contents, model, tools=[TOOLS])
    assert second.text == "The tool returned: foggy"


async def test_parallel_calls_stream_one_by_one_and_only_the_first_is_signed(gemini_simulator: Simulator) -> None:
    chunks = await stream(gemini_simulator, "The weather in Oslo and the clock, please?", NEW, tools=[TOOLS])
    calls = [part for chunk in chunks for part in parts_of(chunk) if part.function_call]
    assert [part.function_call.name for part in calls if part.function_call] == ["get_weather", "get_clock"]
    assert [bool(part.thought_signature) for part in calls] == [True, False]
    assert parts_of(chunks[-1])[0].text == ""


@pytest.mark.parametrize(
    ("mode", "allowed", "names"),
    [
        ("NONE", None, []),
        ("AUTO", None, []),
        ("ANY", None, ["get_weather"]),
        ("ANY", ["get_clock"], ["get_clock"]),
        ("VALIDATED", ["get_clock"], []),
    ],
)
async def test_function_calling_modes(gemini_simulator: Simulator, mode: Any, allowed: Any, names: Any) -> None:
    config = types.ToolConfig(
        function_calling_config=types.FunctionCallingConfig(mode=mode, allowed_function_names=allowed)
    )
    answer = await ask(gemini_simulator, "Hello!", tools=[TOOLS], tool_config=config)
    assert [made.name for made in answer.function_calls or ()] == names


@pytest.mark.parametrize("kind", ["response_schema", "response_json_schema"])
async def test_schemas(gemini_simulator: Simulator, kind: str) -> None:
    schema: Any = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "number"}},
        "required": ["a", "b"],
    }
    if kind == "response_schema":
        schema = types.Schema.model_validate(schema)
    config: Any = {"response_mime_type": "application/json", kind: schema}
    answer = await ask(gemini_simulator, "Add 2 and 5.5", **config)
    assert json.loads(answer.text or "") == {"a": 2, "b": 5.5}
    free = await ask(gemini_simulator, "Give me an object", response_mime_type="application/json")
    assert isinstance(json.loads(free.text or ""), dict)


async def test_thoughts_are_shown_when_asked_and_always_counted(gemini_simulator: Simulator) -> None:
    hidden = await ask(gemini_simulator, "Think about it", NEW)
    assert [bool(part.thought) for part in parts_of(hidden)] == [False]
    assert usage_of(hidden).thoughts_token_count == 24
    low = types.ThinkingConfig(include_thoughts=True, thinking_level=types.ThinkingLevel.LOW)
    shown = await ask(gemini_simulator, "Think about it", NEW, thinking_config=low)
    assert [bool(part.thought) for part in parts_of(shown)] == [True, False]
    assert usage_of(shown).thoughts_token_count == 12
    none = types.ThinkingConfig(thinking_budget=0)
    assert usage_of(await ask(gemini_simulator, "Think", OLD, thinking_config=none)).thoughts_token_count is None


async def signed_turn(simulator: Simulator) -> list[types.Content]:
    first = await ask(simulator, QUESTION, NEW, tools=[TOOLS])
    assert first.candidates
    assert first.candidates[0].content
    response = types.FunctionResponse(name="get_weather", response={"result": "foggy"})
    return [
        types.UserContent(QUESTION),
        first.candidates[0].content,
        types.Content(role="user", parts=[types.Part(function_response=response)]),
    ]


async def test_gemini_3_wants_the_signature_of_the_current_turn_back(gemini_simulator: Simulator) -> None:
    contents = await signed_turn(gemini_simulator)
    assert (await ask(gemini_simulator, contents, NEW, tools=[TOOLS])).text
    part: Any = contents[1].parts[0]  # type: ignore[index]
    part.thought_signature = None
    with pytest.raises(errors.ClientError) as missing:
        await ask(gemini_simulator, contents, NEW, tools=[TOOLS])
    assert "function call `default_api:get_weather` , position 2." in str(missing.value.message)
    part.thought_signature = b"skip_thought_signature_validator"
    assert (await ask(gemini_simulator, contents, NEW, tools=[TOOLS])).text
    part.thought_signature = b"not one of ours"
    with pytest.raises(errors.ClientError, match="Corrupted thought signature"):
        await ask(gemini_simulator, contents, NEW, tools=[TOOLS])


async def test_dummy_signature_may_be_plain_text(gemini_simulator: Simulator) -> None:
    dummy = "skip_thought_signature_validator"
    for signature in (dummy, b64encode(dummy.encode()).decode()):
        contents = [
            {"role": "user", "parts": [{"text": QUESTION}]},
            {
                "role": "model",
                "parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": signature}],
            },
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": "foggy"}}}]},
        ]
        seen = await call(gemini_simulator, f"/v1beta/models/{NEW}:generateContent", {"contents": contents})
        assert seen.status == 200


async def test_older_turns_need_no_signature(gemini_simulator: Simulator) -> None:
    contents = await signed_turn(gemini_simulator)
    contents[1].parts[0].thought_signature = None  # type: ignore[index]
    contents += [types.ModelContent("It is foggy."), types.UserContent("Thank you.")]
    assert (await ask(gemini_simulator, contents, NEW, tools=[TOOLS])).candidates


async def test_a_known_beginning_is_cached(gemini_simulator: Simulator) -> None:
    opening = types.UserContent("story " * 1000)
    first = await ask(gemini_simulator, [opening])
    second = await ask(gemini_simulator, [opening, types.ModelContent("yes"), types.UserContent("go on")])
    assert usage_of(first).cached_content_token_count is None
    assert usage_of(second).cached_content_token_count == 1500
    assert usage_of(second).prompt_token_count > 1500
    assert usage_of(second).cache_tokens_details[0].token_count == 1500


async def test_attachments_are_counted_by_modality(gemini_simulator: Simulator) -> None:
    contents = [
        "What is this?",
        types.Part.from_bytes(data=b"\x89PNG", mime_type="image/png"),
        types.Part.from_bytes(data=b"%PDF-", mime_type="application/pdf"),
        types.Part.from_bytes(data=b"RIFF", mime_type="audio/wav"),
        types.Part.from_uri(file_uri="https://example.com/a.png", mime_type="image/png"),
    ]
    answer = await ask(gemini_simulator, contents)
    details = {detail.modality.value: detail.token_count for detail in usage_of(answer).prompt_tokens_details}
    assert details == {"TEXT": 4, "IMAGE": 516, "DOCUMENT": 258, "AUDIO": 64}
    counted = await gemini_client(gemini_simulator).aio.models.count_tokens(model=OLD, contents=contents)
    assert counted.total_tokens == usage_of(answer).prompt_token_count


async def test_logprobs(gemini_simulator: Simulator) -> None:
    answer = await ask(gemini_simulator, "Say exactly: hello you", response_logprobs=True, logprobs=2)
    assert answer.candidates
    result = answer.candidates[0].logprobs_result
    assert result is not None
    assert result.chosen_candidates is not None
    assert result.top_candidates is not None
    assert "".join(entry.token or "" for entry in result.chosen_candidates) == "hello you"
    assert all(len(top.candidates or ()) == 2 for top in result.top_candidates)


async def test_models(gemini_simulator: Simulator) -> None:
    client = gemini_client(gemini_simulator)
    assert (await client.aio.models.get(model=NEW)).name == f"models/{NEW}"
    names = [model.name async for model in await client.aio.models.list()]
    assert f"models/{OLD}" in names


@pytest.mark.parametrize(
    ("key", "status", "code", "start"),
    [
        (None, 403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers"),
        ("wrong", 400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
        ("right", 200, None, None),
    ],
)
async def test_required_key(key: str | None, status: int, code: Any, start: Any) -> None:
    async with Simulator("gemini", require_key="right") as simulator:
        path, body = chat("gemini")
        by_header = await call(simulator, path, body, {"x-goog-api-key": key} if key else {})
        by_query = await call(simulator, f"{path}?key={key}" if key else path, body)
        for seen in (by_header, by_query):
            assert seen.status == status
            if start:
                error = seen.json()["error"]
                assert (error["code"], error["status"]) == (status, code)
                assert error["message"].startswith(start)
