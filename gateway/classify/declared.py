"""Tasks that the operator declares by condition, above the model: keyword, regular expression, header, metadata. Pure.

Rules come compiled with the config's snapshot, by RE2, whose matching time is linear in the text: a rule can be slow to
write but never slow to run. They read a bounded text, like the model: the head and the tail of the last user turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.classify.label import Declared
from gateway.config.snapshot import DeclaredTask
from gateway.core.chat import ChatRequest, content_parts

RULE_HEAD_CHARS = 12_000
RULE_TAIL_CHARS = 4_000
_MOST_PARTS = 64


def rule_text(request: ChatRequest) -> str:
    """What keywords and patterns are looked for in: the last user turn, bounded."""
    for message in reversed(request.messages[-_MOST_PARTS:]):
        if message.get("role") == "user":
            texts = [part.get("text") for part, _ in zip(content_parts(message), range(_MOST_PARTS), strict=False)]
            joined = "\n".join(text for text in texts if isinstance(text, str))
            if len(joined) > RULE_HEAD_CHARS + RULE_TAIL_CHARS:
                joined = f"{joined[:RULE_HEAD_CHARS]}\n{joined[-RULE_TAIL_CHARS:]}"
            # RE2 reads UTF-8, which has no lone surrogates
            return joined if joined.isascii() else joined.encode("utf-8", "replace").decode("utf-8")
    return ""


def declared_task(rules: Iterable[DeclaredTask], request: ChatRequest, headers: Mapping[str, str]) -> Declared | None:
    """The task of the first rule that holds. `headers` have lower-case names."""
    text: str | None = None
    for rule in rules:
        if not _facts_hold(rule, request, headers):
            continue
        if rule.keywords or rule.pattern:
            if text is None:
                text = rule_text(request)
            found = _found(rule, text)
            if found is None:
                continue
            return Declared(rule.task, f"rule {rule.name}: {found}")
        return Declared(rule.task, f"rule {rule.name}")
    return None


def _facts_hold(rule: DeclaredTask, request: ChatRequest, headers: Mapping[str, str]) -> bool:
    for name, value in rule.headers:
        if headers.get(name) != value:
            return False
    if rule.metadata:
        given: Any = request.body.get("metadata")
        if not isinstance(given, dict):
            return False
        return all(given.get(key) == value for key, value in rule.metadata)
    return True


def _found(rule: DeclaredTask, text: str) -> str | None:
    """What was found, for the reason; None where a condition fails."""
    reason = ""
    if rule.keywords:
        lower = text.lower()
        keyword = next((keyword for keyword in rule.keywords if _stands_in(keyword, lower)), None)
        if keyword is None:
            return None
        reason = f"the keyword {keyword!r}"
    if rule.pattern is not None:
        if rule.pattern.search(text) is None:
            return None
        reason = f"{reason} and its pattern" if reason else "its pattern"
    return reason


def _stands_in(keyword: str, text: str) -> bool:
    at = text.find(keyword)
    while at >= 0:
        end = at + len(keyword)
        before = at == 0 or not (text[at - 1].isalnum() and keyword[0].isalnum())
        after = end == len(text) or not (text[end].isalnum() and keyword[-1].isalnum())
        if before and after:
            return True
        at = text.find(keyword, end)
    return False
