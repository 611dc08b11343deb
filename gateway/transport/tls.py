"""TLS for the native transport: trust, and the layer between a socket and the HTTP connection.

Verification of chain and host name is never off. The layer runs over memory buffers of its own rather than the event
loop's: so a failed handshake is never mistaken for a failed connect, and the socket's write buffer stays in sight.
"""

from __future__ import annotations

import asyncio
import ssl
from functools import partial

from gateway.core.wire import Endpoint
from gateway.transport.base import TransportLimits
from gateway.transport.connection import JOIN_LIMIT, Connection, Owner

RECORD_BYTES = 16 * 1024
"""The most plaintext one TLS record can hold (RFC 8446, 5.1)."""


def client_context(ca_file: str | None, client_cert: str | None, client_key: str | None) -> ssl.SSLContext:
    """Trust the system's CAs, or only those in `ca_file`; present `client_cert` where one is given.

    Raises OSError (ssl.SSLError among them) for a file that can't be read or used. An encrypted key is one of those.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    if client_cert is not None:
        context.load_cert_chain(client_cert, client_key, password=lambda: b"")  # never prompt on a terminal
    return context


Files = tuple[str | None, str | None, str | None]


class TlsContexts:
    """The SSL contexts of one transport. Reading the system's CAs takes some 20 ms: each is built once, in a thread."""

    def __init__(self) -> None:
        self._builds: dict[Files, asyncio.Task[ssl.SSLContext]] = {}

    async def context_for(self, endpoint: Endpoint) -> ssl.SSLContext:
        """Raises OSError for unusable files; they are read again next time."""
        files = (endpoint.ca_file, endpoint.client_cert, endpoint.client_key)
        build = self._builds.get(files)
        if build is None:
            build = asyncio.get_running_loop().create_task(asyncio.to_thread(client_context, *files))
            build.add_done_callback(partial(self._built, files))
            self._builds[files] = build
        return await asyncio.shield(build)

    def close(self) -> None:
        for build in self._builds.values():
            build.cancel()

    def _built(self, files: Files, build: asyncio.Task[ssl.SSLContext]) -> None:
        if build.cancelled() or build.exception() is not None:
            del self._builds[files]


class TlsConnection(Connection):
    """A connection whose bytes pass through TLS. `handshake` comes before the first `start`."""

    def __init__(self, owner: Owner, limits: TransportLimits) -> None:
        super().__init__(owner, limits)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls: ssl.SSLObject
        self._secured = False
        self._shaken: asyncio.Future[None] | None = None  # not None while the handshake runs

    async def handshake(self, context: ssl.SSLContext, host: str) -> None:
        """Raises ssl.SSLError (certificate errors are some), or ConnectionError when the peer closed meanwhile."""
        if self._transport.is_closing():
            raise ConnectionError("the server closed before the TLS handshake")
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        shaken = self._shaken = asyncio.get_running_loop().create_future()
        self._shake()
        await shaken

    def data_received(self, data: bytes) -> None:
        self._incoming.write(data)
        if self._shaken is not None:
            self._shake()
        if self._secured:
            self._decrypt()

    def eof_received(self) -> None:
        if self._shaken is not None:
            self._end_handshake(ConnectionError("the server closed during the TLS handshake"))
        self._end_of_stream(clean=self._peer_ended)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._shaken is not None:
            self._end_handshake(exc or ConnectionError("the connection closed during the TLS handshake"))
        super().connection_lost(exc)

    def _shake(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError as error:
            self._flush()  # the alert tells the server why
            self._end_handshake(error)
        else:
            self._flush()
            self._secured = True
            self._end_handshake(None)

    def _end_handshake(self, error: Exception | None) -> None:
        shaken, self._shaken = self._shaken, None
        if shaken is None or shaken.done():
            return
        if error is None:
            shaken.set_result(None)
        else:
            shaken.set_exception(error)

    def _decrypt(self) -> None:
        """All plaintext goes to the parser in one piece, or what follows a response could pass for the next one's."""
        tls, incoming = self._tls, self._incoming
        plain: list[bytes] = []
        broken: ssl.SSLError | None = None
        try:
            while incoming.pending or tls.pending():
                piece = tls.read(RECORD_BYTES)
                if not piece:
                    self._peer_ended = True
                    break
                plain.append(piece)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._peer_ended = True
        except ssl.SSLError as error:
            broken = error
        self._flush()
        if plain:
            super().data_received(plain[0] if len(plain) == 1 else b"".join(plain))
        if broken is not None:
            self._break_off(broken)
        elif self._peer_ended:
            self._end_of_stream(clean=True)

    def _write(self, head: bytes, body: bytes) -> None:
        try:
            self._encrypt(head + body if len(body) <= JOIN_LIMIT else head)
            if len(body) > JOIN_LIMIT:
                self._encrypt(body)
        except ssl.SSLError as error:
            self._unsent = True
            asyncio.get_running_loop().call_soon(self._break_off, error)
        self._flush()

    def _encrypt(self, data: bytes) -> None:
        sent = self._tls.write(data)
        if sent < len(data):
            view = memoryview(data)
            while sent < len(data):
                sent += self._tls.write(view[sent:])

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._transport.write(self._outgoing.read())

    def _shut(self) -> None:
        """Say goodbye with close_notify, but don't wait for the answer."""
        if self._secured and not self._transport.is_closing():
            try:
                self._tls.unwrap()
            except ssl.SSLError:
                pass
            self._flush()
        super()._shut()
