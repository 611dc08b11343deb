"""The trained network as data: its file, and the arithmetic that turns rows of its table into probabilities. Pure but
for `load`, which reads one file.

File: the magic line, one line of JSON (names, shapes and order of the arrays, and what training fixed), the words, then
the arrays' bytes, little endian. No pickle. The table is int8; its scale is folded into the first layer.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson

from gateway.classify.tokens import FIRST, MOST_GRAMS, Floats, Reading, Spelled, Vocabulary, tokens_of, without_courtesy
from gateway.classify.window import Window

MAGIC = b"switchyard text model 3\n"
DEFAULT_FILE = Path(__file__).with_name("model.bin")
POOLS = 4
SHAPES = 3
REACH = 3
SCAN_HEAD = 16
SCAN_TAIL = 8
MOST_SCORE = 40.0
"""Scores of two scanned words are cut here, so that their exponentials stay finite."""
_CONTEXT_TRUST = 0.3
_CONTEXT_SHARE = 0.4
_MEANS = tuple(
    np.full(size, 1.0 / max(1, size), np.float32) for size in range(max(MOST_GRAMS, SCAN_HEAD + SCAN_TAIL) + 1)
)
_TYPES = {"int8": np.int8, "float16": np.float16, "float32": np.float32}


class BadModel(Exception):
    """The file is no text model, is cut off, or belongs to another version of the code."""


@dataclass(frozen=True, slots=True)
class Network:
    """`table` is rows x width; `gate` a weight per row; `scan` and `scan_bias` look at REACH neighbouring words at a
    time; `places`, `relate` and `relate_bias` let each of the scanned words look at all others (one head of attention:
    `relate` holds what two words are scored by, and beside it what is taken over). `hide` and `out` are the two layers
    over the features. `hard` is a line over the features and a constant. `temperature` divides the logits; `facts` is
    what training wrote down."""

    vocabulary: Vocabulary
    tasks: tuple[str, ...]
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
    hard: Floats
    temperature: float
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
    if reading.asked <= SCAN_HEAD + SCAN_TAIL:
        return list(range(at, end))
    return [*range(at, at + SCAN_HEAD), *range(end - SCAN_TAIL, end)]


def shape_of(asked: int, chars: int) -> tuple[float, float, float]:
    """What the head knows beside words: the logarithms of the tokens read and of the turn's characters."""
    return math.log1p(asked) / 6.0, math.log1p(chars) / 10.0, 1.0


def pool(network: Network, window: Window) -> Pooled:
    """Looks a window's rows up, averages them, and scans its ends."""
    placed = place_tokens(network.vocabulary, window)
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
    features[-SHAPES:] = shape_of(reading.asked, window.chars)
    return Pooled(placed, vectors, weights, ends, features)


def _spell(network: Network, spelled: Spelled, vectors: Floats) -> None:
    """Adds to the vector of each unknown word the mean of its trigrams'."""
    grams: Floats = network.table.take(spelled.grams, 0).astype(np.float32)
    # most texts have few unknown words: a product for each is faster than one call that sums them all
    for place, start, size in zip(spelled.places, spelled.starts, spelled.sizes, strict=True):
        vectors[place] += _MEANS[size].dot(grams[start : start + size])


def _ends(network: Network, words: Floats, features: Floats) -> Ends:
    """Scans the words at the ends and relates them to each other. Writes their highest and their mean to `features`."""
    if len(words) > SCAN_HEAD + SCAN_TAIL:
        words = np.concatenate((words[:SCAN_HEAD], words[-SCAN_TAIL:]))
    count, kinds = len(words), len(network.scan_bias)
    found = np.empty((count, 2 * kinds), np.float32)
    scanned, related = found[:, :kinds], found[:, kinds:]
    _scan(network, words, scanned)
    shares = _relate(network, scanned, related)
    highest, mean = features.reshape(2, -1)
    np.maximum.reduce(found, axis=0, out=highest)
    _MEANS[count].dot(found, out=mean)
    return Ends(scanned, related, shares)


def _scan(network: Network, words: Floats, scanned: Floats) -> None:
    """For each word a line over its vector and those of the REACH - 1 before it, cut at nought."""
    each = words.dot(network.scan)
    kinds = scanned.shape[1]
    np.add(each[:, :kinds], network.scan_bias, out=scanned)
    for back in range(1, REACH):
        scanned[back:] += each[:-back, back * kinds : (back + 1) * kinds]
    np.maximum(scanned, 0.0, out=scanned)


