"""Every fault, on the wire and as the official SDKs see it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import anthropic
import openai
import orjson
import pytest
from google.genai import errors

from gateway.simulator.faults import FAULTS, UnknownFault, parse_wishes, split_model
from gateway.simulator.server import Simulator
from tests.simulator.clients import (
    MODELS,
    Seen,
    anthropic_client,
    call,
    chat,
    gemini_client,
    openai_client,
    request_bytes,
    until,
)

STATUS = {
    "openai": {"invalid_key": 401, "model_access": 403, "insufficient_quota": 429, "context_length": 400},
    "anthropic": {"invalid_key": 401, "model_access": 403, "insufficient_quota": 400, "context_length": 400},
    "gemini": {"invalid_key": 400, "model_access": 403, "insufficient_quota": 429, "context_length": 400},
}
REFUSALS = sorted(name for name, kind in FAULTS.items() if kind == "refusal")


async def faulty(simulator: Simulator, fault: str, *, stream: bool = False) -> Seen:
    path, body = chat(simulator.vendor, stream=stream)
    return await call(simulator, path, body, {"x-simulate": fault})


def finished(vendor: str, seen: Seen) -> bool:
    """Whether the answer says that it is complete."""
    text = seen.body.decode()
    return {
        "openai": "[DONE]" in text or '"finish_reason": "stop"' in text,
        "anthropic": "message_stop" in text or '"stop_reason":"end_turn"' in text,
        "gemini": '"finishReason"' in text,
    }[vendor]


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("stream", [False, True])
async def test_refusals(simulator: Simulator, name: str, stream: bool) -> None:
    seen = await faulty(simulator, name, stream=stream)
    wanted = STATUS[simulator.vendor].get(name) or int(name)
    assert (seen.status, seen.end) == (wanted, "complete")
    if simulator.vendor == "openai" and name in ("502", "504"):
        assert seen.headers["content-type"] == "text/html"
        return
    error = seen.json()["error"]
    assert error["message"]
    if simulator.vendor == "openai":
        assert set(error) == {"message", "type", "param", "code"}
    elif simulator.vendor == "gemini":
        assert error["code"] == wanted
    else:
        assert seen.headers["x-should-retry"] == ("true" if wanted in (408, 429) or wanted >= 500 else "false")
    assert simulator.stats.outcomes() == {f"fault:{name}": 1}


async def test_delays(simulator: Simulator) -> None:
    seconds = await faulty(simulator, "fault=429,retry_after=7")
    milliseconds = await faulty(simulator, "fault=503,retry_after_ms=50")
    if simulator.vendor == "gemini":
        assert "retry-after" not in seconds.headers
        (info,) = [entry for entry in seconds.json()["error"]["details"] if entry["@type"].endswith("RetryInfo")]
        assert info["retryDelay"] == "7s"
        assert milliseconds.json()["error"]["details"][0]["retryDelay"] == "0.05s"
    else:
        assert seconds.headers["retry-after"] == "7"
        assert milliseconds.headers["retry-after-ms"] == "50"
    odd = await faulty(simulator, "fault=429,retry_after=soon")
    assert odd.status == 429


async def test_invalid_key_of_gemini_is_a_400_with_a_reason(gemini_simulator: Simulator) -> None:
    error = (await faulty(gemini_simulator, "invalid_key")).json()["error"]
    assert error["details"][0]["reason"] == "API_KEY_INVALID"


@pytest.mark.parametrize("stream", [False, True])
async def test_cut_and_reset_before_the_head(simulator: Simulator, stream: bool) -> None:
    cut = await faulty(simulator, "cut_before_head", stream=stream)
    assert (cut.status, cut.end) == (0, "cut")
    reset = await faulty(simulator, "rst_before_head", stream=stream)
    assert (reset.status, reset.end) == (0, "reset")
    after = await faulty(simulator, "cut_after_head", stream=stream)
    assert (after.status, after.body, after.end) == (200, b"", "cut")


@pytest.mark.parametrize(("name", "end"), [("cut_mid", "cut"), ("truncated_body", "cut"), ("rst_mid", "reset")])
@pytest.mark.parametrize("stream", [False, True])
async def test_broken_off_in_the_middle(simulator: Simulator, name: str, end: str, stream: bool) -> None:
    seen = await faulty(simulator, name, stream=stream)
    assert (seen.status, seen.end) == (200, end)
    if stream:
        assert not finished(simulator.vendor, seen)
    else:
        with pytest.raises(orjson.JSONDecodeError):
            seen.json()
    assert seen.body or end == "reset"
    if stream and end == "cut":
        whole = await faulty(simulator, "fault=cut_mid,after=4", stream=True)
        assert len(whole.events()) >= 4


@pytest.mark.parametrize("stream", [False, True])
async def test_no_terminal_event_but_a_clean_end(simulator: Simulator, stream: bool) -> None:
    seen = await faulty(simulator, "no_terminal", stream=stream)
    assert (seen.status, seen.end) == (200, "complete")
    assert not finished(simulator.vendor, seen)
    assert len(seen.events()) > 2 if stream else seen.json()


@pytest.mark.parametrize("name", ["stall_before_head", "stall_after_head", "stall_mid"])
@pytest.mark.parametrize("stream", [False, True])
async def test_stalls_until_the_client_leaves(simulator: Simulator, name: str, stream: bool) -> None:
    path, body = chat(simulator.vendor, stream=stream)
    reader, writer = await asyncio.open_connection(simulator.host, simulator.port)
    writer.write(request_bytes("POST", path, body, {"x-simulate": name}))
    if name != "stall_before_head":
        await reader.readuntil(b"\r\n\r\n")
    if name == "stall_mid":
        assert await reader.read(1)
    await until(lambda: simulator.stats.outcomes() == {f"fault:{name}": 1})
    assert simulator.stats.closed_early == 0
    writer.close()
    await until(lambda: simulator.stats.closed_early == 1)
    assert simulator.stats.open == 0


async def test_error_event_first(simulator: Simulator) -> None:
    seen = await faulty(simulator, "fault=error_first,error=insufficient_quota", stream=True)
    assert (seen.status, seen.end) == (200, "complete")
    (event,) = seen.events()
    assert "error" in json.loads(event)
    assert (b"event: error\n" in seen.body) == (simulator.vendor == "anthropic")


async def test_error_event_in_the_middle(simulator: Simulator) -> None:
    seen = await faulty(simulator, "error_mid", stream=True)
    assert (seen.status, seen.end) == (200, "complete")
    *before, last = seen.events()
    assert before
    assert "error" in json.loads(last)
    assert not finished(simulator.vendor, seen)


@pytest.mark.parametrize("name", ["error_in_200", "error_first", "error_mid"])
async def test_error_in_a_200(simulator: Simulator, name: str) -> None:
    seen = await faulty(simulator, name)
    assert (seen.status, seen.end) == (200, "complete")
    assert seen.json()["error"]["message"]


async def test_garbage_line_in_the_middle(simulator: Simulator) -> None:
    seen = await faulty(simulator, "garbage_line", stream=True)
    assert seen.end == "complete"
    broken = []
    for event in seen.events():
        try:
            orjson.loads(event)
        except orjson.JSONDecodeError:
            broken.append(event)
    assert [event for event in broken if event != "[DONE]"]
    assert finished(simulator.vendor, seen)
    whole = await faulty(simulator, "garbage_line")
    with pytest.raises(orjson.JSONDecodeError):
        whole.json()


@pytest.mark.parametrize(("name", "kind"), [("garbage", "application/json"), ("html", "text/html"), ("empty", "")])
async def test_what_is_no_answer(simulator: Simulator, name: str, kind: str) -> None:
    seen = await faulty(simulator, name)
    assert (seen.status, seen.end) == (200, "complete")
    assert kind in seen.headers["content-type"]
    assert (seen.body == b"") == (name == "empty")
    with pytest.raises(orjson.JSONDecodeError):
        seen.json()


async def test_redirect(simulator: Simulator) -> None:
    seen = await faulty(simulator, "redirect")
    assert seen.status == 307
    assert seen.headers["location"].startswith("http://127.0.0.1:")


async def test_slow_head_is_whole_in_the_end(simulator: Simulator) -> None:
    seen = await faulty(simulator, "fault=slow_head,seconds=0.01", stream=True)
    assert finished(simulator.vendor, seen)


@pytest.mark.parametrize(
    ("name", "vendor", "reason"),
    [
        ("content_filter", "openai", "content_filter"),
        ("content_filter", "anthropic", "refusal"),
        ("content_filter", "gemini", "SAFETY"),
        ("refusal", "openai", "stop"),
        ("refusal", "anthropic", "refusal"),
        ("refusal", "gemini", "PROHIBITED_CONTENT"),
    ],
)
async def test_answers_that_a_filter_stopped(name: str, vendor: str, reason: str) -> None:
    async with Simulator(vendor) as simulator:
        body = (await faulty(simulator, name)).json()
        streamed = (await faulty(simulator, name, stream=True)).body.decode()
        if vendor == "openai":
            (choice,) = body["choices"]
            assert choice["finish_reason"] == reason
            assert (choice["message"]["refusal"] is not None) == (name == "refusal")
        elif vendor == "anthropic":
            assert body["stop_reason"] == reason
            assert body["stop_details"]["type"] == "refusal"
        else:
            assert body["candidates"][0]["finishReason"] == reason
        assert reason in streamed


async def test_blocked_prompts(simulator: Simulator) -> None:
    seen = await faulty(simulator, "prompt_blocked")
    if simulator.vendor == "gemini":
        assert seen.status == 200
        assert seen.json()["promptFeedback"] == {"blockReason": "PROHIBITED_CONTENT"}
        assert "candidates" not in seen.json()
        (event,) = (await faulty(simulator, "prompt_blocked", stream=True)).events()
        assert "promptFeedback" in json.loads(event)
    else:
        assert seen.status == 400
        assert seen.json()["error"]["type"] == "invalid_request_error"


# How a fault is asked for


async def test_by_model_suffix(simulator: Simulator) -> None:
    model = MODELS[simulator.vendor]
    path, body = chat(simulator.vendor, model=f"{model}--fault=429,retry_after=3")
    seen = await call(simulator, path, body)
    assert seen.status == 429
    assert simulator.stats.by_model == {model: {"fault:429": 1}}
    quoted = await call(simulator, path.replace("=", "%3D").replace(",", "%2C"), body)
    assert quoted.status == 429


async def test_by_control_endpoint_a_number_of_times(simulator: Simulator) -> None:
    path, body = chat(simulator.vendor)
    control = await call(simulator, "/_control", {"fault": "500", "times": 2})
    assert control.json() == {"fault": "500", "times": 2, "probability": 1.0, "model": None}
    assert [(await call(simulator, path, body)).status for _ in range(3)] == [500, 500, 200]
    await call(simulator, "/_control", {"fault": "500"})
    assert (await call(simulator, path, body)).status == 500
    await call(simulator, "/_control", None, method="DELETE")
    assert (await call(simulator, path, body)).status == 200
    assert (await call(simulator, "/_control", None, method="GET")).json()["fault"] is None


async def test_by_control_endpoint_for_one_model(simulator: Simulator) -> None:
    simulator.set_fault("503", model="other")
    path, body = chat(simulator.vendor)
    assert (await call(simulator, path, body)).status == 200
    path, body = chat(simulator.vendor, model="other")
    assert (await call(simulator, path, body)).status == 503


async def outcomes(seed: int) -> list[int]:
    async with Simulator("openai", seed=seed) as simulator:
        simulator.set_fault("500", probability=0.5)
        path, body = chat("openai")
        return [(await call(simulator, path, body)).status for _ in range(20)]


async def test_chance_is_seeded() -> None:
    first, again, other = await outcomes(1), await outcomes(1), await outcomes(2)
    assert first == again != other
    assert set(first) == {200, 500}


async def test_the_header_wins_over_the_standing_fault(openai_simulator: Simulator) -> None:
    openai_simulator.set_fault("500")
    assert (await faulty(openai_simulator, "429")).status == 429
    openai_simulator.clear_fault()
    path, body = chat("openai")
    assert (await call(openai_simulator, path, body)).status == 200


@pytest.mark.parametrize(
    "wish", ["teapot", "fault=429,colour=red", "fault=cut_mid,after=x", "fault=error_mid,error=html"]
)
async def test_unknown_wishes_are_told(openai_simulator: Simulator, wish: str) -> None:
    seen = await faulty(openai_simulator, wish)
    assert seen.status == 400
    assert seen.body.startswith(b"simulator: ")


@pytest.mark.parametrize("body", [b"no", b"[]", b'{"fault": "teapot"}', b'{"times": 1}', b'{"fault": "429", "x": 1}'])
async def test_unknown_controls_are_told(openai_simulator: Simulator, body: bytes) -> None:
    assert (await call(openai_simulator, "/_control", body)).status == 400


def test_model_suffixes() -> None:
    assert split_model("claude-x")[0] == "claude-x"
    assert split_model("my--model")[0] == "my--model"
    model, wishes = split_model("m--fault=stall_mid,after=3,ttft_ms=20,tps=100")
    assert (model, wishes.ttft_ms, wishes.tps) == ("m", 20.0, 100.0)
    assert wishes.fault is not None
    assert (wishes.fault.name, wishes.fault.after) == ("stall_mid", 3)
    assert parse_wishes("tps=5").fault is None
    with pytest.raises(UnknownFault):
        split_model("m--fault=nope")


# As the SDKs see it

OPENAI_CLASSES: dict[str, Any] = {
    "400": openai.BadRequestError,
    "401": openai.AuthenticationError,
    "403": openai.PermissionDeniedError,
    "404": openai.NotFoundError,
    "429": openai.RateLimitError,
    "insufficient_quota": openai.RateLimitError,
    "500": openai.InternalServerError,
    "529": openai.InternalServerError,
    "cut_before_head": openai.APIConnectionError,
    "rst_before_head": openai.APIConnectionError,
}


@pytest.mark.parametrize("name", OPENAI_CLASSES)
async def test_openai_sdk(openai_simulator: Simulator, name: str) -> None:
    client = openai_client(openai_simulator)
    with pytest.raises(OPENAI_CLASSES[name]):
        await client.chat.completions.create(
            model=f"gpt-4o--fault={name}", messages=[{"role": "user", "content": "hi"}]
        )


@pytest.mark.parametrize("name", ["error_first", "error_mid"])
async def test_openai_sdk_raises_on_error_events(openai_simulator: Simulator, name: str) -> None:
    client = openai_client(openai_simulator)
    stream = await client.chat.completions.create(
        model=f"gpt-4o--fault={name},error=429", messages=[{"role": "user", "content": "hi"}], stream=True
    )
    with pytest.raises(openai.APIError) as raised:
        [chunk async for chunk in stream]
    assert raised.value.code == "rate_limit_exceeded"


ANTHROPIC_CLASSES: dict[str, Any] = {
    "400": anthropic.BadRequestError,
    "401": anthropic.AuthenticationError,
    "403": anthropic.PermissionDeniedError,
    "404": anthropic.NotFoundError,
    "413": anthropic.APIStatusError,
    "429": anthropic.RateLimitError,
    "500": anthropic.InternalServerError,
    "529": anthropic.InternalServerError,
    "cut_before_head": anthropic.APIConnectionError,
}


@pytest.mark.parametrize("name", ANTHROPIC_CLASSES)
async def test_anthropic_sdk(anthropic_simulator: Simulator, name: str) -> None:
    client = anthropic_client(anthropic_simulator)
    with pytest.raises(ANTHROPIC_CLASSES[name]):
        await client.messages.create(
            model=f"claude-haiku-4-5--fault={name}", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
        )


async def test_anthropic_sdk_raises_on_error_events(anthropic_simulator: Simulator) -> None:
    stream = await anthropic_client(anthropic_simulator).messages.create(
        model="claude-haiku-4-5--fault=error_mid",
        max_tokens=99,
        messages=[{"role": "user", "content": "hi"}],
        stream=True,
    )
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        [event async for event in stream]


@pytest.mark.parametrize(("name", "status"), [("429", 429), ("400", 400), ("503", 503), ("invalid_key", 400)])
async def test_gemini_sdk(gemini_simulator: Simulator, name: str, status: int) -> None:
    client = gemini_client(gemini_simulator)
    with pytest.raises(errors.APIError) as raised:
        await client.aio.models.generate_content(model=f"gemini-2.5-flash--fault={name}", contents="hi")
    assert raised.value.code == status


def test_every_fault_is_tried_here() -> None:
    """A fault without a test of its own would be a promise that nobody keeps."""
    text = Path(__file__).read_text()
    untried = [
        name for name, kind in FAULTS.items() if kind != "refusal" and f'"{name}"' not in text and name not in text
    ]
    assert not untried
