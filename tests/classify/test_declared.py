"""Tasks declared by the operator stand above the model's."""

from __future__ import annotations

from typing import Any

from gateway.classify.declared import declared_task, rule_text
from gateway.classify.label import StructureOnly, label
from gateway.classify.signals import read_signals
from gateway.config.snapshot import DeclaredTask
from gateway.core.chat import ChatRequest
from tests.config.reading import bottom, snapshot_of


class Finds:
    """A pattern that finds one plain text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def search(self, text: str, /) -> object | None:
        return self._text if self._text in text else None


def asked(content: Any, **body: Any) -> ChatRequest:
    return ChatRequest({"model": "auto", "messages": [{"role": "user", "content": content}], **body})


def test_a_keyword_counts_only_as_whole_words() -> None:
    rules = [DeclaredTask("law", "general_assist", keywords=("nda", "terms of use"))]
    assert declared_task(rules, asked("Agenda for Monday"), {}) is None
    found = declared_task(rules, asked("Please draft an NDA, two pages"), {})
    assert found is not None
    assert found.task == "general_assist"
    assert found.reason == "rule law: the keyword 'nda'"
    assert declared_task(rules, asked("our Terms of Use?"), {}) is not None


def test_every_kind_of_condition_must_hold() -> None:
    rule = DeclaredTask(
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
        DeclaredTask("none", "coding", keywords=("absent",)),
        DeclaredTask("desk", "health_safety", headers=(("x-desk", "clinic"),)),
        DeclaredTask("all", "simple_qa"),
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


def test_patterns_of_the_config_are_linear_and_take_any_text() -> None:
    (rule,) = snapshot_of(bottom(r"tasks: {b: {task: coding, regex: '(?i)\b(a+)+b\b'}}")).tasks
    assert declared_task([rule], asked("xx AAB yy"), {}) == ("coding", "rule b: its pattern")
    assert declared_task([rule], asked("a" * 200_000), {}) is None
    assert declared_task([rule], asked("\ud800 aab \udfff"), {}) is not None
