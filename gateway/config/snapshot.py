"""One immutable, hashed, resolved config: what the other rooms read. Built by `config/load.py`, never changed.

Names follow the YAML's. Times are seconds, sizes bytes or tokens as said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.core.errors import FailureClass
from gateway.core.money import Price
from gateway.core.plan import Candidate, Timeouts
from gateway.core.vendor import Target, Vendor
from gateway.core.wire import Endpoint


class Secret:
    """A string that shows itself only to `reveal()`: repr, str, format and pickle-by-accident give `***`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not serialised")


@dataclass(frozen=True, slots=True)
class Provider:
    """Where and how to reach a vendor. `transport` is "native" or "httpx". `secret_headers` names those of `headers`
    (lower case) whose value must not be shown; neither their values nor `proxy` stand in the repr."""

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
class Route:
    """A rule. `prefer` is "order" or "cheapest". `when` is None only on a route that always matches."""

    name: str
    chain: tuple[str, ...]
    when: When | None = None
    prefer: str = "order"
    require: Require = field(default_factory=Require)
    timeouts: Timeouts = field(default_factory=Timeouts)
    fallback_on: frozenset[FailureClass] = DEFAULT_FALLBACK_ON
    max_attempts: int = 3


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A key that clients present. Only its SHA-256 is kept. `admin` may read /metrics and the admin paths."""

    name: str
    sha256: bytes
    team: str | None = None
    tags: tuple[str, ...] = ()
    admin: bool = False


@dataclass(frozen=True, slots=True)
class Server:
    """How the gateway itself listens. `unsafe_open` is the YAML's `allow_unauthenticated: true`."""

    host: str = "127.0.0.1"
    port: int = 8080
    max_body_bytes: int = 32 * 1024 * 1024
    max_json_depth: int = 128
    max_messages: int = 10_000
    body_timeout_s: float = 30.0
    allowed_hosts: frozenset[str] = frozenset()
    headers: bool = True
    unsafe_open: bool = False


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
    classify: Classify = field(default_factory=Classify)
    tasks: tuple[DeclaredTask, ...] = ()
    keys: tuple[ClientKey, ...] = ()
    off: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
