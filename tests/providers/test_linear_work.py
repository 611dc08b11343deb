"""Translation runs on the event loop: twice the request, or twice the answer, is at most about twice the work, whatever
its shape. Work is counted in lines that Python runs, not in seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import orjson
import pytest

from gateway.core.chat import ChatRequest, Json
from gateway.core.errors import ProviderError
from gateway.core.wire import SseEvent
from gateway.providers.registry import adapter_for
from gateway.providers.vendors import VENDORS
from tests.laws import context_for, target_for

MODELS = {
    "anthropic": "claude-opus-4-6",
    "gemini": "gemini-3.1-pro-preview",
    "openai": "gpt-5.4",
    "mistral": "mistral-medium-latest",
}
N = 150


def lines_run(work: Callable[[], object]) -> int:
    """How many lines of Python `work` runs; each turn of a loop or generator counts."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def user(content: Any = "hi", **more: Any) -> Json:
    return {"role": "user", "content": content, **more}


def call(id: str = "c", **more: Any) -> Json:
    return {"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}, **more}


def calls(*ids: str) -> Json:
    return {"role": "assistant", "content": None, "tool_calls": [call(id) for id in ids]}


def result(id: str) -> Json:
    return {"role": "tool", "tool_call_id": id, "content": "r"}


def odd(n: int) -> Json:
    return {f"k{i}": 1 for i in range(n)}


def closed(properties: Json, **more: Any) -> Json:
    return {"type": "object", "properties": properties, "additionalProperties": False, **more}


def answer(schema: Json) -> Json:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}}


def tool(parameters: Json) -> Json:
    return {"tools": [{"type": "function", "function": {"name": "f", "strict": True, "parameters": parameters}}]}


def chain(n: int) -> Json:
    links = {f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(n)}
    return closed({"a": {"$ref": "#/$defs/d0"}}, **{"$defs": {**links, f"d{n}": {"type": "string"}}})


def repeated_types(n: int) -> Json:
    """Objects in objects, each of n times the type "object"."""
    schema: Json = {"type": "string"}
    for _ in range(3):
        schema = closed({"a": schema}, type=["object"] * (n // 50))
    return schema


def variants(n: int) -> Json:
    definition = closed({f"p{i}": {"type": "string"} for i in range(n)})
    return {"type": "object", "anyOf": [{"$ref": "#/$defs/a"}] * n, "$defs": {"a": definition}}


REQUESTS: dict[str, Callable[[int], Json]] = {
    "a chain of definitions": lambda n: answer(chain(n)),
    "types named many times": lambda n: answer(repeated_types(n)),
    "many variants of one definition": lambda n: tool(variants(n)),
    "many properties": lambda n: answer(closed({f"p{i}": {"type": ["string", "null"]} for i in range(n)})),
    "one id for all calls": lambda n: {"messages": [user(), calls(*["c"] * n), *[result("c")] * n]},
    "ids of one beginning": lambda n: {
        "messages": [user(), calls(*[f"{'x' * 58}{i:06}" for i in range(n)] * 2), user()]
    },
    "results after words": lambda n: {
        "messages": [
            user(),
            calls(*(f"c{i}" for i in range(n))),
            user([{"type": "text", "text": "x"}] * n),
            *(result(f"c{i}") for i in range(n)),
        ]
    },
    "turns": lambda n: {"messages": [user(), *[calls("c"), result("c")] * n]},
    "system messages": lambda n: {"messages": [user(), *[{"role": "system", "content": "s"}] * n]},
    "odd fields": lambda n: {**odd(n), "extra_body": odd(n)},
    "odd fields of messages": lambda n: {"messages": [user(**odd(n)), user([{"type": "text", "text": "x", **odd(n)}])]},
    "odd fields of calls": lambda n: {
        "messages": [user(), {"role": "assistant", "tool_calls": [call(**odd(n))]}, result("c")]
    },
    "odd fields of tools": lambda n: {"tools": [{"type": "function", "function": {"name": "f", **odd(n)}, **odd(n)}]},
}


@pytest.mark.parametrize("vendor", MODELS)
@pytest.mark.parametrize("shape", REQUESTS)
def test_a_request_twice_as_long_is_twice_the_work(shape: str, vendor: str) -> None:
    adapter, target = adapter_for(VENDORS[vendor]), target_for(VENDORS[vendor], MODELS[vendor])

    def work(n: int) -> int:
        request = ChatRequest({"model": "auto", "messages": [user()], **REQUESTS[shape](n)})
        try:
            return lines_run(lambda: adapter.build_request(request, target))
        except ProviderError:
            return 0

    assert work(2 * N) <= 2.3 * work(N) + 100


def parallel_calls(n: int, **more: Any) -> list[Json]:
    """A stream of OpenAI's form that calls n tools and numbers none, or all alike."""
    fragments = [{"id": f"c{i}", "function": {"name": "f", "arguments": "{}"}, **more} for i in range(n)]
    return [{"id": "x", "choices": [{"index": 0, "delta": {"tool_calls": [fragment]}}]} for fragment in fragments]


@pytest.mark.parametrize("more", [{}, {"index": 0}])
def test_a_stream_with_twice_the_calls_is_twice_the_work(more: Json) -> None:
    target = target_for(VENDORS["openai"], MODELS["openai"])

    def work(n: int) -> int:
        parser = adapter_for(target.vendor).stream_parser(context_for(target))
        events = [SseEvent("", orjson.dumps(event)) for event in parallel_calls(n, **more)]
        return lines_run(lambda: [parser.feed(event) for event in events])

    assert work(2 * N) <= 2.3 * work(N) + 100


@pytest.mark.parametrize("vendor", ["anthropic", "gemini"])
def test_warnings_are_bounded(vendor: str) -> None:
    request = ChatRequest({"model": "auto", "messages": [user(**odd(N))]})
    call = adapter_for(VENDORS[vendor]).build_request(request, target_for(VENDORS[vendor], MODELS[vendor]))
    assert len(call.warnings) == 41
    assert call.warnings[-1] == "warnings: there were more"
