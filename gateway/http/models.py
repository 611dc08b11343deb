"""GET /v1/models and /v1/models/{id}: the names a client may ask for."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.config.snapshot import Snapshot
from gateway.core.errors import no_model
from gateway.core.principal import Principal
from gateway.http.serving import CurrentServing, authorization_of, json_response


def models_routes(current: CurrentServing, started: int) -> list[Route]:
    """`started` (epoch seconds) stands as the `created` of every entry: the catalogue has no other date."""

    async def list_models(request: Request) -> Response:
        serving = current()
        caller = serving.authenticator.authenticate(authorization_of(request))
        entries = [_entry(name, owner, started) for name, owner in names_of(serving.snapshot, caller).items()]
        return json_response({"object": "list", "data": entries})

    async def get_model(request: Request) -> Response:
        name: str = request.path_params["name"]
        serving = current()
        caller = serving.authenticator.authenticate(authorization_of(request))
        owner = names_of(serving.snapshot, caller).get(name)
        if owner is None:
            raise no_model(name)
        return json_response(_entry(name, owner, started))

    return [Route("/v1/models", list_models), Route("/v1/models/{name:path}", get_model)]


def names_of(snapshot: Snapshot, caller: Principal) -> dict[str, str]:
    """Every name a request of this caller may carry as its `model`, and who owns it. Models of switched-off providers
    are left out."""
    names = {"auto": "switchyard"}
    for alias, stands_for in snapshot.aliases.items():
        if stands_for not in snapshot.models or caller.may(stands_for):
            names[alias] = "switchyard"
    for model in snapshot.models.values():
        if model.provider not in snapshot.off and caller.may(model.name):
            names[model.name] = model.provider
    return names


def _entry(name: str, owner: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": owner}
