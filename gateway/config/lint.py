"""Warnings about a config that is valid but probably not meant so. Each names what would happen and what to do."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.document import Path
from gateway.config.placement import misplaced
from gateway.config.problem import quote
from gateway.config.scope import Scope
from gateway.config.snapshot import Bounds, Model, Route, Snapshot, When

MANY_MODELS = 5

NEEDS_OF_HAS = {
    "tools": "tools",
    "images": "images",
    "audio": "audio_in",
    "documents": "pdf",
    "json_schema": "json_schema",
    "computer": "computer",
}
"""Which capability a word of `when.has` asks of a model; `code` asks none."""

NEEDS_OF_TASK = {"agentic_tools": ("tools",), "multimodal": ("images", "audio_in", "pdf")}
"""A structural task asks for one of these."""


def lint(scope: Scope, snapshot: Snapshot) -> None:
    warn_of_models(scope, snapshot)
    for index, (number, route) in enumerate(zip(scope.route_numbers, snapshot.routes, strict=True)):
        path: Path = ("routes", number)
        warn_of_unreachable(scope, path, route, snapshot.routes[:index])
        warn_of_single_provider(scope, path, route, snapshot)
        warn_of_unfit_members(scope, path, route, snapshot)
        warn_of_ways_around(scope, path, route, snapshot)


def warn_of_literal_secrets(scope: Scope) -> None:
    for path in scope.references.literal:
        name = next((str(step) for step in reversed(path) if isinstance(step, str)), "")
        scope.warn(path, f'a secret is written out in "{name}": use ${{VARIABLE}} or file:/path, and renew it')


def warn_of_off_providers(scope: Scope) -> None:
    for name, variable in scope.references.off.items():
        models = [model for model, spec in scope.config.models.items() if spec.provider == name]
        effect = f"; {quote(models)} will get no requests" if models else ""
        message = f'provider "{name}" is off, because the environment variable {variable} is not set{effect}'
        scope.warn(("providers", name, "api_key"), message)


def warn_of_models(scope: Scope, snapshot: Snapshot) -> None:
    config = scope.config
    chains = [
        chain or ()
        for route in config.routes
        for chain in (route.chain, route.on_context_window, route.on_content_policy)
    ]
    used = {name for chain in chains for name in chain} | set(config.aliases.values())
    reached: set[str] = set()
    while new := used - reached:
        reached |= new
        used |= {name for model in new & config.models.keys() for name in config.models[model].fallbacks}
    for name, model in snapshot.models.items():
        if name not in reached:
            message = f'no route, alias or fallback uses model "{name}": only requests that name it reach it'
            scope.key_warn(("models", name), message)
        if not model.prices:
            message = f'model "{name}" has no price, so its cost is unknown: add price: {{input: x, output: y}} or free'
            scope.key_warn(("models", name), message)
    if len(snapshot.models) > MANY_MODELS:
        extra = list(snapshot.models)[MANY_MODELS]
        message = f"{len(snapshot.models)} models are many to tell apart: three to five, each for a reason, are enough"
        scope.key_warn(("models", extra), message)


def warn_of_unreachable(scope: Scope, path: Path, route: Route, earlier: tuple[Route, ...]) -> None:
    for other in earlier:
        if implies(route.when, other.when):
            why = "has no `when`" if other.when is None else "matches whenever this one would"
            scope.warn(path, f'route "{route.name}" is never reached: "{other.name}" stands before it and {why}')
            return


def implies(when: When | None, other: When | None) -> bool:
    """Whether every request that `when` holds for is one that `other` holds for."""
    if other is None:
        return True
    if when is None:
        return False
    for field in ("task", "has", "model", "key", "team", "tags"):
        wide: frozenset[str] = getattr(other, field)
        narrow: frozenset[str] = getattr(when, field)
        if wide and not (narrow and narrow <= wide):
            return False
    for field in ("confidence", "difficulty", "input_tokens", "hour"):
        if not within(getattr(when, field), getattr(other, field)):
            return False
    return set(other.headers) <= set(when.headers)


def within(inner: Bounds | None, outer: Bounds | None) -> bool:
    if outer is None:
        return True
    if inner is None:
        return False
    low = outer.over is None or (inner.over is not None and inner.over >= outer.over)
    return low and (outer.under is None or (inner.under is not None and inner.under <= outer.under))


def warn_of_single_provider(scope: Scope, path: Path, route: Route, snapshot: Snapshot) -> None:
    providers = {snapshot.models[name].provider for name in route.chain}
    if len(providers) == 1:
        only = providers.pop()
        message = f'route "{route.name}" has no fallback if provider "{only}" vanishes: add a model of another provider'
        scope.warn((*path, "chain"), message)


def warn_of_unfit_members(scope: Scope, path: Path, route: Route, snapshot: Snapshot) -> None:
    """Members that the route's own condition or constraints would pass over."""
    written = next(
        spec.chain for number, spec in zip(scope.route_numbers, scope.config.routes, strict=True) if number == path[1]
    )
    for name in route.chain:
        at = (*path, "chain", written.index(name))
        for lack in lacks(snapshot.models[name], route, snapshot):
            scope.warn(at, f'"{name}" {lack}: this route will pass it over')


def warn_of_ways_around(scope: Scope, path: Path, route: Route, snapshot: Snapshot) -> None:
    """Where data must stay, for some callers, that may name a model elsewhere: a model that is named takes no route."""
    when, require = route.when or When(), route.require
    if not (when.key or when.team or when.tags):
        return
    for key in snapshot.keys:
        if (when.key and key.name not in when.key) or (when.team and key.team not in when.team):
            continue
        if when.tags and when.tags.isdisjoint(key.tags):
            continue
        for model in snapshot.models.values():
            if key.may_use is not None and model.name not in key.may_use:
                continue
            if why := next(misplaced(snapshot.providers[model.provider], require), None):
                message = f'route "{route.name}" does not hold key "{key.name}", which may name "{model.name}" ({why})'
                scope.warn((*path, "require"), f"{message}: give the key a `require` of its own")
                return


def lacks(model: Model, route: Route, snapshot: Snapshot) -> Iterator[str]:
    when, require = route.when or When(), route.require
    abilities = model.target.capabilities
    needed = {NEEDS_OF_HAS[word] for word in when.has if word in NEEDS_OF_HAS} | require.capabilities
    for capability in sorted(needed - abilities):
        yield f"lacks {capability}"
    for task, choices in NEEDS_OF_TASK.items():
        if when.task == {task} and not abilities.intersection(choices):
            yield f"lacks {' and '.join(choices)}, for {task}"
    window = model.target.context_window
    least = when.input_tokens.over if when.input_tokens else None
    if window is not None and least is not None and least >= window:
        yield f"takes {window:,} tokens, and this route is for more than {least:,.0f}"
    yield from misplaced(snapshot.providers[model.provider], require)
