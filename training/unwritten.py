"""Texts that nobody wrote and that have no label: what the tutor is asked about beside the rows (tutor.py).

Pieces and mixtures of the rows, rows with other words in them, and requests made of a dictionary's words.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from gateway.classify.window import cut
from training.augment import mixed, reworded
from training.check import NEAR, Judges
from training.corpus import STAKES_AT, Row, structural_texts
from training.lexicon import Lexicon, exchanged, framed, hazardous
from training.plain import Plain

_MOST_CHARS = 1500
_EXCHANGED_CHARS = 400


@dataclass(frozen=True)
class Counts:
    """How many texts of each kind: `mixed`, `reworded` and `exchanged` are made of the rows, `framed`, `hazards` (with
    a word of harm) and `plain` (everyday questions) of the dictionary, `contested` of rows that are hard to tell."""

    mixed: int
    reworded: int
    exchanged: int
    framed: int
    hazards: int
    plain: int = 0
    contested: int = 0


def texts_of(
    rows: list[Row],
    chances: np.ndarray[Any, Any],
    opinions: np.ndarray[Any, Any],
    counts: Counts,
    seed: int,
    near: dict[str, list[str]],
    known: Lexicon,
) -> list[str]:
    """`chances`: how often each row is drawn. `opinions`: the tutor's of the rows (rows x tasks). `near`: words of like
    meaning. The rows whose task is structural are among the texts too."""
    random, draw = Random(seed), np.random.default_rng(seed)
    pairs = draw.choice(len(rows), (counts.mixed, 2), p=chances).tolist()
    texts = [mixed(rows[one].text[:_MOST_CHARS], rows[other].text[:_MOST_CHARS], random) for one, other in pairs]
    texts += [text for text in structural_texts() if len(text) < _MOST_CHARS]
    for index in draw.choice(len(rows), counts.reworded, p=chances).tolist():
        texts.append(reworded(cut(rows[index].text), near, random))
    for index in draw.choice(len(rows), counts.exchanged, p=chances).tolist():
        texts.append(exchanged(cut(rows[index].text)[:_EXCHANGED_CHARS], known, random))
    texts += [framed(known, random) for _ in range(counts.framed)]
    texts += [hazardous(known, random) for _ in range(counts.hazards)]
    if counts.contested:
        hard = draw.choice(len(rows), counts.contested, p=_contested(chances, opinions)).tolist()
        for number, index in enumerate(hard):
            text = rows[index].text
            texts.append(exchanged(text, known, random) if number % 3 == 0 else reworded(text, near, random))
    if counts.plain:
        texts += _plain(counts.plain, known, random)
    return [text for text in texts if text.strip()]


def _plain(count: int, known: Lexicon, random: Random) -> list[str]:
    plain = Plain(known)
    asked = dict.fromkeys(plain.request(random) for _ in range(count))
    # frames of everyday questions come upon what others ask: what models are judged by is left out
    judges = Judges.of_shared()
    return [text for text in asked if judges.nearness(text) < NEAR]


def _contested(chances: np.ndarray[Any, Any], opinions: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Higher chances of rows that the tutor finds grave, and the highest of those it is in doubt about."""
    grave = opinions[:, STAKES_AT]
    raw = chances * (1 + 6.0 * ((grave > 0.02) & (grave < 0.98))) * (1 + 3.0 * (grave > 0.5))
    return np.asarray(raw / raw.sum())
