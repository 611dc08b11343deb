"""Request to Plan: which models may serve it, in which order, and why. Pure: no clock, no I/O, no state.

`model` names are resolved here: `auto` and aliases of `route` go through the rules; a catalogue name, or
`provider/upstream-id` of a catalogue entry, is pinned and keeps its own fallbacks; anything else is 404.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from gateway.config.snapshot import DEFAULT_FALLBACK_ON, Model, Require, Route, Snapshot
from gateway.core.chat import ChatRequest
from gateway.core.errors import AuthError, BadRequest, GatewayError, Overloaded, no_model
from gateway.core.health import AllWell, Health
from gateway.core.label import Signals
from gateway.core.plan import Candidate, Mismatch, Plan, Rejection, RouteTrace
from gateway.route.constraints import why_unfit
from gateway.route.match import Facts, mismatch
from gateway.route.order import by_preference, standing
from gateway.route.sticky import session_of

PINNED = "pinned"
AUTO = "auto"
_ANY = Require()
_ALL_WELL = AllWell()
_NO_CONDITION = ("the route has no condition",)
_ALL_HOLD = ("every condition holds",)
_PARAM_OF_NEED = {
    "tools": "tools",
    "computer": "tools",
    "json_schema": "response_format",
    "n": "n",
    "logprobs": "logprobs",
    "audio_out": "modalities",
}


def resolve_model(asked_for: str, snapshot: Snapshot) -> Model | None:
    """The catalogue entry that a request's `model` pins, or None when it is to be routed.

    Raises NotFound (404, model_not_found) for an unknown name.
    """
    name = snapshot.aliases.get(asked_for, asked_for)
    if name in ("route", AUTO) and (name != asked_for or name == AUTO):
        return None
    model = snapshot.models.get(name)
    if model is not None:
        return model
    provider, slash, upstream_id = name.partition("/")
    if slash:
        for entry in snapshot.models.values():
            if entry.provider == provider and entry.target.upstream_id == upstream_id:
                return entry
    raise no_model(asked_for)


def headers_of_rules(snapshot: Snapshot) -> frozenset[str]:
    """The header names that any rule asks for: the only ones routing ever sees."""
    asked = {name for route in snapshot.routes if route.when for name, _ in route.when.headers}
    named = {route.sticky.header for route in snapshot.routes if route.sticky and route.sticky.header}
    return frozenset(asked | named)


def make_plan(request: ChatRequest, facts: Facts, snapshot: Snapshot, today: date, health: Health = _ALL_WELL) -> Plan:
    """The plan for a validated request; models in trouble come last in it, as `health` says.

    Raises NotFound for an unknown model; BadRequest, AuthError or Overloaded when the constraints leave no candidate,
    naming the constraint.
    """
    pinned = resolve_model(request.model, snapshot)
    if pinned is not None:
        return _plan_pinned(pinned, facts, snapshot, health)
    rejected: list[Mismatch] = []
    for route in snapshot.routes:
        missed = None if route.when is None else mismatch(route.name, route.when, facts)
        if missed is None:
            return _plan_route(route, tuple(rejected), request, facts, snapshot, today, health)
        rejected.append(missed)
    raise GatewayError("No route matched, and the config has no route without a `when`.")


def _plan_pinned(model: Model, facts: Facts, snapshot: Snapshot, health: Health) -> Plan:
    if not facts.principal.may(model.name):
        raise no_model(facts.asked_for)
    fit = _filter((model.name, *model.fallbacks), _ANY, facts, snapshot)
    found = standing(fit.candidates, health)
    trace = RouteTrace(
        asked_for=facts.asked_for,
        route=PINNED,
        matched=(f"model {facts.asked_for} is pinned",),
        candidates_rejected=tuple(fit.rejected),
        put_back=found.reasons,
    )
    return Plan(
        candidates=found.well + found.unwell,
        fallback_on=DEFAULT_FALLBACK_ON,
        timeouts=snapshot.timeouts,
        max_attempts=snapshot.max_attempts,
        trace=trace,
        warnings=found.warnings,
    )


def _plan_route(
    route: Route,
    rules_rejected: tuple[Mismatch, ...],
    request: ChatRequest,
    facts: Facts,
    snapshot: Snapshot,
    today: date,
    health: Health,
) -> Plan:
    fit = _fit_of(route, facts, snapshot)
    session = None if route.sticky is None else session_of(request, facts, route.sticky)
    found = standing(fit.candidates, health)
    well = found.well
    if route.prefer != "order" and len(well) > 1:
        well = by_preference(well, route, request, facts, session, snapshot, today, health)
    return Plan(
        candidates=well + found.unwell if found.unwell else well,
        fallback_on=route.fallback_on,
        timeouts=route.timeouts,
        max_attempts=route.max_attempts,
        trace=RouteTrace(
            asked_for=facts.asked_for,
            route=route.name,
            matched=_NO_CONDITION if route.when is None else _ALL_HOLD,
            rules_rejected=rules_rejected,
            candidates_rejected=tuple(fit.rejected),
            put_back=found.reasons,
        ),
        on_context_window=_side_chain(route.on_context_window, route, facts, snapshot)
        if route.on_context_window is not None
        else None,
        on_content_policy=_side_chain(route.on_content_policy, route, facts, snapshot)
        if route.on_content_policy is not None
        else None,
        session=session,
        warnings=found.warnings,
        hedge=route.hedge if route.hedge and len(well) > 1 else None,
    )


class _Fit(NamedTuple):
    candidates: tuple[Candidate, ...]
    rejected: list[Rejection]


def _fit_of(route: Route, facts: Facts, snapshot: Snapshot) -> _Fit:
    """The route's candidates. A prompt that is too long for each of them begins where one that turns out to be too long
    would go on."""
    try:
        return _filter(route.chain, route.require, facts, snapshot)
    except BadRequest as error:
        if error.code != "context_length_exceeded" or not route.on_context_window:
            raise
        return _filter(route.on_context_window, route.require, facts, snapshot)


def _side_chain(chain: tuple[str, ...], route: Route, facts: Facts, snapshot: Snapshot) -> tuple[Candidate, ...]:
    """The members of a chain for one class of failure that may serve the request: the constraints hold there, too."""
    models = [snapshot.models[name] for name in chain]
    return tuple(
        model.candidate
        for model in models
        if why_unfit(model, route.require, facts.signals, facts.principal, snapshot) is None
    )


def _filter(chain: tuple[str, ...], require: Require, facts: Facts, snapshot: Snapshot) -> _Fit:
    candidates: list[Candidate] = []
    rejected: list[Rejection] = []
    constraints: list[str] = []
    for name in chain:
        model = snapshot.models[name]
        unfit = why_unfit(model, require, facts.signals, facts.principal, snapshot)
        if unfit is None:
            candidates.append(model.candidate)
        else:
            constraints.append(unfit[0])
            rejected.append(Rejection(name, unfit[1]))
    if not candidates:
        raise _refusal(constraints, rejected, chain, facts.signals, snapshot)
    return _Fit(tuple(candidates), rejected)


def _refusal(
    constraints: list[str], rejected: list[Rejection], chain: tuple[str, ...], signals: Signals, snapshot: Snapshot
) -> GatewayError:
    """Why nobody can serve the request, as the error its sender can act on."""
    why = "; ".join(rejection.reason for rejection in rejected)
    if "context" in constraints:
        window = max(snapshot.models[name].target.context_window or 0 for name in chain)
        return BadRequest(
            f"This model's maximum context length is {window} tokens. However, your messages resulted in about "
            f"{signals.input_tokens} tokens. Please reduce the length of the messages.",
            code="context_length_exceeded",
            param="messages",
        )
    if "capability" in constraints:
        params = {_PARAM_OF_NEED.get(need, "messages") for need in signals.needs}
        return BadRequest(
            f"No model that may serve this request has all it needs: {why}.",
            code="unsupported_value",
            param=params.pop() if len(params) == 1 else None,
        )
    if not {"region", "retention", "key"}.isdisjoint(constraints):
        return AuthError(
            f"No model that this request is allowed to use can serve it: {why}.",
            status=403,
            code="no_allowed_model",
        )
    return Overloaded("No provider of this route is configured with a credential.", code="upstream_unavailable")
