"""Every OpenTelemetry name that leaves the gateway. The GenAI conventions are still being renamed: a new version
changes this file and nothing else.

Conventions followed: GenAI semantic conventions 1.38 (development). What they have no word for is ours: `switchyard.*`.
"""

from __future__ import annotations

from typing import Final

SCOPE: Final = "switchyard"
SERVICE_NAME: Final = "service.name"
SERVICE_VERSION: Final = "service.version"
SERVICE_INSTANCE: Final = "service.instance.id"

# Attributes of the GenAI conventions.
OPERATION: Final = "gen_ai.operation.name"
CHAT: Final = "chat"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105  # no secret
INPUT: Final = "input"
OUTPUT: Final = "output"
ERROR_TYPE: Final = "error.type"
STATUS_CODE: Final = "http.response.status_code"

# Ours.
REQUEST_ID: Final = "switchyard.request.id"
ASKED_FOR: Final = "switchyard.request.model"
KEY: Final = "switchyard.key"
TEAM: Final = "switchyard.team"
ROUTE: Final = "switchyard.route"
TASK: Final = "switchyard.task"
CONFIDENCE: Final = "switchyard.task.confidence"
OUTCOME: Final = "switchyard.outcome"
STREAM: Final = "switchyard.stream"
COST: Final = "switchyard.cost_usd"
CONFIG: Final = "switchyard.config"
MODEL: Final = "switchyard.model"
ATTEMPT_KIND: Final = "switchyard.attempt.kind"
FAILURE_REASON: Final = "switchyard.attempt.reason"
USAGE_SOURCE: Final = "switchyard.usage.source"
FIRST_TOKEN_EVENT: Final = "switchyard.first_token"  # noqa: S105  # no secret

# Metrics: name, unit, help, bounds (those the conventions advise).
_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
DURATION: Final = ("gen_ai.client.operation.duration", "s", "Duration of calls of providers.", _SECONDS)
USAGE: Final = (
    "gen_ai.client.token.usage",
    "{token}",
    "Tokens of calls of providers.",
    (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864),
)
FIRST_TOKEN: Final = (
    "gen_ai.server.time_to_first_token",
    "s",
    "From a call's start to the first content of its stream.",
    (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)
HISTOGRAMS: Final = (DURATION, USAGE, FIRST_TOKEN)

PROVIDERS: Final = (
    ("anthropic", "anthropic"),
    ("azure", "azure.ai.openai"),
    ("bedrock", "aws.bedrock"),
    ("cohere", "cohere"),
    ("deepseek", "deepseek"),
    ("gemini", "gcp.gemini"),
    ("groq", "groq"),
    ("mistral", "mistral_ai"),
    ("openai", "openai"),
    ("perplexity", "perplexity"),
    ("xai", "x_ai"),
)
"""Vendors (docs/vendors.md) by the conventions' names; any other goes by its own."""
