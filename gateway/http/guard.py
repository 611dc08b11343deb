"""The outermost middleware: which `Host` may be asked for, and a request id on every answer.

A gateway without keys answers loopback names only: otherwise any web page could, by rebinding its own DNS name to
127.0.0.1, spend its user's money.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.config.snapshot import Snapshot
from gateway.core.errors import BadRequest
from gateway.http.errors import send_error
from gateway.http.headers import REQUEST_ID
from gateway.http.serving import CurrentServing

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})


class Guard:
    def __init__(self, app: ASGIApp, current: CurrentServing, new_id: Callable[[], str]) -> None:
        self._app = app
        self._current = current
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        snapshot = self._current().snapshot
        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        if not host_allowed(host, snapshot):
            error = BadRequest("This gateway does not answer to the Host of this request.", status=421)
            await send_error(send, error, self._new_id())
            return

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                if not any(name == REQUEST_ID for name, _ in headers):
                    message["headers"] = [*headers, (REQUEST_ID, self._new_id().encode())]
            await send(message)

        await self._app(scope, receive, send_with_id)


def host_allowed(host: bytes, snapshot: Snapshot) -> bool:
    """Whether a `Host` header names this gateway: a configured name, or, where no keys are set, a loopback one."""
    server = snapshot.server
    if not server.allowed_hosts and (snapshot.keys or server.unsafe_open):
        return True
    name = host.decode("latin-1").lower()
    name = name[: name.rfind("]") + 1] if name.startswith("[") else name.partition(":")[0]
    return name in server.allowed_hosts or name in _LOOPBACK
