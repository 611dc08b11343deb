"""The simulators as HTTP servers: connections, sizes, statistics, and answers spread over time."""

from __future__ import annotations

import asyncio

import pytest

from gateway.simulator.script import Pace, Step, paced
from gateway.simulator.server import Simulator
from gateway.simulator.wire import Reply, chunk
from tests.simulator.clients import MODELS, call, chat, read_reply, request_bytes, until


async def test_a_connection_is_kept_and_early_requests_wait_their_turn(simulator: Simulator) -> None:
    reader, writer = await asyncio.open_connection(simulator.host, simulator.port)
    first = request_bytes("POST", *chat(simulator.vendor, "Say exactly: one"))
    second = request_bytes("POST", *chat(simulator.vendor, "Say exactly: two", stream=True))
    third = request_bytes("GET", "/_stats", None)
    writer.write(first + second + third)
    assert b'"one"' in (await read_reply(reader)).body
    assert "two" in (await read_reply(reader)).body.decode()
    stats = (await read_reply(reader)).json()
    assert stats["requests"] == {
        "total": 2,
        "by_outcome": {"ok": 2},
        "by_model": {MODELS[simulator.vendor]: {"ok": 2}},
    }
    assert stats["connections"] == {"opened": 1, "open": 1, "closed_early": 0}
    writer.close()
    await until(lambda: simulator.stats.open == 0)


async def test_connection_close_is_obeyed(openai_simulator: Simulator) -> None:
    reader, writer = await asyncio.open_connection(openai_simulator.host, openai_simulator.port)
    writer.write(request_bytes("POST", *chat("openai"), {"connection": "close"}))
    assert (await read_reply(reader)).status == 200
    assert await reader.read() == b""
    writer.close()


async def test_a_request_byte_by_byte_and_in_chunks(openai_simulator: Simulator) -> None:
    path, body = chat("openai", "Say exactly: yes")
    reader, writer = await asyncio.open_connection(openai_simulator.host, openai_simulator.port)
    for byte in request_bytes("POST", path, body):
        writer.write(bytes([byte]))
        await asyncio.sleep(0)
    assert b'"yes"' in (await read_reply(reader)).body
    raw = request_bytes("POST", path, body)
    head, _, data = raw.partition(b"\r\n\r\n")
    head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.startswith(b"content-length"))
    writer.write(head + b"\r\ntransfer-encoding: chunked\r\n\r\n" + chunk(data[:9]) + chunk(data[9:]) + b"0\r\n\r\n")
    assert b'"yes"' in (await read_reply(reader)).body
    writer.close()


