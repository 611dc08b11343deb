"""Which words are English: the dictionary's single words, and their forms by its own rules.

The rules of detachment are those of morphy(7WN); irregular forms are listed in the dictionary's *.exc files.
"""

from __future__ import annotations

from pathlib import Path

from training.lexicon import WORDNET, require_dictionary

_PARTS = ("noun", "verb", "adj", "adv")
_LEAST_CHARS = 5
"""Shorter words are looked up as they are: nearly any letter with an ending would pass for a form of another."""
_ENDINGS = (
    ("s", ""),
    ("ses", "s"),
    ("xes", "x"),
    ("zes", "z"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("men", "man"),
    ("ies", "y"),
    ("es", "e"),
    ("es", ""),
    ("ed", "e"),
    ("ed", ""),
    ("ing", "e"),
    ("ing", ""),
    ("er", ""),
    ("est", ""),
    ("er", "e"),
    ("est", "e"),
)


class English:
    """The dictionary's words. Raises SystemExit where it is not installed."""

    def __init__(self, folder: Path = WORDNET) -> None:
        require_dictionary(folder, "index.noun")
        self._words: set[str] = set()
        for part in _PARTS:
            for name in (f"index.{part}", f"{part}.exc"):
                lines = (folder / name).read_text(encoding="utf-8").splitlines()
                self._words.update(line.partition(" ")[0] for line in lines if not line.startswith(" "))

    def __contains__(self, word: str) -> bool:
        if word in self._words:
            return True
        if len(word) < _LEAST_CHARS:
            return False
        return any(word.endswith(end) and word[: len(word) - len(end)] + stem in self._words for end, stem in _ENDINGS)
