"""SIGTERM: nobody new is let in, what is under way may finish, and what is left is told so."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.process.conftest import Client, Serve, Upstream, begun, call, stream_error
from tests.running import until
from tests.served import in_use


def readiness(client: Client) -> tuple[int, str]:
    client.send("GET", "/readyz")
    answer = client.answer()
    return answer.status, json.loads(answer.read())["status"]


@pytest.mark.fault(36)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_drain(serve: Serve, upstream: Upstream, number: signal.Signals) -> None:
    served = serve("grace: 3s")
    kept, waiting = Client(served.port), Client(served.port)
    assert readiness(kept) == (200, "ready")
    finishing = begun(Client(served.port), upstream, "in time")
    hanging = begun(Client(served.port), upstream, "too late")
    waiting.ask("whole")
    until(lambda: "whole" in upstream.asked())

    served.process.send_signal(number)
    until(lambda: not in_use(served.port))
    assert readiness(kept) == (503, "draining")
    kept.send("GET", "/healthz")
    assert json.loads(kept.answer().read()) == {"status": "ok"}
    kept.ask()
    refused = kept.answer()
    assert (refused.status, json.loads(refused.read())["error"]["code"]) == (503, "shutting_down")
    assert (refused.headers["retry-after"], refused.headers["connection"]) == ("1", "close")

    upstream.release("in time")
    assert finishing.read().endswith(b"data: [DONE]\n\n")
    assert stream_error(hanging.read()) == "shutting_down"
    answer = waiting.answer()
    assert (answer.status, json.loads(answer.read())["error"]["code"]) == (503, "shutting_down")
    assert served.ended() == 0
    assert "Traceback" not in served.text


@pytest.mark.fault(36)
def test_nothing_under_way_ends_at_once(serve: Serve) -> None:
    served = serve("grace: 1h, workers: 2")
    kept = Client(served.port)
    assert readiness(kept) == (200, "ready")
    assert served.stop() == 0


def test_a_worker_that_is_told_alone_drains_alone(serve: Serve, upstream: Upstream) -> None:
    served = serve("grace: 30s")
    answer = begun(Client(served.port), upstream, "one")
    (child,) = served.children()
    call(served.port, "GET", "/healthz")
    os.kill(child, signal.SIGTERM)
    upstream.release("one")
    assert answer.read().endswith(b"data: [DONE]\n\n")
    until(lambda: served.children() not in ([], [child]))
    assert call(served.port, "GET", "/readyz") == (200, {"status": "ready"})
