"""What the edge needs of the config in force. A reload swaps the whole of it; requests in flight keep theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway.auth.keys import Authenticator
from gateway.config.snapshot import Snapshot
from gateway.execute.deadlines import Deadlines
from gateway.execute.pipeline import Pipeline


class Users:
    """How many requests run under one Serving. `none_left`, once set, is called when there are none any more."""

    __slots__ = ("count", "none_left")

    def __init__(self) -> None:
        self.count = 0
        self.none_left: Callable[[], None] | None = None

    def look(self) -> None:
        if self.count == 0 and self.none_left is not None:
            none_left, self.none_left = self.none_left, None
            none_left()


@dataclass(frozen=True, slots=True, eq=False)
class Serving:
    """One snapshot's rooms. `rule_headers` are the client headers that rules ask for, in lower case bytes."""

    snapshot: Snapshot
    authenticator: Authenticator
    pipeline: Pipeline
    rule_headers: tuple[bytes, ...]
    deadlines: Deadlines
    users: Users


CurrentServing = Callable[[], Serving]


def authorization_of(request: Request) -> bytes | None:
    """The raw `Authorization` header."""
    value = request.headers.get("authorization")
    return None if value is None else value.encode("latin-1")


def json_response(value: object, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status_code=status, media_type="application/json")
