"""What single models on OpenAI's wire format refuse, by the start of their upstream id. Facts only.

Sources: OpenAI's reasoning guide and API reference (reasoning_effort, stop), recorded 400s (stop and max_tokens on
gpt-5-mini), public reports of live checks (tools beside reasoning_effort from gpt-5.4 on; default efforts), and the
documentation of Groq, xAI, DeepSeek, Mistral and Cerebras. A model that no row names gets what the client asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.core.vendor import Target

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Reasoning efforts in ascending order. "default" (Groq's word for on) ranks as medium."""

_LOW_TO_HIGH = frozenset({"low", "medium", "high"})
_NONE_TO_HIGH = _LOW_TO_HIGH | {"none"}
_NONE_TO_XHIGH = _NONE_TO_HIGH | {"xhigh"}
_NO_EFFORT: frozenset[str] = frozenset()

_SAMPLING = frozenset(
    {"temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "stop"}
)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """`efforts`: the reasoning_effort values it takes; empty: none at all; None: as the vendor's row says.
    `default_effort`: what it does unasked; "none": it does not reason. `refused_while_reasoning`: fields that are an
    error then. `unsupported`: fields that are always an error. `no_reasoning_with_tools`: tools need effort "none".
    `no_forced_tool_while_reasoning`: tool_choice must be auto or none then. `effort_none_as`: what says "none" in place
    of reasoning_effort: (field, key, value) for `{field: {key: value}}`. `wants_reasoning_back`: with tools offered,
    each assistant message must hold reasoning_content."""

    efforts: frozenset[str] | None = None
    default_effort: str = "none"
    refused_while_reasoning: frozenset[str] = frozenset()
    unsupported: frozenset[str] = frozenset()
    no_reasoning_with_tools: bool = False
    no_forced_tool_while_reasoning: bool = False
    effort_none_as: tuple[str, str, str] | None = None
    wants_reasoning_back: bool = False


NO_FACTS = ModelFacts()

_O_SERIES = ModelFacts(_LOW_TO_HIGH, "medium", _SAMPLING, unsupported=frozenset({"parallel_tool_calls", "verbosity"}))
_FIXED_MEDIUM = ModelFacts(frozenset({"medium"}), "medium", _SAMPLING)
_NOT_REASONING = ModelFacts(_NO_EFFORT, unsupported=frozenset({"verbosity"}))

_OPENAI = (
    ("gpt-5.6", ModelFacts(_NONE_TO_XHIGH | {"max"}, "medium", _SAMPLING, no_reasoning_with_tools=True)),
    ("gpt-5.5-pro", ModelFacts(frozenset({"medium", "high", "xhigh"}), "medium", _SAMPLING)),
    ("gpt-5.5", ModelFacts(_NONE_TO_XHIGH, "medium", _SAMPLING, no_reasoning_with_tools=True)),
    ("gpt-5.4-pro", ModelFacts(frozenset({"medium", "high", "xhigh"}), "medium", _SAMPLING)),
    ("gpt-5.4", ModelFacts(_NONE_TO_XHIGH, "none", _SAMPLING, no_reasoning_with_tools=True)),
    ("gpt-5.3-chat", _FIXED_MEDIUM),
    ("gpt-5.3", ModelFacts(_NONE_TO_XHIGH, "none", _SAMPLING)),
    ("gpt-5.2-chat", _FIXED_MEDIUM),
    ("gpt-5.2-pro", ModelFacts(frozenset({"medium", "high", "xhigh"}), "medium", _SAMPLING)),
    ("gpt-5.2", ModelFacts(_NONE_TO_XHIGH, "none", _SAMPLING)),
    ("gpt-5.1-chat", _FIXED_MEDIUM),
    ("gpt-5.1-codex-max", ModelFacts(_LOW_TO_HIGH | {"xhigh"}, "medium", _SAMPLING)),
    ("gpt-5.1-codex", ModelFacts(_LOW_TO_HIGH, "medium", _SAMPLING)),
    ("gpt-5.1", ModelFacts(_NONE_TO_HIGH, "none", _SAMPLING)),
    ("gpt-5-chat", _NOT_REASONING),
    ("gpt-5-pro", ModelFacts(frozenset({"high"}), "high", _SAMPLING)),
    ("gpt-5-codex", ModelFacts(_LOW_TO_HIGH, "medium", _SAMPLING)),
    ("gpt-5", ModelFacts(_LOW_TO_HIGH | {"minimal"}, "medium", _SAMPLING)),
    ("o1", _O_SERIES),
    ("o3", _O_SERIES),
    ("o4", _O_SERIES),
    ("gpt-4", _NOT_REASONING),
    ("gpt-3", _NOT_REASONING),
    ("chatgpt-4o", _NOT_REASONING),
)

_GROQ = (
    ("openai/gpt-oss", ModelFacts(_LOW_TO_HIGH, "medium")),
    ("qwen/qwen3", ModelFacts(frozenset({"none", "default"}), "medium")),
    *(
        (start, ModelFacts(_NO_EFFORT))
        for start in ("llama", "meta-llama/", "moonshotai/", "gemma", "groq/", "compound")
    ),
)

_XAI_REFUSED = frozenset({"presence_penalty", "frequency_penalty", "stop"})
_GROK_4_5 = ModelFacts(_LOW_TO_HIGH, "high", _XAI_REFUSED)
_GROK_4_3 = ModelFacts(_NONE_TO_HIGH, "low", _XAI_REFUSED)
_XAI = (
    ("grok-4.6", _GROK_4_5),
    ("grok-4.5", _GROK_4_5),
    ("grok-build", _GROK_4_5),
    ("grok-4.20", ModelFacts(_NO_EFFORT, "low", _XAI_REFUSED)),
    ("grok-code", ModelFacts(_NO_EFFORT, "low", _XAI_REFUSED)),
    ("grok-3-mini", ModelFacts(frozenset({"low", "high"}), "low", _XAI_REFUSED)),
    ("grok-", _GROK_4_3),
)

_DEEPSEEK_THINKING = ModelFacts(
    frozenset(EFFORTS),
    "high",
    no_forced_tool_while_reasoning=True,
    effort_none_as=("thinking", "type", "disabled"),
    wants_reasoning_back=True,
)
_DEEPSEEK = (
    ("deepseek-chat", ModelFacts(frozenset(EFFORTS), "none", effort_none_as=("thinking", "type", "disabled"))),
    ("", _DEEPSEEK_THINKING),
)

_MISTRAL = (("magistral", ModelFacts(_NO_EFFORT, "high")),)

_CEREBRAS = (
    ("gpt-oss", ModelFacts(_LOW_TO_HIGH, "medium")),
    ("qwen-3.8", ModelFacts(_NONE_TO_HIGH, "high")),
    ("llama", ModelFacts(_NO_EFFORT)),
)

MODEL_FACTS: Mapping[str, tuple[tuple[str, ModelFacts], ...]] = MappingProxyType(
    {
        "openai": _OPENAI,
        "azure": _OPENAI,
        "groq": _GROQ,
        "xai": _XAI,
        "deepseek": _DEEPSEEK,
        "mistral": _MISTRAL,
        "cerebras": _CEREBRAS,
    }
)
"""Per vendor row: (start of the upstream id, facts). The first match counts, so longer names stand first."""


def facts_for(target: Target) -> ModelFacts:
    """The facts of the target's model; a fine-tune ("ft:gpt-4o-mini:...") has those of its base."""
    name = target.upstream_id.removeprefix("ft:")
    for start, facts in MODEL_FACTS.get(target.vendor.name, ()):
        if name.startswith(start):
            return facts
    return NO_FACTS


def nearest_effort(effort: str, allowed: frozenset[str]) -> str:
    """The allowed effort closest to the one asked for; of two equally close ones the higher.

    `allowed` is not empty. An effort that nobody knows is returned as it is, for the vendor to judge.
    """
    if effort in allowed or effort not in EFFORTS:
        return effort
    asked = _rank(effort)
    return min(sorted(allowed, key=_rank, reverse=True), key=lambda name: abs(_rank(name) - asked))


def _rank(effort: str) -> int:
    return EFFORTS.index(effort) if effort in EFFORTS else EFFORTS.index("medium")
