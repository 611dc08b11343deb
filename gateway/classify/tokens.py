"""Text to table rows: the tokens of a bounded text, and the rows of the embedding table that they stand for. Pure.

Three kinds of rows: words of the vocabulary, hashed pairs of neighbouring tokens, and hashed character trigrams, by
which a word outside the vocabulary (a typo, a rare name, another language) still says something. Training and serving
share this file, so that both read a text alike; a change here asks for a new training.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from itertools import accumulate, repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.classify.courtesy import COURTESY

PAIR_BITS = 15
GRAM_BITS = 13
PAIRS = 1 << PAIR_BITS
GRAMS = 1 << GRAM_BITS
HEAD_TOKENS = 240
TAIL_TOKENS = 100
EDGE = 14
FIRST = 5
"""So many tokens at each end (and the FIRST few) are also pooled on their own: an instruction stands there."""

UNKNOWN = "<unknown>"
SPECIAL = (UNKNOWN, *(f"<number-{digits}>" for digits in range(1, 7)), "\n", "\n\n")
"""The first words of every vocabulary: any unknown word, numbers by their count of digits, one and several newlines."""
_PARAGRAPH = SPECIAL.index("\n\n")
_MOST_DIGITS = 6
_MOST_UNKNOWN = 48
_WORD_CHARS = 12
MOST_GRAMS = _WORD_CHARS + 2
_DENSE_CHARS = 300
_MIX_FIRST, _MIX_SECOND, _MIX_THIRD = np.uint32(2654435761), np.uint32(2246822519), np.uint32(3266489917)
_PAIR_SHIFT, _GRAM_SHIFT = np.uint32(32 - PAIR_BITS), np.uint32(32 - GRAM_BITS)

# A word is a run of what is no space, digit or mark. Scripts that put no spaces between words (kana, han, hangul, thai)
# are left out of the run, so that each of their characters is a token, by the last alternative.
# The optional space before them is no token: where it is eaten with the next one, no alternative is tried at it.
_ANY_TOKEN = re.compile(
    " ?([^\\s\\d\\x00-@\\[-`{-\u00bf\u00d7\u00f7\u0e00-\u0e7f\u2000-\u2bff\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af"
    "\ufe00-\ufe0f\uff00-\uff20\U0001f000-\U0001faff]+|\\d+|\n+|```|\\S)"
)
_ASCII_TOKEN = re.compile(" ?([a-z]+|[0-9]+|\n+|```|\\S)")
_STOPS = frozenset((".", "!", "?", ",", ":", ";", "\n", "\n\n", "\uff0c", "\u3002", "\uff01", "\uff1f"))
_ALIASES = (("\u2019", "'"), ("\u2018", "'"), ("\u201c", '"'), ("\u201d", '"'), ("\uff1f", "?"), ("\uff0c", ","))

Floats = NDArray[np.float32]
Rows = NDArray[np.intp]


class Spelled(NamedTuple):
    """The trigrams of unknown words, one word after another: how many each has, where they begin, and where in the
    reading's rows the word itself stands."""

    grams: NDArray[np.uint32]
    sizes: list[int]
    starts: list[int]
    places: list[int]


class Reading(NamedTuple):
    """The rows of `asked` tokens and of those around them. They lie so that what belongs together is one slice: the
    words around; the pairs of the first `edge` tokens, the last of them first; the words asked, from `words_at`; the
    pairs of the last `edge` tokens. A pair is a token's with the next; the last one's next is nothing. `spelled` is
    None where every word is known."""

    rows: Rows
    asked: int
    edge: int
    words_at: int
    spelled: Spelled | None

    def terms(self) -> list[tuple[int, bool]]:
        """For each row the index of its token (the asked ones come first), and whether it is a pair."""
        asked, edge = self.asked, self.edge
        around = self.words_at - edge
        places = [
            *range(asked, asked + around),
            *range(edge - 1, -1, -1),
            *range(asked),
            *range(asked - edge, asked),
        ]
        pairs = [False] * around + [True] * edge + [False] * asked + [True] * edge
        return list(zip(places, pairs, strict=True))


