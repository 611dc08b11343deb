"""Tasks declared by the operator stand above the model's."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from gateway.classify.declared import BadPattern, TaskRule, compile_pattern, declared_task, rule_text
from gateway.classify.label import StructureOnly, label
from gateway.classify.signals import read_signals
from gateway.core.chat import ChatRequest

HAS_RE2 = importlib.util.find_spec("re2") is not None


class Finds:
    """A pattern that finds one plain text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def search(self, text: str, /) -> object | None:
        return self._text if self._text in text else None


def asked(content: Any, **body: Any) -> ChatRequest:
    return ChatRequest({"model": "auto", "messages": [{"role": "user", "content": content}], **body})


def test_a_keyword_counts_only_as_whole_words() -> None:
    rules = [TaskRule("law", "general_assist", keywords=("nda", "terms of use"))]
    assert declared_task(rules, asked("Agenda for Monday"), {}) is None
    found = declared_task(rules, asked("Please draft an NDA, two pages"), {})
    assert found is not None
    assert found.task == "general_assist"
    assert found.reason == "rule law: the keyword 'nda'"
    assert declared_task(rules, asked("our Terms of Use?"), {}) is not None


def test_every_kind_of_condition_must_hold() -> None:
    rule = TaskRule(
        "ide",
        "coding",
        keywords=("fix",),
        pattern=Finds(".py"),
        headers=(("x-app", "ide"),),
        metadata=(("mode", "edit"),),
    )
    request = asked("fix main.py", metadata={"mode": "edit"})
    assert declared_task([rule], request, {"x-app": "ide"}) is not None
    assert declared_task([rule], request, {"x-app": "web"}) is None
    assert declared_task([rule], asked("fix main.py"), {"x-app": "ide"}) is None
    assert declared_task([rule], asked("fix main.go", metadata={"mode": "edit"}), {"x-app": "ide"}) is None
    assert declared_task([rule], asked("see main.py", metadata={"mode": "edit"}), {"x-app": "ide"}) is None
    assert declared_task([rule], asked("fix main.py", metadata="edit"), {"x-app": "ide"}) is None


def test_the_first_rule_that_holds_wins_and_overrides_the_model() -> None:
    rules = [
        TaskRule("none", "coding", keywords=("absent",)),
        TaskRule("desk", "health_safety", headers=(("x-desk", "clinic"),)),
        TaskRule("all", "simple_qa"),
    ]
    request = asked("hello")
    found = declared_task(rules, request, {"x-desk": "clinic"})
    labelled = label(request, read_signals(request), StructureOnly(), declared=found)
    assert (labelled.task, labelled.confidence, labelled.reasons) == ("health_safety", 1.0, ("rule desk",))


def test_rules_read_a_bounded_text_of_the_last_user_turn() -> None:
    text = rule_text(asked("begin " + "x" * 5_000_000 + " end"))
    assert len(text) < 20_000
    assert text.startswith("begin")
    assert text.endswith("end")
    assert (
        rule_text(asked([{"type": "text", "text": "one"}, {"type": "image_url"}, {"type": "text", "text": "two"}]))
        == "one\ntwo"
    )


@pytest.mark.skipif(not HAS_RE2, reason="google-re2 is not installed")
def test_patterns_are_linear_and_their_faults_are_told() -> None:
    pattern = compile_pattern(r"(?i)\b(a+)+b\b")
    assert pattern.search("xx AAB yy") is not None
    assert pattern.search("a" * 200_000) is None
    assert pattern.search(rule_text(asked("\ud800 aab \udfff"))) is not None
    for bad in ("(", r"(?=ahead)", r"\1"):
        with pytest.raises(BadPattern, match="RE2"):
            compile_pattern(bad)


@pytest.mark.skipif(HAS_RE2, reason="google-re2 is installed")
def test_without_re2_a_pattern_is_refused_by_name() -> None:
    with pytest.raises(BadPattern, match="google-re2"):
        compile_pattern("a")
