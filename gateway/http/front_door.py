"""The outermost layer: which `Host` may be asked for, a request id on every answer, and the short way to the chat.

A gateway without keys answers loopback names only: otherwise any web page could, by rebinding its own DNS name to
127.0.0.1, spend its user's money.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.config.snapshot import Snapshot
from gateway.core.errors import BadRequest
from gateway.http.chat import CHAT_PATH
from gateway.http.errors import send_error
from gateway.http.headers import REQUEST_ID
from gateway.http.serving import CurrentServing

PROBES = frozenset({"/healthz", "/readyz"})
"""Answered under any name: an orchestrator asks by address, and they say nothing."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


class FrontDoor:
    """The ASGI app that the server runs, around the FastAPI app.

    The chat endpoint is a route of the FastAPI app like the others; a POST to it takes the short way, past the
    framework's own layers, which do nothing for it and would cost as much as routing and translation together.
    """

    def __init__(self, api: ASGIApp, chat: ASGIApp, current: CurrentServing, new_id: Callable[[], str]) -> None:
        self._api = api
        self._chat = chat
        self._current = current
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._api(scope, receive, send)
        elif scope["path"] not in PROBES and not host_allowed(scope["headers"], self._current().snapshot):
            error = BadRequest("This gateway does not answer to the Host of this request.", status=421)
            await send_error(send, error, self._new_id())
        elif scope["path"] == CHAT_PATH and scope["method"] == "POST":
            await self._chat(scope, receive, send)
        else:
            await self._api(scope, receive, self._with_request_id(send))

    def _with_request_id(self, send: Send) -> Send:
        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                if not any(name == REQUEST_ID for name, _ in headers):
                    message["headers"] = [*headers, (REQUEST_ID, self._new_id().encode())]
            await send(message)

        return send_with_id


def host_allowed(headers: Iterable[tuple[bytes, bytes]], snapshot: Snapshot) -> bool:
    """Whether the `Host` header names this gateway: a configured name, or, where no keys are set, a loopback one."""
    server = snapshot.server
    if not server.allowed_hosts and (snapshot.keys or server.unsafe_open):
        return True
    for name, value in headers:
        if name == b"host":
            return _is_one_of(value, server.allowed_hosts, server.host)
    return False


@lru_cache(maxsize=256)
def _is_one_of(host: bytes, allowed: frozenset[str], own: str) -> bool:
    """`own` is where the gateway listens: 127.0.0.2 is this machine too."""
    name = host.decode("latin-1").lower()
    name = name[: name.rfind("]") + 1] if name.startswith("[") else name.partition(":")[0]
    return name in allowed or name in LOOPBACK or name == own