def tokens_of(text: str) -> list[str]:
    """Tokens of `text` in lower case; of a long text the first HEAD_TOKENS and the last TAIL_TOKENS."""
    text = text.lower()
    find = (_ASCII_TOKEN if text.isascii() else _ANY_TOKEN).findall
    edge = text.rfind(" ", 0, _DENSE_CHARS) if len(text) > 2 * _DENSE_CHARS else len(text)
    found: list[str] = find(text, 0, edge if edge > 0 else _DENSE_CHARS)
    if len(found) >= HEAD_TOKENS:
        # nearly a token per character (Chinese, punctuation): what stands between the ends would only be thrown away
        return found[:HEAD_TOKENS] + find(text, max(len(text) - _DENSE_CHARS, edge))[-TAIL_TOKENS:]
    found += find(text, edge if edge > 0 else _DENSE_CHARS)
    if len(found) > HEAD_TOKENS + TAIL_TOKENS:
        return found[:HEAD_TOKENS] + found[-TAIL_TOKENS:]
    return found


def without_courtesy(tokens: list[str]) -> list[str]:
    """`tokens` without the outer sentences that hold nothing but courtesy; all of them where nothing else is."""
    start = 0
    for token in tokens:
        if token not in COURTESY and token.isalnum():
            break
        start += 1
    else:
        return tokens
    while start and tokens[start - 1] not in _STOPS:
        start -= 1
    last = len(tokens) - 1
    while tokens[last] in COURTESY or not tokens[last].isalnum():
        last -= 1
    end = last + 1
    while end < len(tokens) and tokens[end - 1] not in _STOPS:
        end += 1
    return tokens[start:end] if start or end < len(tokens) else tokens


class Vocabulary:
    """The known words. Row numbers: words first, then PAIRS rows of pairs, then GRAMS rows of trigrams."""

    __slots__ = ("_known", "grams_at", "pairs_at", "rows", "words")

    def __init__(self, words: Sequence[str]) -> None:
        if tuple(words[: len(SPECIAL)]) != SPECIAL:
            raise ValueError("a vocabulary begins with the special words")
        self.words = words
        self._known = dict(zip(words, range(len(words)), strict=True))
        for alias, plain in _ALIASES:
            if plain in self._known:
                self._known[alias] = self._known[plain]
        self.pairs_at = len(words)
        self.grams_at = self.pairs_at + PAIRS
        self.rows = self.grams_at + GRAMS

    def read(self, tokens: list[str], asked: int) -> Reading:
        """The rows of `tokens`, of which the first `asked` (one at least) are the text's. At most _MOST_UNKNOWN unknown
        words are spelled out."""
        found = list(map(self._known.get, tokens, repeat(-1)))
        unknown: list[str] = []
        places: list[int] = []
        place = -1
        for _ in range(found.count(-1)):
            place = found.index(-1, place + 1)
            found[place] = self._stand_in(tokens[place], place, unknown, places)
        words = np.frombuffer(array("I", found), np.uint32)
        edge = min(asked, EDGE)
        around = len(tokens) - asked
        at = around + edge
        rows = np.empty(at + asked + edge, np.intp)
        if around:
            rows[:around] = words[asked:]
            words = words[:asked]
        rows[at : at + asked] = words
        pairs = pair_buckets(words)
        pairs += np.uint32(self.pairs_at)
        rows[around:at] = pairs[:edge][::-1]
        rows[at + asked :] = pairs[asked - edge :]
        if not unknown:
            return Reading(rows, asked, edge, at, None)
        grams = gram_buckets(unknown)
        grams += np.uint32(self.grams_at)
        sizes = [len(word) + 2 for word in unknown]
        starts = [0, *accumulate(sizes[:-1])]
        places = [place + at if place < asked else place - asked for place in places]
        return Reading(rows, asked, edge, at, Spelled(grams, sizes, starts, places))

    def _stand_in(self, token: str, place: int, unknown: list[str], places: list[int]) -> int:
        if token.isdigit():
            return min(len(token), _MOST_DIGITS)
        if token[0] == "\n":
            return _PARAGRAPH
        if len(unknown) < _MOST_UNKNOWN:
            unknown.append(token[:_WORD_CHARS])
            places.append(place)
        return 0


def pair_buckets(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """A bucket in 0..PAIRS-1 for each row number and the next; the last one's next is nothing."""
    mixed = words * _MIX_FIRST
    mixed[:-1] += words[1:] * _MIX_SECOND
    mixed >>= _PAIR_SHIFT
    return mixed


def gram_buckets(words: list[str]) -> NDArray[np.uint32]:
    """A bucket in 0..GRAMS-1 for every trigram of the words, one word after another. A word has two more than letters:
    with its ends marked on both sides, those that look over an end see nothing of its neighbour."""
    text = "><" + "><".join(words) + "><"
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    mixed = codes[:-2] * _MIX_FIRST
    mixed += codes[1:-1] * _MIX_SECOND
    mixed += codes[2:] * _MIX_THIRD
    mixed >>= _GRAM_SHIFT
    return mixed
