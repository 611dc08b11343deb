"""Which words the network knows, and where their vectors begin."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from gateway.classify.tokens import SPECIAL, Vocabulary, tokens_of
from gateway.classify.window import CONTEXT_CHARS, cut
from training.corpus import Row
from training.english import English
from training.teacher import Teacher

MOST_WORDS = 47_000
"""So many keep the model's file below 6 MB: one takes 76 bytes of it, in both tables together."""


def vocabulary_of(rows: list[Row], teacher: Teacher) -> Vocabulary:
    """Words that occur in two rows at least, or once if they are English, by falling count; then the teacher's own."""
    english = English()
    counts: Counter[str] = Counter()
    for row in rows:
        counts.update(set(tokens_of(cut(row.text) + " " + row.system[:CONTEXT_CHARS])))
    known = [
        word
        for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        if (count >= 2 or word in english) and not word.isdigit() and word[0] != "\n" and word not in SPECIAL
    ]
    seen = set(known)
    known += [word for word in teacher.words if len(word) > 2 and word not in seen]
    return Vocabulary([*SPECIAL, *known[:MOST_WORDS]])


def own_words(vocabulary: Vocabulary) -> list[str]:
    """The words proper, without the special ones that stand before them in the table."""
    return list(vocabulary.words[len(SPECIAL) :])


def narrowed(vectors: np.ndarray[Any, Any], width: int, step: int) -> np.ndarray[Any, Any]:
    """The `width` principal components of the vectors, with a common spread of 1; every `step`-th vector decides."""
    middle = vectors.astype(np.float32) - vectors.mean(axis=0, dtype=np.float32)
    _, _, directions = np.linalg.svd(middle[::step], full_matrices=False)
    narrow = middle @ directions[:width].T
    return np.asarray(narrow / narrow.std())
