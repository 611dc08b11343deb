"""One immutable, hashed, resolved config: what the other rooms read. Built by `config/load.py`, never changed.

Names follow the YAML's. Times are seconds, sizes bytes or tokens as said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.core.errors import FailureClass
from gateway.core.money import Price
from gateway.core.plan import Candidate, Hedge, Timeouts
from gateway.core.secret import Secret as Secret
from gateway.core.vendor import Target, Vendor
from gateway.core.wire import Endpoint

ONLY_KEY = "default"
"""The name of a provider's key where it has one alone."""


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """A credential of ours at a provider. The secret is empty where none is sent."""

    name: str
    secret: Secret


@dataclass(frozen=True, slots=True)
class Probe:
    """How a provider is asked whether it is there: a path below its base URL, a model for one token, or both."""

    path: str | None = None
    model: str | None = None
    every_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Provider:
    """Where and how to reach a vendor. `transport` is "native" or "httpx". `api_keys` are several keys in place of the
    one. `secret_headers` names those of `headers` (lower case) whose value must not be shown; neither their values nor
    `proxy` stand in the repr."""

    name: str
    vendor: Vendor
    endpoint: Endpoint
    api_key: Secret
    region: str | None = None
    retention: str | None = None
    transport: str = "native"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    proxy: str | None = field(default=None, repr=False)
    secret_headers: frozenset[str] = frozenset()
    max_connections: int = 1000
    probe: Probe | None = None
    api_keys: tuple[ProviderKey, ...] = ()

    @property
    def keys(self) -> tuple[ProviderKey, ...]:
        """At least one."""
        return self.api_keys or (ProviderKey(ONLY_KEY, self.api_key),)


@dataclass(frozen=True, slots=True)
class Model:
    """An entry of the catalogue. `prices` ascend by start date; empty means unpriced. `fallbacks` is the chain that a
    request pinned to this model falls back along."""

    name: str
    provider: str
    target: Target
    prices: tuple[Price, ...] = ()
    fallbacks: tuple[str, ...] = ()
    tier: str | None = None
    candidate: Candidate = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "candidate", Candidate(self.name, self.provider))


@dataclass(frozen=True, slots=True)
class Bounds:
    """An open or closed interval: `over` < x < `under`; None: unbounded."""

    over: float | None = None
    under: float | None = None

    def __str__(self) -> str:
        low = "" if self.over is None else f"over {self.over:g}"
        high = "" if self.under is None else f"under {self.under:g}"
        return " and ".join(part for part in (low, high) if part)

    def holds(self, value: float) -> bool:
        return (self.over is None or value > self.over) and (self.under is None or value < self.under)


@dataclass(frozen=True, slots=True)
class When:
    """All given conditions must hold; None or empty: not asked. Sets hold when the request has any of their members."""

    task: frozenset[str] = frozenset()
    confidence: Bounds | None = None
    difficulty: Bounds | None = None
    input_tokens: Bounds | None = None
    has: frozenset[str] = frozenset()
    model: frozenset[str] = frozenset()
    key: frozenset[str] = frozenset()
    team: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    headers: tuple[tuple[str, str], ...] = ()
    hour: Bounds | None = None

    @property
    def empty(self) -> bool:
        return self == When()


@dataclass(frozen=True, slots=True)
class Classify:
    """How requests get their task. `text_model` says whether the model that comes with the gateway reads the text;
    `unsure_below` is a confidence in 0..1 in place of the model's own."""

    text_model: bool = True
    unsure_below: float | None = None


class Pattern(Protocol):
    """A compiled expression whose search takes time linear in the text."""

    def search(self, text: str, /) -> object | None: ...


@dataclass(frozen=True, slots=True)
class DeclaredTask:
    """A task that the operator gives by condition, above the model. All given kinds of condition must hold; empty: not
    asked. `keywords` are lower-case words or phrases, of which one must stand in the text as whole words; `pattern`,
    which is `regex` compiled, must be found; each of `headers` (lower-case names) and of `metadata` (the request's own
    object) must have that value.
    """

    name: str
    task: str
    keywords: tuple[str, ...] = ()
    regex: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()
    pattern: Pattern | None = field(default=None, compare=False, repr=False)


HAS_WORDS = frozenset({"tools", "images", "audio", "documents", "json_schema", "computer", "code"})


@dataclass(frozen=True, slots=True)
class Require:
    """Constraints that filter a chain's members, fallbacks included."""

    region: frozenset[str] = frozenset()
    retention: frozenset[str] = frozenset()
    capabilities: frozenset[str] = frozenset()


DEFAULT_FALLBACK_ON = frozenset(FailureClass) - {
    FailureClass.CALLER_FAULT,
    FailureClass.CONTENT_POLICY,
}


