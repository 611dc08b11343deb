"""Liveness, readiness, metrics and the OpenAPI document. Liveness and readiness are open and say nothing of the config;
metrics ask for an admin key, the document for any key, where the config holds keys."""

from __future__ import annotations

from collections.abc import Callable

import orjson
from fastapi import APIRouter, Request, Response

from gateway.http.openapi import document
from gateway.http.serving import CurrentServing, authorization_of


def status_router(current: CurrentServing, render_metrics: Callable[[], bytes], metrics_type: str) -> APIRouter:
    router = APIRouter()

    @router.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request) -> Response:
        current().authenticator.authenticate(authorization_of(request))
        return _json(document())

    @router.get("/healthz", include_in_schema=False)
    async def healthz() -> Response:
        return _json({"status": "ok"})

    @router.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        return _json({"status": "ready"})

    @router.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        current().authenticator.authenticate_admin(authorization_of(request))
        return Response(render_metrics(), media_type=metrics_type)

    return router


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
