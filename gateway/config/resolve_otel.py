"""Resolves `otel`: the OpenTelemetry collector that the config names, or else that of OpenTelemetry's variables."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from gateway.config.scope import Scope
from gateway.config.snapshot import Otel, Secret, Snapshot

INSTALL = "pip install 'opentelemetry-proto>=1.45'"
"""What the extra `otel` of pyproject.toml asks for. Not by the extra's name: on PyPI, `switchyard` is not ours."""


def resolve_otel(scope: Scope) -> Otel | None:
    spec = scope.config.otel
    if spec is None:
        return None
    if why := _why_no_endpoint(spec.endpoint):
        scope.error(("otel", "endpoint"), why)
    if not is_installed():
        scope.key_error(("otel",), f"otel needs a package that is not installed: {INSTALL}")
    headers = tuple((name.lower(), value) for name, value in spec.headers.items())
    for name, value in headers:
        if not (name + value.reveal()).isascii() or not (name + value.reveal()).isprintable():
            scope.error(("otel", "headers", name), "header names and values are visible ASCII characters")
    return Otel(spec.endpoint.rstrip("/"), headers, spec.service_name, spec.interval)


def with_otel_of(snapshot: Snapshot, env: Mapping[str, str]) -> Snapshot:
    """Where the config has no `otel`: as OpenTelemetry's own variables say. They may be meant for others on this
    machine, so that what is wrong with them is a warning."""
    endpoint = env.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip()
    if snapshot.otel is not None or not endpoint or env.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return snapshot
    why = _why_no_endpoint(endpoint)
    if why is None and not is_installed():
        why = f"it needs a package that is not installed: {INSTALL}"
    if why is not None:
        warning = f"OTEL_EXPORTER_OTLP_ENDPOINT is set, but nothing is sent there: {why}"
        return replace(snapshot, warnings=(*snapshot.warnings, warning))
    pairs = (pair.partition("=") for pair in env.get("OTEL_EXPORTER_OTLP_HEADERS", "").split(",") if "=" in pair)
    headers = tuple((name.strip().lower(), Secret(unquote(value.strip()))) for name, _, value in pairs)
    otel = Otel(endpoint.rstrip("/"), headers, env.get("OTEL_SERVICE_NAME") or "switchyard")
    return replace(snapshot, otel=otel)


def _why_no_endpoint(text: str) -> str | None:
    try:
        url = urlsplit(text)
        valid = url.scheme in ("http", "https") and bool(url.hostname) and (url.port or 1) > 0
    except ValueError:
        valid = False
    if not valid or url.username or url.query or url.fragment:
        return "the endpoint is the base URL of OTLP over HTTP, such as http://collector:4318"
    if url.port == 4317:
        return "port 4317 is for gRPC; OTLP over HTTP is at 4318"
    return None


def is_installed() -> bool:
    try:
        return importlib.util.find_spec("opentelemetry.proto.collector") is not None
    except ModuleNotFoundError:
        return False
