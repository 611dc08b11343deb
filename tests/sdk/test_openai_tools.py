"""openai SDK: function tools, in every choice, whole and streamed, and back again with their results."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion

from tests.sdk.asks import CLOCK, STRICT_CLOCK, STRICT_WEATHER, WEATHER, GetWeather, Json, user
from tests.sdk.clients import Caller

PARALLEL = "Use all the tools in parallel for Paris."


def calls_of(answer: ChatCompletion) -> list[Any]:
    """The answer's calls, checked for what apps rely on."""
    calls = answer.choices[0].message.tool_calls or []
    assert len({call.id for call in calls}) == len(calls)
    for call in calls:
        assert call.id
        assert call.type == "function"
        assert isinstance(json.loads(call.function.arguments), dict)
    return calls


def results_for(calls: list[Any], **texts: str) -> list[Json]:
    return [{"role": "tool", "tool_call_id": call.id, "content": texts[call.function.name]} for call in calls]


def test_a_call_and_its_result(caller: Caller, model: str) -> None:
    messages: list[Any] = user("What is the weather in Paris?")
    first = caller.create(model=model, messages=messages, tools=[WEATHER])
    (call,) = calls_of(first)
    assert first.choices[0].finish_reason == "tool_calls"
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "Paris"})
    messages = [*messages, first.choices[0].message, *results_for([call], get_weather="sunny, 21 degrees")]
    second = caller.create(model=model, messages=messages, tools=[WEATHER])
    assert second.choices[0].finish_reason == "stop"
    assert second.choices[0].message.content == "The tool returned: sunny, 21 degrees"


def test_parallel_calls_and_their_results(caller: Caller, model: str) -> None:
    messages: list[Any] = user(PARALLEL)
    first = caller.create(model=model, messages=messages, tools=[WEATHER, CLOCK])
    calls = calls_of(first)
    assert [call.function.name for call in calls] == ["get_weather", "get_time"]
    results = results_for(calls, get_weather="sunny", get_time="noon")
    second = caller.create(
        model=model, messages=[*messages, first.choices[0].message, *results], tools=[WEATHER, CLOCK]
    )
    assert second.choices[0].message.content == "The tools returned: sunny; noon"


def test_results_in_another_order(caller: Caller, model: str) -> None:
    messages: list[Any] = user(PARALLEL)
    first = caller.create(model=model, messages=messages, tools=[WEATHER, CLOCK])
    results = results_for(calls_of(first), get_weather="sunny", get_time="noon")
    messages = [*messages, first.choices[0].message, *reversed(results)]
    assert caller.create(model=model, messages=messages, tools=[WEATHER, CLOCK]).choices[0].message.content


def test_no_parallel_calls(caller: Caller, model: str) -> None:
    answer = caller.create(model=model, messages=user(PARALLEL), tools=[WEATHER, CLOCK], parallel_tool_calls=False)
    assert len(calls_of(answer)) == 1


def test_forced_call(caller: Caller, model: str) -> None:
    choice = {"type": "function", "function": {"name": "get_time"}}
    answer = caller.create(model=model, messages=user("Say exactly: no"), tools=[WEATHER, CLOCK], tool_choice=choice)
    (call,) = calls_of(answer)
    assert call.function.name == "get_time"
    assert answer.choices[0].finish_reason in ("stop", "tool_calls")


def test_required_call(caller: Caller, model: str) -> None:
    answer = caller.create(model=model, messages=user("Say exactly: no"), tools=[WEATHER], tool_choice="required")
    assert len(calls_of(answer)) == 1


def test_allowed_tools(caller: Caller, model: str) -> None:
    allowed = [{"type": "function", "function": {"name": "get_time"}}]
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": allowed}}
    answer = caller.create(
        model=model, messages=user("What is the weather in Paris?"), tools=[WEATHER, CLOCK], tool_choice=choice
    )
    (call,) = calls_of(answer)
    assert call.function.name == "get_time"


def test_no_call(caller: Caller, model: str) -> None:
    answer = caller.create(
        model=model, messages=user("What is the weather in Paris?"), tools=[WEATHER], tool_choice="none"
    )
    assert calls_of(answer) == []
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"


def test_tool_without_parameters(caller: Caller, model: str) -> None:
    tool = {"type": "function", "function": {"name": "list_wagons"}}
    answer = caller.create(model=model, messages=user("Please list wagons."), tools=[tool])
    (call,) = calls_of(answer)
    assert json.loads(call.function.arguments) == {}


def test_result_in_parts(caller: Caller, model: str) -> None:
    messages: list[Any] = user("What is the weather in Paris?")
    first = caller.create(model=model, messages=messages, tools=[WEATHER])
    (call,) = calls_of(first)
    parts = [{"type": "text", "text": "sunny, "}, {"type": "text", "text": "21 degrees"}]
    result = {"role": "tool", "tool_call_id": call.id, "content": parts}
    answer = caller.create(model=model, messages=[*messages, first.choices[0].message, result], tools=[WEATHER])
    said = answer.choices[0].message.content or ""
    assert said.index("sunny") < said.index("21 degrees")


