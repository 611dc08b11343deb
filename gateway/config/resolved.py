"""The resolved form of a config as plain data: what `gateway check --print` shows and what the hash is taken of.

No secret is in it: credentials, keys and secret headers appear as ***, so that neither the print nor the hash tells
anything of them.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import yaml

from gateway.config.snapshot import (
    Bounds,
    Classify,
    ClientKey,
    DeclaredTask,
    Ledger,
    Model,
    Otel,
    Probe,
    Provider,
    Redis,
    Route,
    Server,
    Snapshot,
    When,
)
from gateway.core.money import NANO_PER_USD, Price, Rates
from gateway.core.plan import Hedge

REDACTED = "***"
HASH_DIGITS = 12

Form = dict[str, Any]


def resolved_form(snapshot: Snapshot) -> Form:
    """Plain data under the YAML's own names, every default filled in."""
    off, retry, redis, otel = snapshot.off, snapshot.retry, snapshot.redis, snapshot.otel
    form = {
        "server": server_form(snapshot.server),
        "keys": {key.name: key_form(key) for key in snapshot.keys},
        "providers": {name: provider_form(provider, off.get(name)) for name, provider in snapshot.providers.items()},
        "models": {name: model_form(model) for name, model in snapshot.models.items()},
        "timeouts": asdict(snapshot.timeouts),
        "max_attempts": snapshot.max_attempts,
        "retry": {"budget": retry.budget, "base": retry.base_s, "max": retry.max_s},
        "breakers": {name.removesuffix("_s"): value for name, value in asdict(snapshot.breakers).items()},
        "classify": classify_form(snapshot.classify),
        "tasks": {task.name: task_form(task) for task in snapshot.tasks},
        "routes": [route_form(route) for route in snapshot.routes],
        "aliases": dict(snapshot.aliases),
        "baselines": list(snapshot.baselines),
        **given(strict_prices=snapshot.strict_prices or None),
        "ledger": ledger_form(snapshot.ledger),
        "redis": {} if redis is None else redis_form(redis),
        "otel": {} if otel is None else otel_form(otel),
    }
    return {name: value for name, value in form.items() if value not in ({}, [])}


def hash_of(form: Form) -> str:
    """A short digest that depends on the meaning alone: not on the order of names, nor on secrets or comments."""
    text = json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]


def to_yaml(form: Form) -> str:
    return yaml.safe_dump(form, sort_keys=False, allow_unicode=True, width=120)


def given(**values: Any) -> Form:
    """Without what was not given."""
    return {name: value for name, value in values.items() if value not in (None, (), [], {}, "")}


def classify_form(classify: Classify) -> Form:
    return {
        "text_model": "builtin" if classify.text_model else "none",
        **given(unsure_below=classify.unsure_below),
    }


def task_form(task: DeclaredTask) -> Form:
    conditions = given(
        keywords=list(task.keywords), regex=task.regex, header=dict(task.headers), metadata=dict(task.metadata)
    )
    return {"task": task.task, **conditions}


def ledger_form(ledger: Ledger) -> Form:
    return {
        "store": ledger.store,
        "dir": ledger.dir,
        "keep": {"records": ledger.keep_records_s, "hours": ledger.keep_hours_s, "days": ledger.keep_days_s},
        "max_records": ledger.max_records,
        "max_journal": ledger.max_journal_bytes,
        "sync": ledger.sync_s,
    }


def redis_form(redis: Redis) -> Form:
    return {
        "url": REDACTED,
        "mode": redis.mode,
        **given(master=redis.master),
        "prefix": redis.prefix,
        "timeout": redis.timeout_s,
    }


def otel_form(otel: Otel) -> Form:
    return {
        "endpoint": otel.endpoint,
        **given(headers={name: REDACTED for name, _ in otel.headers}),
        "service_name": otel.service_name,
        "interval": otel.interval_s,
    }


def server_form(server: Server) -> Form:
    return {
        "host": server.host,
        "port": server.port,
        "max_body": server.max_body_bytes,
        "max_json_depth": server.max_json_depth,
        "max_messages": server.max_messages,
        "body_timeout": server.body_timeout_s,
        "workers": server.workers,
        "grace": server.grace_s,
        "watch": server.watch,
        "max_in_flight": server.max_in_flight,
        "queue": server.queue,
        "queue_timeout": server.queue_timeout_s,
        **given(allowed_hosts=sorted(server.allowed_hosts)),
        "headers": server.headers,
        **given(cost_in_usage=server.cost_in_usage or None),
        "allow_unauthenticated": server.unsafe_open,
    }


