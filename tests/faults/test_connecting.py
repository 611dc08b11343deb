"""F1 to F4: no connection to the provider."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from tests.fault_server import FaultServer, black_hole, refusing
from tests.faults.rig import WAYS, chain, working
from tests.running import LoopThread


@pytest.mark.fault(1)
@pytest.mark.parametrize("stream", WAYS)
def test_refused(loop: LoopThread, stream: bool) -> None:
    with refusing() as nobody:
        url = f"http://{nobody.authority}"
        with chain(loop, url) as rig:
            rig.falls_back("connect_error", stream=stream)
        with chain(loop, url, url) as rig:
            rig.gives_up(503, "upstream_unavailable", "connect_error", stream=stream)


@pytest.mark.fault(2)
@pytest.mark.parametrize("stream", WAYS)
def test_a_name_without_an_address(loop: LoopThread, stream: bool) -> None:
    """The names under .invalid never exist (RFC 6761), and no resolver asks the network for them."""
    with chain(loop, "http://nohost.invalid") as rig:
        rig.falls_back("dns_error", stream=stream)
    with chain(loop, "http://nohost.invalid", "http://nobody.invalid") as rig:
        answer = rig.gives_up(503, "upstream_unavailable", "dns_error", stream=stream)
        assert ".invalid" not in answer.response.text


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=["unknown CA", "expired", "another name"])
def impostor(
    request: pytest.FixtureRequest, authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory
) -> FaultServer:
    """A server that would answer, with a certificate that nobody should believe."""
    ca_file = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    yesterday = datetime.now(UTC) - timedelta(days=1)
    certificate = {
        "unknown CA": lambda: trustme.CA().issue_cert("127.0.0.1"),
        "expired": lambda: authority.issue_cert("127.0.0.1", not_before=yesterday - timedelta(1), not_after=yesterday),
        "another name": lambda: authority.issue_cert("elsewhere.example", "127.0.0.2"),
    }[request.param]()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return FaultServer(working(), tls=context, ca_file=str(ca_file))


@pytest.mark.fault(3)
@pytest.mark.parametrize("stream", WAYS)
def test_a_certificate_that_is_not_to_be_trusted(loop: LoopThread, impostor: FaultServer, stream: bool) -> None:
    with chain(loop, impostor) as rig:
        rig.falls_back("tls_error", stream=stream)
    assert impostor.requests == [], "the key was sent to an impostor"


@pytest.mark.fault(3)
def test_nobody_is_to_be_trusted(loop: LoopThread, impostor: FaultServer) -> None:
    with chain(loop, impostor, "http://nohost.invalid") as rig:
        rig.gives_up(503, "upstream_unavailable", "tls_error", "dns_error")
    assert impostor.requests == []


@pytest.mark.fault(4)
@pytest.mark.parametrize("stream", WAYS)
def test_a_backlog_that_is_full(loop: LoopThread, stream: bool) -> None:
    hole = black_hole()
    url = f"http://{loop.run(hole.__aenter__()).authority}"
    try:
        with chain(loop, url, timeouts={"connect": "200ms"}) as rig:
            rig.falls_back("connect_timeout", stream=stream)
        with chain(loop, url, url, timeouts={"connect": "200ms"}) as rig:
            rig.gives_up(504, "upstream_timeout", "connect_timeout", stream=stream)
    finally:
        loop.run(hole.__aexit__(None, None, None))
