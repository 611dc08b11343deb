"""What each Claude model takes and refuses: facts by the beginning of its upstream id.

Owns this table only; it translates nothing. Sources: Anthropic's documentation as of November 2026 (thinking support by
model, effort, structured outputs, forced tool use, mid-conversation system messages, prefill) and the limits in the
models overview. A fact that is not known is set so that the request is accepted rather than refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

LEVELS = ("low", "medium", "high", "xhigh", "max")
"""Anthropic's effort levels, weakest first."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """`thinking`: the `thinking` types it takes: none, "budget" (enabled with budget_tokens), "adaptive", or both.
    `thinks_unasked`: it thinks when `thinking` is left out. `off`: how thinking is switched off: by leaving it out, by
    the type "disabled" or "between_tools", or never. `efforts`: levels that `output_config.effort` takes.
    `sampling`: whether temperature and top_p may come together, only one of them, or none. `prefill`: a conversation
    may end with the assistant. `forced_tools`: tool_choice may be any or tool. `json_schema`: output_config.format and
    strict tools. `system_turns`: role "system" within `messages`. `hides_thinking`: thinking text comes only when
    asked for by `display`. `binds_thinking`: thinking that comes back after its conversation was changed is refused
    unless the request asks for it to be dropped. `max_output`: tokens.
    """

    thinking: Literal["none", "budget", "both", "adaptive"]
    max_output: int
    thinks_unasked: bool = False
    off: Literal["omit", "disabled", "between_tools", "never"] = "omit"
    efforts: frozenset[str] = frozenset()
    sampling: Literal["both", "one", "none"] = "one"
    prefill: bool = False
    forced_tools: bool = True
    json_schema: bool = True
    system_turns: bool = False
    hides_thinking: bool = False
    binds_thinking: bool = False


_LEGACY = ModelFacts("none", 4_096, sampling="both", prefill=True, json_schema=False)
_LEGACY_8K = replace(_LEGACY, max_output=8_192)
_SONNET_3_7 = replace(_LEGACY, thinking="budget", max_output=64_000)
_OPUS_4 = replace(_SONNET_3_7, max_output=32_000)
_OPUS_4_1 = ModelFacts("budget", 32_000, prefill=True)
_CLAUDE_4_5 = ModelFacts("budget", 64_000, prefill=True)
_OPUS_4_5 = replace(_CLAUDE_4_5, efforts=frozenset(LEVELS[:3]))
_CLAUDE_4_6 = ModelFacts("both", 128_000, efforts=frozenset({"low", "medium", "high", "max"}))
_OPUS_4_7 = ModelFacts("adaptive", 128_000, efforts=frozenset(LEVELS), sampling="none", hides_thinking=True)
_OPUS_4_8 = replace(_OPUS_4_7, system_turns=True)
_SONNET_5 = replace(_OPUS_4_7, thinks_unasked=True, off="disabled")
_OPUS_5 = replace(_SONNET_5, system_turns=True)
_FABLE_5 = replace(_OPUS_5, off="never")
_MYTHOS_5_1 = replace(_FABLE_5, forced_tools=False)
_FABLE_5_1 = replace(_MYTHOS_5_1, binds_thinking=True)
_SONNET_5_5 = replace(_FABLE_5_1, off="between_tools")
_HAIKU_5_5 = replace(_OPUS_5, binds_thinking=True)

_NEWER = ModelFacts(
    "adaptive",
    64_000,
    thinks_unasked=True,
    off="never",
    efforts=frozenset(LEVELS[:3]),
    sampling="none",
    forced_tools=False,
    hides_thinking=True,
)
"""A Claude model that this table doesn't know: taken for newer than it, and asked for nothing a new model refuses."""

_FOREIGN = replace(_LEGACY_8K, thinking="budget")
"""Not a Claude model: another vendor behind the same API."""

_BY_PREFIX = (
    ("claude-fable-5-1", _FABLE_5_1),
    ("claude-fable-5-2", _FABLE_5_1),
    ("claude-fable-5", _FABLE_5),
    ("claude-mythos-5-1", _MYTHOS_5_1),
    ("claude-mythos-5-2", _MYTHOS_5_1),
    ("claude-mythos-5", _FABLE_5),
    ("claude-mythos-preview", replace(_CLAUDE_4_6, thinks_unasked=True, off="never")),
    ("claude-opus-5-5", _FABLE_5_1),
    ("claude-opus-5", _OPUS_5),
    ("claude-sonnet-5-5", _SONNET_5_5),
    ("claude-sonnet-5", _SONNET_5),
    ("claude-haiku-5-5", _HAIKU_5_5),
    ("claude-opus-4-8", _OPUS_4_8),
    ("claude-opus-4-7", _OPUS_4_7),
    ("claude-opus-4-6", _CLAUDE_4_6),
    ("claude-sonnet-4-6", _CLAUDE_4_6),
    ("claude-opus-4-5", _OPUS_4_5),
    ("claude-sonnet-4-5", _CLAUDE_4_5),
    ("claude-haiku-4-5", _CLAUDE_4_5),
    ("claude-opus-4-1", _OPUS_4_1),
    ("claude-opus-4-0", _OPUS_4),
    ("claude-opus-4-2", _OPUS_4),
    ("claude-sonnet-4-0", _SONNET_3_7),
    ("claude-sonnet-4-2", _SONNET_3_7),
    ("claude-3-7", _SONNET_3_7),
    ("claude-3-5", _LEGACY_8K),
    ("claude-3", _LEGACY),
    ("claude-2", _LEGACY),
    ("claude-instant", _LEGACY),
    ("claude-", _NEWER),
)
"""The first match wins. The dates in ids such as claude-opus-4-20250514 are why "-4-2" stands for Claude 4.0."""


def facts_for(upstream_id: str) -> ModelFacts:
    """The facts of a model; a vendor's prefix before "claude-" (as in "anthropic.claude-opus-4-6-v1") is skipped."""
    start = upstream_id.find("claude-")
    if start < 0:
        return _FOREIGN
    name = upstream_id[start:]
    for prefix, facts in _BY_PREFIX:
        if name.startswith(prefix):
            return facts
    return _FOREIGN
