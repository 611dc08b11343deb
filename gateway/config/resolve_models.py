"""Resolves `models` and `aliases`: capabilities, limits and prices of each catalogue entry, and the pinned chains."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.config.document import Path
from gateway.config.prices import PriceEntry, read_price
from gateway.config.problem import suggest
from gateway.config.schema_models import ModelSpec
from gateway.config.scope import Scope
from gateway.config.snapshot import Model, Provider
from gateway.core.money import Price
from gateway.core.vendor import Target

PRICE_VERSION = "config"
"""The version of a price that the YAML gives itself."""


def resolve_models(scope: Scope, providers: Mapping[str, Provider]) -> dict[str, Model]:
    """The models that are right. Those whose provider is off stay in the catalogue, but in nobody's fallbacks."""
    refuse_loops(scope)
    models = {}
    for name, spec in scope.config.models.items():
        fallbacks = resolve_fallbacks(scope, name, spec)
        provider = providers.get(spec.provider)
        if provider is None:
            known = scope.names("providers")
            if spec.provider not in known:
                message = f'unknown provider "{spec.provider[:80]}"{suggest(spec.provider, known)}'
                scope.error(("models", name, "provider"), message)
            continue
        models[name] = resolve_model(scope, name, spec, provider, fallbacks)
    return models


def resolve_model(scope: Scope, name: str, spec: ModelSpec, provider: Provider, fallbacks: tuple[str, ...]) -> Model:
    vendor = provider.vendor
    entry = scope.prices.find(vendor.price_provider, spec.id) if vendor.price_provider else None
    return Model(
        name=name,
        provider=provider.name,
        target=Target(
            model=name,
            provider=provider.name,
            upstream_id=spec.id,
            vendor=vendor,
            capabilities=resolve_capabilities(scope, ("models", name), spec, vendor.capabilities),
            context_window=spec.context or (entry.context_window if entry else None),
            max_output=spec.max_output,
            options=tuple(spec.options.items()),
        ),
        prices=resolve_prices(spec, entry),
        fallbacks=fallbacks,
        tier=spec.tier,
    )


def resolve_capabilities(scope: Scope, path: Path, spec: ModelSpec, base: frozenset[str]) -> frozenset[str]:
    change = spec.capabilities
    if change is None:
        return base
    if change.only is not None:
        return frozenset(change.only)
    for word in sorted(set(change.add) & set(change.remove)):
        scope.error((*path, "capabilities"), f'"{word}" is both added and removed')
    return (base | frozenset(change.add)) - frozenset(change.remove)


def resolve_prices(spec: ModelSpec, entry: PriceEntry | None) -> tuple[Price, ...]:
    if spec.price is not None:
        request = spec.price.request
        return (
            read_price(spec.price.model_dump(), PRICE_VERSION),
            *(
                read_price({"request": request, **tier.model_dump()}, PRICE_VERSION, service_tier=name)
                for name, tier in spec.price.service_tiers.items()
            ),
        )
    return entry.prices if entry else ()


def resolve_fallbacks(scope: Scope, name: str, spec: ModelSpec) -> tuple[str, ...]:
    path: Path = ("models", name, "fallbacks")
    chain = resolve_chain(scope, path, spec.fallbacks)
    return tuple(member for member in chain if member != name)


def resolve_chain(scope: Scope, path: Path, names: list[str]) -> tuple[str, ...]:
    """The members that exist and whose provider is on; unknown and repeated ones are told."""
    known = scope.names("models")
    members: list[str] = []
    for number, name in enumerate(names):
        if name not in known:
            scope.error((*path, number), f'unknown model "{name[:80]}"{suggest(name, known)}')
        elif name in names[:number]:
            scope.error((*path, number), f'model "{name}" stands in this chain twice')
        elif name in scope.config.models and scope.config.models[name].provider not in scope.references.off:
            members.append(name)
    return tuple(members)


def refuse_loops(scope: Scope) -> None:
    """A fallback that leads back to its model is an error, told once per loop."""
    models = scope.config.models
    done: set[str] = set()
    for start in models:
        # Depth first with its own stack: (model, its fallbacks not yet followed); the stack is the trail.
        trail = [start]
        ahead = [list(models[start].fallbacks)]
        while trail:
            if not ahead[-1]:
                done.add(trail.pop())
                ahead.pop()
                continue
            name = ahead[-1].pop(0)
            if name in trail:
                loop = (*trail[trail.index(name) :], name)
                scope.key_error(("models", loop[0], "fallbacks"), f"fallbacks form a loop: {' -> '.join(loop)}")
            elif name in models and name not in done:
                trail.append(name)
                ahead.append(list(models[name].fallbacks))


def resolve_aliases(scope: Scope) -> dict[str, str]:
    """Aliases to `route` or to a model; `auto` is always there."""
    models = scope.names("models")
    aliases = {"auto": "route"}
    for name, target in scope.config.aliases.items():
        path: Path = ("aliases", name)
        if name in models:
            scope.key_error(path, f'alias "{name}" hides the model of that name: rename either')
        elif name == "auto" and target != "route":
            scope.error(path, '"auto" always means route: give the model an alias of its own')
        elif target != "route" and target not in models:
            scope.error(path, f'unknown model "{target[:80]}"{suggest(target, models | {"route"})}')
        else:
            aliases[name] = target
    return aliases
