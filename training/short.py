"""What the network for short texts learns from: the rows and texts that its scan sees whole.

Short prompts whose words mislead are a world of their own: a network that learned them beside all others forgot of the
others (docs/classifier.md). So each has a network, and the one for all texts meets little of the contrast.
"""

from __future__ import annotations

from dataclasses import replace

from training.corpus import Row, is_short
from training.draw import Contrast
from training.fit import Settings
from training.tutor import Opinions


def short_settings(settings: Settings) -> Settings:
    """Half as wide: a wider one was no better."""
    return replace(
        settings,
        width=32,
        epochs=18,
        others_per_epoch=80_000,
        lose_rows=0.15,
        drop=0.1,
        contrast=Contrast(0.5, 0.25),
    )


def short_of(rows: list[Row], opinions: Opinions) -> tuple[list[Row], Opinions]:
    """The short ones among the rows, and the tutor's opinions of the short texts."""
    mine = [number for number, row in enumerate(rows) if is_short(row.text)]
    others = [number for number, text in enumerate(opinions.others) if is_short(text)]
    return [rows[number] for number in mine], Opinions(
        opinions.rows[mine],
        [opinions.others[number] for number in others],
        opinions.of_others[others],
        opinions.of_words,
        len(others),
    )


def general_of(opinions: Opinions) -> Opinions:
    """The opinions that the network for all texts learns from."""
    count = opinions.general
    return opinions._replace(others=opinions.others[:count], of_others=opinions.of_others[:count])
