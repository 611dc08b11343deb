"""The trained network as data, and the arithmetic that turns rows of its table into probabilities. Pure. The table is
int8; its scale is folded into what reads its vectors. Its file: model_file.py."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gateway.classify.tokens import FIRST, MOST_GRAMS, Floats, Reading, Spelled, Vocabulary, tokens_of, without_courtesy
from gateway.classify.window import Window

POOLS = 4
SHAPES = 3
REACH = 3
SCAN_HEAD = 16
SCAN_TAIL = 8
SHORT = SCAN_HEAD + SCAN_TAIL
"""Texts of so many tokens are scanned whole; those of fewer than SHORT_CHARS characters beside that are short."""
SHORT_CHARS = 200
STAKES = "health_safety"
MOST_SCORE = 40.0
"""Scores of two scanned words are cut here on either side, so that their exponentials and the sums of these stay finite
and above nought."""
_NOUGHT = np.zeros((), np.float32)
_ONES = np.ones(SHORT, np.float32)
_CONTEXT_TRUST = 0.3
_CONTEXT_SHARE = 0.4
_MEANS = tuple(np.full(size, 1.0 / max(1, size), np.float32) for size in range(max(MOST_GRAMS, SHORT) + 1))


@dataclass(frozen=True, slots=True)
class Network:
    """`table` is rows x width; `gate` a weight per row; `scan` and `scan_bias` look at REACH neighbouring words at a
    time, the furthest back first (REACH x width lines); `places`, `relate` and `relate_bias` let each of the scanned
    words look at all others (one head of attention: `relate` holds what two words are scored by, and beside it what is
    taken over). `hide` and `out` are the two layers over the features."""

    table: np.ndarray[Any, np.dtype[np.int8]]
    gate: Floats
    scan: Floats
    scan_bias: Floats
    places: Floats
    relate: Floats
    relate_bias: Floats
    hide: Floats
    hide_bias: Floats
    out: Floats
    out_bias: Floats


class Scale(NamedTuple):
    """How logits are read: `temperature` divides them; from a probability of `stakes_above` on, the task is STAKES,
    whatever else is likelier, and below it it is not."""

    temperature: float
    stakes_above: float


@dataclass(frozen=True, slots=True)
class Model:
    """Two networks over one vocabulary: `whole` reads every text, `short` beside it the short ones. There it counts
    `short_stakes_share` in whether a text is STAKES, and `short_share` in which of the other tasks it is: it knows
    words that mislead, and less of everything else. `hard` is a line over the features of the first, and a constant;
    `facts` is what training wrote down."""

    vocabulary: Vocabulary
    tasks: tuple[str, ...]
    whole: Network
    short: Network
    short_share: float
    short_stakes_share: float
    scale: Scale
    short_scale: Scale
    hard: Floats
    facts: dict[str, Any]
    version: str


class Placed(NamedTuple):
    """A window's tokens: those of the text, and then those of its context, which count `trust` each."""

    tokens: list[str]
    trust: float
    reading: Reading


class Ends(NamedTuple):
    """The words at the text's ends. `scanned` is what the scan gave at each (words x kinds), `related` what each became
    by looking at all of them, `shares` how much it took from each (lines add up to 1)."""

    scanned: Floats
    related: Floats
    shares: Floats


class Pooled(NamedTuple):
    """A window as the network sees it. `vectors` and `weights` belong to the rows of the reading; `ends` to the
    words `scanned_at`."""

    placed: Placed
    vectors: Floats
    weights: Floats
    ends: Ends
    features: Floats


class View(NamedTuple):
    """One network's view of a window, which counts `stakes_share` in whether it is STAKES, and `share` in which of the
    other tasks it is (all views' shares add up to 1)."""

    network: Network
    share: float
    stakes_share: float
    pooled: Pooled
    hidden: Floats


def place_tokens(vocabulary: Vocabulary, window: Window) -> Placed:
    tokens = without_courtesy(tokens_of(window.text)) or ["\n"]
    asked = len(tokens)
    trust = 1.0
    if window.context:
        around = tokens_of(window.context)
        if around:
            trust = min(_CONTEXT_TRUST, _CONTEXT_SHARE * asked / len(around))
            tokens = tokens + around
    return Placed(tokens, trust, vocabulary.read(tokens, asked))


