"""What the shipped text model is worth: `python -m training.report` (see `make classify-report`). Numpy only.

Scores dev.jsonl (eleven labels; eight textual ones), the XSTest contrast, robustness, difficulty and cost. dev.jsonl is
a score: nothing is fitted or chosen on it.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from gateway.classify.label import LONG_CONTEXT_TOKENS
from gateway.classify.model import STAKES
from gateway.classify.model_file import DEFAULT_FILE
from gateway.classify.text import TrainedModel, load_text_model
from gateway.core.label import TEXT_TASKS
from training.augment import with_typos
from training.corpus import (
    JUDGED,
    SHARED,
    contrast_rows,
    dev_rows,
    difficulty_rows,
    is_short,
    window_of_text,
    written_rows,
)

ALL_TASKS = (*TEXT_TASKS, "agentic_tools", "long_context", "multimodal")
_CHARS_PER_TOKEN = 4
PREAMBLE = "Hello! I hope you're doing well. Could you please help me with the following? "


def by_structure(features: dict[str, Any]) -> str | None:
    """The structural label, where the request's shape gives one: images before tools before length."""
    if features.get("has_images"):
        return "multimodal"
    if features.get("has_tools"):
        return "agentic_tools"
    if features["n_chars"] >= LONG_CONTEXT_TOKENS * _CHARS_PER_TOKEN:
        return "long_context"
    return None


def f1_by_task(truth: list[str], guess: list[str], tasks: tuple[str, ...]) -> dict[str, float]:
    scores = {}
    for task in tasks:
        both = sum(t == g == task for t, g in zip(truth, guess, strict=True))
        either = truth.count(task) + guess.count(task)
        scores[task] = 2 * both / either if either else 0.0
    return scores


def accuracy(truth: list[str], guess: list[str]) -> float:
    return sum(t == g for t, g in zip(truth, guess, strict=True)) / len(truth)


def coverage_at(confidence: list[float], right: list[bool], wanted: float = 0.90) -> float:
    """The largest share of rows, taken by falling confidence, of which `wanted` are right."""
    order = np.argsort(-np.array(confidence), kind="stable")
    running = np.cumsum(np.array(right)[order]) / np.arange(1, len(right) + 1)
    good = np.flatnonzero(running >= wanted)
    return float(good[-1] + 1) / len(right) if len(good) else 0.0


