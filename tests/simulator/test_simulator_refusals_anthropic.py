"""What Anthropic refuses, and in which words: one broken rule per case, everything else as it should be."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.simulator.server import Simulator
from tests.simulator.cases import ASKED, Body, Change, case, messages, setting, without
from tests.simulator.clients import call

FUNCTION_TOOL = {"type": "function", "function": {"name": "add"}}
CLAUDE_TOOL = {"name": "add", "input_schema": {"type": "object", "properties": {"a": {"type": "integer"}}}}
USE = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {}}
USED = {"role": "assistant", "content": [USE]}
GOT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "3"}]}
THINK = {"type": "enabled", "budget_tokens": 1024}


def block(role: str = "user", **fields: Any) -> Change:
    return messages(ASKED, {"role": role, "content": [fields]}) if role != "user" else messages(
        {"role": role, "content": [fields]}
    )  # fmt: skip


def image(**source: Any) -> Change:
    return block(type="image", source=source)


def claude_tool(**fields: Any) -> Change:
    return setting(tools=[{**CLAUDE_TOOL, **fields}])


def form(**schema: Any) -> Change:
    return setting(output_config={"format": {"type": "json_schema", "schema": {"type": "object", **schema}}})


ANTHROPIC = [
    case("no model", without("model"), "model: Field required"),
    case("no limit", without("max_tokens"), "max_tokens: Field required"),
    case("no messages", without("messages"), "messages: Field required"),
    case("unknown field", setting(frequency_penalty=1), "frequency_penalty: Extra inputs are not permitted"),
    case("empty messages", messages(), "messages: at least one message is required"),
    case("message a string", messages("hi"), "messages.0: Input does not match the expected shape."),
    case("bad role", messages({"role": "tool", "content": "x"}), "messages.0.role: Input should be 'user' or 'assis"),
    case("system role", messages({"role": "system", "content": "x"}, ASKED), 'messages: Unexpected role "system".'),
    case("message extra", messages({**ASKED, "name": "x"}), "messages.0.name: Extra inputs are not permitted"),
    case("empty content", messages({"role": "user", "content": ""}), "user messages must have non-empty content"),
    case("blank text", messages({"role": "user", "content": " \n"}), "text content blocks must contain non-whitespace"),
    case("empty text", block(type="text", text=""), "messages: text content blocks must be non-empty"),
    case("text missing", block(type="text"), "messages.0.content.0.text.text: Field required"),
    case("unknown block", block(type="input_audio"), "Input tag 'input_audio' found using 'type' does not match any"),
    case("block extra", block(type="text", text="x", name="y"), "messages.0.content.0.text.name: Extra inputs are not"),
    case("use by the user", messages({"role": "user", "content": [USE]}), "`tool_use` blocks can only be in `assis"),
    case("result by the assistant", block("assistant", **GOT["content"][0]), "can only be i"),  # type: ignore[arg-type]
    case("image of bmp", image(type="base64", media_type="image/bmp", data="QUJD"), "source.base64.media_type"),
    case("image mistyped", image(type="base64", media_type="image/png", data="R0lGODlh"), "appears to be a image/gif"),
    case("image not base64", image(type="base64", media_type="image/png", data="?"), "Invalid base64 data"),
    case("image source", image(type="path", path="x"), "Input tag 'path' found using 'type'"),
    case("image extra", image(type="url", url="https://x.y", detail="low"), "source.url.detail: Extra inputs"),
    case("use without result", messages(ASKED, USED, ASKED), "`tool_use` ids were found without `tool_result` blocks"),
    case("use at the end", messages(ASKED, USED), "immediately after: toolu_1."),
    case("result without use", messages(GOT), "unexpected `tool_use_id` found in `tool_result` blocks: toolu_1."),
    case(
        "text before the result",
        messages(ASKED, USED, {"role": "user", "content": [{"type": "text", "text": "so"}, *GOT["content"]]}),
        "`tool_use` ids were found without `tool_result` blocks immediately after",
    ),
    case("use id", messages(ASKED, {"role": "assistant", "content": [{**USE, "id": "a|b"}]}, GOT), "should match patt"),
    case("two uses of one id", messages(ASKED, USED, GOT, USED, GOT), "`tool_use` ids must be unique"),
    case(
        "input a string",
        messages(ASKED, {"role": "assistant", "content": [{**USE, "input": "{}"}]}, GOT),
        "messages.1.content.0.tool_use.input: Input should be a valid dictionary",
    ),
    case("too hot", setting(temperature=1.5), "temperature: Input should be less than or equal to 1"),
    case("two samplers", setting(temperature=0.5, top_p=0.5), "`temperature` and `top_p` cannot both be specified"),
    case("sampler gone", setting(model="claude-opus-4-8", temperature=1), "`temperature` is deprecated for this model"),
    case("limit too high", setting(max_tokens=64001), "max_tokens: 64001 > 64000, which is the maximum allowed"),
    case("limit a string", setting(max_tokens="9"), "max_tokens: Input should be a valid integer"),
    case("blank stop", setting(stop_sequences=["\n"]), "each stop sequence must contain non-whitespace"),
    case("metadata", setting(metadata={"team": "x"}), "metadata.team: Extra inputs are not permitted"),
    case("tier", setting(service_tier="flex"), "service_tier: Input should be 'auto' or 'standard_only'"),
    case("blank system", setting(system=[{"type": "text", "text": ""}]), "system: text content blocks must be non-e"),
    case("tool without schema", setting(tools=[{"name": "x"}]), "tools.0.custom.input_schema: Field required"),
    case("openai tool", setting(tools=[FUNCTION_TOOL]), "tools.0: Input tag 'function' found using 'type' does not ma"),
    case("tool name", claude_tool(name="a.b"), "tools.0.custom.name: String should match pattern"),
    case("tool type", claude_tool(input_schema={"type": "string"}), "input_schema.type: Input should be 'object'"),
    case("tool typeless", claude_tool(input_schema={}), "tools.0.custom.input_schema.type: Field required"),
    case("tool union", claude_tool(input_schema={"type": "object", "anyOf": []}), "does not support oneOf, allOf, or"),
    case(
        "tool schema",
        claude_tool(input_schema={"type": "object", "properties": {"a": {"type": "date"}}}),
        "tools.0.custom.input_schema: JSON schema is invalid.",
    ),
    case("property key", claude_tool(input_schema={"type": "object", "properties": {"a b": {}}}), "Property keys shou"),
    case("two of one name", setting(tools=[CLAUDE_TOOL, CLAUDE_TOOL]), "tools: Tool names must be unique."),
    case("choice without tools", setting(tool_choice={"type": "any"}), "may only be specified while providing tools"),
    case("choice", setting(tools=[CLAUDE_TOOL], tool_choice={"type": "required"}), "Input tag 'required' found"),
    case(
        "choice of nothing",
        setting(tools=[CLAUDE_TOOL], tool_choice={"type": "tool", "name": "sub"}),
        "Tool 'sub' not found in provided tools",
    ),
    case("small budget", setting(thinking={"type": "enabled", "budget_tokens": 99}), "greater than or equal to 1024"),
    case("budget over limit", setting(thinking=THINK, max_tokens=1024), "`max_tokens` must be greater than `thinking."),
    case("thinking when hot", setting(thinking=THINK, temperature=0.2), "`temperature` may only be set to 1 when thin"),
    case("thinking top_k", setting(thinking=THINK, top_k=5), "`top_k` must be unset when thinking is enabled."),
    case(
        "thinking and force",
        setting(thinking=THINK, tools=[CLAUDE_TOOL], tool_choice={"type": "any"}),
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    case("adaptive too soon", setting(thinking={"type": "adaptive"}), "adaptive thinking is not supported on this mod"),
    case("enabled too late", setting(model="claude-opus-4-8", thinking=THINK), '"thinking.type.enabled" is not suppo'),
    case("thinking of old", setting(model="claude-3-5-haiku-latest", thinking=THINK), "does not support thinking."),
    case("effort", setting(output_config={"effort": "low"}), "This model does not support the effort parameter."),
    case("effort word", setting(output_config={"effort": "huge"}), "output_config.effort: Input should be 'low'"),
    case("old format", setting(output_format={"type": "json_schema", "schema": {}}), "output_format: Extra inputs"),
    case("loose format", form(properties={}), "For 'object' type, 'additionalProperties' must be explicitly set to f"),
    case(
        "format with bounds",
        form(properties={"a": {"type": "integer", "minimum": 1, "maximum": 2}}, additionalProperties=False),
        "output_config.format.schema: For 'integer' type, properties maximum, minimum are not supported",
    ),
    case(
        "five cache marks",
        messages(*[
            {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]}
        ] * 5),
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    case(
        "cache marks out of order",
        messages(*[
            {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": mark}]}
            for mark in ({"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"})
        ]),
        "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block.",
    ),
    case("trailing blank", messages(ASKED, {"role": "assistant", "content": "So "}), "cannot end with trailing white"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message", "more"), ANTHROPIC)
async def test_anthropic_refuses(anthropic_simulator: Simulator, change: Change, message: str, more: Body) -> None:
    body = {"model": "claude-haiku-4-5", "max_tokens": 2000, "messages": [ASKED]}
    change(body)
    seen = await call(anthropic_simulator, "/v1/messages", body)
    answer = seen.json()
    assert (seen.status, answer["type"], answer["error"]["type"]) == (400, "error", "invalid_request_error"), answer
    assert answer["request_id"] == seen.headers["request-id"]
    assert message in answer["error"]["message"]
    assert not more
