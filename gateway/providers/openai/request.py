"""Request side of OpenAI's wire format: the client's body fitted to one vendor's row and one model's facts.

The body is copied shallowly and only what the vendor takes differently is replaced: for a request that fits as it is,
that is `model` and, for streams, `stream_options`. Nothing here knows a vendor by name. Whatever is left out is named
in a warning, except a value that means the same as its absence.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import orjson

from gateway.core.chat import ChatRequest, Json
from gateway.core.errors import Failure, FailureClass, ProviderError
from gateway.core.vendor import Target, Vendor
from gateway.core.wire import UpstreamCall
from gateway.providers.openai.legacy import functions_to_tools
from gateway.providers.openai.messages import Warnings, fill_in_reasoning, strip_cache_control, translate_messages
from gateway.providers.openai.models import NO_FACTS, ModelFacts, facts_for, nearest_effort
from gateway.providers.openai.tool_choice import fit_tool_choice

NEUTRAL: Mapping[str, Any] = MappingProxyType(
    {
        "n": 1,
        "top_p": 1,
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "logit_bias": {},
        "logprobs": False,
        "top_logprobs": 0,
        "store": False,
        "metadata": {},
        "modalities": ["text"],
        "verbosity": "medium",
        "service_tier": "auto",
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "functions": [],
        "function_call": "auto",
        "response_format": {"type": "text"},
    }
)
"""Values that mean the same as leaving the field out (OpenAI API reference, defaults)."""

ESSENTIAL = frozenset({"tools", "response_format", "modalities"})
"""Fields that can't be dropped with a warning: the answer would be of another kind than the client asked for."""

_MISSING = object()


def build_request(request: ChatRequest, target: Target) -> UpstreamCall:
    """The vendor's request; see Adapter.build_request."""
    vendor = target.vendor
    facts = facts_for(target)
    warnings: Warnings = {}
    out: Json = dict(request.body)
    if None in out.values():  # null means absent, and strict vendors refuse it
        out = {name: value for name, value in out.items() if value is not None}
    out["model"] = target.upstream_id
    if "functions" in vendor.unsupported and ("functions" in out or "function_call" in out):
        functions_to_tools(out)
    out["messages"] = translate_messages(request.messages, vendor, warnings)
    _drop_unsupported(out, vendor, facts, warnings)
    if "response_format" in out and "json_schema" not in target.capabilities:
        _refuse_schema(out["response_format"], target)
    reasons = _fit_reasoning(out, target, facts, warnings)
    if reasons and facts.wants_reasoning_back and out.get("tools"):
        out["messages"] = fill_in_reasoning(out["messages"])
    if "tool_choice" in out:
        blocked = reasons and facts.no_forced_tool_while_reasoning
        fit_tool_choice(out, vendor, can_force=not blocked, warnings=warnings)
    if "tools" in out and "cache_control" not in vendor.message_extras:
        out["tools"] = strip_cache_control(out["tools"], "tools", vendor, warnings)
    if reasons and facts.refused_while_reasoning:
        _drop_while_reasoning(out, target, facts, warnings)
    _fit_output_limit(out, vendor, warnings)
    for name, theirs in vendor.renamed:
        if name in out:
            out.setdefault(theirs, out.pop(name))
    if request.stream:
        _ask_for_usage(out, vendor, warnings)
    return UpstreamCall(path=chat_path(target), body=orjson.dumps(out), warnings=tuple(warnings))


def refusal(param: str, message: str) -> ProviderError:
    """What this vendor can't be asked at all; the message tells the client what to change."""
    return ProviderError(
        Failure(
            FailureClass.CALLER_FAULT,
            "refused_to_translate",
            message,
            status=400,
            code="unsupported_parameter",
            param=param,
        )
    )


def chat_path(target: Target) -> str:
    """The path under the endpoint's prefix. The option `api-version` (Azure's dated API) goes into the query."""
    vendor = target.vendor
    if not target.options:
        return vendor.chat_path
    version = dict(target.options).get("api-version")
    if version is None:
        return vendor.chat_path
    path = vendor.dated_chat_path or vendor.chat_path
    return f"{path.replace('{model}', quote(target.upstream_id, safe=''))}?api-version={quote(version, safe='')}"


