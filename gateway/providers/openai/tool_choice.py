"""tool_choice in the forms that a vendor takes.

A form that can be said otherwise is said otherwise without loss: one named tool is "required" with only that tool
offered, "none" is no tools at all. What can't be said (forcing a call) becomes "auto" with a warning.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gateway.core.chat import Json
from gateway.core.vendor import Vendor


class _Wish(NamedTuple):
    """`mode` is "auto" or "required"; `names` are the tools it is limited to, None: all."""

    mode: str
    names: frozenset[str] | None
    form: str


def fit_tool_choice(out: Json, vendor: Vendor, *, can_force: bool, warnings: dict[str, None]) -> None:
    """Change `tool_choice` (and `tools`) of `out` to a form that `vendor` takes. `can_force`: the model may be told to
    call a tool now."""
    choice = out["tool_choice"]
    auto_only = vendor.tool_choice == "auto_only"
    if choice == "auto":
        return
    if choice == "none":
        if auto_only:
            for name in ("tools", "tool_choice", "parallel_tool_calls"):
                out.pop(name, None)
        return
    wish = _read(choice)
    if wish is None:
        return
    can_force = can_force and not auto_only
    if _taken_as_is(wish, vendor.tool_choice) and (can_force or wish.mode == "auto"):
        return
    if wish.names is not None:
        narrowed = [tool for tool in out.get("tools") or () if _tool_name(tool) in wish.names]
        if narrowed:
            out["tools"] = narrowed
    if wish.mode == "auto" or can_force:
        out["tool_choice"] = wish.mode
    else:
        out["tool_choice"] = "auto"
        why = vendor.name if auto_only else f"this model of {vendor.name} while it reasons"
        warnings[f"tool_choice: a forced call is not supported by {why}, sent as auto"] = None


def _taken_as_is(wish: _Wish, takes: str) -> bool:
    if wish.form == "words":
        return True
    return takes == "all" if wish.form == "allowed_tools" else takes in ("all", "named")


def _read(choice: Any) -> _Wish | None:
    """None for a form that is not OpenAI's: it goes through as it is."""
    if choice in ("required", "any"):
        return _Wish("required", None, "words")
    if not isinstance(choice, dict):
        return None
    kind = choice.get("type")
    if kind in ("function", "custom"):
        name = _tool_name(choice)
        return _Wish("required", frozenset({name}), "named") if name else None
    allowed = choice.get("allowed_tools")
    if kind == "allowed_tools" and isinstance(allowed, dict) and isinstance(allowed.get("tools"), list):
        names = frozenset(_tool_name(tool) for tool in allowed["tools"])
        return _Wish("required" if allowed.get("mode") == "required" else "auto", names, "allowed_tools")
    return None


def _tool_name(tool: Any) -> str:
    """The name of a tool, of a named choice, or of an allowed tool."""
    if not isinstance(tool, dict):
        return ""
    inner = tool.get("function") or tool.get("custom") or tool
    name = inner.get("name") if isinstance(inner, dict) else None
    return name if isinstance(name, str) else ""
