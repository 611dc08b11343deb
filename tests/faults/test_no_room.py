"""F44: every connection to the provider is taken, or the process has no file descriptor left."""

from __future__ import annotations

import contextlib
import json
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.fault_server import Peer, Script
from tests.faults.rig import ASK, WAYS, Answer, chain, hold, wants_stream, working
from tests.faults.wires import OPENAI, TEXT
from tests.running import LoopThread, until

ONE = ", max_connections: 1"


class Gate:
    """Answers once it is opened."""

    def __init__(self) -> None:
        self.opened = False

    async def __call__(self, peer: Peer) -> None:
        while True:
            request = await peer.read_request()
            while not self.opened:
                await peer.pause()
            await peer.send(OPENAI.stream if wants_stream(request) else OPENAI.whole)


async def silent(peer: Peer) -> None:
    await peer.read_request()
    await hold(peer)


@contextlib.contextmanager
def in_background(ask: object) -> Iterator[list[Answer]]:
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(ask()))  # type: ignore[operator]
    thread.start()
    try:
        yield answers
    finally:
        thread.join()


@pytest.mark.fault(44)
@pytest.mark.parametrize("stream", WAYS)
def test_who_finds_no_free_connection_goes_on_to_the_next(loop: LoopThread, stream: bool) -> None:
    gate = Gate()
    with chain(loop, gate, timeouts={"pool": "200ms"}, a_options=ONE) as rig, in_background(rig.ask) as first:
        until(lambda: rig.posts(rig.a) == 1)
        answer = rig.ask(stream=stream)
        assert (answer.status, answer.text, answer.headers["x-gateway-provider"]) == (200, TEXT, "b")
        attempts = rig.gateway.records.ended[0].attempts
        assert [a.failure and a.failure.reason for a in attempts] == ["pool_timeout", None]
        gate.opened = True
    assert first[0].headers["x-gateway-provider"] == "a"


@pytest.mark.fault(44)
def test_who_waits_gets_the_connection_that_becomes_free(loop: LoopThread) -> None:
    gate = Gate()
    with (
        chain(loop, gate, a_options=ONE) as rig,
        in_background(rig.ask) as first,
    ):
        until(lambda: rig.posts(rig.a) == 1)
        with in_background(rig.ask) as second:
            until(lambda: len(rig.gateway.records.started) == 2)
            gate.opened = True
    assert [answers[0].headers["x-gateway-provider"] for answers in (first, second)] == ["a", "a"]
    assert len(rig.a.peers) == 1  # type: ignore[union-attr]


@pytest.mark.fault(44)
@pytest.mark.parametrize("stream", WAYS)
def test_no_free_connection_anywhere(loop: LoopThread, stream: bool) -> None:
    """It is the gateway that is full, and soon it will not be: the one error that clients shall try again."""
    gate = Gate()
    both: Script = gate
    timeouts = {"pool": "200ms"}
    with chain(loop, both, both, timeouts=timeouts, a_options=ONE, b_options=ONE) as rig:
        with in_background(lambda: rig.ask(model="a")), in_background(lambda: rig.ask(model="b")):
            until(lambda: rig.posts(rig.a) == rig.posts(rig.b) == 1)
            answer = rig.ask(stream=stream)
            gate.opened = True
        assert (answer.status, answer.error["code"]) == (503, "server_is_overloaded")
        assert answer.error["type"] == "service_unavailable_error"
        assert int(answer.headers["retry-after"]) >= 1
        assert "x-should-retry" not in answer.headers
        record = rig.gateway.records.ended[0]
        assert {a.failure and a.failure.reason for a in record.attempts} == {"pool_timeout"}


CONFIG = """
server: {{port: {port}}}
classify: {{text_model: none}}
ledger: {{store: none}}
providers: {{a: {{vendor: openai, base_url: "{a}/v1"}}}}
models: {{a: {{provider: a, id: gpt-5.4-mini}}}}
routes: [{{name: default, chain: [a]}}]
"""


@contextlib.contextmanager
def served(file: Path, descriptors: int) -> Iterator[None]:
    """`gateway serve`, with few file descriptors."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "serve", str(file), "--log-level", "error"],
        stderr=subprocess.PIPE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors)),
    )
    try:
        assert process.stderr is not None
        assert b"serves" in process.stderr.readline()
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=40)
    assert process.returncode == 0


def ask_on(client: socket.socket) -> tuple[bytes, dict[str, str], bytes]:
    body = json.dumps(ASK).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    client.sendall(head.encode() + body)
    with client.makefile("rb") as answer:
        status = answer.readline()
        lines = iter(lambda: answer.readline().decode().lower().strip(), "")
        headers = dict(line.split(": ", 1) for line in lines)
        return status, headers, answer.read(int(headers["content-length"]))


@pytest.mark.fault(44)
def test_no_file_descriptor_is_left(loop: LoopThread, tmp_path: Path) -> None:
    """Idle clients have taken them all. The gateway lives, says 503, and is well again once they leave."""
    with chain(loop, working()) as rig, contextlib.ExitStack() as stack:
        assert rig.a is not None
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        file = tmp_path / "gateway.yaml"
        file.write_text(CONFIG.format(port=port, a=rig.a.base_url))
        with served(file, 96):
            until(lambda: reachable(port))
            clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 10)) for _ in range(150)]
            until(lambda: bool(select.select(clients, [], [], 0)[0]))  # those beyond the limit are closed
            status, headers, body = ask_on(clients[0])
            assert status.split()[1] == b"503"
            assert json.loads(body)["error"]["code"] == "server_is_overloaded"
            assert headers["retry-after"] == "1"
            for client in clients:
                client.close()
            until(lambda: answers(port))


def answers(port: int) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=ASK).status_code == 200
    return False


def reachable(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
