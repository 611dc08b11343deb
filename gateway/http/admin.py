"""POST /admin/reload: take over the config file anew. Asks for an admin key, where the config holds keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.core.errors import BadRequest
from gateway.http.serving import CurrentServing, authorization_of, json_response


class Reloaded(NamedTuple):
    """What became of a reload. `problems` are `file:line:column: message`; with any, nothing has changed."""

    hash: str
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


Reloader = Callable[[], Awaitable[Reloaded]]


async def nobody_reloads() -> Reloaded:
    """Where no supervisor reads a file."""
    raise BadRequest("This gateway was not started from a config file.", code="reload_unavailable")


def admin_routes(current: CurrentServing, reload: Reloader) -> list[Route]:

    async def reload_config(request: Request) -> Response:
        current().authenticator.authenticate_admin(authorization_of(request))
        outcome = await reload()
        if outcome.problems:
            told = "\n".join(outcome.problems)
            raise BadRequest(f"The config was refused, the one before stays in force:\n{told}", code="invalid_config")
        return json_response({"object": "config", "hash": outcome.hash, "warnings": outcome.warnings})

    return [Route("/admin/reload", reload_config, methods=["POST"])]
