"""Checks of a Messages request as Anthropic makes them: unknown fields, types, ranges, and what goes with what.

Sources: the parameter types of the official SDK, recorded and publicly quoted refusals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.simulator.anthropic.blocks import check_block, check_cache_control, check_string, check_text
from gateway.simulator.anthropic.errors import invalid
from gateway.simulator.anthropic.messages import DOCS, blocks_of, check_messages, check_thoughts
from gateway.simulator.anthropic.models import ModelFacts
from gateway.simulator.anthropic.schemas import check_output_schema
from gateway.simulator.anthropic.tools import check_tool_choice, check_tools
from gateway.simulator.vendor import Json

FIELDS = frozenset(
    [
        "model",
        "max_tokens",
        "messages",
        "system",
        "metadata",
        "stop_sequences",
        "stream",
        "temperature",
        "top_k",
        "top_p",
        "thinking",
        "tool_choice",
        "tools",
        "service_tier",
        "output_config",
        "cache_control",
        "container",
        "diagnostics",
        "inference_geo",
        "speed",
        "user_profile_id",
        "workspace_id",
    ]
)
BETA_FIELDS = frozenset(
    ["output_format", "context_management", "mcp_servers", "fallbacks", "compaction", "thread", "billing_policy"]
)
NOT_COUNTED = frozenset({"max_tokens", "stream", "temperature", "top_k", "top_p", "stop_sequences", "metadata"})
EFFORTS = ("low", "medium", "high", "xhigh", "max")
LEAST_BUDGET = 1024
MOST_CACHE_MARKS = 4
LONGEST_USER_ID = 256
OLD_FORMAT_BETA = "structured-outputs-2025-11-13"

Headers = Mapping[str, str]


def check_request(body: Json, headers: Headers, facts: ModelFacts, *, counting: bool = False) -> None:
    """Raises Rejected with the error that Anthropic would answer. `counting`: for count_tokens, which takes fewer
    fields and needs no max_tokens."""
    for name in ("messages",) if counting else ("max_tokens", "messages"):
        if name not in body:
            raise invalid(f"{name}: Field required")
    allowed = FIELDS - NOT_COUNTED if counting else FIELDS
    if headers.get("anthropic-beta"):
        allowed = allowed | BETA_FIELDS
    if not body.keys() <= allowed:
        raise invalid(f"{min(body.keys() - allowed)}: Extra inputs are not permitted")
    _check_numbers(body, facts)
    _check_small(body)
    _check_system(body.get("system"))
    check_messages(body["messages"], facts)
    check_tools(body.get("tools"), headers)
    check_tool_choice(body)
    _check_output(body, headers, facts)
    if body.get("thinking") is not None:
        _check_thinking(body, facts)
    _check_marks(body)


def _number(body: Json, name: str, low: float, high: float | None, *, whole: bool) -> None:
    value = body.get(name)
    if value is None and name != "max_tokens":
        return
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise invalid(f"{name}: Input should be a valid {'integer' if whole else 'number'}")
    if value < low:
        raise invalid(f"{name}: Input should be greater than or equal to {low:g}")
    if high is not None and value > high:
        raise invalid(f"{name}: Input should be less than or equal to {high:g}")


def _check_numbers(body: Json, facts: ModelFacts) -> None:
    _number(body, "temperature", 0, 1, whole=False)
    _number(body, "top_p", 0, 1, whole=False)
    _number(body, "top_k", 0, None, whole=True)
    if "max_tokens" in body:
        _number(body, "max_tokens", 0, None, whole=True)
        if body["max_tokens"] > facts.max_output:
            raise invalid(
                f"max_tokens: {body['max_tokens']} > {facts.max_output}, which is the maximum allowed number of output "
                f"tokens for {body['model']}"
            )
    for name in ("temperature", "top_p", "top_k"):
        if body.get(name) is not None and not facts.sampling:
            raise invalid(f"`{name}` is deprecated for this model.")
    if facts.one_sampler and body.get("temperature") is not None and body.get("top_p") is not None:
        raise invalid("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")


def _check_small(body: Json) -> None:
    """The fields of a few words."""
    if not isinstance(body.get("stream", False), bool):
        raise invalid("stream: Input should be a valid boolean")
    stops = body.get("stop_sequences")
    if stops is not None:
        if not isinstance(stops, list):
            raise invalid("stop_sequences: Input should be a valid list")
        for index, stop in enumerate(stops):
            check_string(stop, f"stop_sequences.{index}")
            if not stop.strip():
                raise invalid("stop_sequences: each stop sequence must contain non-whitespace")
    if body.get("service_tier") not in (None, "auto", "standard_only"):
        raise invalid("service_tier: Input should be 'auto' or 'standard_only'")
    metadata = body.get("metadata")
    if metadata is not None:
        if not isinstance(metadata, dict):
            raise invalid("metadata: Input should be a valid dictionary or object to extract fields from")
        if metadata.keys() - {"user_id"}:
            raise invalid(f"metadata.{min(metadata.keys() - {'user_id'})}: Extra inputs are not permitted")
        if metadata.get("user_id") is not None:
            check_string(metadata["user_id"], "metadata.user_id")
            if len(metadata["user_id"]) > LONGEST_USER_ID:
                raise invalid(f"metadata.user_id: String should have at most {LONGEST_USER_ID} characters")


def _check_system(system: Any) -> None:
    if system is None or isinstance(system, str):
        return
    if not isinstance(system, list):
        raise invalid("system: Input should be a valid list")
    for index, block in enumerate(system):
        if isinstance(block, dict) and block.get("type") == "text" and "text" in block:
            check_text(block["text"], f"system.{index}.text", "system")
        check_block(block, f"system.{index}", frozenset({"text"}), f"system.{index}")


def _check_output(body: Json, headers: Headers, facts: ModelFacts) -> None:
    """`output_config`, and `output_format`, its older form behind a beta header."""
    config = body.get("output_config") or {}
    if not isinstance(config, dict):
        raise invalid("output_config: Input should be a valid dictionary or object to extract fields from")
    if config.keys() - {"effort", "format"}:
        raise invalid(f"output_config.{min(config.keys() - {'effort', 'format'})}: Extra inputs are not permitted")
    if config.get("effort") is not None:
        if config["effort"] not in EFFORTS:
            raise invalid("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
        if not facts.effort:
            raise invalid("This model does not support the effort parameter.")
    for path, wanted in (("output_config.format", config.get("format")), ("output_format", body.get("output_format"))):
        if wanted is None:
            continue
        if path == "output_format" and OLD_FORMAT_BETA not in headers.get("anthropic-beta", ""):
            raise invalid("output_format: Extra inputs are not permitted")
        if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
            raise invalid(f"{path}.type: Input should be 'json_schema'")
        if wanted.keys() - {"type", "schema"}:
            raise invalid(f"{path}.{min(wanted.keys() - {'type', 'schema'})}: Extra inputs are not permitted")
        if "schema" not in wanted:
            raise invalid(f"{path}.schema: Field required")
        if not facts.structured:
            raise invalid(f"'{body['model']}' does not support output format.")
        check_output_schema(wanted["schema"], f"{path}.schema")


def _check_thinking(body: Json, facts: ModelFacts) -> None:
    thinking = body["thinking"]
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    if kind not in ("enabled", "disabled", "adaptive", "between_tools"):
        tags = "'adaptive', 'disabled', 'enabled'"
        raise invalid(
            f"thinking: Input tag '{kind}' found using 'type' does not match any of the expected tags: {tags}"
        )
    fields = {"enabled": {"type", "budget_tokens", "display"}, "adaptive": {"type", "display"}}.get(kind, {"type"})
    if thinking.keys() - fields:
        raise invalid(f"thinking.{kind}.{min(thinking.keys() - fields)}: Extra inputs are not permitted")
    if thinking.get("display") not in (None, "summarized", "omitted"):
        raise invalid(f"thinking.{kind}.display: Input should be 'summarized' or 'omitted'")
    if kind not in ("enabled", "adaptive"):
        return
    if kind == "enabled":
        _check_budget(thinking, body, facts)
        check_thoughts(body["messages"])
    elif not facts.adaptive:
        raise invalid("adaptive thinking is not supported on this model")
    advice = f"Please consult our documentation at {DOCS}#important-considerations-when-using-extended-thinking'"
    if body.get("temperature") not in (None, 1):
        raise invalid(f"`temperature` may only be set to 1 when thinking is enabled. {advice}")
    if body.get("top_p") is not None and body["top_p"] < 0.95:
        raise invalid(f"`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled. {advice}")
    if body.get("top_k") is not None:
        raise invalid(f"`top_k` must be unset when thinking is enabled. {advice}")
    if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        raise invalid("Thinking may not be enabled when tool_choice forces tool use.")


def _check_budget(thinking: Json, body: Json, facts: ModelFacts) -> None:
    if not facts.manual:
        if facts.adaptive:
            raise invalid(
                '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and '
                '"output_config.effort" to control thinking behavior.'
            )
        raise invalid(f"'{body['model']}' does not support thinking.")
    if "budget_tokens" not in thinking:
        raise invalid("thinking.enabled.budget_tokens: Field required")
    _number({"thinking.enabled.budget_tokens": thinking["budget_tokens"]}, "thinking.enabled.budget_tokens",
            LEAST_BUDGET, None, whole=True)  # fmt: skip
    if "max_tokens" in body and body["max_tokens"] <= thinking["budget_tokens"]:
        raise invalid(
            "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at "
            f"{DOCS}#max-tokens-and-context-window-size"
        )


def cache_marks(body: Json) -> list[str]:
    """The times to live of all cache marks, in the order in which the prompt is read: tools, system, messages."""
    holders: list[Any] = list(body.get("tools") or ())
    if isinstance(body.get("system"), list):
        holders += body["system"]
    for message in body["messages"]:
        holders += blocks_of(message["content"])
    marks = [holder["cache_control"] for holder in holders if holder.get("cache_control")]
    return [str(mark.get("ttl", "5m")) for mark in marks]


def _check_marks(body: Json) -> None:
    check_cache_control(body.get("cache_control"), "cache_control")
    marks = cache_marks(body)
    found = len(marks) + bool(body.get("cache_control"))
    if found > MOST_CACHE_MARKS:
        raise invalid(f"A maximum of {MOST_CACHE_MARKS} blocks with cache_control may be provided. Found {found}.")
    if "5m" in marks and "1h" in marks[marks.index("5m") :]:
        raise invalid(
            "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are "
            "processed in the following order: `tools`, `system`, `messages`."
        )
