"""Resolves `classify` and `tasks`: how requests get their task, and which ones the operator gives by condition."""

from __future__ import annotations

import re2

from gateway.config.document import Path
from gateway.config.resolve_routes import header_conditions
from gateway.config.schema import TaskSpec
from gateway.config.scope import Scope
from gateway.config.snapshot import Classify, DeclaredTask, Pattern


def resolve_classify(scope: Scope) -> Classify:
    spec = scope.config.classify
    if spec.text_model == "none" and spec.unsure_below is not None:
        scope.error(("classify", "unsure_below"), "unsure_below is for the text model, and text_model is none")
    return Classify(text_model=spec.text_model == "builtin", unsure_below=spec.unsure_below)


def resolve_tasks(scope: Scope) -> tuple[DeclaredTask, ...]:
    """The rules in the order of the file: the first that holds gives the task."""
    return tuple(resolve_task(scope, ("tasks", name), name, spec) for name, spec in scope.config.tasks.items())


def resolve_task(scope: Scope, path: Path, name: str, spec: TaskSpec) -> DeclaredTask:
    if not (spec.keywords or spec.regex or spec.header or spec.metadata):
        scope.key_error(path, f'task "{name}" has no condition: give keywords, regex, header or metadata')
    return DeclaredTask(
        name=name,
        task=spec.task,
        keywords=tuple(keyword.lower() for keyword in spec.keywords or ()),
        regex=spec.regex,
        headers=header_conditions(scope, (*path, "header"), spec.header or {}),
        metadata=tuple(sorted((spec.metadata or {}).items())),
        pattern=None if spec.regex is None else compile_regex(scope, (*path, "regex"), spec.regex),
    )


def compile_regex(scope: Scope, path: Path, expression: str) -> Pattern | None:
    """By RE2, which refuses what could take more than linear time: backreferences, look-around."""
    options = re2.Options()
    options.log_errors = False
    try:
        compiled: Pattern = re2.compile(expression, options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        why = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        scope.error(path, f"not a regular expression that RE2 takes: {why[:200]}")
        return None
    return compiled
