"""The trained text model: a request's task by its words, with a calibrated confidence. Pure and bounded in time.

`read` answers; `explain` says, on demand, which terms weighed most.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gateway.classify.label import TextVerdict
from gateway.classify.model import (
    POOLS,
    REACH,
    STAKES,
    Model,
    Network,
    Pooled,
    View,
    difficulty_of,
    pools_of,
    probabilities,
    scale_of,
    scanned_at,
    views_of,
)
from gateway.classify.model_file import DEFAULT_FILE, load
from gateway.classify.tokens import Floats
from gateway.classify.window import Window, window_of
from gateway.core.chat import ChatRequest
from gateway.core.label import Signals

_MOST_TERMS = 8


class Term(NamedTuple):
    """A term of the text and how far it pushed towards the task (in logits, against the mean of all tasks but
    health_safety)."""

    term: str
    weight: float


class Explanation(NamedTuple):
    """Why a text got its task. `chances` are all tasks with their probabilities, the likeliest first; `towards` and
    `against` the terms that weighed most, the heaviest first; `chars` how many characters were looked at."""

    task: str
    confidence: float
    difficulty: float
    chances: tuple[tuple[str, float], ...]
    towards: tuple[Term, ...]
    against: tuple[Term, ...]
    chars: int


class TrainedModel:
    """A TextModel over a Model. `unsure_below` is the confidence under which a label is better called unsure:
    measured on sources held out of training, see docs/classifier.md."""

    __slots__ = ("_model", "_stakes", "unsure_below", "version")

    def __init__(self, model: Model) -> None:
        self._model = model
        self._stakes = model.tasks.index(STAKES)
        self.version = model.version
        self.unsure_below = float(model.facts["unsure_below"])

    def read(self, request: ChatRequest, signals: Signals) -> TextVerdict:
        """The text's task. Reasons name the runner-up only; `explain` names terms."""
        return self.read_window(window_of(request, in_session=signals.tool_results > 0))

    def read_window(self, window: Window) -> TextVerdict:
        if not window.text.strip():
            return TextVerdict("simple_qa", 0.0, None, ("no text",))
        model = self._model
        views = views_of(model, window)
        chances = probabilities(model, views)
        first, second = self._decide(chances, scale_of(model, views).stakes_above)
        reason = f"text, then {model.tasks[second]} {chances[second]:.2f}"
        return TextVerdict(
            model.tasks[first], chances[first], difficulty_of(model, views[0].pooled.features), (reason,)
        )

    def _decide(self, chances: list[float], stakes_above: float) -> tuple[int, int]:
        """The task, and the runner-up."""
        order = sorted(range(len(chances)), key=chances.__getitem__, reverse=True)
        order.remove(self._stakes)
        if chances[self._stakes] >= stakes_above:
            return self._stakes, order[0]
        return order[0], order[1]

    def explain(self, request: ChatRequest, signals: Signals) -> Explanation:
        """Why a request got its task. Costs a few times what `read` does."""
        return self.explain_window(window_of(request, in_session=signals.tool_results > 0))

    def explain_window(self, window: Window) -> Explanation:
        model = self._model
        views = views_of(model, window)
        chances = probabilities(model, views)
        first, _ = self._decide(chances, scale_of(model, views).stakes_above)
        terms = Counter[str]()
        for view in views:
            share = view.stakes_share if first == self._stakes else view.share
            if share:
                terms.update(_terms(view, share * _pull(view, first, self._stakes)))
        ranked = sorted(terms.items(), key=lambda item: item[1], reverse=True)
        ranking = sorted(zip(model.tasks, chances, strict=True), key=lambda item: item[1], reverse=True)
        return Explanation(
            task=model.tasks[first],
            confidence=chances[first],
            difficulty=difficulty_of(model, views[0].pooled.features),
            chances=tuple(ranking),
            towards=tuple(Term(term, weight) for term, weight in ranked[:_MOST_TERMS] if weight > 0),
            against=tuple(Term(term, weight) for term, weight in ranked[: -_MOST_TERMS - 1 : -1] if weight < 0),
            chars=len(window.text) + len(window.context),
        )


def _pull(view: View, task: int, stakes: int) -> Floats:
    """How the network's logit of the task, against the mean of all but `stakes`, grows with each feature: the gradient
    where the text stands."""
    pull: Floats = (_against_others(view.network.out, task, stakes) * (view.hidden > 0)) @ view.network.hide
    return pull


def _against_others(out: Floats, task: int, stakes: int) -> Floats:
    others: Floats = np.delete(out, stakes, axis=0).mean(axis=0)
    found: Floats = out[task] - others
    return found


def _terms(view: View, pull: Floats) -> dict[str, float]:
    """Weights of the terms: what each row's vector adds along the pull, by the pools that it is in and by the scan."""
    network, pooled = view.network, view.pooled
    reading, vectors = pooled.placed.reading, pooled.vectors
    width = vectors.shape[1]
    worth = np.zeros(len(vectors), np.float32)
    for number, (low, high) in enumerate(pools_of(reading)):
        part = pooled.weights[low:high]
        along = vectors[low:high] @ pull[number * width : (number + 1) * width]
        worth[low:high] += along * part / (part.sum() + 1e-6)
    worth[scanned_at(reading)] += _scan_worth(network, pooled, pull[POOLS * width :])
    tokens = [token.replace("\n", "⏎") for token in pooled.placed.tokens]
    terms: dict[str, float] = {}
    for (place, is_pair), weight in zip(reading.terms(), worth.tolist(), strict=True):
        term = " ".join(tokens[place : min(place + 2, reading.asked)]) if is_pair else tokens[place]
        terms[term] = terms.get(term, 0.0) + weight
    return terms


def _scan_worth(network: Network, pooled: Pooled, pull: Floats) -> Floats:
    """What each scanned word adds to the features of the ends, directly and by what other words took from it."""
    scanned, related, shares = pooled.ends
    kinds = scanned.shape[1]
    highest, mean = pull[: 4 * kinds].reshape(2, 2, kinds)
    later = _towards(related, highest[1], mean[1])
    on_words = later + shares.T @ (later @ network.relate[:, kinds:].T)
    by_place: Floats = (on_words * network.places[: len(scanned)]).sum(axis=1) + later @ network.relate_bias
    towards = (on_words + _towards(scanned, highest[0], mean[0])) * (scanned > 0)
    by_place += _along(network, pooled, towards)
    return by_place


def _towards(found: Floats, highest: Floats, mean: Floats) -> Floats:
    """The pull on each of `found` (words x kinds): on the highest of a kind, and on its mean where above nought."""
    towards: Floats = np.where(found > 0, mean / len(found), 0.0)
    at = found.argmax(axis=0)
    each_kind = np.arange(found.shape[1])
    towards[at, each_kind] += np.where(found[at, each_kind] > 0, highest, 0.0)
    return towards


def _along(network: Network, pooled: Pooled, towards: Floats) -> Floats:
    """What the words' own vectors add along the pull on what the scan gave."""
    places, width = len(towards), pooled.vectors.shape[1]
    words = pooled.vectors[scanned_at(pooled.placed.reading)]
    worth: Floats = towards @ network.scan_bias
    for back in range(REACH):
        at = (REACH - 1 - back) * width
        part = words[: places - back] @ network.scan[at : at + width]
        worth[: places - back] += (part * towards[back:]).sum(axis=1)
    return worth


def load_text_model(path: Path = DEFAULT_FILE) -> TrainedModel:
    """The model of `path`; without one, the model that ships with the gateway. Raises BadModel or OSError."""
    return TrainedModel(load(path))