def _relate(network: Network, scanned: Floats, related: Floats) -> Floats:
    """One head of attention over the scanned words. Gives the shares."""
    count, kinds = scanned.shape
    words = scanned + network.places[:count]
    each = words.dot(network.relate)
    shares: Floats = each[:, :kinds].dot(words.T)
    np.minimum(shares, MOST_SCORE, out=shares)
    np.exp(shares, out=shares)
    shares /= np.add.reduce(shares, axis=1, keepdims=True)
    words += shares.dot(each[:, kinds:])
    words += network.relate_bias
    np.maximum(words, 0.0, out=related)
    return shares


def hidden_of(network: Network, features: Floats) -> Floats:
    hidden: Floats = network.hide.dot(features)
    hidden += network.hide_bias
    np.maximum(hidden, 0.0, out=hidden)
    return hidden


def probabilities(network: Network, hidden: Floats) -> list[float]:
    """Calibrated probabilities in the order of `tasks`."""
    logits: list[float] = (network.out @ hidden + network.out_bias).tolist()
    most = max(logits)
    odds = [math.exp((logit - most) / network.temperature) for logit in logits]
    total = sum(odds)
    return [odd / total for odd in odds]


def difficulty_of(network: Network, features: Floats) -> float:
    """How hard the request looks, in 0..1. Weak by nature: see docs/classifier.md."""
    return 1.0 / (1.0 + math.exp(-float(network.hard[:-1] @ features + network.hard[-1])))


_ARRAYS = (
    "table",
    "gate",
    "scan",
    "scan_bias",
    "places",
    "relate",
    "relate_bias",
    "hide",
    "hide_bias",
    "out",
    "out_bias",
    "hard",
)


def save(path: Path, words: list[str], arrays: dict[str, np.ndarray[Any, Any]], facts: dict[str, Any]) -> str:
    """Writes a model file and gives its SHA-256 in hex. The same arguments give the same bytes."""
    blob = "\x00".join(words).encode("utf-8", "surrogatepass")
    header = {
        **facts,
        "words": len(blob),
        "arrays": [[name, str(arrays[name].dtype), list(arrays[name].shape)] for name in _ARRAYS],
    }
    body = b"".join(np.ascontiguousarray(arrays[name]).tobytes() for name in _ARRAYS)
    whole = MAGIC + orjson.dumps(header, option=orjson.OPT_SORT_KEYS) + b"\n" + blob + body
    path.write_bytes(whole)
    return hashlib.sha256(whole).hexdigest()


def load(path: Path = DEFAULT_FILE) -> Network:
    """Reads a model file. Raises BadModel, or OSError where there is none."""
    whole = path.read_bytes()
    if not whole.startswith(MAGIC):
        raise BadModel(f"{path}: not a text model of this version")
    try:
        end = whole.index(b"\n", len(MAGIC))
        facts: dict[str, Any] = orjson.loads(whole[len(MAGIC) : end])
        at = end + 1 + facts["words"]
        words = whole[end + 1 : at].decode("utf-8", "surrogatepass").split("\x00")
        arrays: dict[str, Any] = {}
        for name, kind, shape in facts["arrays"]:
            count = int(np.prod(shape))
            arrays[name] = np.frombuffer(whole, dtype=_TYPES[kind], count=count, offset=at).reshape(shape)
            at += arrays[name].nbytes
        if at != len(whole):
            raise BadModel(f"{path}: {len(whole)} bytes, expected {at}")
        vocabulary = Vocabulary(words)
        if arrays["table"].shape[0] != vocabulary.rows:
            raise BadModel(f"{path}: a table of {arrays['table'].shape[0]} rows for {vocabulary.rows}")
        kinds = len(arrays["scan_bias"])
        if arrays["hide"].shape[1] != POOLS * arrays["table"].shape[1] + 4 * kinds + SHAPES:
            raise BadModel(f"{path}: the first layer takes {arrays['hide'].shape[1]} features")
    except (ValueError, KeyError, TypeError) as error:
        raise BadModel(f"{path}: {error}") from error
    return network_of(vocabulary, arrays, facts, hashlib.sha256(whole).hexdigest())


def network_of(vocabulary: Vocabulary, arrays: dict[str, Any], facts: dict[str, Any], digest: str) -> Network:
    """A network of arrays as they are in a file."""
    floats = {name: arrays[name].astype(np.float32) for name in _ARRAYS if name not in ("table", "gate")}
    return Network(
        vocabulary=vocabulary,
        tasks=tuple(facts["tasks"]),
        table=arrays["table"],
        gate=np.exp(arrays["gate"].astype(np.float32)),
        **floats,
        temperature=float(facts["temperature"]),
        facts={name: value for name, value in facts.items() if name not in ("arrays", "words")},
        version=f"{facts['name']}-{digest[:8]}",
    )
