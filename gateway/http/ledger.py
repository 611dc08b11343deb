"""GET /v1/usage, GET /v1/requests/{id} and POST /v1/feedback: what the ledger holds, and what people thought of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.core.errors import BadRequest, NotFound
from gateway.core.principal import Principal
from gateway.http.body import CLIENT_GONE_STATUS, ClientGone, parse_json_object, read_body
from gateway.http.clerks import Clerks
from gateway.http.serving import CurrentServing, Serving, authorization_of, json_response

MAX_NOTE_CHARS = 4000
MAX_FEEDBACK_BYTES = 64 * 1024
SHIPPING_S = 3.0
"""How long feedback waits for its request to be in the ledger: it may come within a second of the answer."""
_LOOK_AGAIN_S = 0.1


class Desk(Protocol):
    """What this edge asks of the ledger (ledger/desk.py). Questions block, and go through the clerks."""

    def usage(self, asked: Mapping[str, str], caller: Principal) -> tuple[str, bytes]: ...

    def find(self, request_id: str, caller: Principal) -> dict[str, Any] | None: ...

    def give_feedback(
        self, entry: dict[str, Any], score: float | None, label: str | None, note: str | None, by: str
    ) -> None: ...


class Feedback(BaseModel):
    """The body of POST /v1/feedback. `score` is in 0 (useless) to 1 (perfect)."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    request_id: Annotated[str, Field(min_length=1, max_length=128)]
    score: Annotated[float, Field(ge=0, le=1)] | None = None
    label: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")] | None = None
    note: Annotated[str, Field(min_length=1, max_length=MAX_NOTE_CHARS)] | None = None

    @model_validator(mode="after")
    def says_something(self) -> Feedback:
        if self.score is None and self.label is None and self.note is None:
            raise ValueError("give a score, a label or a note")
        return self


def ledger_routes(current: CurrentServing, desk: Desk | None, clerks: Clerks) -> list[Route]:

    def open_desk() -> Desk:
        if desk is None:
            raise NotFound("This gateway keeps no ledger (ledger.store is none).", code="no_ledger")
        return desk

    async def usage(request: Request) -> Response:
        caller = current().authenticator.authenticate(authorization_of(request))
        asked = dict(request.query_params)
        media_type, body = await clerks.ask(open_desk().usage, asked, caller)
        return Response(body, media_type=media_type)

    async def one(request: Request) -> Response:
        caller = current().authenticator.authenticate(authorization_of(request))
        return json_response(await _find(clerks, open_desk(), request.path_params["id"], caller, wait_s=0))

    async def feedback(request: Request) -> Response:
        serving = current()
        caller = serving.authenticator.authenticate(authorization_of(request))
        try:
            given = _read(await _body(request, serving))
        except ClientGone:
            return Response(status_code=CLIENT_GONE_STATUS)
        entry = await _find(clerks, open_desk(), given.request_id, caller, wait_s=SHIPPING_S)
        # One write to the journal, which belongs to this loop.
        open_desk().give_feedback(entry, given.score, given.label, given.note, caller.name)
        return json_response({"object": "feedback", "request_id": given.request_id, "status": "recorded"})

    return [
        Route("/v1/usage", usage),
        Route("/v1/requests/{id}", one),
        Route("/v1/feedback", feedback, methods=["POST"]),
    ]


async def _find(clerks: Clerks, desk: Desk, request_id: str, caller: Principal, *, wait_s: float) -> dict[str, Any]:
    """The entry of a request of this caller's. Raises NotFound, also for another's: whether it is there is no news."""
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    while True:
        entry = await clerks.ask(desk.find, request_id, caller)
        if entry is not None:
            return entry
        if loop.time() >= until:
            raise NotFound(f"No request `{request_id[:128]}` of this key is in the ledger.", code="request_not_found")
        await asyncio.sleep(_LOOK_AGAIN_S)


async def _body(request: Request, serving: Serving) -> dict[str, Any]:
    task = asyncio.current_task()
    assert task is not None
    server = replace(serving.snapshot.server, max_body_bytes=MAX_FEEDBACK_BYTES)
    body = await read_body(request.receive, dict(request.scope["headers"]), server, serving.deadlines, task)
    return parse_json_object(body, server.max_json_depth)


def _read(body: Mapping[str, Any]) -> Feedback:
    """Raises BadRequest that names the field, and repeats nothing of what was sent."""
    try:
        return Feedback.model_validate(body)
    except ValidationError as failure:
        first = failure.errors(include_url=False, include_input=False)[0]
    name = str(first["loc"][0])[:64] if first["loc"] else None
    if first["type"] == "extra_forbidden":
        raise BadRequest(f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name)
    if first["type"] == "missing":
        raise BadRequest(f"Missing required parameter: '{name}'.", code="missing_required_parameter", param=name)
    where = f" '{name}'" if name else ""
    raise BadRequest(f"Invalid{where}: {first['msg']}.", code="invalid_value", param=name)
