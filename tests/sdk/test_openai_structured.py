"""openai SDK: answers bound to a JSON schema, given as a dict or as a pydantic model, whole and streamed."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Literal

import openai
import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field

from tests.sdk.asks import WEATHER, Train, Wagon, user
from tests.sdk.clients import Caller

TRAIN = 'The train with name "Blue Arrow" has wagons: number 7 with cargo "coal". It is late: true.'


class Signal(StrEnum):
    STOP = "stop"
    GO = "go"


class Freight(BaseModel):
    kind: Literal["freight"]
    tons: float


class Passenger(BaseModel):
    kind: Literal["passenger"]
    seats: int


class Yard(BaseModel):
    """What pydantic makes of the common shapes: references, unions, enums, optional and bounded values, nesting."""

    name: str = Field(description="The yard's name.")
    signal: Signal
    tracks: Annotated[list[str], Field(min_length=1)]
    first: Freight | Passenger
    parent: Yard | None
    note: str | None
    wagons: list[Wagon]


SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2},
        "late": {"type": "boolean"},
        "number": {"type": "integer", "minimum": 1, "maximum": 99},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["name", "late", "number", "tags"],
    "additionalProperties": False,
}


def wanted(strict: bool) -> dict[str, object]:
    return {"type": "json_schema", "json_schema": {"name": "train", "schema": SCHEMA, "strict": strict}}


@pytest.mark.parametrize("strict", [False, True])
def test_json_schema(caller: Caller, model: str, strict: bool) -> None:
    answer = caller.create(model=model, messages=user("Tell me of train 12."), response_format=wanted(strict))
    document = json.loads(answer.choices[0].message.content or "")
    Draft202012Validator(SCHEMA).validate(document)
    assert answer.choices[0].finish_reason == "stop"


def test_json_schema_streamed(caller: Caller, model: str) -> None:
    ask = {"model": model, "messages": user("Tell me of train 12."), "response_format": wanted(True)}
    text = "".join(chunk.choices[0].delta.content or "" for chunk in caller.chunks(**ask))
    assert json.loads(text) == json.loads(caller.create(**ask).choices[0].message.content or "")


def test_json_schema_beside_tools(caller: Caller, model: str) -> None:
    """With both, the model may call first; its last answer is the document."""
    ask = {"model": model, "tools": [WEATHER], "response_format": wanted(True)}
    first = caller.create(messages=user("What is the weather in Paris?"), **ask)
    (call,) = first.choices[0].message.tool_calls or ()
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    messages = [*user("What is the weather in Paris?"), first.choices[0].message, result]
    second = caller.create(messages=messages, **ask)
    Draft202012Validator(SCHEMA).validate(json.loads(second.choices[0].message.content or ""))
    assert not second.choices[0].message.tool_calls


def test_json_object(caller: Caller, model: str) -> None:
    messages = user("Give me a JSON object with 'name' and 'cargo'.")
    answer = caller.create(model=model, messages=messages, response_format={"type": "json_object"})
    assert json.loads(answer.choices[0].message.content or "").keys() == {"name", "cargo"}


def test_parse(caller: Caller, model: str) -> None:
    message = caller.parse(model=model, messages=user(TRAIN), response_format=Train).choices[0].message
    assert message.parsed == Train(name="Blue Arrow", wagons=[Wagon(number=7, cargo="coal")], late=True)


def test_parse_of_every_shape(caller: Caller, model: str) -> None:
    parsed = (
        caller.parse(model=model, messages=user("Tell me of the yard: go."), response_format=Yard)
        .choices[0]
        .message.parsed
    )
    assert isinstance(parsed, Yard)
    assert parsed.tracks


def test_parse_streamed(caller: Caller, model: str) -> None:
    events, final = caller.events(model=model, messages=user(TRAIN), response_format=Train)
    (done,) = [event for event in events if event.type == "content.done"]
    partial = [event.parsed for event in events if event.type == "content.delta"]
    assert done.parsed == final.choices[0].message.parsed
    assert isinstance(done.parsed, Train)
    assert any(partial)


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_a_parsed_message_goes_back(caller: Caller, model: str) -> None:
    message = caller.parse(model=model, messages=user(TRAIN), response_format=Train).choices[0].message
    raw = caller.raw(model=model, messages=[*user(TRAIN), message, *user("Say exactly: thanks")])
    assert raw.parse().choices[0].message.content == "thanks"
    assert "x-gateway-warnings" not in raw.headers


def test_a_document_that_is_cut_raises(caller: Caller, model: str) -> None:
    with pytest.raises(openai.LengthFinishReasonError):
        caller.parse(model=model, messages=user("words and more words " * 40), response_format=Train, max_tokens=12)