def key_form(key: ClientKey) -> Form:
    return {
        "sha256": REDACTED,
        **given(team=key.team, tags=list(key.tags)),
        "admin": key.admin,
        **({} if key.may_use is None else {"models": sorted(key.may_use)}),
    }


def provider_form(provider: Provider, off: str | None) -> Form:
    endpoint = provider.endpoint
    return {
        **given(off=off),
        "vendor": provider.vendor.name,
        "adapter": provider.vendor.adapter,
        "base_url": f"{endpoint.scheme}://{endpoint.authority}{endpoint.prefix}",
        **given(
            api_key=REDACTED if provider.api_key else None,
            api_keys={key.name: REDACTED for key in provider.api_keys},
            region=provider.region,
            retention=provider.retention,
        ),
        "transport": provider.transport,
        "max_connections": provider.max_connections,
        **given(probe=None if provider.probe is None else probe_form(provider.probe)),
        **given(
            headers={name: REDACTED if name in provider.secret_headers else value for name, value in provider.headers},
            proxy=provider.proxy and re.sub(r"//[^/@]*@", f"//{REDACTED}@", provider.proxy),
            ca_file=endpoint.ca_file,
            client_cert=endpoint.client_cert,
            client_key=endpoint.client_key,
        ),
    }


def probe_form(probe: Probe) -> Form:
    return {**given(path=probe.path, model=probe.model), "every": probe.every_s}


def model_form(model: Model) -> Form:
    target = model.target
    return {
        "provider": model.provider,
        "id": target.upstream_id,
        **given(context=target.context_window, max_output=target.max_output),
        "capabilities": sorted(target.capabilities),
        **given(tier=model.tier),
        "prices": [price_form(price) for price in model.prices] or "unknown",
        **given(fallbacks=list(model.fallbacks), options=dict(target.options)),
    }


def price_form(price: Price) -> Form:
    return {
        "version": price.version,
        **given(start=price.start and price.start.isoformat(), service_tier=price.service_tier),
        **rates_form(price.base),
        **given(tiers=[{"above": tier.above, **rates_form(tier.rates)} for tier in price.tiers]),
    }


def rates_form(rates: Rates) -> Form:
    """USD per million tokens as plain decimals."""
    return {name: usd(amount) for name, amount in asdict(rates).items() if name != "request" or amount}


def usd(nano: int) -> int | float:
    amount = Decimal(nano) / NANO_PER_USD
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def route_form(route: Route) -> Form:
    return {
        "name": route.name,
        **given(when=None if route.when is None else when_form(route.when)),
        "chain": list(route.chain),
        "prefer": route.prefer,
        **given(
            require=given(
                region=sorted(route.require.region),
                retention=sorted(route.require.retention),
                capabilities=sorted(route.require.capabilities),
            )
        ),
        "timeouts": asdict(route.timeouts),
        "fallback_on": sorted(cls.value for cls in route.fallback_on),
        "max_attempts": route.max_attempts,
        **{
            name: list(chain)
            for name, chain in (
                ("on_context_window", route.on_context_window),
                ("on_content_policy", route.on_content_policy),
            )
            if chain is not None
        },
        **given(weights=dict(route.weights), hedge=None if route.hedge is None else hedge_form(route.hedge)),
        **({} if route.sticky is None else {"sticky": given(header=route.sticky.header) or "session"}),
    }


def hedge_form(hedge: Hedge) -> Form:
    after = f"p{round(hedge.quantile * 100)}" if hedge.after_s is None else hedge.after_s
    return {"after": after, "max_extra": hedge.max_extra}


def when_form(when: When) -> Form:
    return given(
        task=sorted(when.task),
        confidence=bounds_form(when.confidence),
        difficulty=bounds_form(when.difficulty),
        input_tokens=bounds_form(when.input_tokens),
        has=sorted(when.has),
        model=sorted(when.model),
        key=sorted(when.key),
        team=sorted(when.team),
        tags=sorted(when.tags),
        header=dict(when.headers),
        hour=bounds_form(when.hour),
    )


def bounds_form(bounds: Bounds | None) -> Form | None:
    if bounds is None:
        return None
    return {name: value for name, value in (("over", bounds.over), ("under", bounds.under)) if value is not None}
