"""Resolves `routes`: what each rule asks, the chain that is left of it, and the limits it works under."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from gateway.config.document import Path
from gateway.config.problem import quote, suggest
from gateway.config.resolve_models import resolve_chain
from gateway.config.resolve_resilience import CREDENTIAL_HEADERS, resolve_hedge, resolve_sticky, resolve_weights
from gateway.config.schema import PlaceSpec, RequireSpec, RouteSpec, RouteTimeoutsSpec, WhenSpec
from gateway.config.schema_parts import BoundsSpec
from gateway.config.scope import Scope
from gateway.config.snapshot import DEFAULT_FALLBACK_ON, Bounds, Model, Provider, Require, Route, When
from gateway.core.errors import FailureClass
from gateway.core.plan import Timeouts

RANGES = {"confidence": (0.0, 1.0), "difficulty": (0.0, 1.0), "input_tokens": (0.0, 1e9), "hour": (0.0, 24.0)}
"""What each number of `when` can be, both ends included."""

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def resolve_routes(
    scope: Scope, models: Mapping[str, Model], providers: Mapping[str, Provider], defaults: Timeouts
) -> tuple[Route, ...]:
    routes: list[Route] = []
    lines: dict[str, int] = {}
    for number, spec in zip(scope.route_numbers, scope.config.routes, strict=True):
        path: Path = ("routes", number)
        if spec.name in lines:
            scope.error((*path, "name"), f'a route named "{spec.name}" already stands on line {lines[spec.name]}')
        lines.setdefault(spec.name, position_line(scope, path))
        routes.append(resolve_route(scope, path, spec, models, providers, defaults))
    check_last(scope)
    return tuple(routes)


def position_line(scope: Scope, path: Path) -> int:
    node = scope.root.child("routes")
    route = node.child(path[1]) if node else None
    return route.position.line if route else 1


def check_last(scope: Scope) -> None:
    """Some route must take whatever the others leave, and it must be the last."""
    section = scope.root.child("routes")
    numbers = section.value if section is not None and isinstance(section.value, list) else []
    if not numbers:
        if ("routes",) not in scope.broken:
            scope.key_error(("routes",), "there are no routes: add one, such as {name: default, chain: [a-model]}")
        return
    last = len(numbers) - 1
    if scope.route_numbers and scope.route_numbers[-1] == last and scope.config.routes[-1].when is not None:
        message = "the last route has a `when`: requests that match no rule would have no route; remove it, or add one"
        scope.key_error(("routes", last, "when"), message)


def resolve_route(
    scope: Scope,
    path: Path,
    spec: RouteSpec,
    models: Mapping[str, Model],
    providers: Mapping[str, Provider],
    defaults: Timeouts,
) -> Route:
    chain = resolve_chain(scope, (*path, "chain"), spec.chain)
    require = resolve_require(spec.require)
    check_chain(scope, path, spec, chain)
    check_require(scope, path, chain, require, models, providers)
    fallback_on = DEFAULT_FALLBACK_ON
    if spec.fallback_on is not None:
        fallback_on = frozenset(FailureClass(word) for word in spec.fallback_on)
    return Route(
        name=spec.name,
        chain=chain,
        when=None if spec.when is None else resolve_when(scope, (*path, "when"), spec.when),
        prefer=spec.prefer,
        require=require,
        timeouts=resolve_timeouts(spec.timeouts, defaults),
        fallback_on=fallback_on,
        max_attempts=spec.max_attempts or scope.config.max_attempts,
        on_context_window=resolve_side_chain(scope, (*path, "on_context_window"), spec.on_context_window),
        on_content_policy=resolve_side_chain(scope, (*path, "on_content_policy"), spec.on_content_policy),
        weights=resolve_weights(scope, path, spec, chain),
        sticky=resolve_sticky(scope, path, spec),
        hedge=resolve_hedge(scope, path, spec, chain),
    )


def resolve_side_chain(scope: Scope, path: Path, names: list[str] | None) -> tuple[str, ...] | None:
    """The chain for one class of failure; None where the route has none."""
    return None if names is None else resolve_chain(scope, path, names)


def resolve_timeouts(spec: RouteTimeoutsSpec, defaults: Timeouts) -> Timeouts:
    return replace(defaults, **spec.model_dump(exclude_none=True))


def resolve_require(spec: PlaceSpec) -> Require:
    """A key's, or a route's, which may ask for capabilities too."""
    return Require(
        region=frozenset(spec.region or ()),
        retention=frozenset(spec.retention or ()),
        capabilities=frozenset(spec.capabilities if isinstance(spec, RequireSpec) else ()),
    )


def check_chain(scope: Scope, path: Path, spec: RouteSpec, chain: tuple[str, ...]) -> None:
    """A chain of which nothing is left, because every provider is off, would refuse each request."""
    off = scope.references.off
    owners = [scope.config.models[name].provider for name in spec.chain if name in scope.config.models]
    if not chain and owners and len(owners) == len(spec.chain) and all(owner in off for owner in owners):
        variables = sorted({off[owner] for owner in owners})
        scope.error(
            (*path, "chain"),
            f'route "{spec.name}" has no model left, because the provider of each is off: '
            f"set {' or '.join(variables)}, or add a model of another provider",
        )


def check_require(
    scope: Scope,
    path: Path,
    chain: tuple[str, ...],
    require: Require,
    models: Mapping[str, Model],
    providers: Mapping[str, Provider],
) -> None:
    """What no member of the chain can give is an error; what some can't is the lint's."""
    members = [models[name] for name in chain if name in models]
    if not members:
        return
    if require.region and not any(providers[m.provider].region in require.region for m in members):
        scope.error((*path, "require", "region"), f"no model of the chain is in region {quote(sorted(require.region))}")
    if require.retention and not any(providers[m.provider].retention in require.retention for m in members):
        wanted = quote(sorted(require.retention))
        scope.error((*path, "require", "retention"), f"no model of the chain has retention {wanted}")
    if require.capabilities and not any(require.capabilities <= m.target.capabilities for m in members):
        wanted = quote(sorted(require.capabilities))
        scope.error((*path, "require", "capabilities"), f"no model of the chain has {wanted}")


def resolve_when(scope: Scope, path: Path, spec: WhenSpec) -> When:
    if not spec.model_fields_set:
        scope.error(path, "`when` asks nothing: leave it out")
    check_callers(scope, path, spec)
    return When(
        task=frozenset(spec.task or ()),
        confidence=resolve_bounds(scope, (*path, "confidence"), spec.confidence),
        difficulty=resolve_bounds(scope, (*path, "difficulty"), spec.difficulty),
        input_tokens=resolve_bounds(scope, (*path, "input_tokens"), spec.input_tokens),
        has=frozenset(spec.has or ()),
        model=frozenset(spec.model or ()),
        key=frozenset(spec.key or ()),
        team=frozenset(spec.team or ()),
        tags=frozenset(spec.tags or ()),
        headers=header_conditions(scope, (*path, "header"), spec.header or {}),
        hour=resolve_bounds(scope, (*path, "hour"), spec.hour),
    )


def header_conditions(scope: Scope, path: Path, given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Request headers that a rule asks for, names in lower case. Rules see no credential."""
    for name in given:
        if not _HEADER_NAME.fullmatch(name):
            scope.key_error((*path, name), f'"{name[:80]}" is no header name')
        if name.lower() in CREDENTIAL_HEADERS:
            scope.key_error((*path, name), f'rules can\'t see the header "{name}": use key or team')
    return tuple(sorted((name.lower(), value) for name, value in given.items()))


