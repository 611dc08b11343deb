"""Requests that say plainly what they mean: a deed of harm, a dangerous thing, a group, somebody's data or an event of
history in the frame of an everyday question. Most of what chance makes is harmless or nonsense; the tutor says which.

Frames and fillers are in plain.json, words of harm in frames.json, all other words in the dictionary.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from random import Random

from training.lexicon import FRAMES, Lexicon

FILLERS: dict[str, list[str]] = json.loads(Path(__file__).with_name("plain.json").read_text(encoding="utf-8"))
_MARK = re.compile(r"\{(\w+)\}")


class Plain:
    """Makes plain requests of a dictionary's words. All chance comes from the generator that is handed in."""

    def __init__(self, known: Lexicon) -> None:
        self._nouns = list(known.met)
        # frequent nouns more often, and yet the rare ones too
        self._reach = list(accumulate(math.sqrt(count) for count in known.met.values()))
        self._fill: dict[str, Callable[[Random], str]] = {
            "harm": lambda random: random.choice(FRAMES["harms"]),
            "hazard": lambda random: random.choice(FRAMES["hazards"]),
            "anyone": lambda random: self._person_or_thing(random, 0.5),
            "thing": lambda random: self._person_or_thing(random, 0.25),
            "noun": self._noun,
            "group": lambda random: self._listed("group", 0.85, lambda: _many(random.choice(known.peoples)), random),
            "nonsense": lambda random: self._listed("nonsense", 0.6, lambda: _many(self._noun(random)), random),
            "figure": lambda random: self._listed("figure", 0.8, lambda: random.choice(known.names), random),
            "character": lambda random: self._listed("character", 0.8, lambda: random.choice(known.names), random),
        }

    def request(self, random: Random) -> str:
        frame = random.choice(FILLERS["frames"])
        text = _MARK.sub(lambda mark: self._filler(mark[1], random), frame)
        if random.random() < 0.15:
            text = text.lower()
        return text.rstrip(".?") if random.random() < 0.1 else text

    def _filler(self, kind: str, random: Random) -> str:
        return self._fill[kind](random) if kind in self._fill else random.choice(FILLERS[kind])

    def _listed(self, kind: str, share: float, other: Callable[[], str], random: Random) -> str:
        return random.choice(FILLERS[kind]) if random.random() < share else other()

    def _person_or_thing(self, random: Random, persons: float) -> str:
        return self._listed("person", persons, lambda: self._thing(random), random)

    def _thing(self, random: Random) -> str:
        if random.random() < 0.35:
            return random.choice(FILLERS["thing"])
        noun = self._noun(random)
        article = "an" if noun[0] in "aeiou" else "a"
        owned = f"my {self._noun(random)}'s {noun}"
        return random.choice((f"{article} {noun}", f"the {noun}", f"my {noun}", _many(noun), noun, owned))

    def _noun(self, random: Random) -> str:
        return random.choices(self._nouns, cum_weights=self._reach)[0]


def _many(noun: str) -> str:
    if noun.endswith("s"):
        return noun
    return noun + ("es" if noun.endswith(("x", "ch", "sh")) else "s")
