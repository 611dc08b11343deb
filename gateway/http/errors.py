"""The one place where exceptions become OpenAI error objects and HTTP responses."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Send

from gateway.core.errors import GatewayError
from gateway.http.headers import JSON, REQUEST_ID, RawHeaders

INTERNAL = "The server had an error processing your request. Sorry about that! You can retry your request."


def error_body(message: str, type: str, code: str | None = None, param: str | None = None) -> bytes:
    """OpenAI's error object (openapi.yaml, ErrorResponse): all four keys, always."""
    return orjson.dumps({"error": {"message": message, "type": type, "param": param, "code": code}})


def body_of(error: GatewayError) -> bytes:
    return error_body(error.message, error.type, error.code, error.param)


async def send_error(
    send: Send, error: GatewayError, request_id: str, extra: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    """A whole error response over raw ASGI."""
    body = body_of(error)
    headers: RawHeaders = [
        JSON,
        (b"content-length", str(len(body)).encode()),
        (REQUEST_ID, request_id.encode()),
        *((name.encode(), value.encode()) for name, value in error.headers),
        *extra,
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def internal_error() -> GatewayError:
    return GatewayError(INTERNAL)


def _response(status: int, body: bytes, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status_code=status, media_type="application/json", headers=headers)


async def handle_http_exception(request: Request, exc: Exception) -> Response:
    """Starlette's own 404 and 405, in OpenAI's words."""
    assert isinstance(exc, HTTPException)
    method, path = request.method, str(request.scope["path"])[:500]
    if exc.status_code == 404:
        message = f"Invalid URL ({method} {path})"
    elif exc.status_code == 405:
        message = f"Not allowed to {method} on {path} (HINT: Perhaps you meant to use a different HTTP method?)"
    else:
        message = str(exc.detail)
    type = "invalid_request_error" if exc.status_code < 500 else "server_error"
    headers = dict(exc.headers) if exc.headers else None
    return _response(exc.status_code, error_body(message, type), headers)


async def handle_gateway_error(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, GatewayError)
    return _response(exc.status, body_of(exc), dict(exc.headers))


async def handle_validation_error(request: Request, exc: Exception) -> Response:
    """FastAPI's 422, without echoing the input."""
    assert isinstance(exc, RequestValidationError)
    first: dict[str, object] = next(iter(exc.errors()), {})
    location = first.get("loc")
    path = ".".join(str(part) for part in location[1:]) if isinstance(location, tuple) else ""
    return _response(
        422, error_body(str(first.get("msg", "Invalid input.")), "invalid_request_error", None, path or None)
    )


async def handle_anything(request: Request, exc: Exception) -> Response:
    return _response(500, body_of(internal_error()))
