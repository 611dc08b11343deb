"""The contract: whom a transport trusts, how it shows who it is, and how TLS fails."""

from __future__ import annotations

import dataclasses
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from gateway.core.wire import Endpoint
from gateway.transport.base import Transport
from tests.fault_server import FaultServer, Peer, Script, answering, chunked, response
from tests.transport.conftest import Authority
from tests.transport.contract import Open, ask, exchange_of, native_only, once, plain_only, settle

pytestmark = plain_only  # here the variant only says which transport: each test brings the TLS it needs

OK = answering(response(b"ok"))


def trusted(authority: Authority, script: Script, certificate: trustme.LeafCert | None = None) -> FaultServer:
    return FaultServer(script, tls=authority.server_context(certificate), ca_file=authority.ca_file)


async def test_a_trusted_server(transport: Transport, authority: Authority) -> None:
    large = bytes(range(256)) * 8_000
    async with trusted(authority, answering(response(large), chunked(b"a", b"b"))) as server:
        first = ask(transport, server.endpoint, large)
        assert await first.outcome() is None
        assert first.body == large
        second = ask(transport, server.endpoint)
        assert await second.outcome() is None
        assert second.body == b"ab"
        assert server.requests[0].body == large
        assert len(server.peers) == 1


async def test_a_name_is_verified_as_well_as_an_address(transport: Transport, authority: Authority) -> None:
    async with trusted(authority, OK) as server:
        named = dataclasses.replace(server.endpoint, host="localhost")
        assert await ask(transport, named).outcome() is None
        assert server.requests[0].header("host") == f"localhost:{server.port}"


async def test_only_http_1_1_is_offered(transport: Transport, authority: Authority) -> None:
    chosen: list[str | None] = []
    context = authority.server_context()
    context.set_alpn_protocols(["h2", "http/1.1"])

    async def script(peer: Peer) -> None:
        chosen.append(peer.alpn)
        await OK(peer)

    async with FaultServer(script, tls=context, ca_file=authority.ca_file) as server:
        assert await ask(transport, server.endpoint).outcome() is None
        assert chosen == ["http/1.1"]


async def refused(transport: Transport, server: FaultServer, endpoint: Endpoint | None = None) -> None:
    async with server:
        recorder = ask(transport, endpoint or server.endpoint)
        assert await recorder.phase() == "tls"
        assert server.requests == []


async def test_a_server_of_an_unknown_ca(transport: Transport, authority: Authority) -> None:
    await refused(transport, FaultServer(OK, tls=authority.server_context()))


async def test_a_ca_file_replaces_the_system_store(transport: Transport, authority: Authority) -> None:
    stranger = trustme.CA().issue_cert("127.0.0.1")
    await refused(transport, trusted(authority, OK, stranger))


async def test_a_certificate_for_another_name(transport: Transport, authority: Authority) -> None:
    await refused(transport, trusted(authority, OK, authority.ca.issue_cert("other.example", "127.0.0.2")))


async def test_an_expired_certificate(transport: Transport, authority: Authority) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    expired = authority.ca.issue_cert("127.0.0.1", not_before=past - timedelta(days=1), not_after=past)
    await refused(transport, trusted(authority, OK, expired))


async def test_a_server_that_speaks_no_tls(transport: Transport, authority: Authority) -> None:
    async def script(peer: Peer) -> None:
        await peer.send(response(b"hello"))
        await peer.gone()

    async with FaultServer(script) as server:
        endpoint = dataclasses.replace(server.endpoint, scheme="https", ca_file=authority.ca_file)
        assert await ask(transport, endpoint).phase() == "tls"


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
async def test_a_handshake_that_is_broken_off(transport: Transport, authority: Authority, reset: bool) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_some()
        if reset:
            peer.reset()

    async with FaultServer(script) as server:
        endpoint = dataclasses.replace(server.endpoint, scheme="https", ca_file=authority.ca_file)
        assert await ask(transport, endpoint).phase() == "tls"


async def test_a_handshake_that_hangs(open_transport: Open, authority: Authority) -> None:
    async def script(peer: Peer) -> None:
        await peer.gone()

    transport = open_transport(connect_s=0.1)
    async with FaultServer(script) as server:
        endpoint = dataclasses.replace(server.endpoint, scheme="https", ca_file=authority.ca_file)
        assert await ask(transport, endpoint).phase() == "connect_timeout"
        await server.finished()


async def test_closing_during_a_handshake(transport: Transport, authority: Authority) -> None:
    async with FaultServer(lambda peer: peer.gone()) as server:
        endpoint = dataclasses.replace(server.endpoint, scheme="https", ca_file=authority.ca_file)
        recorder = ask(transport, endpoint)
        await server.accepted(1)
        await settle()
        await transport.aclose()
        assert recorder.fault is not None
        await server.finished()


