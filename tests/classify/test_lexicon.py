"""The texts that the tutor is asked about besides the rows: made of a dictionary, by chance that is handed in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest

from gateway.core.label import TEXT_TASKS
from tests.shared_data import SHARED
from training.check import NEAR, Judges
from training.corpus import STAKES_AT, Row
from training.lexicon import Lexicon, exchanged, framed, hazardous, lexicon
from training.plain import Plain
from training.unwritten import Counts, texts_of

_NOUNS = """  1 the licence stands before the senses
00000001 03 n 02 family_Mustelidae 0 mustelids 0 000 | a family of small beasts of prey
00000002 03 n 02 otter 0 sea_otter(p) 0 001 @ 00000001 n 0000 | a beast that swims by; "the otter slept on its back"
00000004 18 n 01 Alma 0 001 @i 00000005 n 0000 | of the tale
00000005 18 n 01 Norseman 0 000 | of a people
"""
_VERBS = '00000003 29 v 02 dive 0 go 1 000 01 + 02 00 | plunge (head first) into water; "she dived from the rock"\n'
_COUNTS = "otter%1:05:00:: 1 3\ndive%2:38:00:: 1 7\ndive%1:04:00:: 2 2\nsea_otter%1:05:00:: 1 9\n"


@pytest.fixture
def known(tmp_path: Path) -> Lexicon:
    for name, text in (("noun", _NOUNS), ("verb", _VERBS), ("adj", ""), ("adv", "")):
        (tmp_path / f"data.{name}").write_text(text, encoding="utf-8")
    (tmp_path / "cntlist.rev").write_text(_COUNTS, encoding="utf-8")
    return lexicon(tmp_path)


def test_words_deeds_meanings_and_sentences_are_read_from_the_dictionary(known: Lexicon) -> None:
    assert known.nouns == ["mustelids", "otter", "sea otter", "Alma", "Norseman"]
    assert known.verbs == ["dive"]
    assert known.deeds == ["plunge into water"]
    assert known.meanings == ["a family of small beasts of prey", "a beast that swims by"]
    assert known.said == ["the otter slept on its back", "she dived from the rock"]
    assert known.usual == {"otter": "noun", "dive": "verb"}
    assert known.common == ["otter"]
    assert known.beings == ["otter"]
    assert known.met == {"otter": 3}
    assert (known.names, known.peoples) == (["Alma"], ["Norseman"])


def plain(known: Lexicon, random: Random) -> str:
    return Plain(known).request(random)


@pytest.mark.parametrize("made", [framed, hazardous, plain])
def test_no_frame_keeps_a_mark(known: Lexicon, made: Callable[[Lexicon, Random], str]) -> None:
    random = Random(1)
    texts = {made(known, random) for _ in range(5_000)}
    assert len(texts) > 500
    assert not [text for text in texts if re.search(r"\{\w*\}", text)]


def test_nouns_and_verbs_give_way_and_other_words_stay(known: Lexicon) -> None:
    random = Random(2)
    texts = {exchanged("Can an Otter, when old, dive?", known, random) for _ in range(200)}
    assert "Can an Otter, when old, dive?" in texts
    assert len(texts) > 1
    assert all(
        re.fullmatch(r"Can an (Otter|otter|mustelids|sea otter|Alma|Norseman), when old, dive\?", text)
        for text in texts
    )


def test_a_missing_dictionary_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="apt-get install wordnet-base"):
        lexicon(tmp_path)


ROWS = [Row("Where does an otter sleep?", "", "simple_qa", "x"), Row("I drowned an otter.", "", "health_safety", "x")]


def unwritten(known: Lexicon, counts: Counts, grave: tuple[float, float] = (0.0, 1.0), seed: int = 1) -> list[str]:
    opinions = np.zeros((len(ROWS), len(TEXT_TASKS)), np.float32)
    opinions[:, STAKES_AT] = grave
    return texts_of(ROWS, np.array([0.5, 0.5]), opinions, counts, seed, {"otter": ["beaver"]}, known)


@pytest.fixture
def no_structural_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.unwritten.structural_texts", list)


@pytest.mark.usefixtures("no_structural_texts")
def test_as_many_texts_are_made_as_are_counted_and_the_same_by_the_same_seed(known: Lexicon) -> None:
    counts = Counts(mixed=30, reworded=20, exchanged=10, framed=40, hazards=50, contested=60)
    texts = unwritten(known, counts)
    assert len(texts) == 210
    assert texts == unwritten(known, counts)
    assert texts != unwritten(known, counts, seed=2)
    assert any("beaver" in text for text in texts)


@pytest.mark.usefixtures("no_structural_texts")
def test_of_contested_rows_most_are_those_in_doubt(known: Lexicon) -> None:
    counts = Counts(mixed=0, reworded=0, exchanged=0, framed=0, hazards=0, contested=2_000)
    # chances of 1 for a harmless row, 7 x 4 for one that is likely grave and in doubt
    texts = unwritten(known, counts, grave=(0.0, 0.9))
    assert len(texts) == 2_000
    assert sum("drowned" in text or "I " in text for text in texts) > 1_800


@pytest.mark.skipif(not (SHARED / "tasks").is_dir(), reason="../shared/tasks is not there")
@pytest.mark.usefixtures("no_structural_texts")
def test_everyday_questions_stand_once_and_none_is_near_to_a_prompt_that_models_are_judged_by(known: Lexicon) -> None:
    texts = unwritten(known, Counts(mixed=0, reworded=0, exchanged=0, framed=0, hazards=0, plain=500))
    judges = Judges.of_shared()
    assert len(set(texts)) == len(texts) > 300
    assert all(judges.nearness(text) < NEAR for text in texts)
