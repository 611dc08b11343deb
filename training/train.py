"""Trains the text model that ships: `python -m training.train` (see `make train`).

Reads the shared task set and the project's written text, calibrates on left-out sources, fits one network on everything
and one on what is short, and writes gateway/classify/model.bin beside model.json, its card. The same input and machine
give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from dataclasses import asdict
from typing import Any

import numpy as np

from gateway.classify.model_file import DEFAULT_FILE, network_of, save
from gateway.classify.tokens import Vocabulary
from gateway.core.label import TEXT_TASKS
from training import heldout
from training.corpus import Row, shared_rows, written_rows
from training.difficulty import difficulty_line
from training.fit import Settings, fit
from training.net import Net, arrays_of
from training.short import SHARE, STAKES_SHARE, general_of, short_of, short_settings
from training.teacher import Teacher
from training.tutor import Lessons, opinions_of
from training.vocabulary import own_words, vocabulary_of

NAME = "text-5"
_CALIBRATED = ("temperature", "unsure_below", "stakes_above", "short_temperature")


def _told(rows: list[Row]) -> dict[str, Any]:
    """What the card says of rows: how many by source, and their digest."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row).encode())
    return {"rows": dict(sorted(Counter(row.source for row in rows).items())), "rows_sha256": digest.hexdigest()}


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
    found["stakes_above"] = round(heldout.stakes_above(chances[~short], unseen.part(~short)), 3)
    threshold, coverage = heldout.unsure_below(chances, unseen)
    right = float(((chances.argmax(1) == unseen.tasks) * unseen.weights).sum())
    return {
        **found,
        "unsure_below": round(threshold, 3),
        "unseen": {"accuracy": round(right, 4), "coverage_at_90": round(coverage, 4), "rows": len(unseen.rows)},
    }


def _grave_from(whole: Net, short: Net, vocabulary: Vocabulary, temperature: float) -> float:
    """The threshold of health_safety for short texts, by the authors who only judge: networks without a tutor,
    that saw few of the sources, say little of the ones that ship."""
    judged = heldout.short_judged(whole, short, vocabulary)
    return round(heldout.stakes_above(heldout.chances_of(judged.logits, temperature), judged), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--skip-calibration", action="store_true", help="keep the card's calibration (for a quick look)"
    )
    parser.add_argument("--seed", type=int, default=Settings.seed)
    options = parser.parse_args()
    settings, lessons = Settings(seed=options.seed), Lessons()
    teacher = Teacher()
    rows = [*shared_rows(), *written_rows()]
    card_file = DEFAULT_FILE.with_suffix(".json")
    if options.skip_calibration:
        card = json.loads(card_file.read_text())
        calibration = {name: card[name] for name in (*_CALIBRATED, "unseen")}
    else:
        calibration = _calibrate(rows, teacher, settings)
    print(calibration, flush=True)
    vocabulary = vocabulary_of(rows, teacher)
    opinions = opinions_of(rows, own_words(vocabulary), lessons, teacher)
    whole = fit(rows, vocabulary, teacher, general_of(opinions), settings)
    for_short = short_settings(settings)
    short_rows, short_opinions = short_of(rows, opinions)
    short = fit(short_rows, vocabulary, teacher, short_opinions, for_short)
    facts = {
        "name": NAME,
        "tasks": TEXT_TASKS,
        **{name: calibration[name] for name in _CALIBRATED},
        "short_stakes_above": _grave_from(whole, short, vocabulary, calibration["short_temperature"]),
        "short_share": SHARE,
        "short_stakes_share": STAKES_SHARE,
    }
    arrays = arrays_of(whole)
    hard = difficulty_line(vocabulary, network_of(arrays), rows)
    digest = save(DEFAULT_FILE, list(vocabulary.words), arrays, arrays_of(short), hard, facts)
    card = {
        **facts,
        "version": f"{NAME}-{digest[:8]}",
        "sha256": digest,
        "bytes": DEFAULT_FILE.stat().st_size,
        "unseen": calibration["unseen"],
        "settings": asdict(settings),
        "lessons": asdict(lessons),
        **_told(rows),
        "short": {"settings": asdict(for_short), **_told(short_rows)},
        "made_with": {"numpy": np.__version__},
    }
    card_file.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n")
    print(f"{DEFAULT_FILE}: {card['bytes']} bytes, {card['version']}")


if __name__ == "__main__":
    main()
