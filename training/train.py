"""Trains the text model that ships: `python -m training.train` (see `make train`).

Reads the shared task set and the project's written text, calibrates on left-out sources, fits a network for all texts
and one for short ones, each taught by a tutor of its own, and writes gateway/classify/model.bin beside model.json, its
card. The same input, machine and (empty) cache give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import torch

from gateway.classify.model_file import DEFAULT_FILE, Arrays, Parts, load, network_of, read, save
from gateway.classify.tokens import Floats, Vocabulary
from gateway.core.label import TEXT_TASKS
from training import heldout
from training.corpus import Row, is_short, shared_rows, written_rows
from training.difficulty import difficulty_line
from training.fit import Settings, fit
from training.net import arrays_of
from training.short import SHARE, STAKES_SHARE, general_rows, more_settings, short_lessons, short_settings
from training.teacher import Teacher
from training.tutor import Lessons, Opinions, opinions_of
from training.unwritten import Counts
from training.vocabulary import own_words, vocabulary_of

NAME = "text-6"
_CARD = DEFAULT_FILE.with_suffix(".json")
_CALIBRATED = ("temperature", "unsure_below", "stakes_above", "short_temperature")
_OF_WHOLE = Counts(mixed=54_000, reworded=52_000, exchanged=88_000, framed=90_000, hazards=40_000)


class _Whole(NamedTuple):
    """The network for all texts, and what belongs to it: `card` says how it was made, `calibration` how to read both
    networks."""

    vocabulary: Vocabulary
    arrays: Arrays
    hard: Floats
    calibration: dict[str, Any]
    card: dict[str, Any]


def _told(rows: list[Row], settings: Settings, lessons: Lessons, opinions: Opinions) -> dict[str, Any]:
    """What the card says of a network: how it was made, of how many rows by source, and these rows' digest."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row).encode())
    return {
        "settings": asdict(settings),
        "lessons": asdict(lessons),
        "others": len(opinions.others),
        "rows": dict(sorted(Counter(row.source for row in rows).items())),
        "rows_sha256": digest.hexdigest(),
    }


def _calibrate(rows: list[Row], teacher: Teacher, settings: Settings) -> dict[str, Any]:
    unseen = heldout.leave_sources_out(rows, shared_rows(restricted=True), teacher, settings)
    chances = np.zeros_like(unseen.logits)
    found: dict[str, Any] = {}
    short = unseen.short
    for name, chosen in (("temperature", ~short), ("short_temperature", short)):
        part = unseen.part(chosen)
        temperature = heldout.temperature_of(part)
        chances[chosen] = heldout.chances_of(part.logits, temperature)
        found[name] = round(temperature, 3)
    longer = unseen.part(~short)
    found["stakes_above"] = round(heldout.stakes_above(chances[~short], longer.tasks, longer.weights), 3)
    threshold, coverage = heldout.unsure_below(chances, unseen)
    right = float(((chances.argmax(1) == unseen.tasks) * unseen.weights).sum())
    return {
        **found,
        "unsure_below": round(threshold, 3),
        "unseen": {"accuracy": round(right, 4), "coverage_at_90": round(coverage, 4), "rows": len(unseen.rows)},
    }


def _made(rows: list[Row], teacher: Teacher, settings: Settings, calibration: dict[str, Any] | None) -> _Whole:
    lessons = Lessons(36_000, _OF_WHOLE, seed=settings.seed)
    calibration = calibration or _calibrate(rows, teacher, settings)
    print(calibration, flush=True)
    vocabulary = vocabulary_of(rows, teacher)
    mine = general_rows(rows)
    opinions = opinions_of(mine, own_words(vocabulary), lessons, teacher)
    arrays = arrays_of(fit(mine, vocabulary, teacher, opinions, settings))
    card = _told(mine, settings, lessons, opinions)
    return _Whole(vocabulary, arrays, difficulty_line(vocabulary, network_of(arrays), mine), calibration, card)


def _kept(parts: Parts, card: dict[str, Any]) -> _Whole:
    if parts.version != card["version"]:
        raise SystemExit(f"the model is {parts.version}, and its card describes {card['version']}")
    return _Whole(parts.vocabulary, parts.whole, parts.hard, _calibration_of(card), card["whole"])


def _calibration_of(card: dict[str, Any]) -> dict[str, Any]:
    return {name: card[name] for name in (*_CALIBRATED, "unseen")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    kept = parser.add_mutually_exclusive_group()
    kept.add_argument("--skip-calibration", action="store_true", help="keep the calibration of what ships now")
    kept.add_argument(
        "--only-short",
        action="store_true",
        help="keep all but the network for short texts and its threshold of health_safety; these are made anew",
    )
    kept.add_argument(
        "--learn-on",
        action="store_true",
        help="the same, but the network for short texts begins as the one that ships now, not from nothing",
    )
    parser.add_argument("--seed", type=int, default=Settings.seed)
    options = parser.parse_args()
    # here, and not where it helps most (fit.py): it stays set, so a tutor after a fit would not be one before it
    torch.set_flush_denormal(True)
    settings = Settings(seed=options.seed)
    teacher = Teacher()
    rows = [*shared_rows(), *written_rows()]
    shipped = read() if options.only_short or options.learn_on else None
    old = json.loads(_CARD.read_text()) if shipped or options.skip_calibration else {}
    whole = _kept(shipped, old) if shipped else _made(rows, teacher, settings, _calibration_of(old) if old else None)
    rows = [row for row in rows if is_short(row.text)]
    lessons = short_lessons(settings.seed)
    opinions = opinions_of(rows, own_words(whole.vocabulary), lessons, teacher)
    begun = shipped if options.learn_on else None
    for_short = more_settings(settings) if begun else short_settings(settings)
    short = arrays_of(fit(rows, whole.vocabulary, teacher, opinions, for_short, begun and begun.short))
    told = _told(rows, for_short, lessons, opinions)
    _write(whole, short, {**told, "begun": {"version": begun.version, **old["short"]}} if begun else told)


def _write(whole: _Whole, short: Arrays, short_card: dict[str, Any]) -> None:
    facts = {
        "name": NAME,
        "tasks": TEXT_TASKS,
        **{name: whole.calibration[name] for name in _CALIBRATED},
        "short_stakes_above": 0.5,
        "short_share": SHARE,
        "short_stakes_share": STAKES_SHARE,
    }
    words = list(whole.vocabulary.words)
    half = DEFAULT_FILE.with_suffix(".half")
    # first to see how likely health_safety is in short texts by the file's rounded numbers
    save(half, words, whole.arrays, short, whole.hard, facts)
    facts["short_stakes_above"] = round(heldout.short_stakes_above(load(half)), 3)
    digest = save(half, words, whole.arrays, short, whole.hard, facts)
    card = {
        **facts,
        "version": f"{NAME}-{digest[:8]}",
        "sha256": digest,
        "bytes": half.stat().st_size,
        "unseen": whole.calibration["unseen"],
        "whole": whole.card,
        "short": short_card,
        "made_with": {"numpy": np.__version__, "torch": torch.__version__},
    }
    half.replace(DEFAULT_FILE)
    _CARD.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n")
    print(f"{DEFAULT_FILE}: {card['bytes']} bytes, {card['version']}")


if __name__ == "__main__":
    main()