@dataclass(frozen=True, slots=True)
class Retry:
    """Repeating a call to the same model. `budget` is the share of a provider's requests that may be repetitions;
    pauses are drawn from 0 to `base_s`, doubled each time, at most `max_s`."""

    budget: float = 0.1
    base_s: float = 0.25
    max_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Breakers:
    """When a model is tried last, per provider's key: after `consecutive` failures, or when `share` of at least
    `min_requests` requests within `window_s` failed. For `open_s` first, doubled each time, at most `max_open_s`, which
    bounds a vendor's Retry-After too; `quota_s` where the account is out of quota, `misconfigured_s` where the vendor
    refuses the key or does not know the model."""

    consecutive: int = 5
    share: float = 0.5
    min_requests: int = 20
    window_s: float = 30.0
    open_s: float = 5.0
    max_open_s: float = 300.0
    quota_s: float = 600.0
    misconfigured_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Sticky:
    """A route that keeps a conversation at one model and key. `header` (lower case) names it, where given."""

    header: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A rule. `prefer` is "order", "cheapest", "fastest" or "weights"; only with the last `weights` has one for each
    member of the chain. `when` is None only on a route that always matches. A prompt too long
    for one model goes on to `on_context_window`, a request refused by a filter to `on_content_policy`; None: to the
    rest of the chain, as `fallback_on` says."""

    name: str
    chain: tuple[str, ...]
    when: When | None = None
    prefer: str = "order"
    require: Require = field(default_factory=Require)
    timeouts: Timeouts = field(default_factory=Timeouts)
    fallback_on: frozenset[FailureClass] = DEFAULT_FALLBACK_ON
    max_attempts: int = 3
    on_context_window: tuple[str, ...] | None = None
    on_content_policy: tuple[str, ...] | None = None
    weights: tuple[tuple[str, float], ...] = ()
    sticky: Sticky | None = None
    hedge: Hedge | None = None


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A key that clients present. Only its SHA-256 is kept. `admin` may read /metrics and the admin paths. `may_use`:
    names of the catalogue; None: all."""

    name: str
    sha256: bytes
    team: str | None = None
    tags: tuple[str, ...] = ()
    admin: bool = False
    may_use: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """How the gateway itself listens. `unsafe_open` is the YAML's `allow_unauthenticated: true`; `max_in_flight` and
    `queue` count chat requests of one worker."""

    host: str = "127.0.0.1"
    port: int = 8080
    max_body_bytes: int = 32 * 1024 * 1024
    max_json_depth: int = 128
    max_messages: int = 10_000
    body_timeout_s: float = 30.0
    workers: int = 1
    grace_s: float = 25.0
    watch: bool = True
    max_in_flight: int = 2000
    queue: int = 1000
    queue_timeout_s: float = 5.0
    allowed_hosts: frozenset[str] = frozenset()
    headers: bool = True
    cost_in_usage: bool = False
    unsafe_open: bool = False


@dataclass(frozen=True, slots=True)
class Redis:
    """State shared between processes and machines. `url` is what redis-py takes; with `mode` "sentinel" it may name
    several sentinels, separated by commas, and `master` the set they watch. `prefix` stands before every key;
    `timeout_s` bounds each operation."""

    url: Secret
    mode: str = "single"
    master: str | None = None
    prefix: str = "switchyard"
    timeout_s: float = 0.1


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where records go. `store` is "sqlite", "redis" or "none" ("auto" is resolved). `dir` holds the journal, the
    SQLite file and the metrics files. Ages are seconds: of single records, of hourly and of daily sums. `sync_s` is
    how often the journal is forced to the disk."""

    store: str = "sqlite"
    dir: str = ".switchyard"
    keep_records_s: float = 30 * 86_400.0
    keep_hours_s: float = 35 * 86_400.0
    keep_days_s: float = 400 * 86_400.0
    max_records: int = 1_000_000
    max_journal_bytes: int = 1024**3
    sync_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Otel:
    """An OpenTelemetry collector. `endpoint` is the base URL of OTLP/HTTP; `interval_s` is how often metrics go."""

    endpoint: str
    headers: tuple[tuple[str, Secret], ...] = ()
    service_name: str = "switchyard"
    interval_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`hash` is a short hex digest of the resolved config, secrets excluded; `off` names providers that are configured
    but have no credential, with the reason: they and their models stay in `providers` and `models`, but in no chain."""

    hash: str
    source: str
    server: Server
    providers: Mapping[str, Provider]
    models: Mapping[str, Model]
    routes: tuple[Route, ...]
    aliases: Mapping[str, str]
    timeouts: Timeouts = field(default_factory=Timeouts)
    max_attempts: int = 3
    retry: Retry = field(default_factory=Retry)
    breakers: Breakers = field(default_factory=Breakers)
    classify: Classify = field(default_factory=Classify)
    tasks: tuple[DeclaredTask, ...] = ()
    keys: tuple[ClientKey, ...] = ()
    baselines: tuple[str, ...] = ()
    strict_prices: bool = False
    ledger: Ledger = field(default_factory=Ledger)
    redis: Redis | None = None
    otel: Otel | None = None
    off: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
