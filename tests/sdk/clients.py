"""The official openai SDK, sync and async, behind the same few calls, so that each case is written once for both."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

import openai
from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ParsedChatCompletion

from tests.running import LoopThread

Result = TypeVar("Result")
Ask = Any


class Answer(Protocol):
    """What `with_raw_response` gives."""

    headers: Any

    def parse(self) -> ChatCompletion: ...


class Caller(Protocol):
    """Every way in which an app calls chat completions."""

    def create(self, **ask: Ask) -> ChatCompletion: ...

    def chunks(self, **ask: Ask) -> list[ChatCompletionChunk]: ...

    def events(self, **ask: Ask) -> tuple[list[Any], ParsedChatCompletion[Any]]:
        """The events of the `.stream()` helper, and its final completion."""
        ...

    def parse(self, **ask: Ask) -> ParsedChatCompletion[Any]: ...

    def raw(self, **ask: Ask) -> Answer: ...

    def lines(self, **ask: Ask) -> tuple[Any, list[str]]:
        """Headers and lines of `with_streaming_response`."""
        ...

    def read_one_and_leave(self, **ask: Ask) -> str:
        """The first text of a stream, which is then closed."""
        ...

    def models(self) -> list[Model]: ...

    def model(self, name: str) -> Model: ...

    def patient(self, seconds: float) -> Caller:
        """The same client with another timeout, and no retries."""
        ...


class SyncCaller:
    def __init__(self, client: openai.OpenAI) -> None:
        self._client = client
        self._chat = client.chat.completions

    def create(self, **ask: Ask) -> ChatCompletion:
        return self._chat.create(**ask)

    def chunks(self, **ask: Ask) -> list[ChatCompletionChunk]:
        return list(self._chat.create(stream=True, **ask))

    def events(self, **ask: Ask) -> tuple[list[Any], ParsedChatCompletion[Any]]:
        with self._chat.stream(**ask) as stream:
            return list(stream), stream.get_final_completion()

    def parse(self, **ask: Ask) -> ParsedChatCompletion[Any]:
        return self._chat.parse(**ask)

    def raw(self, **ask: Ask) -> Answer:
        return self._chat.with_raw_response.create(**ask)

    def lines(self, **ask: Ask) -> tuple[Any, list[str]]:
        with self._chat.with_streaming_response.create(**ask) as response:
            return response.headers, list(response.iter_lines())

    def read_one_and_leave(self, **ask: Ask) -> str:
        with self._chat.create(stream=True, **ask) as stream:
            for chunk in stream:
                if chunk.choices and chunk.choices[0].delta.content:
                    return chunk.choices[0].delta.content
        raise AssertionError("the stream had no text")

    def models(self) -> list[Model]:
        return list(self._client.models.list())

    def model(self, name: str) -> Model:
        return self._client.models.retrieve(name)

    def patient(self, seconds: float) -> Caller:
        return SyncCaller(self._client.with_options(timeout=seconds, max_retries=0))


class AsyncCaller:
    """Runs the async client on a loop of its own thread."""

    def __init__(self, client: openai.AsyncOpenAI, loop: LoopThread) -> None:
        self._client = client
        self._chat = client.chat.completions
        self._loop = loop

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._loop.run(work)

    def create(self, **ask: Ask) -> ChatCompletion:
        return self._run(self._chat.create(**ask))

    def chunks(self, **ask: Ask) -> list[ChatCompletionChunk]:
        async def read() -> list[ChatCompletionChunk]:
            return [chunk async for chunk in await self._chat.create(stream=True, **ask)]

        return self._run(read())

    def events(self, **ask: Ask) -> tuple[list[Any], ParsedChatCompletion[Any]]:
        async def read() -> tuple[list[Any], ParsedChatCompletion[Any]]:
            async with self._chat.stream(**ask) as stream:
                return [event async for event in stream], await stream.get_final_completion()

        return self._run(read())

    def parse(self, **ask: Ask) -> ParsedChatCompletion[Any]:
        return self._run(self._chat.parse(**ask))

    def raw(self, **ask: Ask) -> Answer:
        return self._run(self._chat.with_raw_response.create(**ask))

    def lines(self, **ask: Ask) -> tuple[Any, list[str]]:
        async def read() -> tuple[Any, list[str]]:
            async with self._chat.with_streaming_response.create(**ask) as response:
                return response.headers, [line async for line in response.iter_lines()]

        return self._run(read())

    def read_one_and_leave(self, **ask: Ask) -> str:
        async def read() -> str:
            async with await self._chat.create(stream=True, **ask) as stream:
                async for chunk in stream:
                    if chunk.choices and chunk.choices[0].delta.content:
                        return chunk.choices[0].delta.content
            raise AssertionError("the stream had no text")

        return self._run(read())

    def models(self) -> list[Model]:
        async def read() -> list[Model]:
            return [model async for model in self._client.models.list()]

        return self._run(read())

    def model(self, name: str) -> Model:
        return self._run(self._client.models.retrieve(name))

    def patient(self, seconds: float) -> Caller:
        return AsyncCaller(self._client.with_options(timeout=seconds, max_retries=0), self._loop)
