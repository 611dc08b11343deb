"""The YAML's shape as pydantic models: every key there is, its type and its default. docs/config.md describes each one
and a test holds it to that. What the values mean together is checked in `resolve*.py`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from gateway.config.scalars import (
    Adapter,
    AliasName,
    Capabilities,
    Duration,
    FailureClasses,
    HasWords,
    Lateness,
    LongDuration,
    ModelName,
    Name,
    Percent,
    Preference,
    RedisMode,
    Share,
    Size,
    StoreName,
    SummedName,
    Tasks,
    Text,
    TextModelName,
    Texts,
    TextTask,
    TransportName,
    Weight,
    listed,
    refuse,
)
from gateway.config.schema_models import MAX_CHAIN, ModelSpec
from gateway.config.schema_parts import Range, Spec
from gateway.config.snapshot import Secret


class ServerSpec(Spec):
    host: Text = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    max_body: Size = 32 * 1024 * 1024
    max_json_depth: Annotated[int, Field(ge=8, le=200)] = 128
    max_messages: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    body_timeout: Duration = 30.0
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    grace: Duration = 25.0
    watch: bool = True
    max_in_flight: Annotated[int, Field(ge=1, le=1_000_000)] = 2000
    queue: Annotated[int, Field(ge=0, le=1_000_000)] = 1000
    queue_timeout: Duration = 5.0
    allowed_hosts: Texts | None = None
    headers: bool = True
    cost_in_usage: bool = False
    allow_unauthenticated: bool = False


class PlaceSpec(Spec):
    region: Texts | None = None
    retention: Texts | None = None


class KeySpec(Spec):
    key: Secret | None = None
    sha256: str | None = None
    team: SummedName | None = None
    tags: Annotated[list[Name], BeforeValidator(listed)] = []
    admin: bool = False
    models: Annotated[list[str], Field(min_length=1), BeforeValidator(listed)] | None = None
    require: PlaceSpec = PlaceSpec()


def read_keys(value: Any) -> Any:
    """A list of keys gets names; keys whose variable is not set are None."""
    if isinstance(value, list):
        return {f"key-{number}": key for number, key in enumerate(value, start=1)}
    if not isinstance(value, dict):
        raise refuse('must be a list of keys, such as ["${A}", "${B}"], or a mapping of names to keys')
    return value


class ProbeSpec(Spec):
    path: Text | None = None
    model: str | None = None
    every: Duration = 30.0


class ProviderSpec(Spec):
    adapter: Adapter | None = None
    vendor: Text | None = None
    base_url: Text | None = None
    api_key: Secret | None = None
    api_keys: Annotated[dict[Name, Secret | None] | None, BeforeValidator(read_keys)] = None
    region: Text | None = None
    retention: Text | None = None
    transport: TransportName = "native"
    headers: dict[str, Secret] = {}
    proxy: Secret | None = None
    ca_file: Text | None = None
    client_cert: Text | None = None
    client_key: Text | None = None
    max_connections: Annotated[int, Field(ge=1, le=100_000)] = 1000
    probe: ProbeSpec | None = None


class WhenSpec(Spec):
    task: Tasks | None = None
    confidence: Range | None = None
    difficulty: Range | None = None
    input_tokens: Range | None = None
    has: HasWords | None = None
    model: Texts | None = None
    key: Texts | None = None
    team: Texts | None = None
    tags: Texts | None = None
    header: dict[str, Text] | None = None
    hour: Range | None = None


class RequireSpec(PlaceSpec):
    capabilities: Capabilities = []


class RouteTimeoutsSpec(Spec):
    first_token: Duration | None = None
    answer: Duration | None = None
    idle: Duration | None = None
    total: Duration | None = None


class TimeoutsSpec(RouteTimeoutsSpec):
    """`connect` and `pool` are for all routes alike: connections are shared between them."""

    connect: Duration | None = None
    pool: Duration | None = None


class StickySpec(Spec):
    """`session` stands for all defaults."""

    header: Text | None = None


def read_sticky(value: Any) -> Any:
    if value == "session":
        return {}
    if not isinstance(value, dict):
        raise refuse("must be session, or {header: x-session-id}")
    return value


class HedgeSpec(Spec):
    after: Lateness = "p95"
    max_extra: Percent = 0.05


Chain = Annotated[list[str], Field(min_length=1, max_length=MAX_CHAIN)]


class RouteSpec(Spec):
    name: SummedName
    chain: Chain
    when: WhenSpec | None = None
    prefer: Preference = "order"
    require: RequireSpec = RequireSpec()
    timeouts: RouteTimeoutsSpec = RouteTimeoutsSpec()
    fallback_on: FailureClasses | None = None
    on_context_window: Chain | None = None
    on_content_policy: Chain | None = None
    weights: dict[str, Weight] | None = None
    hedge: HedgeSpec | None = None
    sticky: Annotated[StickySpec | None, BeforeValidator(read_sticky)] = None
    max_attempts: Annotated[int, Field(ge=1, le=MAX_CHAIN)] | None = None


class RetrySpec(Spec):
    budget: Percent = 0.1
    base: Duration = 0.25
    max: Duration = 2.0


class BreakersSpec(Spec):
    consecutive: Annotated[int, Field(ge=1, le=1000)] = 5
    share: Percent = 0.5
    min_requests: Annotated[int, Field(ge=1, le=1_000_000)] = 20
    window: Duration = 30.0
    open: Duration = 5.0
    max_open: Duration = 300.0
    quota: Duration = 600.0
    misconfigured: Duration = 600.0


class RedisSpec(Spec):
    url: Secret
    mode: RedisMode = "single"
    master: Text | None = None
    prefix: Name = "switchyard"
    timeout: Duration = 0.1


class KeepSpec(Spec):
    records: LongDuration = 30 * 86_400.0
    hours: LongDuration = 35 * 86_400.0
    days: LongDuration = 400 * 86_400.0


class LedgerSpec(Spec):
    store: StoreName = "auto"
    dir: Text = ".switchyard"
    keep: KeepSpec = KeepSpec()
    max_records: Annotated[int, Field(ge=1_000, le=100_000_000)] = 1_000_000
    max_journal: Size = 1024**3
    sync: Duration = 1.0


class OtelSpec(Spec):
    endpoint: Text
    headers: dict[str, Secret] = {}
    service_name: Text = "switchyard"
    interval: Duration = 15.0


class ClassifySpec(Spec):
    text_model: TextModelName = "builtin"
    unsure_below: Share | None = None


class TaskSpec(Spec):
    task: TextTask
    keywords: Texts | None = None
    regex: Text | None = None
    header: dict[str, str] | None = None
    metadata: dict[str, str] | None = None


class Config(Spec):
    """The whole file. A section that is there but empty (all its lines commented out) counts as left out."""

    server: ServerSpec = ServerSpec()
    keys: dict[SummedName, KeySpec] = {}
    providers: dict[SummedName, ProviderSpec] = {}
    models: dict[ModelName, ModelSpec] = {}
    classify: ClassifySpec = ClassifySpec()
    tasks: dict[SummedName, TaskSpec] = {}
    routes: list[RouteSpec] = []
    aliases: dict[AliasName, str] = {}
    timeouts: TimeoutsSpec = TimeoutsSpec()
    max_attempts: Annotated[int, Field(ge=1, le=MAX_CHAIN)] = 3
    retry: RetrySpec = RetrySpec()
    breakers: BreakersSpec = BreakersSpec()
    baselines: Annotated[list[str], BeforeValidator(listed), Field(max_length=5)] = []
    strict_prices: bool = False
    ledger: LedgerSpec = LedgerSpec()
    redis: RedisSpec | None = None
    otel: OtelSpec | None = None
