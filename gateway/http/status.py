"""Liveness, readiness, metrics and the OpenAPI document. Liveness and readiness are open and say nothing of the config;
an admin's key is told on readiness which breakers are open. Metrics ask for an admin key, the document for any key,
where the config holds keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.core.errors import AuthError
from gateway.core.health import BreakerView
from gateway.http.openapi import document
from gateway.http.serving import CurrentServing, authorization_of, json_response


def status_routes(
    current: CurrentServing,
    draining: Callable[[], bool],
    breakers: Callable[[], Iterable[BreakerView]],
    render_metrics: Callable[[], Awaitable[bytes]],
    metrics_type: str,
) -> list[Route]:

    async def openapi(request: Request) -> Response:
        current().authenticator.authenticate(authorization_of(request))
        return json_response(document())

    async def healthz(request: Request) -> Response:
        return json_response({"status": "ok"})

    async def readyz(request: Request) -> Response:
        if draining():
            return json_response({"status": "draining"}, 503)
        return json_response({"status": "ready", **(troubles() if asked_by_admin(request) else {})})

    def asked_by_admin(request: Request) -> bool:
        """A probe without a key, or with any other, is told no less than that the gateway is ready."""
        try:
            return current().authenticator.authenticate_admin(authorization_of(request)).admin
        except AuthError:
            return False

    def troubles() -> dict[str, Any]:
        return {"breakers": [view._asdict() for view in breakers() if view.state != "closed"]}

    async def metrics(request: Request) -> Response:
        current().authenticator.authenticate_admin(authorization_of(request))
        return Response(await render_metrics(), media_type=metrics_type)

    return [
        Route("/openapi.json", openapi),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
    ]
