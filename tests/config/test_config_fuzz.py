"""Whatever stands in the file, reading it ends in a snapshot or in errors that have a place; it never raises."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.config.reading import examine_text
from tests.config.vendor_rows import KEYS

EXAMPLE = (Path(__file__).resolve().parents[2] / "config" / "gateway.yaml").read_text(encoding="utf-8")
RICH = """\
server: {host: 127.0.0.1, port: 8080, max_body: 1MB, allowed_hosts: [a.example]}
keys: {web: {key: "${OPENAI_API_KEY}", team: apps, tags: [prod]}}
providers:
  openai: {adapter: openai, api_key: "${OPENAI_API_KEY}", headers: {x-a: b}, region: us}
  anthropic: {vendor: anthropic, api_key: "${ANTHROPIC_API_KEY}"}
models:
  gpt: {provider: openai, id: gpt-5.4, fallbacks: [opus], price: {input: 1, output: 2, tiers: [{above: 5, input: 1, output: 2}]}}
  opus: {provider: anthropic, id: claude-opus-4-6, capabilities: {add: [n]}, options: {a: b}}
routes:
  - {name: a, when: {task: coding, hour: {over: 1}, header: {x-a: b}, key: web}, chain: [gpt, opus], fallback_on: [timeout]}
  - {name: default, chain: [gpt, opus], require: {region: [us]}, timeouts: {idle: 5s}}
aliases: {x: gpt}
timeouts: {total: 1m}
max_attempts: 2
"""  # noqa: E501
TREE = yaml.safe_load(RICH)
JUNK = st.recursive(
    st.sampled_from([None, True, "${X}", "file:/x", "gpt"]) | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        found += paths(inner, (*path, step))
    return found


PLACES = paths(TREE)[1:]


def holds(data: bytes) -> None:
    loaded = examine_text(data, KEYS)
    errors = [problem for problem in loaded.problems if problem.severity == "error"]
    assert (loaded.snapshot is None) == bool(errors)
    lines = len(data.decode("utf-8", "replace").splitlines()) + 2  # YAML takes a lone CR for a line's end, too
    assert all(1 <= problem.position.line <= lines and problem.position.column >= 1 for problem in loaded.problems)


def test_the_start_is_right() -> None:
    assert examine_text(RICH).snapshot is not None


@given(st.sampled_from(PLACES), JUNK)
@settings(max_examples=400, deadline=None)
def test_junk_in_any_place(path: tuple[Any, ...], junk: Any) -> None:
    tree = copy.deepcopy(TREE)
    target = tree
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = junk
    holds(yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "surrogatepass"))


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_torn_text(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(EXAMPLE)))
    end = data.draw(st.integers(start, min(len(EXAMPLE), start + 40)))
    filler = data.draw(
        st.text(max_size=6) | st.sampled_from(["{", "}", "[", ": ", "\n", "\t", "&a ", "*a", "!!x ", "- "])
    )
    holds((EXAMPLE[:start] + filler + EXAMPLE[end:]).encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes(data: bytes) -> None:
    holds(data)
