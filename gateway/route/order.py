"""The order of candidates: by preference, and those in trouble last. Pure; health and chance come in."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from gateway.config.snapshot import Route, Snapshot
from gateway.core.chat import ChatRequest
from gateway.core.health import Health
from gateway.core.label import Signals
from gateway.core.money import cost_nano_usd, price_on
from gateway.core.plan import Candidate, Rejection
from gateway.core.session import affinity
from gateway.core.usage import USUAL_OUTPUT_TOKENS, Usage
from gateway.route.match import Facts

Candidates = tuple[Candidate, ...]

NOBODY_WELL = "every model that may serve this request is in trouble; one was asked all the same"


class Standing(NamedTuple):
    """Candidates that are well, in the chain's order; those that are not, the one that is back first before the others;
    and why. `warnings` are what the client is to be told."""

    well: Candidates
    unwell: Candidates = ()
    reasons: tuple[Rejection, ...] = ()
    warnings: tuple[str, ...] = ()


def standing(candidates: Candidates, health: Health) -> Standing:
    if not health.troubled:
        return Standing(candidates)
    well: list[Candidate] = []
    unwell: list[tuple[float, Candidate]] = []
    reasons: list[Rejection] = []
    for candidate in candidates:
        trouble = health.unwell(candidate.model)
        if trouble is None:
            well.append(candidate)
        else:
            unwell.append((trouble.for_s, candidate))
            seconds = f"for {trouble.for_s:.1f} s more" if trouble.for_s else "and is being tried"
            reasons.append(Rejection(candidate.model, f"its breaker is open ({trouble.reason}) {seconds}"))
    unwell.sort(key=lambda item: item[0])
    warnings = () if well else (NOBODY_WELL,)
    return Standing(tuple(well), tuple(candidate for _, candidate in unwell), tuple(reasons), warnings)


def by_preference(
    candidates: Candidates,
    route: Route,
    request: ChatRequest,
    facts: Facts,
    session: bytes | None,
    snapshot: Snapshot,
    today: date,
    health: Health,
) -> Candidates:
    """At least two, as a route that prefers anything but their order wants them. Of a conversation every turn has the
    same order."""
    if route.prefer == "cheapest":
        return rank_by_cost(candidates, request, facts.signals, snapshot, today)
    if route.prefer == "fastest":
        return fastest_of_two(candidates, facts.chance, request.stream, health)
    weights = dict(route.weights)
    if session is None:
        return draw(candidates, weights, facts.chance)
    return tuple(sorted(candidates, key=lambda one: -affinity(session, one.model, weights.get(one.model, 0.0))))


def rank_by_cost(
    candidates: Candidates, request: ChatRequest, signals: Signals, snapshot: Snapshot, today: date
) -> Candidates:
    """Cheapest first by the estimated cost of this request; unpriced models last; ties keep the chain's order."""
    output = min(request.max_output_tokens or USUAL_OUTPUT_TOKENS, USUAL_OUTPUT_TOKENS)
    expected = Usage(input=signals.input_tokens, output=output, source="estimated")

    def cost(candidate: Candidate) -> float:
        price = price_on(snapshot.models[candidate.model].prices, today)
        return float("inf") if price is None else cost_nano_usd(expected, price)

    return tuple(sorted(candidates, key=cost))


def fastest_of_two(candidates: Candidates, chance: float, stream: bool, health: Health) -> Candidates:
    """The faster of two drawn by chance, then the others from fast to slow. Not simply the fastest of all: everybody
    would run there at once, and make it the slowest."""
    paces = {candidate: health.pace(candidate.model, stream) for candidate in candidates}
    count = len(candidates)
    place = chance * count
    one = min(int(place), count - 1)
    other = min(int((place - one) * (count - 1)), count - 2)
    pair = (candidates[one], candidates[other + (other >= one)])
    first = min(pair, key=paces.__getitem__)
    rest = sorted((candidate for candidate in candidates if candidate != first), key=paces.__getitem__)
    return (first, *rest)


def draw(candidates: Candidates, weights: dict[str, float], chance: float) -> Candidates:
    """Drawn one after the other, each as likely as its weight among those left; without weight they come last."""
    left, drawn = list(candidates), []
    while left:
        total = sum(weights.get(candidate.model, 0.0) for candidate in left)
        if not total:
            break
        point = chance * total
        for candidate in left:
            weight = weights.get(candidate.model, 0.0)
            if point < weight:
                break
            point -= weight
        left.remove(candidate)
        drawn.append(candidate)
        # What is left of the chance is again evenly spread.
        chance = min(point / weight, 1.0 - 1e-12) if weight else 0.0
    return (*drawn, *left)
