"""What the network for short texts learns from: the rows and texts that its scan sees whole.

Short prompts whose words mislead are a world of their own: a network that learned them beside all others forgot of the
others (docs/classifier.md). So each has a network, and the one for all texts meets little of the contrast.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gateway.classify.model import mixed
from gateway.classify.tokens import Vocabulary
from training.corpus import STAKES_AT, Row, is_short
from training.draw import Contrast
from training.fit import Settings, logits_of
from training.net import Net
from training.tutor import Opinions

SHARE = 0.4
STAKES_SHARE = 1.0
"""How much the network for short texts counts where a text is short, beside the one for all texts: in which task it is,
and in whether it is grave."""


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
        contrast=Contrast(0.4, 0.2),
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


def logits_of_both(whole: Net, short: Net, vocabulary: Vocabulary, rows: list[Row]) -> np.ndarray[Any, Any]:
    """Logits of the rows as the gateway works them out: by both networks where a row is short."""
    found = logits_of(whole, vocabulary, rows)
    mine = [number for number, row in enumerate(rows) if is_short(row.text)]
    told = logits_of(short, vocabulary, [rows[number] for number in mine])
    for number, line in zip(mine, told.tolist(), strict=True):
        found[number] = mixed(found[number].tolist(), line, SHARE, STAKES_SHARE, STAKES_AT)
    return found
