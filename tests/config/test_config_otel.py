"""`otel` and OpenTelemetry's own variables."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from gateway.config import resolve_otel
from gateway.config.load import Source, examine, load
from gateway.config.resolve_otel import with_otel_of
from gateway.config.snapshot import Snapshot
from gateway.providers.vendors import VENDORS

ROOT = Path(__file__).resolve().parents[2]
BASE = b"""
providers: {openai: {vendor: openai, base_url: "http://127.0.0.1:1/v1"}}
models: {gpt: {provider: openai, id: gpt-5.4-mini}}
routes: [{name: default, chain: [gpt]}]
"""


def problems(section: str) -> str:
    loaded = examine(Source("test.yaml", BASE + section.encode()), env={}, vendors=VENDORS)
    return "\n".join(problem.message for problem in loaded.problems)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("otel: {endpoint: 'collector:4318'}", "such as http://collector:4318"),
        ("otel: {endpoint: 'http://collector:4317'}", "4317 is for gRPC"),
        ("otel: {endpoint: 'http://me:secret@collector:4318'}", "such as http://collector:4318"),
        ("otel: {endpoint: 'http://collector:99999'}", "such as http://collector:4318"),
        ('otel: {endpoint: "http://c:4318", headers: {x-key: "a\\nb"}}', "visible ASCII"),
        ("otel: {}", "endpoint"),
    ],
)
def test_what_can_be_wrong(section: str, said: str) -> None:
    told = problems(section)
    assert said in told
    assert "secret" not in told


def told_by(env: dict[str, str]) -> Snapshot:
    return with_otel_of(load(Source("test.yaml", BASE), env={}, vendors=VENDORS), env)


def test_the_package_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve_otel, "is_installed", lambda: False)
    assert "pip install 'opentelemetry-proto>=1.45'" in problems("otel: {endpoint: 'http://collector:4318'}")
    snapshot = told_by({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"})
    assert snapshot.otel is None
    assert "pip install 'opentelemetry-proto>=1.45'" in snapshot.warnings[-1]


def test_what_to_install_is_what_the_project_asks_for_and_the_image_has() -> None:
    (wanted,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["otel"]
    assert f"pip install '{wanted}'" == resolve_otel.INSTALL
    assert "\nopentelemetry-proto==" in (ROOT / "requirements.lock").read_text()
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        assert "install switchyard" not in page.read_text(), "on PyPI that is somebody else's"


def test_variables() -> None:
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example/otlp/",
        "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Basic%20abc, x-team=b",
        "OTEL_SERVICE_NAME": "mine",
    }
    otel = told_by(env).otel
    assert otel is not None
    assert (otel.endpoint, otel.service_name) == ("https://collector.example/otlp", "mine")
    assert {name: value.reveal() for name, value in otel.headers} == {"authorization": "Basic abc", "x-team": "b"}
    assert told_by(env | {"OTEL_SDK_DISABLED": "true"}).otel is None
    assert "such as http://collector:4318" in told_by({"OTEL_EXPORTER_OTLP_ENDPOINT": "what?"}).warnings[-1]


def test_the_config_stands_above_the_variables() -> None:
    text = BASE + b"otel: {endpoint: 'http://mine:4318', service_name: '${NAME}', headers: {x-a: '${TOKEN}'}}"
    read = load(Source("test.yaml", text), env={"NAME": "me", "TOKEN": "hush"}, vendors=VENDORS)
    otel = with_otel_of(read, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://other:4318"}).otel
    assert otel is not None
    assert (otel.endpoint, otel.service_name) == ("http://mine:4318", "me")
    assert otel.headers[0][1].reveal() == "hush"
