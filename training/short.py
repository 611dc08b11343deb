"""What the network for short texts learns from: the rows and texts that its scan sees whole, those of the contrast
among them.

Short prompts whose words mislead are a world of their own: a network that learned them beside all others forgot of the
others (docs/classifier.md). So each has a network and a tutor of its own.
"""

from __future__ import annotations

from dataclasses import replace

from training.corpus import Row, is_short, of_contrast
from training.draw import Contrast
from training.fit import Settings
from training.tutor import Lessons
from training.unwritten import Counts

SHARE = 0.3
STAKES_SHARE = 1.0
"""How much the network for short texts counts where a text is short, beside the one for all texts: in which task it is,
and in whether it is grave."""
_CONTRAST = Contrast(0.4, 0.2)


def general_rows(rows: list[Row]) -> list[Row]:
    """What the network for all texts learns from: none of what is short and of the contrast."""
    return [row for row in rows if not (of_contrast(row) and is_short(row.text))]


def short_lessons(seed: int) -> Lessons:
    return Lessons(
        draws=70_000,
        contrast_share=0.5,
        contrast=_CONTRAST,
        others=Counts(
            mixed=10_000,
            reworded=40_000,
            exchanged=60_000,
            framed=70_000,
            hazards=70_000,
            plain=80_000,
            contested=120_000,
        ),
        only_short=True,
        seed=seed,
    )


def short_settings(settings: Settings) -> Settings:
    """Less wide, and longer: it goes over more texts."""
    return replace(
        settings,
        width=48,
        epochs=32,
        per_epoch=24_000,
        others_per_epoch=120_000,
        lose_rows=0.22,
        drop=0.2,
        contrast=_CONTRAST,
    )


def more_settings(settings: Settings) -> Settings:
    """For a network that learns on: half as long and half as fast, and nothing to imitate."""
    return replace(short_settings(settings), epochs=16, rate=1e-3, table_rate=2e-3, imitate=0.0)
