"""Resolves `ledger`, `redis`, `baselines` and `strict_prices`: what is kept of each request, where, and beside what its
cost is held."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.config.problem import suggest
from gateway.config.scope import Scope
from gateway.config.snapshot import Ledger, Model, Redis
from gateway.core.redis_client import why_refused

_SCHEMES = ("redis://", "rediss://", "unix://")


def resolve_redis(scope: Scope) -> Redis | None:
    spec = scope.config.redis
    if spec is None:
        return None
    # Imported where it is used: most gateways have no Redis, and it takes a tenth of a second of every start.
    import redis

    if not spec.url.reveal().startswith(_SCHEMES):
        scope.error(("redis", "url"), f"a Redis URL begins with {', '.join(_SCHEMES)}")
    elif why := why_refused(redis, spec.url.reveal()):
        scope.error(("redis", "url"), f"this address is no use: {why}")
    if spec.mode == "sentinel" and spec.master is None:
        scope.error(("redis", "mode"), "mode: sentinel needs the name of the set they watch: master: mymaster")
    if spec.mode != "sentinel" and spec.master is not None:
        scope.error(("redis", "master"), "master is for mode: sentinel")
    return Redis(url=spec.url, mode=spec.mode, master=spec.master, prefix=spec.prefix, timeout_s=spec.timeout)


def resolve_ledger(scope: Scope, redis: Redis | None) -> Ledger:
    spec = scope.config.ledger
    store = spec.store
    if store == "auto":
        store = "sqlite" if redis is None else "redis"
    elif store == "redis" and scope.config.redis is None:
        scope.error(("ledger", "store"), "store: redis needs a redis section with its url")
    return Ledger(
        store=store,
        dir=spec.dir,
        keep_records_s=spec.keep.records,
        keep_hours_s=spec.keep.hours,
        keep_days_s=spec.keep.days,
        max_records=spec.max_records,
        max_journal_bytes=spec.max_journal,
        sync_s=spec.sync,
    )


def resolve_baselines(scope: Scope, models: Mapping[str, Model]) -> tuple[str, ...]:
    """Catalogue names; a model of a provider that is off has a price all the same."""
    known = scope.names("models")
    for number, name in enumerate(scope.config.baselines):
        if name not in known:
            scope.error(("baselines", number), f'"{name[:80]}" is no model of the catalogue{suggest(name, known)}')
        elif name in models and not models[name].prices:
            scope.warn(("baselines", number), f'baseline "{name}" has no price, so nothing can be compared with it')
    return tuple(dict.fromkeys(name for name in scope.config.baselines if name in models))


def refuse_unpriced(scope: Scope, models: Mapping[str, Model]) -> None:
    if not scope.config.strict_prices:
        return
    for name, model in models.items():
        if not model.prices:
            message = f'model "{name}" has no price, and strict_prices is true: add price: {{input: x, output: y}}'
            scope.key_error(("models", name), message)
