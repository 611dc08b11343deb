"""`classify` and `tasks`: what they become, and how they can be wrong."""

from __future__ import annotations

import pytest

from gateway.config.snapshot import Classify, DeclaredTask
from tests.config.reading import bottom, config_text, examine_text, found, marked, snapshot_of


def test_the_text_model_reads_unless_told_otherwise() -> None:
    assert snapshot_of(config_text()).classify == Classify(text_model=True, unsure_below=None)
    assert snapshot_of(bottom("classify: {text_model: none}")).classify == Classify(text_model=False)
    assert snapshot_of(bottom("classify: {unsure_below: 0.5}")).classify == Classify(True, 0.5)


def test_rules_keep_their_order_and_are_made_ready_to_match() -> None:
    text = bottom(
        "tasks:\n"
        "  b: {task: coding, keywords: Stored Procedure, regex: '(?i)create or replace'}\n"
        "  a: {task: simple_qa, header: {X-App: crm}, metadata: {kind: ticket, a: b}}\n"
    )
    assert snapshot_of(text).tasks == (
        DeclaredTask("b", "coding", keywords=("stored procedure",), regex="(?i)create or replace"),
        DeclaredTask("a", "simple_qa", headers=(("x-app", "crm"),), metadata=(("a", "b"), ("kind", "ticket"))),
    )


def test_they_are_part_of_the_hash_and_of_what_is_printed() -> None:
    plain, ruled = examine_text(config_text()), examine_text(bottom("tasks: {a: {task: coding, keywords: x}}"))
    assert plain.snapshot is not None
    assert ruled.snapshot is not None
    assert ruled.form is not None
    assert plain.snapshot.hash != ruled.snapshot.hash
    assert ruled.form["tasks"] == {"a": {"task": "coding", "keywords": ["x"]}}
    assert ruled.form["classify"] == {"text_model": "builtin"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tasks: {¶a: {task: coding}}", 'task "a" has no condition: give keywords, regex, header or metadata'),
        ("tasks: {¶a: {keywords: x}}", '"task" is missing in "a"'),
        ("tasks: {a: {task: ¶codng, keywords: x}}", 'unknown task "codng"; did you mean "coding"?'),
        ("tasks: {a: {task: ¶agentic_tools, keywords: x}}", 'unknown task "agentic_tools"; one of: '),
        ("tasks: {a: {task: coding, regex: ¶'('}}", "not a regular expression that RE2 takes: "),
        ("tasks: {a: {task: coding, regex: ¶'(a)\\1'}}", "not a regular expression that RE2 takes: "),
        ("tasks: {a: {task: coding, header: {¶Authorization: x}}}", 'rules can\'t see the header "Authorization"'),
        ("tasks: {a: {task: coding, ¶words: x}}", 'unknown key "words"'),
        ("classify: {text_model: ¶big}", 'unknown text model "big"; one of: builtin, none'),
        ("classify: {unsure_below: ¶1.5}", "unsure_below"),
        ("classify: {text_model: none, unsure_below: ¶0.5}", "unsure_below is for the text model"),
    ],
)
def test_what_can_be_wrong(text: str, message: str) -> None:
    plain, place = marked(bottom(text))
    problems = found(examine_text(plain))
    assert len(problems) == 1, problems
    assert problems[0].startswith(f"{place}: error: ")
    assert message in problems[0]


def test_a_hostile_pattern_is_slow_for_nobody() -> None:
    from gateway.classify.declared import declared_task
    from gateway.core.chat import ChatRequest

    rules = snapshot_of(bottom("tasks: {a: {task: coding, regex: '(a+)+$'}}")).tasks
    request = ChatRequest({"model": "auto", "messages": [{"role": "user", "content": "a" * 50_000 + "!"}]})
    assert declared_task(rules, request, {}) is None
