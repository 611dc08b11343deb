"""Tool schemas and parts that no vendor could take: refused with a param, or passed by without a fault."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.config.snapshot import Server
from gateway.core.chat import ChatRequest
from gateway.core.errors import BadRequest
from gateway.core.vendor import Target
from gateway.http.chat_schema import check_chat_request
from gateway.providers.registry import adapter_for
from gateway.providers.vendors import VENDORS


def asking(parameters: Any, content: Any = "x") -> dict[str, Any]:
    tool = {"type": "function", "function": {"name": "f", "parameters": parameters}}
    return {"model": "m", "messages": [{"role": "user", "content": content}], "tools": [tool]}


@pytest.mark.parametrize("properties", ["{}", [1], 5, True])
def test_properties_that_are_no_object(properties: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        check_chat_request(asking({"type": "object", "properties": properties}), Server())
    assert (caught.value.code, caught.value.param) == ("invalid_function_parameters", "tools[0].parameters")


@pytest.mark.parametrize("vendor", sorted(name for name, row in VENDORS.items() if "tools" not in row.unsupported))
@pytest.mark.parametrize(
    "body",
    [
        asking({"type": "object", "anyOf": 5}),
        asking({"type": "object", "allOf": [{"properties": "abc"}, 5]}),
        asking({"type": "object", "properties": None}),
        asking({}, ["bare text", {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]),
    ],
)
def test_what_passes_the_edge_is_translated(vendor: str, body: dict[str, Any]) -> None:
    row = VENDORS[vendor]
    target = Target("m", "p", "model-1", row, row.capabilities)
    assert isinstance(check_chat_request(body, Server()), ChatRequest)
    assert adapter_for(row).build_request(ChatRequest(body), target).body
