"""Request to Plan: which models may serve it, in which order, and why. Pure: no clock, no I/O, no state.

`model` names are resolved here: `auto` and aliases of `route` go through the rules; a catalogue name, or
`provider/upstream-id` of a catalogue entry, is pinned and keeps its own fallbacks; anything else is 404.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from gateway.config.snapshot import DEFAULT_FALLBACK_ON, Model, Require, Route, Snapshot
from gateway.core.chat import ChatRequest
from gateway.core.errors import AuthError, BadRequest, GatewayError, NotFound, Overloaded
from gateway.core.label import Signals
from gateway.core.money import cost_nano_usd, price_on
from gateway.core.plan import Candidate, Mismatch, Plan, Rejection, RouteTrace
from gateway.core.usage import Usage
from gateway.route.constraints import why_unfit
from gateway.route.match import Facts, mismatch

PINNED = "pinned"
AUTO = "auto"
_ANY = Require()
_EXPECTED_OUTPUT_TOKENS = 500
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
    raise NotFound(
        f"The model `{asked_for[:200]}` does not exist or you do not have access to it.", code="model_not_found"
    )


def headers_of_rules(snapshot: Snapshot) -> frozenset[str]:
    """The header names that any rule asks for: the only ones routing ever sees."""
    return frozenset(name for route in snapshot.routes if route.when for name, _ in route.when.headers)


def make_plan(request: ChatRequest, facts: Facts, snapshot: Snapshot, today: date) -> Plan:
    """The plan for a validated request.

    Raises NotFound for an unknown model; BadRequest, AuthError or Overloaded when the constraints leave no candidate,
    naming the constraint.
    """
    pinned = resolve_model(request.model, snapshot)
    if pinned is not None:
        return _plan_pinned(pinned, facts, snapshot)
    rejected: list[Mismatch] = []
    for route in snapshot.routes:
        missed = None if route.when is None else mismatch(route.name, route.when, facts)
        if missed is None:
            return _plan_route(route, tuple(rejected), request, facts, snapshot, today)
        rejected.append(missed)
    raise GatewayError("No route matched, and the config has no route without a `when`.")


def _plan_pinned(model: Model, facts: Facts, snapshot: Snapshot) -> Plan:
    fit = _filter((model.name, *model.fallbacks), _ANY, facts.signals, snapshot)
    trace = RouteTrace(
        asked_for=facts.asked_for,
        route=PINNED,
        matched=(f"model {facts.asked_for} is pinned",),
        candidates_rejected=tuple(fit.rejected),
    )
    return Plan(
        candidates=fit.candidates,
        fallback_on=DEFAULT_FALLBACK_ON,
        timeouts=snapshot.timeouts,
        max_attempts=snapshot.max_attempts,
        trace=trace,
    )


def _plan_route(
    route: Route,
    rules_rejected: tuple[Mismatch, ...],
    request: ChatRequest,
    facts: Facts,
    snapshot: Snapshot,
    today: date,
) -> Plan:
    fit = _filter(route.chain, route.require, facts.signals, snapshot)
    candidates = fit.candidates
    if route.prefer == "cheapest":
        candidates = rank_by_cost(candidates, request, facts.signals, snapshot, today)
    return Plan(
        candidates=candidates,
        fallback_on=route.fallback_on,
        timeouts=route.timeouts,
        max_attempts=route.max_attempts,
        trace=RouteTrace(
            asked_for=facts.asked_for,
            route=route.name,
            matched=_NO_CONDITION if route.when is None else _ALL_HOLD,
            rules_rejected=rules_rejected,
            candidates_rejected=tuple(fit.rejected),
        ),
    )


class _Fit(NamedTuple):
    candidates: tuple[Candidate, ...]
    rejected: list[Rejection]


def _filter(chain: tuple[str, ...], require: Require, signals: Signals, snapshot: Snapshot) -> _Fit:
    candidates: list[Candidate] = []
    rejected: list[Rejection] = []
    constraints: list[str] = []
    for name in chain:
        model = snapshot.models[name]
        unfit = why_unfit(model, require, signals, snapshot)
        if unfit is None:
            candidates.append(model.candidate)
        else:
            constraints.append(unfit[0])
            rejected.append(Rejection(name, unfit[1]))
    if not candidates:
        raise _refusal(constraints, rejected, chain, signals, snapshot)
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
    if "region" in constraints or "retention" in constraints:
        return AuthError(
            f"No model in an allowed region and retention can serve this request: {why}.",
            status=403,
            code="no_allowed_model",
        )
    return Overloaded("No provider of this route is configured with a credential.", code="upstream_unavailable")


def rank_by_cost(
    candidates: tuple[Candidate, ...], request: ChatRequest, signals: Signals, snapshot: Snapshot, today: date
) -> tuple[Candidate, ...]:
    """Cheapest first by the estimated cost of this request; unpriced models last; ties keep the chain's order."""
    output = min(request.max_output_tokens or _EXPECTED_OUTPUT_TOKENS, _EXPECTED_OUTPUT_TOKENS)
    expected = Usage(input=signals.input_tokens, output=output, source="estimated")

    def cost(candidate: Candidate) -> float:
        price = price_on(snapshot.models[candidate.model].prices, today)
        return float("inf") if price is None else cost_nano_usd(expected, price)

    return tuple(sorted(candidates, key=cost))
