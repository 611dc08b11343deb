"""reasoning_effort, and the extra field `thinking`, -> Anthropic's thinking and effort.

Owns one decision: does this request think, in which of the API's forms, and how hard. A client that asks for thinking
where the API would refuse it (a forced tool, too few tokens, a tool loop that began without thinking) gets its answer
without, and a warning. Source: Anthropic's guides on thinking, extended thinking and effort.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.chat import Json
from gateway.providers.anthropic.build import Build
from gateway.providers.anthropic.messages import THOUGHTS
from gateway.providers.anthropic.models import LEVELS

MIN_BUDGET = 1_024
DEFAULT_BUDGET = 8_192
BINDING_BETA = "thinking-binding-controls-2026-08-01"
_BUDGETS = (("minimal", 1_024), ("low", 2_048), ("medium", 8_192), ("high", 16_384), ("xhigh", 32_768), ("max", 32_768))


@dataclass(frozen=True, slots=True)
class Thinking:
    """`config` is the request's `thinking` (None: left out), `effort` that of output_config. `active`: the answer may
    begin with thinking, which limits sampling. `betas` are anthropic-beta values."""

    config: Json | None
    effort: str | None
    active: bool
    betas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Wish:
    """`on`: whether to think; None: the client said nothing. `native` is its own `thinking`, `level` its
    reasoning_effort; `field` is the one that decided."""

    on: bool | None
    native: Json | None
    level: object
    field: str


def plan_thinking(build: Build, max_tokens: int, forced: bool, turns: list[Json]) -> Thinking:
    """`forced`: the model must call a tool. `turns` are Anthropic's messages."""
    facts = build.facts
    wish = _wish(build)
    if facts.thinking == "none":
        if wish.on:
            build.warn(wish.field, f"{build.model} does not think, dropped")
        return Thinking(None, None, False)
    effort = None if wish.level in (None, "none") else _effort(build, wish.level)
    on = wish.on
    manual = facts.thinking == "budget" or (facts.thinking == "both" and _type_of(wish.native) == "enabled")
    if on and (obstacle := _obstacle(build, manual, max_tokens, forced, turns)):
        build.warn(wish.field, f"thinking was switched off, {obstacle}")
        on = False
    elif on is None and forced and facts.thinks_unasked and facts.off != "never":
        on = False  # the API refuses a forced tool while the model thinks, also when nobody asked it to
    if on is False:
        return _off(build, wish, effort)
    config = None
    if on:
        config = _budgeted(build, wish, max_tokens) if manual else _adaptive(build, wish)
    return _bound(build, Thinking(config, effort, bool(on) or facts.thinks_unasked), turns)


def _wish(build: Build) -> _Wish:
    native = build.body.get("thinking")
    level = build.body.get("reasoning_effort")
    if isinstance(native, dict) and isinstance(native.get("type"), str):
        return _Wish(native["type"] not in ("disabled", "between_tools"), native, level, "thinking")
    if native is not None:
        build.drop("thinking")
    return _Wish(None if level is None else level != "none", None, level, "reasoning_effort")


def _type_of(native: Json | None) -> object:
    return native["type"] if native else None


def _obstacle(build: Build, manual: bool, max_tokens: int, forced: bool, turns: list[Json]) -> str | None:
    """Why the API would refuse thinking here. Adaptive thinking minds only a forced tool, and where thinking can't be
    switched off the API allows that too."""
    if forced and build.facts.off != "never":
        return "Anthropic allows none while a tool is forced"
    if not manual:
        return None
    if max_tokens <= MIN_BUDGET:
        return f"it needs more than {MIN_BUDGET} output tokens"
    if turns[-1]["role"] == "assistant":
        return "Anthropic allows none while the last message is the assistant's"
    if not _loop_began_with_thinking(turns):
        return "the tool calls in the history came without their thinking"
    return None


def _loop_began_with_thinking(turns: list[Json]) -> bool:
    """Whether the assistant's part of the tool loop under way begins with a thinking block, as budgeted thinking
    demands; true where no loop is under way."""
    first = None
    for turn in reversed(turns):
        if turn["role"] == "assistant":
            first = turn
        elif turn["role"] == "user" and not all(block["type"] == "tool_result" for block in turn["content"]):
            break
    return first is None or first["content"][0]["type"] in THOUGHTS


def _budgeted(build: Build, wish: _Wish, max_tokens: int) -> Json:
    native = wish.native or {}
    budget = native.get("budget_tokens")
    if native.get("type") == "adaptive":
        build.warn("thinking", f"sent as a token budget, {build.model} does not think adaptively")
    if type(budget) is not int:
        budget = min(dict(_BUDGETS).get(str(wish.level), DEFAULT_BUDGET), max(MIN_BUDGET, max_tokens // 2))
    elif not MIN_BUDGET <= budget < max_tokens:
        build.warn("thinking.budget_tokens", f"{budget} brought between {MIN_BUDGET} and max_tokens")
        budget = max(MIN_BUDGET, min(budget, max_tokens - 1))
    config: Json = {"type": "enabled", "budget_tokens": budget}
    return _with_controls(config, native)


def _adaptive(build: Build, wish: _Wish) -> Json:
    if _type_of(wish.native) == "enabled":
        build.warn("thinking", f"sent as adaptive, {build.model} takes no token budget")
    config: Json = {"type": "adaptive"}
    if build.facts.hides_thinking:
        config["display"] = "summarized"
    return _with_controls(config, wish.native or {})


def _with_controls(config: Json, native: Json) -> Json:
    config.update({name: native[name] for name in ("display", "block_binding") if native.get(name)})
    return config


def _bound(build: Build, thinking: Thinking, turns: list[Json]) -> Thinking:
    """Clients of chat form shorten and edit their history freely: where that invalidates earlier thinking, ask for it
    to be dropped rather than to be refused the whole request."""
    config = thinking.config
    if not build.facts.binds_thinking:
        return thinking
    if not any(block["type"] in THOUGHTS for turn in turns for block in turn["content"]):
        return thinking
    config = {"block_binding": {"prefix_mismatch_behavior": "drop_block"}, **(config or {"type": "adaptive"})}
    return Thinking(config, thinking.effort, thinking.active, (BINDING_BETA,))


def _off(build: Build, wish: _Wish, effort: str | None) -> Thinking:
    off = build.facts.off
    if off == "never":
        build.warn(wish.field, f"{build.model} always thinks, lowered to effort low")
        return Thinking(None, "low" if "low" in build.facts.efforts else None, True)
    if off == "omit":
        return Thinking(None, effort, False)
    if effort in ("xhigh", "max"):
        effort = "high"  # the API refuses more while thinking is off
    return Thinking({"type": off}, effort, False)


def _effort(build: Build, level: object) -> str | None:
    """The nearest level that the model takes: the next higher one, else its highest."""
    efforts = build.facts.efforts
    if not efforts:
        return None
    wish = "low" if level == "minimal" else level
    if wish not in LEVELS:
        build.drop("reasoning_effort")
        return None
    position = LEVELS.index(str(wish))
    nearest = next((name for name in LEVELS[position:] if name in efforts), None)
    nearest = nearest or next(name for name in reversed(LEVELS) if name in efforts)
    if nearest != wish or level == "minimal":
        build.warn("reasoning_effort", f"{level} sent as {nearest}, the nearest that {build.model} takes")
    return nearest
