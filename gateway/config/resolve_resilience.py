"""Resolves `retry` and `breakers`: when a call is made again, and when a model is left alone for a while."""

from __future__ import annotations

from gateway.config.scope import Scope
from gateway.config.snapshot import Breakers, Retry


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
