"""A raw HTTP/1.1 server on loopback that plays a script per connection, for tests of what goes wrong on the wire.

    async def half_a_body(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(b"HTTP/1.1 200 OK\\r\\ncontent-length: 10\\r\\n\\r\\nhalf")
        peer.reset()

    async with FaultServer(half_a_body, answering(response(b"{}"))) as server:
        ... send requests to server.endpoint ...
        assert [request.target for request in server.requests] == ["/v1/chat/completions"] * 2

The first connection plays the first script, the second the second, and so on; the last script plays for all that
follow. A script that returns closes its connection with FIN. An error other than a lost connection, raised in a script,
is raised again when the server is left. Waiting is on events of the wire, never on the clock; every wait gives up after
GIVE_UP_S, so that a mistake fails rather than hangs.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import socket
import ssl
import struct
import termios
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from gateway.core.wire import Endpoint

GIVE_UP_S = 5.0


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came: `headers` keep their order and repetitions, names as sent."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The values of a header joined by ", ", whatever its case; None where it is absent."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None


class Peer:
    """One accepted connection, as its script sees it."""

    def __init__(self, server: FaultServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests: list[Request] = []
        self.leftover = b""
        self._server = server
        self._reader = reader
        self._writer = writer
        self._gone: asyncio.Future[Literal["fin", "reset"]] = asyncio.get_running_loop().create_future()

    async def read_head(self) -> Request:
        """Read one request's head only, leaving its body unread. Raises ConnectionError when the client left."""
        try:
            async with asyncio.timeout(GIVE_UP_S):
                head = await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            self.leftover += error.partial
            raise ConnectionAbortedError("the client left") from error
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        pairs = (line.partition(":") for line in lines[1:] if line)
        return Request(method, target, tuple((name, value.strip()) for name, _, value in pairs), b"")

    async def read_request(self) -> Request:
        """Read one request, body included, and record it. Raises ConnectionError when the client left before that."""
        head = await self.read_head()
        try:
            async with asyncio.timeout(GIVE_UP_S):
                body = await self._reader.readexactly(int(head.header("content-length") or 0))
        except asyncio.IncompleteReadError as error:
            self.leftover += error.partial
            raise ConnectionAbortedError("the client left") from error
        request = Request(head.method, head.target, head.headers, body)
        self.requests.append(request)
        self._server.record(request)
        return request

    async def read_some(self) -> bytes:
        """Whatever bytes come next; empty when the client has closed."""
        async with asyncio.timeout(GIVE_UP_S):
            return await self._reader.read(65536)

    async def pause(self) -> None:
        """A moment, for a script that repeats itself."""
        await asyncio.sleep(0.01)

    async def blocked(self) -> None:
        """Wait until the client takes no more: what is written stays in our own buffer for a while."""
        transport = self._writer.transport
        async with asyncio.timeout(GIVE_UP_S):
            unmoved = before = 0
            while unmoved < 20:
                size = transport.get_write_buffer_size()
                unmoved = unmoved + 1 if size and size == before else 0
                before = size
                await asyncio.sleep(0.01)

    async def drained(self) -> None:
        """Wait until the client's kernel has acknowledged all that was sent, and the client has had a turn to read."""
        sock = self._writer.get_extra_info("socket")
        async with asyncio.timeout(GIVE_UP_S):
            while struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0" * 4))[0]:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.02)

    @property
    def left(self) -> bool:
        """Whether a script has seen the client close (it awaited `gone`)."""
        return self._gone.done() and not self._gone.cancelled()

    @property
    def alpn(self) -> str | None:
        """The protocol that TLS settled on."""
        session = self._writer.get_extra_info("ssl_object")
        return session and session.selected_alpn_protocol()

    async def send(self, *pieces: bytes) -> None:
        """Write each piece and wait until the kernel has taken it. Raises ConnectionError when the client left."""
        for piece in pieces:
            # uvloop's own complaint about a closed transport is a RuntimeError
            if self._writer.is_closing():
                raise ConnectionResetError("the client left")
            self._writer.write(piece)
            async with asyncio.timeout(GIVE_UP_S):
                await self._writer.drain()

    def half_close(self) -> None:
        """Send FIN and keep reading. Not possible under TLS."""
        self._writer.write_eof()

    def close(self) -> None:
        """Close with FIN, and with close_notify under TLS, after what was written."""
        self._writer.close()

    def cut(self) -> None:
        """Close with FIN but, under TLS, without close_notify. What is still in our buffer is lost."""
        self._writer.transport.abort()

    def reset(self) -> None:
        """Close with RST. What is still in our buffer is lost."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Go on under TLS, as a proxy's tunnel does."""
        await self._writer.start_tls(context)

    async def gone(self) -> Literal["fin", "reset"]:
        """Wait until the client has closed, and say how. Bytes that come before that are put in `leftover`."""
        async with asyncio.timeout(GIVE_UP_S):
            if not self._gone.done():
                how = await self._read_away()
                if not self._gone.done():
                    self._gone.set_result(how)
            return self._gone.result()

    async def _read_away(self) -> Literal["fin", "reset"]:
        try:
            while data := await self._reader.read(65536):
                self.leftover += data
        except OSError:
            return "reset"
        return "fin"

    async def finish(self) -> None:
        """Let go of the socket, whatever its state."""
        if not self._writer.transport.is_closing():
            self._writer.close()
        else:
            self._writer.transport.abort()
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(self._writer.wait_closed(), 0.05)
        self._writer.transport.abort()
        if not self._gone.done():
            self._gone.cancel()


