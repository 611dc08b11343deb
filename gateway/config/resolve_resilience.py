"""Resolves `retry` and `breakers`: when a call is made again, and when a model is left alone for a while; and what a
route says of who comes first: `weights`, `sticky` and `hedge`."""

from __future__ import annotations

import re

from gateway.config.document import Path
from gateway.config.problem import quote, suggest
from gateway.config.schema import ProviderSpec, RouteSpec
from gateway.config.scope import Scope
from gateway.config.snapshot import Breakers, Probe, Retry, Sticky
from gateway.core.plan import Hedge

_PROBE_PATH = re.compile(r"/[^\s?#]*")
CREDENTIAL_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def resolve_retry(scope: Scope) -> Retry:
    spec = scope.config.retry
    if spec.max < spec.base:
        scope.error(("retry", "max"), f"the longest pause can't be shorter than the first, {spec.base:g}s")
    return Retry(budget=spec.budget, base_s=spec.base, max_s=spec.max)


def resolve_breakers(scope: Scope) -> Breakers:
    spec = scope.config.breakers
    if spec.max_open < spec.open:
        scope.error(("breakers", "max_open"), f"the longest time can't be shorter than the first, {spec.open:g}s")
    if spec.share == 0:
        scope.error(("breakers", "share"), "a share of 0% would open at the first request: use 1% to 100%")
    return Breakers(
        consecutive=spec.consecutive,
        share=spec.share,
        min_requests=spec.min_requests,
        window_s=spec.window,
        open_s=spec.open,
        max_open_s=spec.max_open,
        quota_s=spec.quota,
        misconfigured_s=spec.misconfigured,
    )


def resolve_weights(scope: Scope, path: Path, spec: RouteSpec, chain: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
    """A weight for each member of the chain that is left."""
    at = (*path, "weights")
    if spec.prefer != "weights":
        if spec.weights is not None:
            scope.key_error(at, "weights are for prefer: weights")
        return ()
    if spec.weights is None:
        scope.error((*path, "prefer"), "prefer: weights needs weights: {model: number} beside it")
        return ()
    for name in sorted(spec.weights.keys() - set(spec.chain)):
        scope.key_error((*at, name), f'"{name[:80]}" is not in the chain of this route')
    missing = [name for name in spec.chain if name not in spec.weights]
    if missing:
        scope.error(at, f"give {quote(missing)} a weight, too; 0 for only when the others fail")
    elif not any(spec.weights.values()):
        scope.error(at, "at least one weight must be more than 0")
    return tuple((name, spec.weights.get(name, 0.0)) for name in chain)


def resolve_sticky(scope: Scope, path: Path, spec: RouteSpec) -> Sticky | None:
    if spec.sticky is None:
        return None
    if spec.prefer == "fastest":
        scope.key_error((*path, "sticky"), "sticky and prefer: fastest pull apart: use order or weights")
    header = spec.sticky.header
    if header is None:
        return Sticky()
    check_header(scope, (*path, "sticky", "header"), header)
    return Sticky(header.lower())


def resolve_hedge(scope: Scope, path: Path, spec: RouteSpec, chain: tuple[str, ...]) -> Hedge | None:
    if spec.hedge is None:
        return None
    if len(chain) < 2:
        scope.key_warn(
            (*path, "hedge"), f'route "{spec.name}" has nobody to run beside a late model: hedge does nothing'
        )
    after = spec.hedge.after
    if isinstance(after, str):
        return Hedge(quantile=int(after[1:]) / 100, max_extra=spec.hedge.max_extra)
    return Hedge(after_s=after, max_extra=spec.hedge.max_extra)


def resolve_probe(scope: Scope, path: Path, spec: ProviderSpec) -> Probe | None:
    probe = spec.probe
    if probe is None:
        return None
    at = (*path, "probe")
    if probe.path is None and probe.model is None:
        scope.key_error(at, "a probe asks something: give it a path, such as /models, or a model")
    if probe.path is not None and not _PROBE_PATH.fullmatch(probe.path):
        scope.error((*at, "path"), "a probe's path begins with / and has no spaces, ? or #")
    if probe.model is not None:
        mine = {name for name, model in scope.config.models.items() if model.provider == path[1]}
        if probe.model not in mine:
            unknown = f'"{probe.model[:80]}" is no model of this provider{suggest(probe.model, mine)}'
            scope.error((*at, "model"), unknown)
    return Probe(probe.path, probe.model, probe.every)


def check_header(scope: Scope, path: Path, name: str) -> None:
    """A request header that rules may see: a name, and not that of a credential."""
    if not _HEADER_NAME.fullmatch(name):
        scope.error(path, f'"{name[:80]}" is no header name')
    if name.lower() in CREDENTIAL_HEADERS:
        scope.error(path, f'rules can\'t see the header "{name}": use key or team')
