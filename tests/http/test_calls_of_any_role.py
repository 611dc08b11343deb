"""Calls inside a message are checked whatever its role: classifier and adapters read them wherever they stand."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.config.snapshot import Server
from gateway.core.errors import BadRequest
from gateway.http.chat_schema import check_chat_request


@pytest.mark.parametrize("role", ["user", "system", "assistant", "tool", "function"])
@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tool_calls": "abc"}, "tool_calls"),
        ({"tool_calls": 5}, "tool_calls"),
        ({"tool_calls": ["abc"]}, "tool_calls[0]"),
        ({"tool_calls": [{"id": "c", "type": "custom", "function": "f"}]}, "tool_calls[0].function"),
        ({"function_call": 1.5}, "function_call"),
    ],
)
def test_malformed(role: str, fields: dict[str, Any], param: str) -> None:
    message = {"role": role, "content": "x", "name": "f", "tool_call_id": "c", **fields}
    with pytest.raises(BadRequest) as caught:
        check_chat_request({"model": "m", "messages": [message]}, Server())
    assert caught.value.param == f"messages[0].{param}"


def test_empty_ones_of_other_roles_pass() -> None:
    message: dict[str, Any] = {"role": "user", "content": "x", "tool_calls": [], "function_call": None}
    check_chat_request({"model": "m", "messages": [message]}, Server())
