"""`gateway serve` as a newcomer runs it: a real process, the demo config, its simulators as child processes."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from gateway.cli import main
from gateway.serve import DEFAULT_CONFIG, DEMO_CONFIG, default_config
from gateway.simulator.fleet import DEMO_PORTS
from tests.running import until
from tests.served import Served, in_use, is_alive


@pytest.fixture(scope="module")
def demo() -> Iterator[Served]:
    # Its ports are fixed: tests that run beside each other have it one after the other.
    with (Path(tempfile.gettempdir()) / "switchyard-demo.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
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
    assert "No key that config/gateway.yaml names is in the environment, so this is the demo" in text
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


def test_a_refused_default_config_points_to_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "k" * 20)
    assert main(["serve"]) == 1
    told = capsys.readouterr().err
    assert "config/gateway.yaml:1:1: the file can't be read" in told
    assert "`gateway serve --demo` needs no key" in told
    assert main(["serve", "absent.yaml"]) == 1
    assert "--demo" not in capsys.readouterr().err


DEFAULT = """
providers:
  openai: {{vendor: openai, api_key: "${{OPENAI_API_KEY}}"}}
  meta: {{vendor: meta, api_keys: ["${{META_A}}", "${{META_B}}"]}}
{more}
"""


@pytest.mark.parametrize(
    ("more", "env", "config"),
    [
        ("", {}, DEMO_CONFIG),
        ("", {"HF_TOKEN": "hf_1", "GROQ_API_KEY": "gsk_1"}, DEMO_CONFIG),
        ("", {"OPENAI_API_KEY": ""}, DEMO_CONFIG),
        ("", {"OPENAI_API_KEY": "sk-1"}, DEFAULT_CONFIG),
        ("", {"META_B": "m"}, DEFAULT_CONFIG),
        ("  local: {adapter: openai, base_url: 'http://127.0.0.1:1/v1'}", {}, DEFAULT_CONFIG),
        ("  own: {vendor: openai, api_key: '${OWN:-sk-1}'}", {}, DEFAULT_CONFIG),
        ("no YAML: [", {}, DEMO_CONFIG),
        ("no YAML: [", {"OPENAI_API_KEY": "sk-1"}, DEFAULT_CONFIG),
    ],
)
def test_the_demo_is_for_who_has_no_key_of_the_config(
    more: str, env: dict[str, str], config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    DEFAULT_CONFIG.parent.mkdir()
    DEFAULT_CONFIG.write_text(DEFAULT.format(more=more))
    assert default_config(env) == config


@pytest.mark.parametrize("text", ["{}", "providers: []", "providers: {}"])
def test_a_config_that_names_no_key_needs_none(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    DEFAULT_CONFIG.parent.mkdir()
    DEFAULT_CONFIG.write_text(text)
    assert default_config({}) == DEFAULT_CONFIG


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
