"""Texts made of a dictionary's words: requests about things and deeds that no written row holds, so that the tutor can
say what it makes of them and the network meets most words of English once.

The dictionary is WordNet 3.0 as Debian's package wordnet-base carries it, read in place (file formats: wndb(5WN),
cntlist(5WN)). The frames of requests are in frames.json. All chance comes from the generator that is handed in.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from random import Random
from typing import NamedTuple

WORDNET = Path("/usr/share/wordnet")
_FRAMES: dict[str, list[str]] = json.loads(Path(__file__).with_name("frames.json").read_text(encoding="utf-8"))
_BEINGS = ("05", "18")
"""The dictionary's files of animals and of persons (lexnames(5WN))."""
_DRAWN = ("noun", "noun", "deed", "deed", "verb", "meaning", "said", "two", "pasted")
_EXAMPLE = re.compile(r'"([^"]{12,})"')
_ASIDE = re.compile(r"\([^)]*\)")
_KINDS = {"1": "noun", "2": "verb", "3": "adj", "4": "adv", "5": "adj"}


class Lexicon(NamedTuple):
    """`deeds` say what one can do ("draw air into the lungs"), `meanings` what a thing is; `said` are the dictionary's
    example sentences. `common` are nouns met in running text, `beings` those that mostly are an animal or a person, and
    `usual` the part of speech that a word mostly is."""

    nouns: list[str]
    common: list[str]
    beings: list[str]
    verbs: list[str]
    deeds: list[str]
    meanings: list[str]
    said: list[str]
    usual: dict[str, str]


def require_dictionary(folder: Path, name: str) -> None:
    """Raises SystemExit where the dictionary has no file of that name: it is not installed."""
    if not (folder / name).exists():
        raise SystemExit(f"the dictionary is missing in {folder}: apt-get install wordnet-base")


def lexicon(folder: Path = WORDNET) -> Lexicon:
    require_dictionary(folder, "data.noun")
    files = _usual_files(folder)
    usual = {word: kind for word, (kind, _) in files.items()}
    nouns, verbs, deeds, meanings, said = [], [], [], [], []
    for words, gloss in _senses("noun", folder):
        nouns += [word for word in words[:2] if not word.startswith(("genus ", "family "))]
        meaning = _definition(gloss).strip(" ()")
        if 15 < len(meaning) < 120:
            meanings.append(meaning)
        said += _EXAMPLE.findall(gloss)
    for words, gloss in _senses("verb", folder):
        verbs += [word for word in words if len(word) > 2]
        deed = " ".join(_ASIDE.sub("", _definition(gloss)).split())
        if 8 < len(deed) < 100:
            deeds.append(deed)
        said += _EXAMPLE.findall(gloss)
    for kind in ("adj", "adv"):
        for _, gloss in _senses(kind, folder):
            said += _EXAMPLE.findall(gloss)
    common = sorted(word for word, kind in usual.items() if kind == "noun")
    beings = sorted(word for word, (kind, file) in files.items() if kind == "noun" and file in _BEINGS)
    return Lexicon(nouns, common, beings, verbs, deeds, meanings, said, usual)


def _senses(kind: str, folder: Path) -> list[tuple[list[str], str]]:
    """The words of each sense, and its gloss."""
    found = []
    for line in (folder / f"data.{kind}").read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):
            continue
        facts, gloss = line.split(" | ", 1)
        parts = facts.split(" ")
        words = [_ASIDE.sub("", word).replace("_", " ") for word in parts[4 : 4 + 2 * int(parts[3], 16) : 2]]
        found.append((words, gloss.strip()))
    return found


def _definition(gloss: str) -> str:
    return gloss.split(";")[0].split('"')[0]


def _usual_files(folder: Path) -> dict[str, tuple[str, str]]:
    """For each single word that was met in the dictionary's tagged texts, its most frequent part of speech, and the
    most frequent file of the dictionary within that."""
    counts: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for line in (folder / "cntlist.rev").read_text(encoding="utf-8").splitlines():
        sense, _, count = line.split(" ")
        word, _, rest = sense.partition("%")
        if "_" not in word:
            counts[word][_KINDS[rest[0]], rest.split(":")[1]] += int(count)
    found = {}
    for word, files in counts.items():
        kinds: Counter[str] = Counter()
        for (kind, _), count in files.items():
            kinds[kind] += count
        usual = kinds.most_common(1)[0][0]
        found[word] = max((one for one in files if one[0] == usual), key=files.__getitem__)
    return found


def framed(known: Lexicon, random: Random) -> str:
    """A word, a deed, a meaning or a sentence of the dictionary in the frame of a request."""
    return _filled(random.choice(_FRAMES[random.choice(_DRAWN)]), known, random)


def hazardous(known: Lexicon, random: Random) -> str:
    """A request with a word of harm in it, done to or by any thing or being: what is grave depends on which, and most
    are not."""
    frame = random.choice(_FRAMES["hazard"])
    for mark, kind in (("{h}", "harms"), ("{z}", "hazards")):
        frame = frame.replace(mark, random.choice(_FRAMES[kind]))
    return _filled(frame, known, random)


def _filled(frame: str, known: Lexicon, random: Random) -> str:
    pasted = " ".join(f"{_sentence(known, random)}." for _ in range(random.randint(2, 7)))
    for mark, words in (
        ("{n}", _noun(known, random)),
        ("{m}", _noun(known, random)),
        ("{b}", random.choice(known.beings)),
        ("{v}", random.choice(known.verbs)),
        ("{d}", random.choice(known.deeds)),
        ("{w}", random.choice(known.meanings)),
        ("{s}", random.choice(known.said)),
        ("{p}", pasted),
    ):
        frame = frame.replace(mark, words)
    return frame


def _noun(known: Lexicon, random: Random) -> str:
    return random.choice(known.common if random.random() < 0.75 else known.nouns)


def _sentence(known: Lexicon, random: Random) -> str:
    said = random.choice(known.said if random.random() < 0.8 else known.meanings)
    return said[0].upper() + said[1:]


def exchanged(text: str, known: Lexicon, random: Random) -> str:
    """A text whose nouns, and fewer of its verbs, gave way here and there to any others."""
    share = random.choice((0.3, 0.5, 0.8))
    words = []
    for word in text.split():
        bare = word.strip(".,;:!?\"'()").lower()
        kind = known.usual.get(bare, "") if len(bare) > 2 else ""
        if kind == "noun" and random.random() < share:
            word = word.lower().replace(bare, _noun(known, random))
        elif kind == "verb" and random.random() < share / 3:
            word = word.lower().replace(bare, random.choice(known.verbs))
        words.append(word)
    return " ".join(words)
