"""Every HTTP header name of ours, and W3C's for traces. Documented in docs/headers.md; nothing else spells them."""

from __future__ import annotations

REQUEST_ID = "x-request-id"
GATEWAY_REQUEST_ID = "x-gateway-request-id"
MODEL = "x-gateway-model"
PROVIDER = "x-gateway-provider"
ROUTE = "x-gateway-route"
TASK = "x-gateway-task"
CONFIDENCE = "x-gateway-confidence"
ATTEMPTS = "x-gateway-attempts"
COST_USD = "x-gateway-cost-usd"
WARNINGS = "x-gateway-warnings"
CONFIG = "x-gateway-config"
HOPS = "x-gateway-hops"
INCLUDE_COST = "x-gateway-include-cost"
TRACEPARENT = "traceparent"
SHOULD_RETRY = "x-should-retry"

RESPONSE_HEADERS = (
    REQUEST_ID,
    GATEWAY_REQUEST_ID,
    MODEL,
    PROVIDER,
    ROUTE,
    TASK,
    CONFIDENCE,
    ATTEMPTS,
    COST_USD,
    WARNINGS,
    CONFIG,
    SHOULD_RETRY,
)
