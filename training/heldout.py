"""Judging on sources that a network has not seen: the ground of every choice here, of the calibration and of the
thresholds. dev.jsonl takes no part in it.

The sources of train.jsonl (but for its templates) and four of the writers are left out once, in FOLDS groups;
the restricted rows, which never train, are scored by the first network. Only the threshold of health_safety in short
texts comes from elsewhere: from the authors who only judge.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from gateway.classify.model import Model, mixed, probabilities, views_of
from gateway.classify.tokens import Vocabulary
from gateway.core.label import TEXT_TASKS
from training.corpus import JUDGED, STAKES_AT, Row, is_short, window_of_text, written_rows
from training.fit import Settings, fit, logits_of
from training.net import Net
from training.short import SHARE, STAKES_SHARE, general_rows, short_settings
from training.teacher import Teacher
from training.vocabulary import vocabulary_of

FOLDS = (
    (
        "web-arena-x/webarena",
        "abachaa/MeQSum",
        "teknium1/GPTeacher",
        "clinc/oos-eval",
        "abachaa/MedQuAD",
        "written-a",
        "written-n",
    ),
    (
        "benediktstroebl/WebVoyager",
        "xlang-ai/Spider2-V",
        "nbertagnolli/counsel-chat",
        "infi-coder/infibench-evaluator",
        "lm-sys/RouteLLM",
        "X-PLUG/WritingBench",
        "ulab-uiuc/LLMRouter",
        "written-f",
        "written-k",
    ),
)
_NEARLY = 0.005
_NEARLY_SHORT = 0.01
"""How far below the best F1 a threshold of health_safety may lie. In short texts more: docs/classifier.md, Limits."""


class Unseen(NamedTuple):
    """Logits of rows by a network that never saw their source, and a weight per row: sources count alike."""

    rows: list[Row]
    logits: np.ndarray[Any, Any]
    weights: np.ndarray[Any, Any]

    def part(self, chosen: np.ndarray[Any, Any]) -> Unseen:
        """The rows where `chosen` is true."""
        rows = [row for row, mine in zip(self.rows, chosen, strict=True) if mine]
        weights = self.weights[chosen]
        return Unseen(rows, self.logits[chosen], weights / weights.sum())

    @property
    def short(self) -> np.ndarray[Any, Any]:
        """Which rows both networks read."""
        return np.array([is_short(row.text) for row in self.rows])

    @property
    def tasks(self) -> np.ndarray[Any, Any]:
        return _tasks_of(self.rows)


def leave_sources_out(rows: list[Row], restricted: list[Row], teacher: Teacher, settings: Settings) -> Unseen:
    """Fits both networks once per fold. Without a tutor, who must not have seen the sources either and would take most
    of an hour each: what ships is better than these networks, and its thresholds are on the careful side."""
    judged: list[Row] = []
    logits = []
    for number, fold in enumerate(FOLDS):
        seen = [row for row in rows if row.source not in fold]
        vocabulary = vocabulary_of(seen, teacher)
        whole = fit(general_rows(seen), vocabulary, teacher, None, settings)
        short_rows = [row for row in seen if is_short(row.text)]
        # as many rounds as the other: there are no texts of the tutor's to go over
        rounds = replace(short_settings(settings), epochs=settings.epochs, per_epoch=settings.per_epoch)
        short = fit(short_rows, vocabulary, teacher, None, rounds)
        held = [row for row in rows if row.source in fold] + (restricted if number == 0 else [])
        judged += held
        logits.append(_logits_of_both(whole, short, vocabulary, held))
        for source in sorted({row.source for row in held}):
            mine = [index for index, row in enumerate(held) if row.source == source]
            truth = np.array([TEXT_TASKS.index(held[index].task) for index in mine])
            right = float(np.mean(logits[-1][mine].argmax(1) == truth))
            print(f"  unseen {source:34s} {len(mine):6d} rows  accuracy {right:.3f}", flush=True)
    return Unseen(judged, np.concatenate(logits), _weights_of(judged))


def _logits_of_both(whole: Net, short: Net, vocabulary: Vocabulary, rows: list[Row]) -> np.ndarray[Any, Any]:
    """Logits of the rows as the gateway works them out: by both networks where a row is short."""
    found = logits_of(whole, vocabulary, rows)
    mine = [number for number, row in enumerate(rows) if is_short(row.text)]
    told = logits_of(short, vocabulary, [rows[number] for number in mine])
    for number, line in zip(mine, told.tolist(), strict=True):
        found[number] = mixed(found[number].tolist(), line, SHARE, STAKES_SHARE, STAKES_AT)
    return found


def short_stakes_above(model: Model) -> float:
    """The threshold of health_safety for short texts, by the authors who only judge: networks without a tutor, that saw
    few of the sources, say little of the ones that ship."""
    rows = [row for row in written_rows(JUDGED) if is_short(row.text)]
    chances = [probabilities(model, views_of(model, window_of_text(row.text, row.system))) for row in rows]
    return stakes_above(np.array(chances), _tasks_of(rows), _weights_of(rows), _NEARLY_SHORT)


def _tasks_of(rows: list[Row]) -> np.ndarray[Any, Any]:
    return np.array([TEXT_TASKS.index(row.task) for row in rows])


def _weights_of(rows: list[Row]) -> np.ndarray[Any, Any]:
    sizes = Counter((row.source, row.task) for row in rows)
    # Auto-J cuts the soft borders elsewhere (a capital city is general to it): it is judged, not calibrated on
    weights = np.array([0.0 if row.source.startswith("GAIR") else sizes[row.source, row.task] ** -0.5 for row in rows])
    return np.asarray(weights / weights.sum())


def chances_of(logits: np.ndarray[Any, Any], temperature: float) -> np.ndarray[Any, Any]:
    scaled = (logits - logits.max(axis=1, keepdims=True)) / temperature
    odds = np.exp(scaled)
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def temperature_of(unseen: Unseen) -> float:
    """The temperature of least log loss on unseen sources."""
    grid = np.linspace(0.6, 4.0, 69)
    truth = unseen.tasks
    lines = np.arange(len(truth))
    losses = [-(np.log(chances_of(unseen.logits, value)[lines, truth] + 1e-9) * unseen.weights).sum() for value in grid]
    return float(grid[int(np.argmin(losses))])


def unsure_below(chances: np.ndarray[Any, Any], unseen: Unseen, accuracy: float = 0.90) -> tuple[float, float]:
    """The least confidence above which `accuracy` of the unseen rows are right, and the share of rows above it."""
    confidence = chances.max(axis=1)
    order = np.argsort(-confidence)
    right = (chances.argmax(axis=1) == unseen.tasks)[order] * unseen.weights[order]
    covered = np.cumsum(unseen.weights[order])
    good = np.flatnonzero(np.cumsum(right) / covered >= accuracy)
    good = good[covered[good] > 0.02]
    if not len(good):
        return 0.99, 0.0
    return float(confidence[order][good[-1]]), float(covered[good[-1]])


def stakes_above(
    chances: np.ndarray[Any, Any], tasks: np.ndarray[Any, Any], weights: np.ndarray[Any, Any], nearly: float = _NEARLY
) -> float:
    """The probability from which health_safety is the task, whatever else is likelier: the lowest whose F1 is as good
    as the best one's, or nearly. It is flat there, and a grave request that is missed costs more than a false alarm."""
    truth = tasks == STAKES_AT
    scores = {}
    for threshold in np.linspace(0.1, 0.8, 701).tolist():
        guess = chances[:, STAKES_AT] >= threshold
        both = float(weights[guess & truth].sum())
        scores[threshold] = 2 * both / float(weights[guess].sum() + weights[truth].sum())
    best = max(scores.values())
    return min(threshold for threshold, score in scores.items() if score >= best - nearly)