async def test_expect_continue(openai_simulator: Simulator) -> None:
    reader, writer = await asyncio.open_connection(openai_simulator.host, openai_simulator.port)
    head, _, data = request_bytes("POST", *chat("openai"), {"expect": "100-continue"}).partition(b"\r\n\r\n")
    writer.write(head + b"\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(data)
    assert (await read_reply(reader)).status == 200
    writer.close()


async def test_what_is_not_http_is_refused(openai_simulator: Simulator) -> None:
    reader, writer = await asyncio.open_connection(openai_simulator.host, openai_simulator.port)
    writer.write(b"\x16\x03\x01\x02\x00\r\n\r\n")
    assert (await read_reply(reader)).status == 400
    assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize("vendor", ["openai", "anthropic", "gemini"])
async def test_a_body_beyond_the_limit(vendor: str) -> None:
    async with Simulator(vendor, max_body_bytes=1000) as simulator:
        path, body = chat(vendor, "x" * 2000)
        seen = await call(simulator, path, body)
        assert seen.status == 413
        assert seen.json()["error"]["message"]
        assert simulator.stats.outcomes() == {"413": 1}


async def test_statistics_of_tokens_and_their_reset(anthropic_simulator: Simulator) -> None:
    path, body = chat("anthropic", "Say exactly: twelve chars")
    usage = (await call(anthropic_simulator, path, body)).json()["usage"]
    stats = (await call(anthropic_simulator, "/_stats", None, method="GET")).json()
    assert stats["tokens"]["input"] == usage["input_tokens"]
    assert stats["tokens"]["output"] == usage["output_tokens"] == 3
    await call(anthropic_simulator, "/_stats", None, method="DELETE")
    assert anthropic_simulator.stats.as_json()["requests"]["total"] == 0
    assert anthropic_simulator.stats.tokens.output == 0


async def test_a_client_that_leaves_a_slow_stream_is_noticed(simulator: Simulator) -> None:
    reader, writer = await asyncio.open_connection(simulator.host, simulator.port)
    path, body = chat(simulator.vendor, "words: 500", stream=True)
    writer.write(request_bytes("POST", path, body, {"x-simulate": "tps=5"}))
    await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await until(lambda: simulator.stats.closed_early == 1)


async def test_a_client_that_reads_slowly_gets_everything(openai_simulator: Simulator) -> None:
    reader, writer = await asyncio.open_connection(openai_simulator.host, openai_simulator.port, limit=1024)
    path, body = chat("openai", "words: 20000", stream=True)
    writer.write(request_bytes("POST", path, body, {"x-simulate": "tps=100000000"}))
    events = (await read_reply(reader)).events()
    assert events[-1] == "[DONE]"
    assert len(events) > 20_000
    writer.close()


async def test_a_full_write_buffer_holds_the_stream_back(openai_simulator: Simulator) -> None:
    reader, writer = await asyncio.open_connection(openai_simulator.host, openai_simulator.port)
    path, body = chat("openai", "Say exactly: yes", stream=True)
    await until(lambda: len(openai_simulator.connections) == 1)
    (connection,) = openai_simulator.connections
    connection.pause_writing()
    writer.write(request_bytes("POST", path, body, {"x-simulate": "tps=1000"}))
    await until(lambda: openai_simulator.stats.requests == 1)
    later = asyncio.ensure_future(read_reply(reader))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not later.done()
    connection.resume_writing()
    assert (await later).events()[-1] == "[DONE]"
    writer.close()


async def test_closing_drops_connections() -> None:
    simulator = Simulator("openai")
    await simulator.start()
    reader, writer = await asyncio.open_connection(simulator.host, simulator.port)
    writer.write(request_bytes("POST", *chat("openai"), {"x-simulate": "stall_before_head"}))
    await until(lambda: simulator.stats.requests == 1)
    await simulator.aclose()
    assert (await read_reply(reader)).end in ("cut", "reset")
    writer.close()
    with pytest.raises(OSError):
        await asyncio.open_connection(simulator.host, simulator.port)


async def test_a_defect_is_told(openai_simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("gateway.simulator.openai.service.check_request", breaks)
    seen = await call(openai_simulator, *chat("openai"))
    assert seen.status == 500
    assert seen.body.startswith(b"simulator: a defect")


def reply(events: int, opening: int = 1, closing: int = 1) -> Reply:
    return Reply(200, "", events=[b"%d" % number for number in range(events)], opening=opening, closing=closing)


def test_a_stream_in_time() -> None:
    steps = paced(reply(5), Pace(0.5, 10.0))
    assert [step.delay for step in steps] == [0.0, 0.5, 0.1, 0.1, 0.0]
    assert steps[0].data.endswith(chunk(b"0"))
    assert steps[-1].data == chunk(b"4") + b"0\r\n\r\n"
    assert b"".join(step.data for step in steps).endswith(b"".join(chunk(b"%d" % n) for n in range(5)) + b"0\r\n\r\n")


def test_hidden_tokens_take_their_time_and_events_may_carry_several() -> None:
    answer = reply(4, opening=0)
    answer.hidden_tokens, answer.tokens_per_event = 20, 4
    assert [step.delay for step in paced(answer, Pace(0.5, 10.0))] == [0.0, 2.5, 0.4, 0.4, 0.0]


def test_a_stream_without_content_waits_for_its_end() -> None:
    assert [step.delay for step in paced(reply(2), Pace(0.5, 10.0))] == [0.0, 0.5]


def test_a_whole_answer_takes_the_time_of_all_its_tokens() -> None:
    answer = Reply(200, "", b"{}", tokens=30)
    (step,) = paced(answer, Pace(0.5, 10.0))
    assert step == Step(3.5, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")


async def test_ids_are_the_same_in_every_run_and_move_with_the_seed() -> None:
    seen = []
    for seed in (1, 1, 2):
        async with Simulator("openai", seed=seed) as simulator:
            seen.append((await call(simulator, *chat("openai"))).json()["id"])
    assert seen[0] == seen[1] != seen[2]
