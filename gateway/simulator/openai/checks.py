"""Checks of a chat completion request as OpenAI makes them: unknown fields, types, ranges, and what goes with what.

Sources: the published OpenAPI document (CreateChatCompletionRequest), recorded and publicly quoted refusals.
"""

from __future__ import annotations

from typing import Any

from gateway.simulator.openai.errors import invalid, missing, named, unknown, unsupported
from gateway.simulator.openai.fields import FIELDS, listed
from gateway.simulator.openai.messages import check_messages
from gateway.simulator.openai.models import ModelFacts
from gateway.simulator.vendor import Json


def check_request(body: Json, facts: ModelFacts) -> None:
    """Raises Rejected with the error that OpenAI would answer."""
    if "messages" not in body:
        raise missing("messages")
    for name, value in body.items():
        check = FIELDS.get(name)
        if check is None:
            raise unknown(name)
        if value is not None:
            check(name, value)
    check_messages(body["messages"], facts)
    _check_tools(body)
    _check_together(body)
    _check_model(body, facts)


def effort_of(body: Json, facts: ModelFacts) -> str:
    """The reasoning effort in force."""
    asked = body.get("reasoning_effort")
    return asked if isinstance(asked, str) else facts.default_effort


def _check_tools(body: Json) -> None:
    """Tool choice against the tools."""
    tools = body.get("tools")
    if not tools:
        for name in ("tool_choice", "parallel_tool_calls"):
            if body.get(name) is not None:
                text = f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified."
                raise invalid(text, name, None)
        return
    names = {tool["function"]["name"] for tool in tools}
    choice = body.get("tool_choice")
    wanted: list[Any] = []
    if isinstance(choice, dict):
        allowed = choice.get("allowed_tools", {}).get("tools") or []
        wanted = (
            [choice["function"]["name"]]
            if choice["type"] == "function"
            else [tool.get("function", {}).get("name") for tool in allowed if isinstance(tool, dict)]
        )
    for name in wanted:
        if name not in names:
            raise invalid(f"Tool choice '{name}' not found in 'tools' parameter.", "tool_choice", None)


def _check_together(body: Json) -> None:
    """Fields that only go with another."""
    if body.get("stream_options") is not None and not body.get("stream"):
        text = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise invalid(text, "stream_options", None)
    if body.get("top_logprobs") is not None and not body.get("logprobs"):
        raise invalid("'logprobs' must be enabled when 'top_logprobs' is used.", "top_logprobs", None)
    if body.get("metadata") and not body.get("store"):
        raise invalid("The 'metadata' parameter is only allowed when 'store' is enabled.", "metadata", None)
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        text = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise invalid(text, "max_tokens", "invalid_parameter_combination")
    if (body.get("response_format") or {}).get("type") == "json_object" and not _says_json(body["messages"]):
        text = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        raise invalid(text, "messages", None)


def _says_json(messages: list[Json]) -> bool:
    return any("json" in str(message.get("content")).lower() for message in messages)


def _check_model(body: Json, facts: ModelFacts) -> None:
    """What this model does not take."""
    asked = body.get("reasoning_effort")
    if body.get("web_search_options") is not None and not facts.search:
        raise invalid("Web search options not supported with this model.", "web_search_options", None)
    if not facts.reasons:
        if asked is not None:
            raise invalid("Unrecognized request argument supplied: reasoning_effort", None, None)
        return
    if asked is not None and asked not in facts.efforts:
        text = (
            f"Unsupported value: 'reasoning_effort' does not support '{asked}' with this model. Supported values are: "
        )
        raise invalid(text + listed(facts.efforts) + ".", "reasoning_effort", "unsupported_value")
    if body.get("max_tokens") is not None:
        text = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        )
        raise invalid(text, "max_tokens", "unsupported_parameter")
    if body.get("stop") and not facts.stop:
        raise unsupported("stop")
    if facts.only_auto and body.get("tool_choice") not in (None, "auto"):
        shown = named(body["tool_choice"])
        text = f"Unsupported value: 'tool_choice' does not support {shown} with this model. Only 'auto' is supported."
        raise invalid(text, "tool_choice", "unsupported_value")
    for name in ("frequency_penalty", "presence_penalty", "logit_bias"):
        if body.get(name):
            raise unsupported(name)
    _check_effort(body, facts)


def _check_effort(body: Json, facts: ModelFacts) -> None:
    """What does not go with reasoning."""
    effort = effort_of(body, facts)
    if effort == "none":
        return
    if body.get("temperature") not in (None, 1):
        text = f"'temperature' does not support {body['temperature']} with this model."
        advice = "Only the default (1) value is supported."
        raise invalid(f"Unsupported value: {text} {advice}", "temperature", "unsupported_value")
    if body.get("top_p") not in (None, 1):
        raise unsupported("top_p")
    if body.get("logprobs"):
        raise unsupported("logprobs")
    if body.get("tools") and not facts.tools_with_effort:
        text = f"Function tools with reasoning_effort are not supported for {body['model']} in /v1/chat/completions. "
        advice = "To use function tools, use /v1/responses or set reasoning_effort to 'none'."
        raise invalid(text + advice, "reasoning_effort", None)
