"""Liveness, readiness, metrics and the OpenAPI document. Liveness and readiness are open and say nothing of the config;
metrics ask for an admin key, the document for any key, where the config holds keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.http.openapi import document
from gateway.http.serving import CurrentServing, authorization_of, json_response


def status_routes(
    current: CurrentServing,
    draining: Callable[[], bool],
    render_metrics: Callable[[], Awaitable[bytes]],
    metrics_type: str,
) -> list[Route]:

    async def openapi(request: Request) -> Response:
        current().authenticator.authenticate(authorization_of(request))
        return json_response(document())

    async def healthz(request: Request) -> Response:
        return json_response({"status": "ok"})

    async def readyz(request: Request) -> Response:
        return json_response({"status": "draining"}, 503) if draining() else json_response({"status": "ready"})

    async def metrics(request: Request) -> Response:
        current().authenticator.authenticate_admin(authorization_of(request))
        return Response(await render_metrics(), media_type=metrics_type)

    return [
        Route("/openapi.json", openapi),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
    ]