def _drop_unsupported(out: Json, vendor: Vendor, facts: ModelFacts, warnings: Warnings) -> None:
    refused = vendor.unsupported | facts.unsupported if facts.unsupported else vendor.unsupported
    if refused.isdisjoint(out):
        return
    for name in [name for name in out if name in refused]:
        value = out.pop(name)
        if value == NEUTRAL.get(name, _MISSING):
            continue
        if name in ESSENTIAL:
            raise refusal(name, f"{name} is not supported by {vendor.name}. Leave it out or choose another model.")
        warnings[f"{name}: not supported by {vendor.name}, dropped"] = None


def _refuse_schema(response_format: Any, target: Target) -> None:
    if isinstance(response_format, dict) and response_format.get("type") == "json_schema":
        raise refusal(
            "response_format",
            f"{target.upstream_id} of {target.vendor.name} has no json_schema output. Ask for json_object and give the "
            "schema in the prompt, or choose another model.",
        )


def _fit_reasoning(out: Json, target: Target, facts: ModelFacts, warnings: Warnings) -> bool:
    """Fit reasoning_effort to what the model takes. Returns whether the model will reason as far as is known."""
    effort = out.get("reasoning_effort")
    if isinstance(effort, str):
        allowed = facts.efforts if facts.efforts is not None else target.vendor.reasoning_efforts
        if allowed is not None and effort not in allowed:
            effort = _replace_effort(out, effort, allowed, target, facts, warnings)
    if facts is NO_FACTS:
        return False
    effort = effort or facts.default_effort
    if facts.no_reasoning_with_tools and effort != "none" and out.get("tools"):
        out["reasoning_effort"] = "none"
        warnings[
            f"reasoning_effort: {effort} replaced by none, {target.upstream_id} takes no tools while it reasons here"
        ] = None
        return False
    if facts.effort_none_as is not None:
        field, key, value = facts.effort_none_as
        if out.get("reasoning_effort") == "none":
            del out["reasoning_effort"]
            out[field] = {key: value}
        switch = out.get(field)
        if isinstance(switch, dict) and switch.get(key) == value:
            return False
    return effort != "none"


def _replace_effort(
    out: Json, effort: str, allowed: frozenset[str], target: Target, facts: ModelFacts, warnings: Warnings
) -> str | None:
    if not allowed:
        del out["reasoning_effort"]
        if effort != facts.default_effort:
            warnings[f"reasoning_effort: not supported by {target.upstream_id}, dropped"] = None
        return None
    nearest = nearest_effort(effort, allowed)
    if nearest != effort:
        out["reasoning_effort"] = nearest
        warnings[f"reasoning_effort: {effort} replaced by {nearest}, the nearest that {target.upstream_id} takes"] = (
            None
        )
    return nearest


def _drop_while_reasoning(out: Json, target: Target, facts: ModelFacts, warnings: Warnings) -> None:
    for name in [name for name in out if name in facts.refused_while_reasoning]:
        value = out.pop(name)
        neutral = 1 if name == "temperature" else NEUTRAL.get(name, _MISSING)
        if value != neutral:
            warnings[f"{name}: not supported by {target.upstream_id} while it reasons, dropped"] = None


def _fit_output_limit(out: Json, vendor: Vendor, warnings: Warnings) -> None:
    wanted = vendor.max_tokens_field
    other = "max_tokens" if wanted == "max_completion_tokens" else "max_completion_tokens"
    if other not in out:
        return
    limit = out.pop(other)
    if wanted not in out:
        out[wanted] = limit
    elif out[wanted] != limit:
        warnings[f"{other}: dropped, {wanted} was given too"] = None


def _ask_for_usage(out: Json, vendor: Vendor, warnings: Warnings) -> None:
    """Usage is always asked for; whether the client sees it is decided behind the parser."""
    if vendor.stream_options:
        given = out.get("stream_options")
        out["stream_options"] = {**given, "include_usage": True} if isinstance(given, dict) else {"include_usage": True}
        return
    given = out.pop("stream_options", None)
    if isinstance(given, dict):
        for name in given:
            if name != "include_usage":
                warnings[f"stream_options.{name}: not supported by {vendor.name}, dropped"] = None
