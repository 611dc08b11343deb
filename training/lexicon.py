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
FRAMES: dict[str, list[str]] = json.loads(Path(__file__).with_name("frames.json").read_text(encoding="utf-8"))
_ANIMALS, _PERSONS = "05", "18"
"""The dictionary's files of animals and of persons (lexnames(5WN))."""
_ONE_OF = "@i"
"""The dictionary's mark of an instance (wninput(5WN))."""
_DRAWN = ("noun", "noun", "deed", "deed", "verb", "meaning", "said", "two", "pasted")
_EXAMPLE = re.compile(r'"([^"]{12,})"')
_ASIDE = re.compile(r"\([^)]*\)")
_KINDS = {"1": "noun", "2": "verb", "3": "adj", "4": "adv", "5": "adj"}


class Lexicon(NamedTuple):
    """`deeds` say what one can do ("draw air into the lungs"), `meanings` what a thing is; `said` are the dictionary's
    example sentences. `common` are nouns met in running text, `beings` those that mostly are an animal or a person, and
    `usual` the part of speech that a word mostly is. `names` are persons, real and fabled, `peoples` what members of
    nations, faiths and parties are called. `met`: how often each common noun was met."""

    nouns: list[str]
    common: list[str]
    beings: list[str]
    verbs: list[str]
    deeds: list[str]
    meanings: list[str]
    said: list[str]
    usual: dict[str, str]
    names: list[str]
    peoples: list[str]
    met: dict[str, int]


class _Sense(NamedTuple):
    """`file`: see lexnames(5WN). `one`: it is no kind of thing but one of its kind ("instance of")."""

    words: list[str]
    gloss: str
    file: str
    one: bool


def require_dictionary(folder: Path, name: str) -> None:
    """Raises SystemExit where the dictionary has no file of that name: it is not installed."""
    if not (folder / name).exists():
        raise SystemExit(f"the dictionary is missing in {folder}: apt-get install wordnet-base")


def lexicon(folder: Path = WORDNET) -> Lexicon:
    require_dictionary(folder, "data.noun")
    files = _usual_files(folder)
    usual = {word: kind for word, (kind, _, _) in files.items()}
    nouns, verbs, deeds, meanings, said = [], [], [], [], []
    names, peoples = [], []
    for words, gloss, file, one in _senses("noun", folder):
        nouns += [word for word in words[:2] if not word.startswith(("genus ", "family "))]
        meaning = _definition(gloss).strip(" ()")
        if 15 < len(meaning) < 120:
            meanings.append(meaning)
        said += _EXAMPLE.findall(gloss)
        if file == _PERSONS and one:
            names.append(words[0])
        elif file == _PERSONS and words[0].istitle() and " " not in words[0]:
            peoples.append(words[0])
    for words, gloss, _, _ in _senses("verb", folder):
        verbs += [word for word in words if len(word) > 2]
        deed = " ".join(_ASIDE.sub("", _definition(gloss)).split())
        if 8 < len(deed) < 100:
            deeds.append(deed)
        said += _EXAMPLE.findall(gloss)
    for kind in ("adj", "adv"):
        for sense in _senses(kind, folder):
            said += _EXAMPLE.findall(sense.gloss)
    met = {word: count for word, (kind, _, count) in sorted(files.items()) if kind == "noun"}
    beings = sorted(word for word, (kind, file, _) in files.items() if kind == "noun" and file in (_ANIMALS, _PERSONS))
    return Lexicon(nouns, list(met), beings, verbs, deeds, meanings, said, usual, names, peoples, met)


def _senses(kind: str, folder: Path) -> list[_Sense]:
    found = []
    for line in (folder / f"data.{kind}").read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):
            continue
        facts, gloss = line.split(" | ", 1)
        parts = facts.split(" ")
        words = [_ASIDE.sub("", word).replace("_", " ") for word in parts[4 : 4 + 2 * int(parts[3], 16) : 2]]
        found.append(_Sense(words, gloss.strip(), parts[1], _ONE_OF in parts))
    return found


def _definition(gloss: str) -> str:
    return gloss.split(";")[0].split('"')[0]


def _usual_files(folder: Path) -> dict[str, tuple[str, str, int]]:
    """For each single word that was met in the dictionary's tagged texts, its most frequent part of speech, the most
    frequent file of the dictionary within that, and how often it was met as that."""
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
        file = max((one for one in files if one[0] == usual), key=files.__getitem__)[1]
        found[word] = usual, file, kinds[usual]
    return found


def framed(known: Lexicon, random: Random) -> str:
    """A word, a deed, a meaning or a sentence of the dictionary in the frame of a request."""
    return _filled(random.choice(FRAMES[random.choice(_DRAWN)]), known, random)


def hazardous(known: Lexicon, random: Random) -> str:
    """A request with a word of harm in it, done to or by any thing or being: what is grave depends on which, and most
    are not."""
    frame = random.choice(FRAMES["hazard"])
    for mark, kind in (("{h}", "harms"), ("{z}", "hazards")):
        frame = frame.replace(mark, random.choice(FRAMES[kind]))
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
