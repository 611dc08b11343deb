"""Which members of a chain may serve a request at all. Pure; applied before ranking and to fallbacks too (law 12)."""

from __future__ import annotations

from gateway.config.snapshot import Model, Require, Snapshot
from gateway.core.label import Signals
from gateway.core.principal import Principal

CONTEXT_SLACK = 1.2
"""Prompt sizes are estimates: a model is left out only when the estimate is beyond its window by this factor."""


def why_unfit(
    model: Model, require: Require, signals: Signals, caller: Principal, snapshot: Snapshot
) -> tuple[str, str] | None:
    """None when the model may serve the request, else (constraint, reason in words).

    Constraints: off, key, capability, context, region, retention.
    """
    if model.provider in snapshot.off:
        return "off", f"provider {model.provider} is off: {snapshot.off[model.provider]}"
    if not caller.may(model.name):
        return "key", f"key {caller.name} may not use {model.name}"
    target = model.target
    if signals.needs or require.capabilities:
        missing = (signals.needs | require.capabilities) - target.capabilities
        if missing:
            return "capability", f"{model.name} lacks {', '.join(sorted(missing))}"
    window = target.context_window
    if window is not None and signals.input_tokens > window * CONTEXT_SLACK:
        return "context", f"about {signals.input_tokens} input tokens, {model.name} takes {window}"
    if not (require.region or require.retention):
        return None
    provider = snapshot.providers[model.provider]
    if require.region and provider.region not in require.region:
        return "region", f"{provider.name} is in {provider.region or 'no stated region'}"
    if require.retention and provider.retention not in require.retention:
        return "retention", f"{provider.name} has retention {provider.retention or 'unstated'}"
    return None
