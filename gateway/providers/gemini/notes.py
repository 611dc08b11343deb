"""How a translation to Gemini speaks up (law 3): a warning for what was dropped or changed, a refusal for what can't be
asked. Owns no translation itself.
"""

from __future__ import annotations

from gateway.core.errors import Failure, FailureClass, ProviderError

Warnings = dict[str, None]
"""Warnings in order, each once."""

MAX_WARNINGS = 40


def note(warnings: Warnings, text: str) -> None:
    """Add a warning once, however many messages gave cause for it. A request can give cause for any number."""
    if len(warnings) < MAX_WARNINGS:
        warnings[text] = None
    elif text not in warnings:
        warnings["warnings: there were more"] = None


def refusal(param: str, message: str, code: str = "unsupported_value") -> ProviderError:
    """What the client asked for can't be translated. `message` is for the client and says what to change."""
    return ProviderError(
        Failure(FailureClass.CALLER_FAULT, "refused_to_translate", message, status=400, code=code, param=param)
    )
