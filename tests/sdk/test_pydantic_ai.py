"""pydantic-ai: an Agent over OpenAIChatModel, with nothing but the provider's base URL changed."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_ai import (
    Agent,
    AgentRunResultEvent,
    BinaryContent,
    FunctionToolCallEvent,
    ImageUrl,
    ModelHTTPError,
    ModelMessagesTypeAdapter,
    ModelRetry,
    NativeOutput,
    PromptedOutput,
    ThinkingPart,
    ToolCallPart,
    ToolOutput,
    ToolReturn,
)
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.running import RunningGateway
from tests.sdk.asks import Train, Wagon, pdf, png
from tests.sdk.conftest import KEY

TRAIN = 'The train with name "Blue Arrow" has wagons: number 7 with cargo "coal". It is late: true.'
BLUE_ARROW = Train(name="Blue Arrow", wagons=[Wagon(number=7, cargo="coal")], late=True)
THINK: Any = {"openai_reasoning_effort": "high"}


@pytest.fixture
def provider(gateway: RunningGateway) -> OpenAIProvider:
    return OpenAIProvider(base_url=gateway.base_url, api_key=KEY)


@pytest.fixture
def chat(provider: OpenAIProvider, model: str) -> OpenAIChatModel:
    return OpenAIChatModel(model, provider=provider)


@pytest.fixture
def dispatcher(chat: OpenAIChatModel) -> Agent:
    """An agent with two tools."""
    agent = Agent(chat, instructions="You run a yard.")

    @agent.tool_plain
    def get_weather(city: str) -> str:
        """The weather in a city."""
        return f"sunny in {city}"

    @agent.tool_plain
    def get_time(city: str) -> str:
        """The local time in a city."""
        return f"noon in {city}"

    return agent


async def test_text(chat: OpenAIChatModel, model: str) -> None:
    result = await Agent(chat, system_prompt="You run a yard.").run("Say exactly: wagons roll")
    assert result.output == "wagons roll"
    assert result.response.model_name == model
    assert result.response.finish_reason == "stop"


async def test_usage(chat: OpenAIChatModel, gateway: RunningGateway) -> None:
    result = await Agent(chat).run("Tell me about wagons, please.")
    booked = gateway.records.last().usage
    assert booked is not None
    assert (result.usage.input_tokens, result.usage.output_tokens) == (booked.prompt_total, booked.completion_total)


async def test_streamed_text(chat: OpenAIChatModel) -> None:
    async with Agent(chat).run_stream("words: 40") as run:
        texts = [text async for text in run.stream_text(debounce_by=None)]
        assert len(texts) > 2
        assert texts[-1] == await run.get_output()
        assert len(texts[-1].split()) == 40
        assert run.usage.output_tokens > 0


async def test_tool(dispatcher: Agent) -> None:
    result = await dispatcher.run("What is the weather in Paris?")
    assert result.output == "The tool returned: sunny in Paris"
    assert result.usage.tool_calls == 1
    assert result.usage.requests == 2


async def test_parallel_tools(dispatcher: Agent) -> None:
    result = await dispatcher.run("Use all the tools in parallel for Paris.")
    assert result.output == "The tools returned: sunny in Paris; noon in Paris"
    assert result.usage.tool_calls == 2
    assert result.usage.requests == 2


async def test_streamed_tools(dispatcher: Agent) -> None:
    async with dispatcher.run_stream_events("Use all the tools in parallel for Paris.") as stream:
        events = [event async for event in stream]
    calls = [event.part.tool_name for event in events if isinstance(event, FunctionToolCallEvent)]
    assert calls == ["get_weather", "get_time"]
    assert isinstance(events[-1], AgentRunResultEvent)
    assert events[-1].result.output == "The tools returned: sunny in Paris; noon in Paris"


async def test_tool_that_asks_for_another_try(chat: OpenAIChatModel) -> None:
    agent = Agent(chat)
    tried: list[str] = []

    @agent.tool_plain
    def get_weather(city: str) -> str:
        """The weather in a city."""
        tried.append(city)
        if len(tried) == 1:
            raise ModelRetry("Call get_weather once more.")
        return "sunny"

    result = await agent.run("What is the weather in Paris?")
    assert tried
    assert result.output.startswith("The tool")


@pytest.mark.parametrize("mode", [ToolOutput, NativeOutput, PromptedOutput], ids=["tool", "native", "prompted"])
async def test_structured_output(chat: OpenAIChatModel, mode: Any) -> None:
    result = await Agent(chat, output_type=mode(Train)).run(TRAIN)
    assert result.output == BLUE_ARROW


@pytest.mark.parametrize("mode", [ToolOutput, NativeOutput, PromptedOutput], ids=["tool", "native", "prompted"])
async def test_streamed_structured_output(chat: OpenAIChatModel, mode: Any) -> None:
    async with Agent(chat, output_type=mode(Train)).run_stream(TRAIN) as run:
        partial = [output async for output in run.stream_output(debounce_by=None)]
        assert partial[-1] == await run.get_output() == BLUE_ARROW


async def test_structured_output_after_a_tool(chat: OpenAIChatModel) -> None:
    agent = Agent(chat, output_type=NativeOutput(Train))

    @agent.tool_plain
    def get_wagons(train: str) -> str:
        """The wagons of a train."""
        return 'wagons: number 7 with cargo "coal"'

    result = await agent.run("Which wagons has the train? Its name: Arrow")
    assert isinstance(result.output, Train)
    assert result.usage.tool_calls == 1


async def test_history(dispatcher: Agent) -> None:
    """A second turn on the first one's messages, also after they were stored as JSON."""
    first = await dispatcher.run("What is the weather in Paris?")
    stored = ModelMessagesTypeAdapter.validate_json(first.all_messages_json())
    for history in (first.all_messages(), stored):
        second = await dispatcher.run("Say exactly: bye", message_history=history)
        assert second.output == "bye"
        assert len(second.all_messages()) == len(first.all_messages()) + 2


