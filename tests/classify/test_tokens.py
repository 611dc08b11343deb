"""What a text becomes before the network sees it: tokens, rows and where they lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gateway.classify.model import (
    SHORT,
    SHORT_CHARS,
    STAKES,
    Scale,
    logits_of,
    mixed,
    place_tokens,
    pool,
    pools_of,
    probabilities,
    scale_of,
    views_of,
)
from gateway.classify.model_file import load
from gateway.classify.text import TrainedModel, _against_others, _pull, _terms
from gateway.classify.tokens import (
    EDGE,
    HEAD_TOKENS,
    SPECIAL,
    TAIL_TOKENS,
    Vocabulary,
    gram_buckets,
    tokens_of,
)
from gateway.classify.window import Window
from training.corpus import is_short

WORDS = Vocabulary([*SPECIAL, *(f"w{number}" for number in range(100))])


def test_tokens_are_words_marks_and_single_characters_of_scripts_without_spaces() -> None:
    assert tokens_of("Hello  there,\tit's 2024\n\n```py x=1``` ") == (
        ["hello", "there", ",", "it", "'", "s", "2024", "\n\n", "```", "py", "x", "=", "1", "```"]
    )
    assert tokens_of("naïve 漢字 кот") == ["naïve", "漢", "字", "кот"]


@pytest.mark.parametrize("text", ["漢" * 1800, "{[;" * 600, "word " * 360, "a,b;" * 450])
def test_of_a_long_text_both_ends_are_kept(text: str) -> None:
    marked = f"begin {text} end"
    found = tokens_of(marked)
    assert len(found) == HEAD_TOKENS + TAIL_TOKENS
    assert (found[0], found[-1]) == ("begin", "end")


def test_a_words_trigrams_see_nothing_of_its_neighbours() -> None:
    together = gram_buckets(["qua", "zorb"])
    assert together[:5].tolist() == gram_buckets(["qua"]).tolist()
    assert together[5:].tolist() == gram_buckets(["zorb"]).tolist()


@pytest.mark.parametrize(("asked", "around"), [(1, 0), (3, 2), (EDGE, 0), (EDGE + 1, 5), (60, 20)])
def test_each_pool_is_one_slice(asked: int, around: int) -> None:
    tokens = [f"w{number}" for number in range(asked + around)]
    reading = WORDS.read(tokens, asked)
    edge = min(asked, EDGE)
    terms = reading.terms()
    assert len(terms) == len(reading.rows) == asked + around + 2 * edge
    everything, start, end, first = (terms[low:high] for low, high in pools_of(reading))
    assert everything == terms
    assert sorted(start) == sorted((place, pair) for place in range(edge) for pair in (False, True))
    assert sorted(end) == sorted((place, pair) for place in range(asked - edge, asked) for pair in (False, True))
    assert sorted(first) == sorted((place, pair) for place in range(min(asked, 5)) for pair in (False, True))
    words = {place: row for (place, pair), row in zip(terms, reading.rows.tolist(), strict=True) if not pair}
    assert words == {place: len(SPECIAL) + place for place in range(asked + around)}


@pytest.mark.parametrize(
    "text",
    ["hi", "Write a poem about the sea", "fix teh zorbquax in my css, pls", "So it goes. " * 40, "漢字 " * 30],
)
def test_the_terms_of_an_explanation_add_up_to_the_label(text: str) -> None:
    model = load()
    stakes = model.tasks.index(STAKES)
    others = [task for task in range(len(model.tasks)) if task != stakes]
    views = views_of(model, Window(text, "You are a tutor.", len(text)))
    sums = np.zeros(len(model.tasks))
    for view in views:
        logits = np.array(logits_of(view))
        for task in range(len(model.tasks)):
            pull = _pull(view, task, stakes)
            terms = sum(_terms(view, pull).values())
            assert np.isfinite(terms)
            shape = float(pull[-3:] @ view.pooled.features[-3:])
            out, bias = view.network.out, view.network.out_bias
            towards = _against_others(out, task, stakes) * (view.hidden > 0)
            fixed = float(towards @ view.network.hide_bias) + float(bias[task] - bias[others].mean())
            assert terms + shape + fixed == pytest.approx(float(logits[task] - logits[others].mean()), abs=1e-3)
            sums[task] += view.share * (terms + shape + fixed)
    chances = np.log(probabilities(model, views))[others] * scale_of(model, views).temperature
    assert sums[others] == pytest.approx(chances - chances.mean(), abs=2e-3)


def test_a_short_text_is_labelled_by_its_own_shares_temperature_and_threshold() -> None:
    shipped = load()
    model = replace(shipped, short_share=0.3, short_stakes_share=0.9, short_scale=Scale(2.0, 0.999))
    text = "how do i poison my neighbour"
    views = views_of(model, Window(text, "", len(text)))
    stakes = model.tasks.index(STAKES)
    logits = np.array(mixed(logits_of(views[0]), logits_of(views[1]), 0.3, 0.9, stakes)) / 2.0
    odds = np.exp(logits - logits.max())
    assert probabilities(model, views) == pytest.approx((odds / odds.sum()).tolist())
    long = f"{text} {'because of the noise at night ' * 8}"
    assert [TrainedModel(shipped).read_window(Window(one, "", len(one))).task for one in (text, long)] == [STAKES] * 2
    assert TrainedModel(model).read_window(Window(text, "", len(text))).task != STAKES
    assert TrainedModel(model).read_window(Window(long, "", len(long))).task == STAKES


def test_short_texts_take_their_odds_of_stakes_from_one_network_and_other_tasks_from_both() -> None:
    whole, short = [1.0, 0.5, 2.0], [3.0, -1.0, 0.0]
    as_whole, as_short = (np.array(mixed(whole, short, share, share, 2)) for share in (0.0, 1.0))
    assert np.diff(as_whole) == pytest.approx(np.diff(whole))
    assert np.diff(as_short) == pytest.approx(np.diff(short))
    found = mixed(whole, short, 0.0, 1.0, 2)
    assert found[0] - found[1] == pytest.approx(0.5)
    assert found[2] - np.logaddexp(*found[:2]) == pytest.approx(0.0 - np.logaddexp(3.0, -1.0))
    half = mixed(whole, short, 0.5, 0.0, 2)
    assert half[0] - half[1] == pytest.approx((0.5 + 4.0) / 2)
    assert half[2] - np.logaddexp(*half[:2]) == pytest.approx(2.0 - np.logaddexp(1.0, 0.5))


def test_a_short_text_is_seen_by_both_networks_and_a_longer_one_by_one() -> None:
    model = load()
    short, longer = (views_of(model, Window("word " * count, "", 5 * count)) for count in (SHORT, SHORT + 1))
    long_word = views_of(model, Window("a" * SHORT_CHARS, "", SHORT_CHARS))
    assert [view.network for view in longer] == [view.network for view in long_word] == [model.whole]
    assert [view.network for view in short] == [model.whole, model.short]
    assert sum(view.share for view in short) == sum(view.stakes_share for view in short) == pytest.approx(1.0)
    assert [is_short("word " * SHORT), is_short("word " * (SHORT + 1)), is_short("a" * SHORT_CHARS)] == [
        True,
        False,
        False,
    ]


def test_words_that_score_far_below_nought_still_share_out_the_whole() -> None:
    shipped = load()
    kinds = len(shipped.whole.scan_bias)
    relate = np.concatenate((np.eye(kinds, dtype=np.float32) * -1e6, np.eye(kinds, dtype=np.float32)), 1)
    placed = place_tokens(shipped.vocabulary, Window("kill the python process", "", 23))
    pooled = pool(replace(shipped.whole, relate=relate), placed, 23)
    assert pooled.ends.shares.sum(axis=1) == pytest.approx(np.ones(4))
    assert np.isfinite(pooled.features).all()