def test_history_of_another_model(caller: Caller, model: str) -> None:
    """Calls that were made elsewhere, with ids of no vendor, and no tools any more."""
    call = {"id": "my-id-1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}
    messages = [
        *user("What is the weather in Oslo?"),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "my-id-1", "content": "rain"},
        {"role": "assistant", "content": "It rains."},
        *user("Say exactly: thanks"),
    ]
    assert caller.create(model=model, messages=messages).choices[0].message.content == "thanks"
    assert caller.create(model=model, messages=messages, tools=[WEATHER]).choices[0].message.content == "thanks"


def test_streamed_calls(caller: Caller, model: str) -> None:
    """The deltas add up to the calls: by index, the id and name once, the arguments in pieces."""
    chunks = caller.chunks(model=model, messages=user(PARALLEL), tools=[WEATHER, CLOCK])
    calls: dict[int, dict[str, str]] = {}
    for chunk in chunks:
        for delta in chunk.choices[0].delta.tool_calls or ():
            assert delta.function is not None
            if delta.index not in calls:
                assert delta.id
                assert delta.function.name
                calls[delta.index] = {"id": delta.id, "name": delta.function.name, "arguments": ""}
            else:
                assert delta.function.name is None
                assert delta.id is None
            calls[delta.index]["arguments"] += delta.function.arguments or ""
    assert [call["name"] for _, call in sorted(calls.items())] == ["get_weather", "get_time"]
    assert [json.loads(call["arguments"]) for _, call in sorted(calls.items())] == [{"city": "Paris"}] * 2
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_streamed_calls_and_their_results(caller: Caller, model: str) -> None:
    """The helper's own message, with what it parsed, goes back as it is; nothing of it is lost or warned of."""
    messages: list[Any] = user(PARALLEL)
    tools = [STRICT_WEATHER, STRICT_CLOCK]
    events, first = caller.events(model=model, messages=messages, tools=tools)
    deltas = [event for event in events if event.type == "tool_calls.function.arguments.delta"]
    done = [event for event in events if event.type == "tool_calls.function.arguments.done"]
    assert {event.name for event in deltas} == {"get_weather", "get_time"}
    assert [(event.name, json.loads(event.arguments)) for event in sorted(done, key=lambda event: event.index)] == [
        ("get_weather", {"city": "Paris"}),
        ("get_time", {"city": "Paris"}),
    ]
    results = results_for(calls_of(first), get_weather="sunny", get_time="noon")
    messages = [*messages, first.choices[0].message, *results]
    _, second = caller.events(model=model, messages=messages, tools=tools)
    assert second.choices[0].message.content == "The tools returned: sunny; noon"
    raw = caller.raw(model=model, messages=messages, tools=[WEATHER, CLOCK])
    assert "x-gateway-warnings" not in raw.headers


def test_pydantic_tool(caller: Caller, model: str) -> None:
    answer = caller.parse(
        model=model,
        messages=user("What is the weather in Paris?"),
        tools=[openai.pydantic_function_tool(GetWeather, name="get_weather")],
    )
    (call,) = answer.choices[0].message.tool_calls or ()
    assert call.function.parsed_arguments == GetWeather(city="Paris")


def test_streamed_pydantic_tool(caller: Caller, model: str) -> None:
    events, final = caller.events(
        model=model,
        messages=user("What is the weather in Paris?"),
        tools=[openai.pydantic_function_tool(GetWeather, name="get_weather")],
    )
    (done,) = [event for event in events if event.type == "tool_calls.function.arguments.done"]
    (call,) = final.choices[0].message.tool_calls or ()
    assert done.parsed_arguments == call.function.parsed_arguments == GetWeather(city="Paris")


def test_legacy_functions(caller: Caller, model: str) -> None:
    """`functions` and `function_call`, as apps of 2023 send them."""
    messages: list[Any] = user("What is the weather in Paris?")
    first = caller.create(model=model, messages=messages, functions=[WEATHER["function"]], function_call="auto")
    message = first.choices[0].message
    assert first.choices[0].finish_reason == "function_call"
    assert message.function_call is not None
    assert json.loads(message.function_call.arguments) == {"city": "Paris"}
    result = {"role": "function", "name": "get_weather", "content": "sunny"}
    second = caller.create(model=model, messages=[*messages, message, result], functions=[WEATHER["function"]])
    assert second.choices[0].message.content == "The tool returned: sunny"


@pytest.mark.parametrize("name", ["get_weather", "get-weather", "get_weather_" + "x" * 52])
def test_tool_names(caller: Caller, model: str, name: str) -> None:
    tool = {"type": "function", "function": {**WEATHER["function"], "name": name}}
    answer = caller.create(model=model, messages=user("Paris, please."), tools=[tool], tool_choice="required")
    (call,) = calls_of(answer)
    assert call.function.name == name
