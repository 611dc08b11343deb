"""Bad input over real HTTP: the exact OpenAI error, and nothing sent upstream."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.simulator.server import Simulator
from tests.e2e.conftest import ADMIN_KEY, KEY
from tests.running import RunningGateway
from tests.shared_data import SHARED, needs_shared

HI = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}
BEARER = {"authorization": f"Bearer {KEY}"}
JSON = {"content-type": "application/json"}


class Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = json.loads(self.body)["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert self.headers["content-type"] == "application/json"
        assert self.headers["x-request-id"]
        return error


def call(
    gateway: RunningGateway,
    method: str = "POST",
    path: str = "/v1/chat/completions",
    body: object = HI,
    headers: dict[str, str] | None = None,
) -> Answer:
    connection = http.client.HTTPConnection(urlsplit(gateway.url).netloc, timeout=20)
    payload = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    try:
        connection.request(method, path, payload, {**BEARER, **JSON} if headers is None else headers)
        return Answer(connection.getresponse())
    finally:
        connection.close()


@pytest.fixture(autouse=True)
def nothing_reaches_a_provider(request: pytest.FixtureRequest, simulators: dict[str, Simulator]) -> Iterator[None]:
    before = {name: simulator.stats.requests for name, simulator in simulators.items()}
    yield
    if "may_reach_upstream" not in request.keywords:
        assert {name: simulator.stats.requests for name, simulator in simulators.items()} == before


ASKING = ["/v1/chat/completions", "/v1/models", "/v1/models/gpt", "/metrics", "/openapi.json"]
ASKING += ["/v1/usage", "/v1/requests/req_1", "/v1/feedback"]
POSTED = {"/v1/chat/completions", "/v1/feedback"}


@pytest.mark.parametrize("path", ASKING)
@pytest.mark.parametrize(
    ("key", "code"), [(None, None), ("wrong-key-0123456789", "invalid_api_key"), ("' OR '1'='1", "invalid_api_key")]
)
def test_every_path_asks_for_a_key(gateway: RunningGateway, path: str, key: str | None, code: str | None) -> None:
    headers = {**JSON, **({"authorization": f"Bearer {key}"} if key else {})}
    method = "POST" if path in POSTED else "GET"
    answer = call(gateway, method, path, headers=headers)
    assert answer.status == 401
    assert answer.error["type"] == "invalid_request_error"
    assert answer.error["code"] == code


def test_every_route_is_known_here(gateway: RunningGateway) -> None:
    paths = {route.path for route in gateway.gateway.api.router.routes}  # type: ignore[attr-defined]
    assert paths == {
        "/v1/chat/completions",
        "/v1/models",
        "/v1/models/{name:path}",
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/admin/reload",
        "/v1/usage",
        "/v1/requests/{id}",
        "/v1/feedback",
    }


@pytest.mark.parametrize("host", ["localhost/#@evil", "evil.invalid", "x/#@y"])
@pytest.mark.parametrize("path", ["/v1/models", "//v1/models", "/v1/%2e%2e/v1/models", "/V1/models", "/@x/v1/models"])
def test_host_and_path_tricks_do_not_get_in(gateway: RunningGateway, host: str, path: str) -> None:
    answer = call(gateway, "GET", path, None, {"host": host})
    assert answer.status in (401, 404)


def test_reload_asks_for_an_admin_key_and_for_a_supervisor(gateway: RunningGateway) -> None:
    assert call(gateway, "POST", "/admin/reload", None, {}).status == 401
    assert call(gateway, "POST", "/admin/reload", None, BEARER).status == 403
    answer = call(gateway, "POST", "/admin/reload", None, {"authorization": f"Bearer {ADMIN_KEY}"})
    assert (answer.status, answer.error["code"]) == (400, "reload_unavailable")


def test_metrics_ask_for_an_admin_key(gateway: RunningGateway) -> None:
    assert call(gateway, "GET", "/metrics", None, BEARER).status == 403
    answer = call(gateway, "GET", "/metrics", None, {"authorization": f"Bearer {ADMIN_KEY}"})
    assert answer.status == 200
    assert b"gateway_requests_total" in answer.body


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_open_and_says_nothing(gateway: RunningGateway, path: str) -> None:
    answer = call(gateway, "GET", path, None, {})
    assert answer.status == 200
    assert set(json.loads(answer.body)) == {"status"}


@pytest.mark.parametrize("path", ["/v1/x", "/", "/v1/chat/completions/", "/v1/embeddings", "/docs", "/redoc"])
def test_unknown_paths(gateway: RunningGateway, path: str) -> None:
    answer = call(gateway, "POST", path)
    assert answer.status == 404
    assert answer.error["message"] == f"Invalid URL (POST {path})"
    assert answer.error["code"] is None


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_wrong_method(gateway: RunningGateway, method: str) -> None:
    answer = call(gateway, method)
    assert answer.status == 405
    assert answer.error["type"] == "invalid_request_error"
    assert answer.headers["allow"] == "POST"


def test_no_cors(gateway: RunningGateway) -> None:
    asks = {"origin": "https://evil.invalid", "access-control-request-method": "POST"}
    answer = call(gateway, "OPTIONS", headers=asks)
    assert answer.status == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("body", "status", "param", "code"),
    [
        (b'{"model":', 400, None, None),
        (b"", 400, None, None),
        (b"[]", 400, None, None),
        (b"\xff", 400, None, None),
        (b'{"a":' * 200 + b"1" + b"}" * 200, 400, None, None),
        (b"[" * 100_000, 400, None, None),
        ({"model": "auto"}, 400, "messages", "missing_required_parameter"),
        ({"messages": HI["messages"]}, 400, "model", "missing_required_parameter"),
        ({**HI, "messages": []}, 400, "messages", "empty_array"),
        ({**HI, "temperature": 3}, 400, "temperature", "decimal_above_max_value"),
        ({**HI, "model": "no-such-model"}, 404, None, "model_not_found"),
        ({**HI, "api_base": "http://127.0.0.1:1"}, 400, "api_base", "unknown_parameter"),
    ],
)
def test_bad_bodies(gateway: RunningGateway, body: object, status: int, param: str | None, code: str | None) -> None:
    answer = call(gateway, body=body)
    assert answer.status == status
    assert answer.error["type"] == "invalid_request_error"
    assert answer.error["param"] == param
    if code is not None:
        assert answer.error["code"] == code


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({**BEARER, "content-type": "text/plain"}, 415),
        ({**BEARER, **JSON, "content-encoding": "gzip"}, 415),
        ({**BEARER, **JSON, "content-length": str(40 * 1024 * 1024)}, 413),
        ({**BEARER, **JSON, "x-gateway-hops": "5"}, 508),
        ({**BEARER, **JSON, "x-gateway-hops": "many"}, 508),
        ({**BEARER, **JSON, "x-gateway-hops": "0" * 9 + "1" * 5000}, 508),
    ],
)
def test_bad_headers(gateway: RunningGateway, headers: dict[str, str], status: int) -> None:
    answer = call(gateway, headers=headers)
    assert answer.status == status
    assert answer.error["type"] == "invalid_request_error"
    record = gateway.records.last()
    assert (record.outcome, record.principal, record.team, record.tags) == ("rejected", "app", "red", {"batch"})


def test_a_hostile_model_name_makes_no_series(gateway: RunningGateway) -> None:
    assert call(gateway, body={**HI, "model": "unknown"}).status == 404  # one such makes the series of all
    gateway.records.last()
    before = len(gateway.gateway.metrics.render().splitlines())
    for number in range(50):
        answer = call(gateway, body={**HI, "model": f"evil\n\x1b[31m{number}" + "x" * 200})
        assert answer.status == 404
    gateway.records.last()
    assert len(gateway.gateway.metrics.render().splitlines()) == before


@pytest.mark.may_reach_upstream
@needs_shared
def test_openais_own_spec(gateway: RunningGateway) -> None:
    """The checker that stands beside the spec: shapes of answers, streams, models and errors."""
    for model in ("gpt-4o-mini", "claude", "gemini", "auto"):
        ran = subprocess.run(
            [sys.executable, str(SHARED / "openai-spec/check_spec.py"), str(SHARED / "openai-spec/openapi.json")],
            env={**os.environ, "GW": gateway.base_url, "KEY": KEY, "MODEL": model},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_probes_are_answered_under_any_name(gateway: RunningGateway) -> None:
    assert call(gateway, "GET", "/healthz", None, {"host": "10.1.2.3:8080"}).status == 200