def pools_of(reading: Reading) -> tuple[tuple[int, int], ...]:
    """The rows that are averaged: all, the words and pairs of the text's start, of its end, and of its FIRST few."""
    rows, asked, edge, at, _ = reading
    end, first = len(rows), min(asked, FIRST)
    return (0, end), (at - edge, at + edge), (end - 2 * edge, end), (at - first, at + first)


def scanned_at(reading: Reading) -> list[int]:
    """The rows of the words that are looked at in their order: the text's first SCAN_HEAD and its last SCAN_TAIL."""
    at, end = reading.words_at, reading.words_at + reading.asked
    if reading.asked <= SHORT:
        return list(range(at, end))
    return [*range(at, at + SCAN_HEAD), *range(end - SCAN_TAIL, end)]


def shape_of(asked: int, chars: int) -> tuple[float, float, float]:
    """What the head knows beside words: the logarithms of the tokens read and of the turn's characters."""
    return math.log1p(asked) / 6.0, math.log1p(chars) / 10.0, 1.0


def pool(network: Network, placed: Placed, chars: int) -> Pooled:
    """Looks the rows of placed tokens up, averages them, and scans their ends; `chars` as in Window."""
    reading = placed.reading
    vectors: Floats = network.table.take(reading.rows, 0).astype(np.float32)
    if reading.spelled is not None:
        _spell(network, reading.spelled, vectors)
    weights: Floats = network.gate.take(reading.rows)
    around = reading.words_at - reading.edge
    if around:
        weights[:around] *= np.float32(placed.trust)
    width = vectors.shape[1]
    features = np.empty(network.hide.shape[1], np.float32)
    pooled = features[: POOLS * width].reshape(POOLS, width)
    sums = [0.0, *np.add.accumulate(weights).tolist()]
    for mean, (low, high) in zip(pooled, pools_of(reading), strict=True):
        weights[low:high].dot(vectors[low:high], out=mean)
        mean *= 1.0 / (sums[high] - sums[low])
    ends = _ends(
        network, vectors[reading.words_at : reading.words_at + reading.asked], features[POOLS * width : -SHAPES]
    )
    features[-SHAPES:] = shape_of(reading.asked, chars)
    return Pooled(placed, vectors, weights, ends, features)


def _spell(network: Network, spelled: Spelled, vectors: Floats) -> None:
    """Adds to the vector of each unknown word the mean of its trigrams'."""
    grams: Floats = network.table.take(spelled.grams, 0).astype(np.float32)
    # most texts have few unknown words: a product for each is faster than one call that sums them all
    for place, start, size in zip(spelled.places, spelled.starts, spelled.sizes, strict=True):
        vectors[place] += _MEANS[size].dot(grams[start : start + size])


def _ends(network: Network, words: Floats, features: Floats) -> Ends:
    """Scans the words at the ends and relates them to each other. Writes their highest and their mean to `features`."""
    near = _with_neighbours(words)
    count, kinds = len(near), len(network.scan_bias)
    found = np.empty((2, count, kinds), np.float32)
    scanned, related = found
    near.dot(network.scan, out=scanned)
    scanned += network.scan_bias
    np.maximum(scanned, _NOUGHT, out=scanned)
    shares = _relate(network, scanned, related)
    highest, mean = features.reshape(2, 2, kinds)
    np.maximum.reduce(found, axis=1, out=highest)
    _MEANS[count].dot(scanned, out=mean[0])
    _MEANS[count].dot(related, out=mean[1])
    return Ends(scanned, related, shares)


def _with_neighbours(words: Floats) -> Floats:
    """Each scanned word behind the REACH - 1 before it, noughts where there are none (words x (REACH x width)): a view
    whose lines overlap, so that nothing is copied REACH times."""
    length, width = words.shape
    count = min(length, SHORT)
    padded = np.zeros((count + REACH - 1, width), np.float32)
    if length == count:
        padded[REACH - 1 :] = words
    else:
        padded[REACH - 1 : -SCAN_TAIL] = words[:SCAN_HEAD]
        padded[-SCAN_TAIL:] = words[-SCAN_TAIL:]
    return np.ndarray((count, REACH * width), np.float32, padded, 0, padded.strides)


