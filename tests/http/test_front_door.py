"""Which `Host` is answered: without keys, only names of this machine, or a web page could spend its user's money."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest

from gateway.config.snapshot import ClientKey, Server, Snapshot
from gateway.http.front_door import host_allowed
from gateway.http.openapi import document
from tests.e2e.conftest import CONFIG
from tests.running import snapshot_of

OPEN = Snapshot("h", "test", Server(), MappingProxyType({}), MappingProxyType({}), (), MappingProxyType({}))


def asked(host: str | None, snapshot: Snapshot) -> bool:
    return host_allowed([(b"host", host.encode())] if host is not None else [], snapshot)


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "[::1]", "LOCALHOST"])
def test_names_of_this_machine(host: str) -> None:
    assert asked(host, OPEN)


@pytest.mark.parametrize(
    "host",
    [None, "", "evil.invalid", "evil.invalid:8080", "127.0.0.1.evil.invalid", "localhost.evil", "[::2]", "x/#@y"],
)
def test_other_names_are_not_answered_without_keys(host: str | None) -> None:
    assert not asked(host, OPEN)


def test_names_that_the_config_allows() -> None:
    named = replace(OPEN, server=Server(allowed_hosts=frozenset({"llm.corp.example"})))
    assert asked("llm.corp.example:443", named)
    assert asked("localhost", named)
    assert not asked("other.corp.example", named)
    assert not asked("other.corp.example", replace(named, keys=(ClientKey("k", b"x" * 32),)))


def test_with_keys_any_name_will_do() -> None:
    assert asked("anything", replace(OPEN, keys=(ClientKey("k", b"x" * 32),)))
    assert asked("anything", replace(OPEN, server=Server(unsafe_open=True)))


def test_the_openapi_document_names_what_is_served() -> None:
    from gateway.app import Gateway

    urls = dict.fromkeys(("openai", "anthropic", "gemini"), "http://127.0.0.1:1")
    keys = {"APP_KEY": "a" * 20, "OPS_KEY": "o" * 20, "CLOSE_KEY": "c" * 20}
    api = Gateway(snapshot_of(CONFIG.format(**urls), keys)).api
    served = {
        (route.path.replace("{name:path}", "{model}"), method)  # type: ignore[attr-defined]
        for route in api.router.routes
        for method in route.methods - {"HEAD"}  # type: ignore[attr-defined]
    }
    told = {(path, method.upper()) for path, methods in document()["paths"].items() for method in methods}
    assert told | {("/openapi.json", "GET")} == served


def test_the_openapi_document_is_valid() -> None:
    spec = document()
    known = spec["components"]["schemas"]

    def walk(node: object) -> None:
        if isinstance(node, dict):
            reference = node.get("$ref")
            if reference is not None:
                assert reference.rpartition("/")[2] in known
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(spec)
    for path in spec["paths"].values():
        for operation in path.values():
            assert operation["summary"]
            assert "200" in operation["responses"]


def test_the_address_where_it_listens() -> None:
    """127.0.0.2 needs no keys either, and is where its users have been told to find it."""
    assert asked("127.0.0.2:8080", replace(OPEN, server=Server(host="127.0.0.2")))
    assert not asked("127.0.0.2:8080", OPEN)
