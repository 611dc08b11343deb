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
from typing import Any

import numpy as np
import orjson

from gateway.classify.tokens import EDGE, FIRST, Floats, Reading, Rows, Vocabulary, tokens_of, without_courtesy
from gateway.classify.window import Window

MAGIC = b"switchyard text model 1\n"
DEFAULT_FILE = Path(__file__).with_name("model.bin")
POOLS = 4
SHAPES = 3
_CONTEXT_TRUST = 0.3
_CONTEXT_SHARE = 0.4
_TYPES = {"int8": np.int8, "float16": np.float16, "float32": np.float32}


class BadModel(Exception):
    """The file is no text model, is cut off, or belongs to another version of the code."""


@dataclass(frozen=True, slots=True)
class Network:
    """`table` is rows x width; `gate` a weight per row; `hide` and `out` are the two layers. `hard` is a line
    over the features and a constant. `temperature` divides the logits; `facts` is what training wrote down."""

    vocabulary: Vocabulary
    tasks: tuple[str, ...]
    table: np.ndarray[Any, np.dtype[np.int8]]
    gate: Floats
    hide: Floats
    hide_bias: Floats
    out: Floats
    out_bias: Floats
    hard: Floats
    temperature: float
    facts: dict[str, Any]
    version: str


@dataclass(frozen=True, slots=True)
class Pooled:
    """A window as the network sees it: `parts` (pools x rows) sum to 1 in each pool."""

    tokens: list[str]
    asked: int
    reading: Reading
    vectors: Floats
    parts: Floats
    features: Floats


def place_tokens(vocabulary: Vocabulary, window: Window) -> tuple[list[str], int, Reading, Floats]:
    """Tokens of the text and then of its context, how many are the text's, their rows, and each row's weight in the
    pools (all, the start of the text, its end, its first words) before the gates."""
    tokens = without_courtesy(tokens_of(window.text)) or ["\n"]
    asked = len(tokens)
    around = tokens_of(window.context) if window.context else []
    if around:
        tokens = tokens + around
    reading = vocabulary.read(tokens)
    weight = reading.share
    place = reading.place
    if around:
        trust = min(_CONTEXT_TRUST, _CONTEXT_SHARE * asked / len(around))
        weight = np.where(place < asked, weight, weight * np.float32(trust))
    parts = np.zeros((POOLS, len(weight)), np.float32)
    parts[0] = weight
    for pool, low, high in ((1, 0, EDGE), (2, max(0, asked - EDGE), len(tokens)), (3, 0, FIRST)):
        parts[pool, low:high] = weight[low:high]
        low, high = low + len(tokens), min(high, len(tokens) - 1) + len(tokens)
        parts[pool, low:high] = weight[low:high]
    spelled = slice(2 * len(tokens) - 1, None)
    if len(weight) >= 2 * len(tokens):
        at = place[spelled]
        parts[1, spelled] = weight[spelled] * (at < EDGE)
        parts[2, spelled] = weight[spelled] * (at >= asked - EDGE)
        parts[3, spelled] = weight[spelled] * (at < FIRST)
    if around:
        parts[1:] *= place < asked
    return tokens, asked, reading, parts


def shape_of(asked: int, chars: int) -> tuple[float, float, float]:
    """What the head knows beside words: the logarithms of the tokens read and of the turn's characters."""
    return math.log1p(asked) / 6.0, math.log1p(chars) / 10.0, 1.0


def pool(network: Network, window: Window) -> Pooled:
    """Looks a window's rows up and averages them."""
    tokens, asked, reading, parts = place_tokens(network.vocabulary, window)
    rows: Rows = reading.rows
    parts *= network.gate.take(rows)
    parts /= parts.sum(axis=1, keepdims=True) + np.float32(1e-6)
    vectors = network.table.take(rows, 0).astype(np.float32)
    features = np.concatenate(((parts @ vectors).ravel(), np.array(shape_of(asked, window.chars), np.float32)))
    return Pooled(tokens, asked, reading, vectors, parts, features)


def hidden_of(network: Network, features: Floats) -> Floats:
    hidden: Floats = network.hide @ features
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


_ARRAYS = ("table", "gate", "hide", "hide_bias", "out", "out_bias", "hard")


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
        if arrays["hide"].shape[1] != POOLS * arrays["table"].shape[1] + SHAPES:
            raise BadModel(f"{path}: the first layer takes {arrays['hide'].shape[1]} features")
    except (ValueError, KeyError, TypeError) as error:
        raise BadModel(f"{path}: {error}") from error
    digest = hashlib.sha256(whole).hexdigest()
    return Network(
        vocabulary=vocabulary,
        tasks=tuple(facts["tasks"]),
        table=arrays["table"],
        gate=np.exp(arrays["gate"].astype(np.float32)),
        hide=arrays["hide"].astype(np.float32),
        hide_bias=arrays["hide_bias"].astype(np.float32),
        out=arrays["out"].astype(np.float32),
        out_bias=arrays["out_bias"].astype(np.float32),
        hard=arrays["hard"].astype(np.float32),
        temperature=float(facts["temperature"]),
        facts={name: value for name, value in facts.items() if name not in ("arrays", "words")},
        version=f"{facts['name']}-{digest[:8]}",
    )
