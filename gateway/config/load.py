"""YAML to Snapshot: read, replace references, validate, resolve, lint, hash. Nothing is swapped here; a config with an
error gives no Snapshot at all. The environment and the vendors' rows are handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from gateway.config.document import MAX_BYTES, read_document
from gateway.config.lint import lint, warn_of_literal_secrets, warn_of_off_providers
from gateway.config.prices import PriceBook, packaged_prices
from gateway.config.problem import ConfigError, Findings, Position, Problem
from gateway.config.references import expand
from gateway.config.resolve_keys import resolve_keys
from gateway.config.resolve_ledger import refuse_unpriced, resolve_baselines, resolve_ledger, resolve_redis
from gateway.config.resolve_models import resolve_aliases, resolve_models
from gateway.config.resolve_otel import resolve_otel
from gateway.config.resolve_providers import resolve_providers
from gateway.config.resolve_resilience import resolve_breakers, resolve_retry
from gateway.config.resolve_routes import resolve_routes, resolve_timeouts
from gateway.config.resolve_server import resolve_server
from gateway.config.resolve_tasks import resolve_classify, resolve_tasks
from gateway.config.resolved import Form, hash_of, resolved_form
from gateway.config.scope import Scope
from gateway.config.snapshot import Snapshot
from gateway.config.validate import validate
from gateway.core.plan import Timeouts
from gateway.core.vendor import Vendor


@dataclass(frozen=True, slots=True)
class Source:
    """A config's text. `name` stands in messages; relative file names start from `folder`."""

    name: str
    data: bytes
    folder: Path = Path()


@dataclass(frozen=True, slots=True)
class Loaded:
    """The outcome of reading one config. `snapshot` and `form` (its resolved form, secrets redacted) are None when
    `problems` holds an error. Problems are in the order of the file."""

    source: str
    problems: tuple[Problem, ...]
    snapshot: Snapshot | None = None
    form: Form | None = None


def source_of(path: Path) -> Source:
    """Read a file. Raises ConfigError when it can't be read."""
    try:
        with path.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        problem = Problem(Position(1, 1), "error", f"the file can't be read: {error.strerror or error}")
        raise ConfigError(str(path), (problem,)) from None
    return Source(name=str(path), data=data, folder=path.parent)


def load(
    source: Path | Source, *, env: Mapping[str, str], vendors: Mapping[str, Vendor], prices: PriceBook | None = None
) -> Snapshot:
    """The Snapshot of a config, its warnings in `warnings`.

    Raises ConfigError, with every problem that was found, when there is an error.
    """
    loaded = examine(source, env=env, vendors=vendors, prices=prices)
    if loaded.snapshot is None:
        raise ConfigError(loaded.source, loaded.problems)
    return loaded.snapshot


def examine(
    source: Path | Source, *, env: Mapping[str, str], vendors: Mapping[str, Vendor], prices: PriceBook | None = None
) -> Loaded:
    """As `load`, but never raises for what the config says: errors and warnings are in `problems`.

    `vendors` are the rows of providers by name; `prices` defaults to the list that comes with the package.
    """
    findings = Findings()
    try:
        if isinstance(source, Path):
            source = source_of(source)
        root = read_document(source.data, source.name, findings)
    except ConfigError as error:
        return Loaded(error.source, tuple(sorted({*error.problems, *findings.sorted()})))
    root, references = expand(root, env, source.folder, findings)
    validated = validate(root, references.lost, findings)
    scope = Scope(
        config=validated.config,
        root=root,
        broken=validated.broken,
        route_numbers=validated.route_numbers,
        references=references,
        findings=findings,
        vendors=vendors,
        prices=prices or packaged_prices(),
        folder=source.folder,
    )
    return finish(scope, source.name)


def finish(scope: Scope, source: str) -> Loaded:
    """Resolve and lint what was valid."""
    timeouts = resolve_timeouts(scope.config.timeouts, Timeouts())
    server = resolve_server(scope)
    providers = resolve_providers(scope)
    models = resolve_models(scope, providers)
    keys = resolve_keys(scope, models, providers)
    aliases = resolve_aliases(scope)
    routes = resolve_routes(scope, models, providers, timeouts)
    classify, tasks = resolve_classify(scope), resolve_tasks(scope)
    retry, breakers = resolve_retry(scope), resolve_breakers(scope)
    redis = resolve_redis(scope)
    ledger = resolve_ledger(scope, redis)
    otel = resolve_otel(scope)
    baselines = resolve_baselines(scope, models)
    refuse_unpriced(scope, models)
    warn_of_literal_secrets(scope)
    warn_of_off_providers(scope)
    if scope.findings.failed:
        return Loaded(source, scope.findings.sorted())
    off = {name: f"the environment variable {variable} is not set" for name, variable in scope.references.off.items()}
    snapshot = Snapshot(
        hash="",  # of its resolved form, which is read from it
        source=source,
        server=server,
        providers=MappingProxyType(providers),
        models=MappingProxyType(models),
        routes=routes,
        aliases=MappingProxyType(aliases),
        timeouts=timeouts,
        max_attempts=scope.config.max_attempts,
        retry=retry,
        breakers=breakers,
        classify=classify,
        tasks=tasks,
        keys=keys,
        baselines=baselines,
        strict_prices=scope.config.strict_prices,
        ledger=ledger,
        redis=redis,
        otel=otel,
        off=MappingProxyType(off),
    )
    form = resolved_form(snapshot)
    lint(scope, snapshot)
    problems = scope.findings.sorted()
    warnings = tuple(problem.located(source) for problem in problems)
    return Loaded(source, problems, replace(snapshot, hash=hash_of(form), warnings=warnings), form)
