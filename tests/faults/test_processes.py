"""F35 to F38 as a client sees them; tests/process holds what supervisor and workers do among themselves."""

from __future__ import annotations

import http.client
import os
import signal
from pathlib import Path

import pytest

from gateway.config.snapshot import Snapshot
from tests.fault_server import Peer
from tests.faults.rig import Answer, Rig, after_words, chain
from tests.faults.test_no_room import in_background
from tests.faults.wires import OPENAI, TEXT, chunk
from tests.process import conftest as processes
from tests.process.conftest import ADMIN, Client, Serve, Upstream, begun, call, config_of, config_text, configs_of
from tests.running import LoopThread, snapshot_of, until

upstream = processes.upstream
serve = processes.serve


@pytest.mark.fault(35)
def test_those_in_flight_see_a_reset_and_the_next_an_answer(serve: Serve, upstream: Upstream) -> None:
    """A stream that is cut is never taken for a whole one: the last chunk of its body does not come."""
    served = serve("workers: 1")
    stream = begun(Client(served.port), upstream, "stream")
    whole = Client(served.port)
    whole.ask("whole")
    until(lambda: "whole" in upstream.asked())
    (worker,) = served.children()
    os.kill(worker, signal.SIGKILL)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        stream.read()
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        whole.answer()
    assert config_of(served.port)
    assert upstream.asked().count("whole") == 1, "what was sent is not sent again"


BAD = {
    "bad YAML": ("routes: [", ""),
    "unknown field": ("nonsense: 1", 'unknown key "nonsense"'),
    "dangling fallback": ("models: {x: {provider: held, id: x, fallbacks: [nobody]}}", 'unknown model "nobody"'),
    "cycle": (
        "models: {x: {provider: held, id: x, fallbacks: [y]}, y: {provider: held, id: y, fallbacks: [x]}}",
        "fallbacks form a loop",
    ),
}


@pytest.mark.fault(37)
def test_whatever_is_bad_about_a_config(serve: Serve, upstream: Upstream, tmp_path: Path) -> None:
    served = serve("workers: 2, watch: false")
    before = config_of(served.port)
    file = tmp_path / "c.yaml"
    good = config_text(upstream.url, tmp_path, "workers: 2, watch: false")
    for text, told in BAD.values():
        lines = good.splitlines()
        if text.startswith("models"):
            lines = [line for line in lines if not line.startswith(("models", "routes"))] + [
                "routes: [{name: default, chain: [x]}]"
            ]
        file.write_text("\n".join([*lines, text, ""]))
        status, body = call(served.port, "POST", "/admin/reload", ADMIN)
        assert (status, body["error"]["code"]) == (400, "invalid_config")
        assert f"{file}:" in body["error"]["message"]
        assert told in body["error"]["message"]
        assert configs_of(served.port) == {before}
        _, metrics = call(served.port, "GET", "/metrics", ADMIN)
        assert "gateway_config_reload_success 0.0" in metrics
    file.write_text(good)
    assert call(served.port, "POST", "/admin/reload", ADMIN)[0] == 200
    assert configs_of(served.port) == {before}


class Held:
    """A stream that goes on once it is released."""

    def __init__(self) -> None:
        self.released = False

    async def __call__(self, peer: Peer) -> None:
        while not self.released:
            await peer.pause()
        await peer.send(*map(chunk, (*OPENAI.words[2:], *OPENAI.end)), b"0\r\n\r\n")


def another(rig: Rig) -> Snapshot:
    """A config that knows nothing of what the first one has."""
    assert rig.b is not None
    return snapshot_of(
        f"""
classify: {{text_model: none}}
providers: {{new: {{vendor: openai, base_url: "{rig.b.base_url}/v1"}}}}
models: {{new: {{provider: new, id: gpt-5.4-mini}}}}
routes: [{{name: new, chain: [new]}}]
"""
    )


@pytest.mark.fault(38)
def test_the_record_has_the_config_that_the_request_began_with(loop: LoopThread) -> None:
    held = Held()
    with chain(loop, after_words(OPENAI, held)) as rig:
        answers: list[Answer]
        with in_background(lambda: rig.ask(stream=True)) as answers:
            until(lambda: rig.posts(rig.a) == 1)
            before, after = rig.gateway.gateway.current().snapshot, another(rig)

            async def reload() -> None:
                rig.gateway.gateway.reload(after)

            loop.run(reload())
            newer = rig.ask()
            assert (newer.status, newer.headers["x-gateway-config"]) == (200, after.hash)
            held.released = True
        assert (answers[0].status, answers[0].text, answers[0].events[-1]) == (200, TEXT, "[DONE]")
        assert answers[0].headers["x-gateway-config"] == before.hash
        records = {record.config: record for record in rig.gateway.records.wait_for(2)}
        assert {before.hash, after.hash} == set(records)
        assert records[before.hash].outcome == records[after.hash].outcome == "ok"
        assert records[before.hash].attempts[0].candidate.model == "a"
