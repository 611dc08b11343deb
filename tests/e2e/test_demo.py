"""`gateway serve` as a newcomer runs it: a real process, the demo config, its simulators as child processes."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from gateway.simulator.fleet import DEMO_PORTS
from tests.running import until

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def in_use(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Served:
    """The process, what it has printed, and where it listens."""

    def __init__(self, *arguments: str, env: dict[str, str] | None = None) -> None:
        self.port = free_port()
        keyless = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve", "--port", str(self.port), *arguments],
            cwd=ROOT,
            env={**keyless, **(env or {})},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.printed: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.printed.append(line)

    def wait_until_up(self) -> None:
        until(lambda: in_use(self.port) or self.process.poll() is not None, timeout=30)
        assert self.process.poll() is None, "".join(self.printed)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(15)
        self._reader.join(5)
        return code


@pytest.fixture(scope="module")
def demo() -> Iterator[Served]:
    if busy := [port for _, port in DEMO_PORTS if in_use(port)]:
        pytest.skip(f"the demo's ports {busy} are in use on this machine")
    served = Served()
    try:
        served.wait_until_up()
        yield served
    finally:
        served.stop()


@pytest.fixture
def client(demo: Served) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"http://127.0.0.1:{demo.port}/v1", api_key="unused", max_retries=0)


def say(client: openai.OpenAI, model: str) -> tuple[str | None, str]:
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": "Say exactly: all aboard"}]
    )
    return raw.parse().choices[0].message.content, raw.headers["x-gateway-model"]


def test_it_says_that_it_is_the_demo(demo: Served) -> None:
    until(lambda: any("Try it" in line for line in demo.printed))
    text = "".join(demo.printed)
    assert "No provider key is in the environment, so this is the demo" in text
    assert f"http://127.0.0.1:{demo.port}" in text


@pytest.mark.parametrize("model", ["gpt-mini", "opus", "gemini", "muse", "auto"])
def test_every_vendor_answers(client: openai.OpenAI, model: str) -> None:
    assert say(client, model)[0] == "all aboard"


def test_killing_a_simulator_changes_only_headers(demo: Served, client: openai.OpenAI) -> None:
    assert say(client, "auto") == ("all aboard", "gpt-mini")
    until(lambda: any("process" in line for line in demo.printed))
    pid = int(re.search(r"openai .*9101, process (\d+)", "".join(demo.printed))[1])  # type: ignore[index]
    os.kill(pid, signal.SIGKILL)
    until(lambda: not in_use(9101))
    assert say(client, "auto") == ("all aboard", "haiku")
    streamed = client.chat.completions.create(
        model="auto", messages=[{"role": "user", "content": "Say exactly: all aboard"}], stream=True
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in streamed if chunk.choices) == "all aboard"


def test_it_stops_and_takes_its_simulators_along(demo: Served) -> None:
    pids = [int(pid) for pid in re.findall(r"process (\d+)", "".join(demo.printed))]
    assert len(pids) == len(DEMO_PORTS)
    assert demo.stop() == 0
    until(lambda: not any(is_alive(pid) for pid in pids))


def refused(*arguments: str) -> str:
    served = Served(*arguments)
    assert served.process.wait(30) == 1
    served.stop()
    return "".join(served.printed)


def test_an_open_address_without_keys_is_refused() -> None:
    assert "there are no keys" in refused("config/demo.yaml", "--host", "0.0.0.0")


def test_a_wrong_config_is_refused_with_its_place(tmp_path: Path) -> None:
    config = tmp_path / "wrong.yaml"
    config.write_text("server: {prot: 1}\n")
    assert f'{config}:1:10: unknown key "prot"' in refused(str(config))
    assert "can't be read" in refused(str(tmp_path / "absent.yaml"))


def test_a_taken_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert "Address already in use" in refused("config/demo.yaml", "--port", str(port))
