"""Every test here runs on both event loops and with both transports, plain and over TLS, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trustme
import uvloop

from gateway.transport.base import Transport, TransportLimits
from gateway.transport.httpx_client import HttpxTransport
from gateway.transport.native import NativeTransport
from tests.fault_server import FaultServer, Script
from tests.transport.contract import Open, Serve


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=["native", "native-tls", "httpx", "httpx-tls"])
def variant(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def kind(variant: str) -> str:
    """ "native" or "httpx"."""
    return variant.removesuffix("-tls")


@pytest.fixture
async def open_transport(kind: str) -> AsyncIterator[Open]:
    opened: list[Transport] = []

    def build(**limits: float) -> Transport:
        bounds = dataclasses.replace(TransportLimits(), **{"stale_s": 60.0, **limits})  # type: ignore[arg-type]
        opened.append(NativeTransport(bounds) if kind == "native" else HttpxTransport(bounds))
        return opened[-1]

    yield build
    for transport in opened:
        await transport.aclose()


@pytest.fixture
async def transport(open_transport: Open) -> Transport:
    return open_transport()


class Authority:
    """A CA of the tests' own, and what it issues."""

    def __init__(self, folder: Path) -> None:
        self.ca = trustme.CA()
        self.ca_file = str(folder / "ca.pem")
        self.ca.cert_pem.write_to_path(self.ca_file)
        self.for_localhost = self.ca.issue_cert("127.0.0.1", "localhost", "upstream.test")

    def server_context(self, certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (certificate or self.for_localhost).configure_cert(context)
        return context


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def serve(variant: str, authority: Authority) -> Serve:
    def build(*scripts: Script) -> FaultServer:
        if variant.endswith("-tls"):
            return FaultServer(*scripts, tls=authority.server_context(), ca_file=authority.ca_file)
        return FaultServer(*scripts)

    return build


def open_sockets() -> set[str]:
    """The internet sockets of this process, by inode. uvloop's own socket pairs come and go and are none of them."""
    links = set()
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            link = os.readlink(f"/proc/self/fd/{fd}")
            if link.startswith("socket:"):
                with socket.socket(fileno=os.dup(fd)) as duplicate:
                    if duplicate.family in (socket.AF_INET, socket.AF_INET6):
                        links.add(link)
        except OSError:
            continue
    return links


@pytest.fixture(autouse=True)
async def nothing_leaks(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    before = open_sockets()
    yield
    leaked_tasks: set[asyncio.Task[object]] = set()
    leaked_sockets: set[str] = set()
    for _ in range(200):
        leaked_tasks = asyncio.all_tasks() - {asyncio.current_task()}
        leaked_sockets = open_sockets() - before
        if not leaked_tasks and not leaked_sockets:
            break
        await asyncio.sleep(0)
    assert not leaked_tasks
    assert not leaked_sockets
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
