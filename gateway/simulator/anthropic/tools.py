"""Checks of tools and of the choice among them, as Anthropic makes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gateway.simulator.anthropic.blocks import check_cache_control, check_string
from gateway.simulator.anthropic.errors import invalid
from gateway.simulator.anthropic.schemas import check_input_schema
from gateway.simulator.vendor import Json

TOOL_FIELDS = frozenset(
    [
        "type",
        "name",
        "description",
        "input_schema",
        "cache_control",
        "strict",
        "allowed_callers",
        "defer_loading",
        "eager_input_streaming",
        "input_examples",
    ]
)
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
VENDOR_TOOL = re.compile(
    r"(bash|text_editor|web_search|web_fetch|code_execution|memory|tool_search_tool_(?:bm25|regex)|computer_toolset"
    r"|browser_toolset|computer|advisor|mcp_toolset)_20\d{6}"
)
NEEDS_BETA = {"computer": "computer-use-"}


def check_tools(tools: Any, headers: Mapping[str, str]) -> None:
    if tools is None:
        return
    if not isinstance(tools, list):
        raise invalid("tools: Input should be a valid list")
    names: set[str] = set()
    for index, tool in enumerate(tools):
        if not isinstance(tool, dict):
            raise invalid(f"tools.{index}: Input should be a valid dictionary or object to extract fields from")
        kind = tool.get("type") or "custom"
        if kind == "custom":
            _check_tool(tool, f"tools.{index}.custom")
        else:
            _check_vendor_tool(str(kind), index, headers)
        name = tool.get("name")
        if isinstance(name, str):
            if name in names:
                raise invalid("tools: Tool names must be unique.")
            names.add(name)


def _check_tool(tool: Json, path: str) -> None:
    for name in ("name", "input_schema"):
        if name not in tool:
            raise invalid(f"{path}.{name}: Field required")
    if tool.keys() - TOOL_FIELDS:
        raise invalid(f"{path}.{min(tool.keys() - TOOL_FIELDS)}: Extra inputs are not permitted")
    check_string(tool["name"], f"{path}.name")
    if not TOOL_NAME.fullmatch(tool["name"]):
        raise invalid(f"{path}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    if tool.get("description") is not None:
        check_string(tool["description"], f"{path}.description")
    if not isinstance(tool.get("strict", False), bool):
        raise invalid(f"{path}.strict: Input should be a valid boolean")
    check_cache_control(tool.get("cache_control"), path)
    check_input_schema(tool["input_schema"], path, tool.get("strict") is True)


def _check_vendor_tool(kind: str, index: int, headers: Mapping[str, str]) -> None:
    found = VENDOR_TOOL.fullmatch(kind)
    beta = NEEDS_BETA.get(found.group(1)) if found else None
    if found is None or (beta and beta not in headers.get("anthropic-beta", "")):
        tags = "'bash_20250124', 'custom', 'text_editor_20250124', 'text_editor_20250728', 'web_search_20250305'"
        raise invalid(
            f"tools.{index}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {tags}"
        )


def check_tool_choice(body: Json) -> None:
    choice = body.get("tool_choice")
    if choice is None:
        return
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind not in ("auto", "any", "tool", "none"):
        tags = "'any', 'auto', 'none', 'tool'"
        raise invalid(
            f"tool_choice: Input tag '{kind}' found using 'type' does not match any of the expected tags: {tags}"
        )
    fields = {"type"} | ({"name"} if kind == "tool" else set())
    fields |= {"disable_parallel_tool_use"} if kind != "none" else set()
    if choice.keys() - fields:
        raise invalid(f"tool_choice.{kind}.{min(choice.keys() - fields)}: Extra inputs are not permitted")
    if not body.get("tools"):
        raise invalid("tool_choice: tool_choice may only be specified while providing tools.")
    if kind == "tool":
        if "name" not in choice:
            raise invalid("tool_choice.tool.name: Field required")
        if choice["name"] not in {tool.get("name") for tool in body["tools"]}:
            raise invalid(f"Tool '{choice['name']}' not found in provided tools")