def check_callers(scope: Scope, path: Path, spec: WhenSpec) -> None:
    """Keys and teams that nobody has can only be spelling mistakes."""
    keys = scope.names("keys")
    for number, name in enumerate(spec.key or ()):
        if name not in keys:
            scope.error((*path, "key", number), f'unknown key "{name[:80]}"{suggest(name, keys)}')
    if any(entry[0] == "keys" for entry in scope.broken):
        return
    teams = {key.team for key in scope.config.keys.values() if key.team}
    for number, name in enumerate(spec.team or ()):
        if name not in teams:
            scope.error((*path, "team", number), f'no key has the team "{name[:80]}"{suggest(name, teams)}')


def resolve_bounds(scope: Scope, path: Path, spec: BoundsSpec | None) -> Bounds | None:
    if spec is None:
        return None
    name = str(path[-1])
    low, high = RANGES[name]
    if spec.over is None and spec.under is None:
        scope.error(path, f'"{name}" needs over, under, or both')
    for end in ("over", "under"):
        value = getattr(spec, end)
        if value is not None and not low <= value <= high:
            scope.error((*path, end), f'"{name}" lies between {low:g} and {high:g}, not at {value:g}')
    if spec.over is not None and spec.under is not None and spec.over >= spec.under:
        scope.error(path, f'"{name}" can\'t be over {spec.over:g} and under {spec.under:g} at once')
    elif spec.over == high or spec.under == low:
        scope.error(path, f'"{name}" never lies beyond {high if spec.over == high else low:g}')
    return Bounds(over=spec.over, under=spec.under)
