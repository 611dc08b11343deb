"""instructor: objects out of answers, in its modes for OpenAI clients."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import instructor
import openai
import pytest
from instructor import Mode
from pydantic import BaseModel, field_validator

from tests.running import RunningGateway
from tests.sdk.asks import Train, Wagon, data_url, png, user
from tests.sdk.conftest import KEY

TRAIN = 'The train with name "Blue Arrow" has wagons: number 7 with cargo "coal". It is late: true.'
BLUE_ARROW = {"name": "Blue Arrow", "wagons": [{"number": 7, "cargo": "coal"}], "late": True}
WAGONS = [{"number": 7, "cargo": "coal"}, {"number": 8, "cargo": "ore"}]
LIST = f"Take these over: {json.dumps({'tasks': WAGONS})}"
JSON_MODES = [Mode.JSON, Mode.JSON_SCHEMA, Mode.MD_JSON]


@pytest.fixture(scope="module")
def client(gateway: RunningGateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=gateway.base_url, api_key=KEY) as client:
        yield client


@pytest.fixture(params=[Mode.TOOLS, *JSON_MODES], ids=lambda mode: mode.name.lower())
def mode(request: pytest.FixtureRequest) -> Mode:
    mode: Mode = request.param
    return mode


def test_object(client: openai.OpenAI, model: str, mode: Mode) -> None:
    patched = instructor.from_openai(client, mode=mode)
    train, completion = patched.create_with_completion(model=model, messages=user(TRAIN), response_model=Train)
    assert train.model_dump() == BLUE_ARROW
    assert completion.usage.total_tokens > 0


async def test_async_object(gateway: RunningGateway, model: str, mode: Mode) -> None:
    async with openai.AsyncOpenAI(base_url=gateway.base_url, api_key=KEY) as client:
        patched = instructor.from_openai(client, mode=mode)
        train = await patched.create(model=model, messages=user(TRAIN), response_model=Train)
    assert train.model_dump() == BLUE_ARROW


def test_from_provider(gateway: RunningGateway, model: str) -> None:
    patched = instructor.from_provider(f"openai/{model}", base_url=gateway.base_url, api_key=KEY)
    assert patched.create(messages=user(TRAIN), response_model=Train).model_dump() == BLUE_ARROW


def grow(client: openai.OpenAI, model: str, mode: Mode) -> list[Any]:
    """The object as it grows, checked to be complete in the end."""
    patched = instructor.from_openai(client, mode=mode)
    grown = list(patched.create_partial(model=model, messages=user(TRAIN), response_model=Train))
    assert grown[-1].model_dump() == BLUE_ARROW
    return grown


@pytest.mark.parametrize("mode", JSON_MODES, ids=lambda mode: mode.name.lower())
def test_partials(client: openai.OpenAI, model: str, mode: Mode) -> None:
    assert len(grow(client, model, mode)) > 1


def test_partials_of_a_call(client: openai.OpenAI, model: str) -> None:
    assert len(grow(client, model, Mode.TOOLS)) > 1


def test_list(client: openai.OpenAI, model: str, mode: Mode) -> None:
    patched = instructor.from_openai(client, mode=mode)
    wagons = patched.create(model=model, messages=user(LIST), response_model=list[Wagon])
    assert [wagon.model_dump() for wagon in wagons] == WAGONS


def test_iterable(client: openai.OpenAI, model: str, mode: Mode) -> None:
    """Objects out of a stream, each as soon as it is whole."""
    patched = instructor.from_openai(client, mode=mode)
    wagons = patched.create_iterable(model=model, messages=user(LIST), response_model=Wagon)
    assert [wagon.model_dump() for wagon in wagons] == WAGONS


def test_parallel_tools(client: openai.OpenAI, model: str) -> None:
    class GetWeather(BaseModel):
        """The weather in a city."""

        city: str

    class GetTime(BaseModel):
        """The local time in a city."""

        city: str

    patched = instructor.from_openai(client, mode=Mode.PARALLEL_TOOLS)
    wanted: Any = Iterable[GetWeather | GetTime]
    calls = list(
        patched.create(model=model, messages=user("Use all the tools in parallel for Paris."), response_model=wanted)
    )
    assert [(type(call).__name__, call.city) for call in calls] == [("GetWeather", "Paris"), ("GetTime", "Paris")]


def test_retry(client: openai.OpenAI, gateway: RunningGateway, model: str, mode: Mode) -> None:
    """The first object is refused; instructor sends it back with the reason, and takes the second."""
    seen: list[int] = []

    class Picky(BaseModel):
        number: int

        @field_validator("number")
        @classmethod
        def refuse_the_first(cls, value: int) -> int:
            seen.append(value)
            if len(seen) == 1:
                raise ValueError("the first is never good enough")
            return value

    asked = len(gateway.records.started)
    patched = instructor.from_openai(client, mode=mode)
    picky = patched.create(model=model, messages=user("The number: 7"), response_model=Picky, max_retries=2)
    assert isinstance(picky, Picky)
    assert len(gateway.records.started) == asked + 2


def test_picture(client: openai.OpenAI, model: str, mode: Mode) -> None:
    class Seen(BaseModel):
        color: str

    content: list[Any] = ["Which color is it?", instructor.Image.from_base64(data_url("image/png", png()))]
    patched = instructor.from_openai(client, mode=mode)
    seen = patched.create(model=model, messages=[{"role": "user", "content": content}], response_model=Seen)
    assert seen.color