async def test_images_and_documents(chat: OpenAIChatModel) -> None:
    picture = BinaryContent(png(), media_type="image/png")
    plan = BinaryContent(pdf(), media_type="application/pdf")
    linked = ImageUrl("https://example.com/yard.png")
    result = await Agent(chat).run(["What is in these attachments, please?", picture, linked, plan])
    assert "I got 2 images." in result.output
    assert "I got 1 document." in result.output or "I got 1 file." in result.output


async def test_image_from_a_tool(chat: OpenAIChatModel) -> None:
    agent = Agent(chat)

    @agent.tool_plain
    def get_picture(place: str) -> ToolReturn:
        """A picture of a place."""
        picture = BinaryContent(png(), media_type="image/png")
        return ToolReturn("A picture follows.", content=["Say exactly: seen", picture])

    result = await agent.run("Get a picture of Paris.")
    assert result.output in ("seen", "The tool returned: A picture follows.")
    assert result.usage.tool_calls == 1


async def test_thinking(chat: OpenAIChatModel) -> None:
    result = await Agent(chat, model_settings=THINK).run("Which wagon is the heaviest?")
    (thought,) = [part for part in result.response.parts if isinstance(part, ThinkingPart)]
    assert "wagon" in thought.content
    assert "simulated answer" in result.output
    assert result.usage.details["reasoning_tokens"] > 0


async def test_thinking_with_tools_over_turns(dispatcher: Agent) -> None:
    first = await dispatcher.run("What is the weather in Paris?", model_settings=THINK)
    assert first.output == "The tool returned: sunny in Paris"
    calls = [p for m in first.all_messages() for p in m.parts if isinstance(p, ToolCallPart)]
    assert len(calls) == 1
    second = await dispatcher.run("And the time in Oslo?", message_history=first.all_messages(), model_settings=THINK)
    assert second.output == "The tool returned: noon in Oslo"


async def test_stop_and_limits(chat: OpenAIChatModel) -> None:
    agent = Agent(chat)
    stopped = await agent.run("Say exactly: one two three", model_settings={"stop_sequences": ["three"]})
    assert stopped.output.strip() == "one two"
    cut = await agent.run("words: 400", model_settings={"max_tokens": 60, "temperature": 0.2})
    assert cut.response.finish_reason == "length"


@pytest.mark.parametrize(("fault", "status"), [("limited", 429), ("down", 503)])
async def test_errors(provider: OpenAIProvider, wire: str, fault: str, status: int) -> None:
    with pytest.raises(ModelHTTPError) as caught:
        await Agent(OpenAIChatModel(f"{wire}-{fault}", provider=provider)).run("hi")
    assert caught.value.status_code == status
