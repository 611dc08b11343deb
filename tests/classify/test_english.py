"""Which words are English: by a dictionary of a few words, and by its rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.english import English


@pytest.fixture
def english(tmp_path: Path) -> English:
    for part in ("noun", "verb", "adj", "adv"):
        for name in (f"index.{part}", f"{part}.exc"):
            (tmp_path / name).write_text("", encoding="utf-8")
    (tmp_path / "index.noun").write_text(
        "  1 the licence stands before the words\nbox n 1 0 1 0 1\ncity n 1 0 1 0 2\n", encoding="utf-8"
    )
    (tmp_path / "index.verb").write_text("bake v 1 0 1 0 3\nnerf v 1 0 1 0 4\n", encoding="utf-8")
    (tmp_path / "verb.exc").write_text("stabbed stab\n", encoding="utf-8")
    return English(tmp_path)


@pytest.mark.parametrize(
    "word", ["box", "boxes", "cities", "bake", "bakes", "baking", "baked", "nerfed", "nerfing", "stabbed"]
)
def test_a_word_and_its_forms_are_english(english: English, word: str) -> None:
    assert word in english


@pytest.mark.parametrize("word", ["the", "boxe", "stab", "xyzzy", "bing", "s", "ing", ""])
def test_what_the_dictionary_lacks_is_not(english: English, word: str) -> None:
    assert word not in english


def test_a_missing_dictionary_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="apt-get install wordnet-base"):
        English(tmp_path)