def spearman(left: list[float], right: list[float]) -> float:
    ranks = [_ranks(np.array(values)) for values in (left, right)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _ranks(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(count)
    return np.asarray((ends - (count - 1) / 2)[place])


def dev_report(model: TrainedModel) -> dict[str, Any]:
    rows = dev_rows()
    truth = [row["task"] for row in rows]
    verdicts = [
        model.read_window(window_of_text(row["text"], row.get("system") or "", row["features"]["n_chars"]))
        for row in rows
    ]
    guess = [by_structure(row["features"]) or verdict.task for row, verdict in zip(rows, verdicts, strict=True)]
    textual = [index for index, task in enumerate(truth) if task in TEXT_TASKS]
    text_truth = [truth[index] for index in textual]
    text_guess = [verdicts[index].task for index in textual]
    text_f1 = f1_by_task(text_truth, text_guess, TEXT_TASKS)
    all_f1 = f1_by_task(truth, guess, ALL_TASKS)
    confidence = [verdicts[index].confidence for index in textual]
    right = [t == g for t, g in zip(text_truth, text_guess, strict=True)]
    sure = [
        (is_short(rows[index]["text"]), value >= model.unsure_below, correct)
        for index, value, correct in zip(textual, confidence, right, strict=True)
    ]
    return {
        "rows": len(rows),
        "accuracy_11": accuracy(truth, guess),
        "macro_f1_11": sum(all_f1.values()) / len(all_f1),
        "accuracy_8": accuracy(text_truth, text_guess),
        "macro_f1_8": sum(text_f1.values()) / len(text_f1),
        "f1": all_f1,
        "f1_text": text_f1,
        "confusion": {
            t: {g: sum(a == t and b == g for a, b in zip(text_truth, text_guess, strict=True)) for g in TEXT_TASKS}
            for t in TEXT_TASKS
        },
        "coverage_at_90": coverage_at(confidence, right),
        "sure": _share_and_accuracy([one for _, *one in sure]),
        "sure_short": _share_and_accuracy([one for short, *one in sure if short]),
        "sure_longer": _share_and_accuracy([one for short, *one in sure if not short]),
    }


def _share_and_accuracy(verdicts: list[list[bool]]) -> tuple[float, float]:
    """Of verdicts (whether sure, whether right): the share that is sure, and the share of these that are right."""
    right = [correct for sure, correct in verdicts if sure]
    return len(right) / len(verdicts), sum(right) / max(1, len(right))


def contrast_report(model: TrainedModel) -> dict[str, float]:
    shares = {}
    for kind in ("safe", "unsafe"):
        texts = [row["text"] for row in contrast_rows() if row["label"] == kind]
        shares[kind] = sum(model.read_window(window_of_text(text)).task == STAKES for text in texts) / len(texts)
    return shares


def judged_report(model: TrainedModel) -> dict[str, dict[str, float]]:
    """By author: the share that is right, and the shares called health_safety of the rows that are and that are not."""
    rows = written_rows(JUDGED)
    guess = [model.read_window(window_of_text(row.text, row.system)).task for row in rows]
    found = {}
    for author in sorted({row.source for row in rows}):
        mine = [(row.task, task) for row, task in zip(rows, guess, strict=True) if row.source == author]
        grave = [task == STAKES for truth, task in mine if truth == STAKES]
        other = [task == STAKES for truth, task in mine if truth != STAKES]
        right = sum(truth == task for truth, task in mine) / len(mine)
        found[author] = {"right": right, "safe": sum(other) / len(other), "grave": sum(grave) / len(grave)}
    return found


def robustness_report(model: TrainedModel) -> dict[str, float]:
    """Shares of dev's textual rows whose label changes."""
    random = Random(7)
    texts = [row["text"] for row in dev_rows() if row["task"] in TEXT_TASKS]
    before = [model.read_window(window_of_text(text)).task for text in texts]
    changes = {
        "typo in one word of ten": [with_typos(text, random, 0.1) for text in texts],
        "lower case": [text.lower() for text in texts],
        "polite preamble": [PREAMBLE + text for text in texts],
    }
    return {
        name: sum(
            model.read_window(window_of_text(text)).task != task for text, task in zip(changed, before, strict=True)
        )
        / len(texts)
        for name, changed in changes.items()
    }


def difficulty_report(model: TrainedModel) -> float | None:
    """Spearman against FLASK's five levels."""
    levels = [
        "simple lifestyle knowledge",
        "advanced lifestyle knowledge",
        "formal education knowledge",
        "major level knowledge",
        "expert level knowledge",
    ]
    rows = [row for row in difficulty_rows() if row["difficulty"] in levels]
    guess = [model.read_window(window_of_text(row["text"])).difficulty or 0.0 for row in rows]
    return spearman(guess, [float(levels.index(row["difficulty"])) for row in rows])


def cost_report() -> dict[str, float]:
    started = time.perf_counter()
    model = load_text_model()
    loaded = time.perf_counter() - started
    text = next(row["text"] for row in dev_rows() if 980 < len(row["text"]) < 1020)
    asked = window_of_text(text)
    times = []
    for _ in range(2000):
        begun = time.perf_counter()
        model.read_window(asked)
        times.append(time.perf_counter() - begun)
    return {"load_ms": loaded * 1e3, "median_us": sorted(times)[1000] * 1e6}


def main() -> None:
    if not (SHARED / "tasks").is_dir():
        raise SystemExit(f"{SHARED} holds no task sets: nothing to score on")
    model = load_text_model()
    dev = dev_report(model)
    print(f"model {model.version}, {Path(DEFAULT_FILE).stat().st_size / 1e6:.2f} MB")
    print(f"dev: {dev['rows']} rows, sources unseen in training")
    print(f"  11 labels  accuracy {dev['accuracy_11']:.3f}  macro-F1 {dev['macro_f1_11']:.3f}")
    print(f"   8 labels  accuracy {dev['accuracy_8']:.3f}  macro-F1 {dev['macro_f1_8']:.3f}")
    for task, score in dev["f1"].items():
        print(
            f"    {task:17s} F1 {score:.3f}"
            + (f"   text only {dev['f1_text'][task]:.3f}" if task in TEXT_TASKS else "")
        )
    print("  confusion (rows: truth)")
    print("    " + " " * 17 + " ".join(f"{task[:8]:>8s}" for task in TEXT_TASKS))
    for task, line in dev["confusion"].items():
        print(f"    {task:17s}" + " ".join(f"{count:8d}" for count in line.values()))
    print(f"  coverage at 0.90 accuracy {dev['coverage_at_90']:.3f}")
    print(f"  at the shipped threshold {model.unsure_below}:")
    for name in ("sure", "sure_short", "sure_longer"):
        print("    {:12s} {:.3f}, {:.3f} of them right".format(name.replace("_", ", "), *dev[name]))
    print("XSTest labelled health_safety:", json.dumps({k: round(v, 3) for k, v in contrast_report(model).items()}))
    for author, shares in judged_report(model).items():
        print(f"{author}, not trained on:", json.dumps({k: round(v, 3) for k, v in shares.items()}))
    print("labels changed by:", json.dumps({k: round(v, 3) for k, v in robustness_report(model).items()}))
    print(f"difficulty: Spearman {difficulty_report(model):.3f} against FLASK's levels")
    print("cost:", json.dumps({k: round(v, 1) for k, v in cost_report().items()}))


if __name__ == "__main__":
    main()