Script = Callable[[Peer], Awaitable[object]]


class FaultServer:
    """See the module. `peers` are the connections in the order of their coming, `requests` all whole requests."""

    def __init__(
        self,
        *scripts: Script,
        tls: ssl.SSLContext | None = None,
        ca_file: str | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.peers: list[Peer] = []
        self.requests: list[Request] = []
        self.host = host
        self.port = 0
        self._scripts = scripts
        self._tls = tls
        self._ca_file = ca_file
        self._errors: list[BaseException] = []
        self._running: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Where it is. `host` and `ca_file` are what the client shall know it by and trust."""
        return Endpoint("https" if self._tls else "http", self.host, self.port, ca_file=self._ca_file)

    @property
    def base_url(self) -> str:
        return f"{self.endpoint.scheme}://{self.endpoint.authority}"

    async def __aenter__(self) -> FaultServer:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
        if self._errors and kind is None:
            raise self._errors[0]

    async def accepted(self, count: int) -> None:
        """Wait until `count` connections have come."""
        async with asyncio.timeout(GIVE_UP_S):
            while len(self.peers) < count:
                self._changed.clear()
                await self._changed.wait()

    async def requested(self, count: int) -> None:
        """Wait until `count` whole requests have come."""
        async with asyncio.timeout(GIVE_UP_S):
            while len(self.requests) < count:
                self._changed.clear()
                await self._changed.wait()

    async def finished(self) -> None:
        """Wait until the scripts of all connections accepted so far have returned."""
        async with asyncio.timeout(GIVE_UP_S):
            if self._running:
                await asyncio.wait(set(self._running))

    def record(self, request: Request) -> None:
        self.requests.append(request)
        self._changed.set()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self._scripts[min(len(self.peers), len(self._scripts) - 1)]
        peer = Peer(self, reader, writer)
        self.peers.append(peer)
        self._changed.set()
        task = asyncio.get_running_loop().create_task(self._play(script, peer))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _play(self, script: Script, peer: Peer) -> None:
        try:
            await script(peer)
        except (OSError, asyncio.CancelledError):
            pass
        except BaseException as error:  # noqa: BLE001  an assertion in a script must reach the test
            self._errors.append(error)
        finally:
            await peer.finish()


def response(
    body: bytes = b"", status: int = 200, headers: Iterable[tuple[str, str]] = (), version: str = "HTTP/1.1"
) -> bytes:
    """A whole response with its content-length."""
    lines = [f"{version} {status} Reason", *(f"{name}: {value}" for name, value in headers)]
    if status not in (204, 304):
        lines.append(f"content-length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def chunked(*chunks: bytes, trailers: Iterable[tuple[str, str]] = (), headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """A whole 200 response in chunks."""
    head = "".join(f"{name}: {value}\r\n" for name, value in (("transfer-encoding", "chunked"), *headers))
    tail = "".join(f"{name}: {value}\r\n" for name, value in trailers)
    data = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + data + f"0\r\n{tail}\r\n".encode()


def answering(*responses: bytes) -> Script:
    """Answer each request of the connection with the next response (the last one repeats), until the client leaves."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.read_request()
            await peer.send(responses[min(len(peer.requests), len(responses)) - 1])

    return script


@contextlib.contextmanager
def refusing() -> Iterator[Endpoint]:
    """An endpoint that refuses connections: bound, so that nobody else takes the port, but not listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield Endpoint("http", "127.0.0.1", bound.getsockname()[1])


@contextlib.asynccontextmanager
async def black_hole(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Endpoint]:
    """An endpoint where connecting hangs: a listener that accepts nobody and whose backlog is full."""
    loop = asyncio.get_running_loop()
    fillers: list[socket.socket] = []
    with socket.socket() as listener:
        listener.bind((host, port))
        listener.listen(0)
        address = listener.getsockname()
        try:
            while True:
                filler = socket.socket()
                filler.setblocking(False)
                fillers.append(filler)
                try:
                    await asyncio.wait_for(loop.sock_connect(filler, address), 0.1)
                except TimeoutError:
                    break
                assert len(fillers) < 20, "the backlog of a listener does not fill here"
            yield Endpoint("http", host, address[1])
        finally:
            for filler in fillers:
                filler.close()