def _relate(network: Network, scanned: Floats, related: Floats) -> Floats:
    """One head of attention over the scanned words. Gives the shares."""
    count, kinds = scanned.shape
    words = scanned + network.places[:count]
    each = words.dot(network.relate)
    shares: Floats = each[:, :kinds].dot(words.T)
    np.minimum(shares, MOST_SCORE, out=shares)
    np.maximum(shares, -MOST_SCORE, out=shares)
    np.exp(shares, out=shares)
    shares /= shares.dot(_ONES[:count])[:, None]
    shares.dot(each[:, kinds:], out=related)
    words += network.relate_bias
    related += words
    np.maximum(related, _NOUGHT, out=related)
    return shares


def hidden_of(network: Network, features: Floats) -> Floats:
    hidden: Floats = network.hide.dot(features)
    hidden += network.hide_bias
    np.maximum(hidden, _NOUGHT, out=hidden)
    return hidden


def views_of(model: Model, window: Window) -> tuple[View, ...]:
    """What the network for all texts makes of a window and, where its text is short, what that for short ones does."""
    placed = place_tokens(model.vocabulary, window)
    if placed.reading.asked > SHORT or window.chars >= SHORT_CHARS:
        return (_view(model.whole, 1.0, 1.0, placed, window.chars),)
    share, stakes = model.short_share, model.short_stakes_share
    return (
        _view(model.whole, 1.0 - share, 1.0 - stakes, placed, window.chars),
        _view(model.short, share, stakes, placed, window.chars),
    )


def _view(network: Network, share: float, stakes_share: float, placed: Placed, chars: int) -> View:
    pooled = pool(network, placed, chars)
    return View(network, share, stakes_share, pooled, hidden_of(network, pooled.features))


def logits_of(view: View) -> list[float]:
    """The view's own logits."""
    network = view.network
    logits: list[float] = (network.out.dot(view.hidden) + network.out_bias).tolist()
    return logits


def mixed(whole: list[float], short: list[float], share: float, stakes_share: float, stakes: int) -> list[float]:
    """The logits of two networks as one: those of the other tasks, each against all of them together, by `share`, and
    the odds of `stakes` against all others by `stakes_share`."""
    level, short_level = _all_but(whole, stakes), _all_but(short, stakes)
    logits = [
        (1.0 - share) * (one - level) + share * (other - short_level) for one, other in zip(whole, short, strict=True)
    ]
    odds = (1.0 - stakes_share) * (whole[stakes] - level) + stakes_share * (short[stakes] - short_level)
    logits[stakes] = odds + _all_but(logits, stakes)
    return logits


def _all_but(logits: list[float], task: int) -> float:
    """The logit of all tasks but one, taken together."""
    rest = logits[:task] + logits[task + 1 :]
    most = max(rest)
    return most + math.log(sum([math.exp(one - most) for one in rest]))


def probabilities(model: Model, views: tuple[View, ...]) -> list[float]:
    """Calibrated probabilities in the order of `tasks`."""
    each = logits_of(views[0])
    for more in views[1:]:
        each = mixed(each, logits_of(more), more.share, more.stakes_share, model.tasks.index(STAKES))
    most, temperature = max(each), scale_of(model, views).temperature
    odds = [math.exp((logit - most) / temperature) for logit in each]
    total = sum(odds)
    return [odd / total for odd in odds]


def scale_of(model: Model, views: tuple[View, ...]) -> Scale:
    return model.short_scale if len(views) > 1 else model.scale


def difficulty_of(model: Model, features: Floats) -> float:
    """How hard the request looks, in 0..1. Weak by nature: see docs/classifier.md."""
    return 1.0 / (1.0 + math.exp(-float(model.hard[:-1] @ features + model.hard[-1])))
