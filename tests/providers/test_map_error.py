"""Every adapter's map_error keeps its word: whatever stands in an error's body, it answers and never raises."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import FailureClass
from gateway.providers.base import Adapter
from gateway.providers.registry import adapter_for
from gateway.providers.vendors import VENDORS

ADAPTERS = [pytest.param(adapter_for(VENDORS[name]), id=name) for name in ("openai", "anthropic", "gemini")]
NAMES = (
    "@type", "code", "description", "detail", "details", "error", "error_code", "error_type", "errors",
    "estimated_time", "field", "fieldViolations", "flagged_input", "innererror", "loc", "message", "metadata", "msg",
    "param", "quotaId", "raw", "reason", "retryDelay", "status", "status_code", "type", "violations",
)  # fmt: skip
"""Fields that some adapter reads."""
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1),
    st.sampled_from([0, 400, 429, 1e308, "", "x", "9" * 30]),
    st.text(alphabet="{}[]'\"`s. messages:", max_size=20),
)  # fmt: skip
BODIES = st.recursive(
    VALUES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)),
    max_leaves=25,
)


@pytest.mark.parametrize("adapter", ADAPTERS)
@given(inner=BODIES, status=st.sampled_from([302, 400, 401, 403, 404, 413, 422, 429, 500, 529]))
def test_any_json_has_a_class(adapter: Adapter, inner: Any, status: int) -> None:
    for body in (inner, {"error": inner}, [{"error": inner}], {"error": {"details": inner}}):
        failure = adapter.map_error(status, {}, orjson.dumps(body))
        assert isinstance(failure.cls, FailureClass)
        assert failure.message


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("strange", [None, 7, 1.5, True, [], ["x"], {}, {"a": 1}])
@pytest.mark.parametrize("name", NAMES)
def test_no_field_has_to_be_of_its_type(adapter: Adapter, name: str, strange: Any) -> None:
    odd = {name: strange}
    for body in (
        odd,
        {"error": odd},
        {"error": {"details": odd}},
        {"error": {"details": [odd, {"violations": [odd]}]}},
    ):
        failure = adapter.map_error(400, {}, orjson.dumps(body))
        assert isinstance(failure.cls, FailureClass)
        assert failure.message