async def test_cancelling_a_handshake_frees_the_slot(open_transport: Open, authority: Authority) -> None:
    async def late(peer: Peer) -> None:
        await peer.start_tls(authority.server_context())
        await OK(peer)

    transport = open_transport(max_connections=1)
    async with FaultServer(lambda peer: peer.gone(), late) as server:
        endpoint = dataclasses.replace(server.endpoint, scheme="https", ca_file=authority.ca_file)
        hanging, waiting = ask(transport, endpoint), ask(transport, endpoint)
        await server.accepted(1)
        await settle()
        exchange_of(hanging).cancel()
        assert await waiting.outcome() is None
        assert not hanging.over


# Client certificates


@pytest.fixture
def client_files(authority: Authority, tmp_path: Path) -> tuple[str, str]:
    identity = authority.ca.issue_cert("client@gateway.test")
    certificate, key = tmp_path / "client.pem", tmp_path / "client.key"
    certificate.write_bytes(b"".join(blob.bytes() for blob in identity.cert_chain_pems))
    identity.private_key_pem.write_to_path(str(key))
    return str(certificate), str(key)


def demanding(authority: Authority, version: ssl.TLSVersion) -> FaultServer:
    context = authority.server_context()
    authority.ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = version
    return FaultServer(OK, tls=context, ca_file=authority.ca_file)


VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


@VERSIONS
async def test_a_client_certificate_is_shown(
    transport: Transport, authority: Authority, client_files: tuple[str, str], version: ssl.TLSVersion
) -> None:
    async with demanding(authority, version) as server:
        endpoint = dataclasses.replace(server.endpoint, client_cert=client_files[0], client_key=client_files[1])
        for _ in range(2):
            assert await ask(transport, endpoint).outcome() is None
        assert len(server.peers) == 1


@VERSIONS
async def test_a_missing_client_certificate(
    transport: Transport, authority: Authority, version: ssl.TLSVersion
) -> None:
    """In TLS 1.3 the client has finished its handshake when the server says no. asyncio's servers don't even say it, so
    this one does its TLS by hand."""
    context = authority.server_context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = version

    async def script(peer: Peer) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)

        async def shake() -> None:
            while True:
                try:
                    tls.do_handshake()
                except ssl.SSLWantReadError:
                    await peer.send(outgoing.read())
                    incoming.write(await peer.read_some())

        with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
            await shake()
        await peer.send(outgoing.read())
        await peer.gone()

    async with FaultServer(script) as server:
        endpoint = dataclasses.replace(server.endpoint, scheme="https", ca_file=authority.ca_file)
        assert await ask(transport, endpoint).phase() == "tls"
        await server.finished()


@pytest.mark.parametrize("field", ["ca_file", "client_cert"])
@pytest.mark.parametrize("content", [None, "not a certificate"])
async def test_files_that_cannot_be_used(
    transport: Transport, authority: Authority, tmp_path: Path, field: str, content: str | None
) -> None:
    path = tmp_path / "file.pem"
    if content is not None:
        path.write_text(content)
    server = FaultServer(OK, tls=authority.server_context(), ca_file=authority.ca_file)
    async with server:
        endpoint = dataclasses.replace(server.endpoint, **{field: str(path)})  # type: ignore[arg-type]
        assert await ask(transport, endpoint).phase() == "tls"
        assert await ask(transport, server.endpoint).outcome() is None


# What TLS says about the end


async def test_a_body_cut_without_a_goodbye_is_not_whole(kind: str, transport: Transport, authority: Authority) -> None:
    native_only(kind, "ragged-close")

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await settle()
        peer.cut()

    async with trusted(authority, script) as server:
        recorder = ask(transport, server.endpoint)
        assert await recorder.phase() == "body"
        assert recorder.body == b"half"


async def test_a_body_that_ends_with_a_goodbye_is_whole(transport: Transport, authority: Authority) -> None:
    async with trusted(authority, once(b"HTTP/1.1 200 OK\r\n\r\nwhole")) as server:
        recorder = ask(transport, server.endpoint)
        assert await recorder.outcome() is None
        assert recorder.body == b"whole"


async def test_a_kept_connection_cut_without_a_goodbye_is_retried(transport: Transport, authority: Authority) -> None:
    async def stale(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(response(b"first"))
        await peer.read_request()
        peer.cut()

    tls = authority.server_context()
    async with FaultServer(stale, answering(response(b"fresh")), tls=tls, ca_file=authority.ca_file) as server:
        assert await ask(transport, server.endpoint).outcome() is None
        recorder = ask(transport, server.endpoint)
        assert await recorder.outcome() is None
        assert recorder.body == b"fresh"


async def test_contexts_are_built_once(
    transport: Transport, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[object] = []
    original = ssl.create_default_context

    def counted(*args: object, **options: object) -> ssl.SSLContext:
        built.append(options)
        return original(*args, **options)  # type: ignore[arg-type]

    async with trusted(authority, OK) as server:
        monkeypatch.setattr(ssl, "create_default_context", counted)
        recorders = [ask(transport, server.endpoint) for _ in range(5)]
        assert [await recorder.outcome() for recorder in recorders] == [None] * 5
        assert built == [{"cafile": authority.ca_file}]
