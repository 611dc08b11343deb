"""Other ways to say the same thing (typos, lost punctuation, wrappers, templates, a system prompt before it), none of
which changes the task. And texts that nobody wrote, for the tutor to say what they are.

The phrases are in phrases.json. All chance comes from the generator that is handed in."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_PHRASES: dict[str, list[str]] = json.loads(Path(__file__).with_name("phrases.json").read_text(encoding="utf-8"))
_AROUND = [around for around in _PHRASES["around"] if "{}" in around]


def typo(word: str, random: Random) -> str:
    """One slip in a word of three letters or more: two letters swapped, one lost, doubled or hit beside."""
    if len(word) < 3:
        return word
    at = random.randrange(len(word) - 1)
    kind = random.randrange(4)
    if kind == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == 1:
        return word[:at] + word[at + 1 :]
    if kind == 2:
        return word[:at] + word[at] + word[at:]
    return word[:at] + random.choice(_LETTERS) + word[at + 1 :]


def with_typos(text: str, random: Random, share: float = 0.1) -> str:
    """A slip in about `share` of the words; spacing is kept."""
    return "".join(
        typo(piece, random) if piece.isalpha() and random.random() < share else piece for piece in _pieces(text)
    )


def _pieces(text: str) -> list[str]:
    pieces: list[str] = []
    for index, line in enumerate(text.split(" ")):
        if index:
            pieces.append(" ")
        pieces.append(line)
    return pieces


def preamble(random: Random) -> str:
    """A greeting, a courtesy, a lead-in, or some of them, with what separates them from the request."""
    said = [random.choice(_PHRASES[kind]) for kind in ("greeting", "courtesy", "lead") if random.random() < 0.6]
    return " ".join(said) + random.choice((" ", " ", " ", "\n", "\n\n")) if said else ""


def augment(text: str, system: str, random: Random) -> tuple[str, str]:
    """The text and the system prompt, as another person or program might have sent them."""
    chance = random.random
    if chance() < 0.25:
        text = with_typos(text[:6000], random, random.choice((0.05, 0.1, 0.2)))
    if chance() < 0.15:
        text = text.rstrip(" ?.!:")
    if chance() < 0.35:
        text = preamble(random) + text
    if chance() < 0.12:
        text = text + random.choice(_PHRASES["after"])
    if chance() < 0.08:
        text = random.choice(_AROUND).replace("{}", text)
    if not system and chance() < 0.1:
        system = random.choice(_PHRASES["systems"])
    return text, system


def mixed(one: str, other: str, random: Random) -> str:
    """A text that nobody wrote: a span of one, one with words lost and others put in, or a span before or after one."""
    words, others = one.split(), other.split() or ["x"]
    if not words:
        return one
    kind = random.random()
    if kind < 0.35:
        return _span(words, random.randint(3, 14), random)
    if kind < 0.7:
        share = random.choice((0.1, 0.25))
        kept = [word for word in words[:120] if random.random() > 0.1]
        return " ".join(random.choice(others) if random.random() < share else word for word in kept)
    span = _span(others, random.randint(2, 12), random)
    rest = " ".join(words[:80])
    return f"{span} {rest}" if random.random() < 0.5 else f"{rest} {span}"


def reworded(text: str, near: dict[str, list[str]], random: Random) -> str:
    """A text whose words gave way, here and there, to words of like meaning: so words are met that no row holds."""
    share = random.choice((0.15, 0.3, 0.45))
    return " ".join(
        random.choice(near[word.lower()]) if word.lower() in near and random.random() < share else word
        for word in text.split()
    )


def _span(words: list[str], size: int, random: Random) -> str:
    at = 0 if random.random() < 0.5 else random.randrange(max(1, len(words) - size))
    return " ".join(words[at : at + size])
