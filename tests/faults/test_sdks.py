"""What official clients make of it when all fails: one request, and an error that says what happened."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.fault_server import Script
from tests.faults.rig import ASK, WAYS, Rig, after_words, chain, saying
from tests.faults.test_broken_answers import clean_end
from tests.faults.wires import OPENAI, json_response
from tests.running import LoopThread

NODE = Path(__file__).resolve().parents[1] / "node"


def error(message: str, type: str, code: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": type, "param": None, "code": code}}


EXHAUSTED = {
    "5xx": (saying(json_response(error("Oops", "server_error", None), 500)), 503, "upstream_unavailable"),
    "rate limit": (
        saying(json_response(error("Slow down", "requests", "rate_limit_exceeded"), 429, retry_after="1")),
        429,
        "rate_limit_exceeded",
    ),
    "quota": (
        saying(json_response(error("Out of quota", "insufficient_quota", "insufficient_quota"), 429)),
        503,
        "upstream_unavailable",
    ),
    "our key": (
        saying(json_response(error("No", "invalid_request_error", "invalid_api_key"), 401)),
        502,
        "upstream_misconfigured",
    ),
    "not JSON": (saying(json_response("")), 502, "upstream_invalid_response"),
}


def python(rig: Rig, stream: bool) -> dict[str, Any]:
    with openai.OpenAI(base_url=rig.gateway.base_url, api_key="none") as client:
        try:
            answer = client.chat.completions.create(**ASK, stream=stream)
            if stream:
                return {"text": "".join(c.choices[0].delta.content or "" for c in answer if c.choices)}
            return {"text": answer.choices[0].message.content}
        except openai.APIError as raised:
            return {"status": getattr(raised, "status_code", None), "code": raised.code}


def node(rig: Rig, stream: bool) -> dict[str, Any]:
    program = shutil.which("node")
    if program is None:
        pytest.skip("node is not installed")
    if not (NODE / "node_modules" / "openai").is_dir():
        pytest.skip("openai-node is not installed: run `npm ci` in tests/node")
    env = {"PATH": os.environ["PATH"], "GATEWAY_URL": rig.gateway.base_url, "STREAM": "yes" if stream else "no"}
    done = subprocess.run(
        [program, "one_request.mjs"], cwd=NODE, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


Client = Callable[[Rig, bool], dict[str, Any]]
both_clients = pytest.mark.parametrize("client", [python, node])


@pytest.mark.fault(11, 16, 18, 19, 21)
@both_clients
@pytest.mark.parametrize("stream", WAYS)
@pytest.mark.parametrize("what", EXHAUSTED)
def test_one_request_when_the_plan_is_exhausted(loop: LoopThread, what: str, stream: bool, client: Client) -> None:
    bad: Script
    bad, status, code = EXHAUSTED[what]
    with chain(loop, bad, bad) as rig:
        told = client(rig, stream)
        assert (told["status"], told["code"]) == (status, code)
        assert len(rig.gateway.records.wait_for(1)) == len(rig.gateway.records.started) == 1


@pytest.mark.fault(8)
@both_clients
def test_a_broken_stream_raises(loop: LoopThread, client: Client) -> None:
    """A stream that just stops is a success to both SDKs: the error event is what makes them raise."""
    with chain(loop, after_words(OPENAI, clean_end)) as rig:
        told = client(rig, True)
        assert told["code"] == "upstream_invalid_response"
        assert len(rig.gateway.records.wait_for(1)) == len(rig.gateway.records.started) == 1
