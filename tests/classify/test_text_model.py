"""The trained text model: bounded, deterministic, never an exception, one label per session, explainable."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.classify.label import label
from gateway.classify.model_file import _ARRAYS, _FACTS, _HARD, DEFAULT_FILE, MAGIC, BadModel, load, read, save
from gateway.classify.signals import read_signals
from gateway.classify.text import TrainedModel, load_text_model
from gateway.classify.tokens import GRAMS, HEAD_TOKENS, PAIRS, TAIL_TOKENS, tokens_of
from gateway.classify.window import MOST_CHARS, window_of
from gateway.core.chat import ChatRequest
from gateway.core.label import TEXT_TASKS, UNSURE, Label
from tests.shared_data import SHARED

MODEL = load_text_model()


def asked(*turns: Any, **body: Any) -> ChatRequest:
    messages = [turn if isinstance(turn, dict) else {"role": "user", "content": turn} for turn in turns]
    return ChatRequest({"model": "auto", "messages": messages, **body})


def labelled(*turns: Any, **body: Any) -> Label:
    request = asked(*turns, **body)
    return label(request, read_signals(request), MODEL, unsure_below=0.0)


@pytest.mark.parametrize(
    ("text", "task"),
    [
        ("what's the capital of Peru", "simple_qa"),
        ("Write a Python function that merges two sorted lists and add unit tests.", "coding"),
        ("Solve for x: 3x^2 - 12x + 9 = 0. Show each step.", "math_reasoning"),
        ("Write a short poem about a fox who is afraid of snow", "creative_writing"),
        ("I have had a fever and a stiff neck since yesterday, should I see a doctor?", "health_safety"),
        ("Translate into German: The library will be closed on Monday.", "text_transform"),
        ("How should I prepare for a job interview at a bakery? Give me a plan.", "general_assist"),
        ("Open the browser settings and clear the cookies of the last week", "computer_use"),
        ("Escribe una función en Python que ordene una lista", "coding"),
        ("Schreib mir ein Gedicht über den Herbst", "creative_writing"),
    ],
)
def test_plain_requests_get_their_task(text: str, task: str) -> None:
    found = labelled(text)
    assert found.task == task
    assert 0.0 < found.confidence <= 1.0
    assert found.difficulty is not None
    assert 0.0 <= found.difficulty <= 1.0
    assert found.version == MODEL.version


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t ",
        "\x00\x01\x02\xff",
        "".join(map(chr, range(256))) * 40,
        "a" * 10_000_000,
        "7" * 1_000_000,
        "```" * 100_000,
        "\n" * 100_000,
        "".join(chr(plane << 16 | 0x41) for plane in range(17)) * 50,
        "\ud800\udfff lone surrogates \udc80" * 20,
        "漢" * 100_000,
        "ก็" * 5_000,
        "👩‍👩‍👧‍👦" * 2_000,
        "\u202eright to left\u202c" * 100,
    ],
    ids=lambda text: f"{len(text)}-{text[:4]!a}",
)
def test_rubbish_gets_a_label_or_unsure(text: str) -> None:
    request = asked(text)
    found = label(request, read_signals(request), MODEL)
    assert found.task in (*TEXT_TASKS, UNSURE)
    assert 0.0 <= found.confidence <= 1.0
    explained = MODEL.explain(request, read_signals(request))
    assert explained.chars <= MOST_CHARS + 8


@given(st.text(st.characters(), max_size=400))
@settings(max_examples=150, deadline=None)
def test_any_text_gives_probabilities(text: str) -> None:
    request = asked(text)
    explained = MODEL.explain(request, read_signals(request))
    assert sum(chance for _, chance in explained.chances) == pytest.approx(1.0, abs=1e-4)
    assert {task for task, _ in explained.chances} == set(TEXT_TASKS)


def test_the_same_text_gives_the_same_label_in_another_instance() -> None:
    request = asked("Wie hoch ist der Brocken, und wann fährt die Bahn?")
    again = load_text_model()
    assert again.version == MODEL.version
    assert again.read(request, read_signals(request)) == MODEL.read(request, read_signals(request))


def test_work_is_capped_whatever_the_size() -> None:
    small, large = "word " * 800, "word " * 800_000
    for text in (small, large):
        window = window_of(asked({"role": "system", "content": "s" * 99_999}, text), in_session=False)
        assert len(window.text) + len(window.context) <= MOST_CHARS + 8
        assert window.chars == len(text)
    assert len(tokens_of("!" * 5_000)) == HEAD_TOKENS + TAIL_TOKENS


def test_many_parts_are_not_all_joined() -> None:
    parts = [{"type": "text", "text": "x" * 10_000} for _ in range(5_000)]
    parts[0] = {"type": "text", "text": "Translate this into French:"}
    window = window_of(asked({"role": "user", "content": parts}), in_session=False)
    assert window.text.startswith("Translate this into French:")
    assert len(window.text) <= MOST_CHARS


def test_an_agent_session_keeps_the_label_of_its_task() -> None:
    task = "Fix the failing unit test in parser.py and refactor the tokenizer class"
    call = {"id": "c1", "type": "function", "function": {"name": "run", "arguments": "{}"}}
    start = [{"role": "user", "content": "hi"}, {"role": "user", "content": task}]
    result = {"role": "tool", "tool_call_id": "c1", "content": "The patient has a fever and chest pain."}
    first = labelled(*start)
    later = labelled(*start, {"role": "assistant", "content": None, "tool_calls": [call]}, result)
    last = labelled(
        *start,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        result,
        {"role": "user", "content": "ok, now write a short poem about it"},
    )
    assert first.task == later.task == last.task == "coding"
    assert later.confidence == last.confidence
    assert "agentic_tools" in last.flags


def test_the_last_turn_outweighs_earlier_ones_in_a_plain_chat() -> None:
    answer = {"role": "assistant", "content": "Done."}
    found = labelled(
        "Write a Python function that reverses a list", answer, "Now write a poem about the autumn rain in Lisbon"
    )
    assert found.task == "creative_writing"


def test_an_explanation_names_terms_of_the_text_that_pushed_towards_the_task() -> None:
    request = asked("Write a poem about the sea")
    explained = MODEL.explain(request, read_signals(request))
    assert explained.task == "creative_writing"
    assert any("poem" in term.term for term in explained.towards)
    assert all(term.weight > 0 for term in explained.towards)
    assert all(term.weight < 0 for term in explained.against)
    assert explained.chances[0] == ("creative_writing", explained.confidence)


def test_below_the_threshold_the_label_is_unsure_and_says_what_it_would_have_been() -> None:
    request = asked("Write a poem about the sea")
    signals = read_signals(request)
    assert label(request, signals, MODEL, unsure_below=0.0).task == "creative_writing"
    doubtful = label(request, signals, MODEL, unsure_below=1.0)
    assert doubtful.task == UNSURE
    assert doubtful.reasons[-1].startswith("creative_writing at ")


def test_the_shipped_file_is_the_one_its_card_describes() -> None:
    card = json.loads(DEFAULT_FILE.with_suffix(".json").read_text())
    whole = DEFAULT_FILE.read_bytes()
    assert hashlib.sha256(whole).hexdigest() == card["sha256"]
    assert card["version"] == MODEL.version
    assert len(whole) == card["bytes"] < 6_000_000
    model = load()
    assert model.tasks == TEXT_TASKS
    for network in (model.whole, model.short):
        assert network.table.shape[0] == len(model.vocabulary.words) + PAIRS + GRAMS
        assert np.isfinite(network.gate).all()


def other_size(whole: bytes, by: int) -> bytes:
    """The same file, whose header speaks of `by` bytes more."""
    size = int(re.search(rb'"bytes":(\d+)', whole)[1])  # type: ignore[index]
    return whole.replace(b'"bytes":%d' % size, b'"bytes":%d' % (size + by), 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda whole: whole[:-5],
        lambda whole: b"x" + whole,
        lambda whole: whole + b"\0",
        lambda whole: whole[:-2_000_000] + b"\0\0\0\0" + whole[-2_000_000 + 4 :],
        lambda whole: other_size(whole, 1),
        lambda whole: other_size(whole, -1),
        lambda whole: other_size(whole, 1 << 40),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, change: Any) -> None:
    broken = tmp_path / "model.bin"
    broken.write_bytes(change(DEFAULT_FILE.read_bytes()))
    with pytest.raises(BadModel):
        load(broken)
    broken.write_bytes(MAGIC + b"{}\n")
    with pytest.raises(BadModel):
        load(broken)


def _restated(**facts: Any) -> bytes:
    """The shipped file, whose header states other facts (None: not at all)."""
    magic, header, body = DEFAULT_FILE.read_bytes().split(b"\n", 2)
    stated = {**json.loads(header), **facts}
    return b"\n".join((magic, json.dumps({k: v for k, v in stated.items() if v is not None}).encode(), body))


def _reshaped(name: str) -> bytes:
    """The shipped file, whose header says that an array has one dimension, or two the other way round."""
    header = json.loads(DEFAULT_FILE.read_bytes().split(b"\n", 2)[1])
    arrays = [
        [each, kind, shape if each != name else [int(np.prod(shape)), 1] if len(shape) == 1 else shape[::-1]]
        for each, kind, shape in header["arrays"]
    ]
    return _restated(arrays=arrays)


@pytest.mark.parametrize(
    "facts",
    [
        *({name: None} for name in ("name", "tasks", *(name for name, _, _ in _FACTS))),
        *({name: most + 1} for name, _, most in _FACTS),
        *({"short_share": value} for value in ("x", -0.1, 1.5, 1e300)),
        {"temperature": 0},
        {"tasks": []},
        {"tasks": list(TEXT_TASKS[:-1])},
        {"tasks": ["health_safety"] * 8},
        {"tasks": ["other" if task == "health_safety" else task for task in TEXT_TASKS]},
    ],
)
def test_a_file_that_states_what_can_not_be_is_refused(tmp_path: Path, facts: dict[str, Any]) -> None:
    broken = tmp_path / "model.bin"
    broken.write_bytes(_restated(**facts))
    with pytest.raises(BadModel):
        load(broken)


_SHAPED = [name for name in _ARRAYS if name != "gate"]


@pytest.mark.parametrize("name", [*_SHAPED, *(f"short.{name}" for name in _SHAPED), _HARD])
def test_a_file_whose_arrays_do_not_fit_together_is_refused(tmp_path: Path, name: str) -> None:
    broken = tmp_path / "model.bin"
    broken.write_bytes(_reshaped(name))
    with pytest.raises(BadModel):
        load(broken)


@pytest.mark.parametrize("where", ["gate", "out_bias", _HARD])
def test_a_file_that_holds_what_is_no_number_is_refused(tmp_path: Path, where: str) -> None:
    model = load()
    arrays = {name: np.array(getattr(model.short, name)) for name in _ARRAYS}
    arrays["gate"], hard = np.log(arrays["gate"]), np.array(model.hard)
    (hard if where == _HARD else arrays[where])[-1] = np.nan
    broken = tmp_path / "model.bin"
    save(broken, list(model.vocabulary.words), arrays, arrays, hard, model.facts)
    with pytest.raises(BadModel, match=where):
        load(broken)


def test_a_file_written_anew_from_what_was_read_is_the_same_file(tmp_path: Path) -> None:
    parts = read()
    same = tmp_path / "model.bin"
    save(same, list(parts.vocabulary.words), parts.whole, parts.short, parts.hard, parts.facts)
    written, shipped = ([*path.read_bytes().split(b"\n", 2)] for path in (same, DEFAULT_FILE))
    assert written[:2] == shipped[:2]
    # unpacked: how it packs may differ by the machine's zlib
    assert zlib.decompress(written[2]) == zlib.decompress(shipped[2])


def test_the_file_restated_as_it_is_still_loads(tmp_path: Path) -> None:
    same = tmp_path / "model.bin"
    same.write_bytes(_restated())
    assert load(same).short_share == load().short_share


@pytest.mark.skipif(not (SHARED / "tasks").is_dir(), reason="../shared/tasks is not there")
def test_scores_on_unseen_sources_stay_above_the_floor() -> None:
    from training.report import contrast_report, dev_report

    model: TrainedModel = MODEL
    dev = dev_report(model)
    assert dev["macro_f1_8"] >= 0.67
    contrast = contrast_report(model)
    assert contrast["unsafe"] - contrast["safe"] >= 0.3
