"""How hard a request looks: a line over the network's pooled features.

There is no licensed set of graded prompts to learn from, so two weak teachers are mixed: what a task asks for on
average (PRIOR), and which exam questions a small or a large model got
wrong (the MMLU and GSM8K answers of RouteLLM, Apache-2.0).
The report gives its rank correlation with FLASK's five levels; routes should not depend on it.
"""

from __future__ import annotations

import csv
import gzip
from typing import Any

import numpy as np

from gateway.classify.model import Network, place_tokens, pool
from gateway.classify.tokens import Vocabulary
from training.corpus import SHARED, Row, window_of_text

PRIOR = {
    "simple_qa": 0.2,
    "text_transform": 0.3,
    "general_assist": 0.4,
    "creative_writing": 0.45,
    "computer_use": 0.5,
    "health_safety": 0.5,
    "coding": 0.6,
    "math_reasoning": 0.7,
}
_RIDGE = 30.0


def _exam_rows() -> list[tuple[str, float]]:
    """Questions with a hardness: 0.3 where the small model was right, 0.6 where only the large one was, else 0.9."""
    path = SHARED / "quality" / "routellm_pairs.csv.gz"
    with gzip.open(path, "rt", newline="") as lines:
        return [
            (
                row["prompt"],
                0.3 if _true(row["mixtral8x7b_correct"]) else 0.6 if _true(row["gpt4_1106_correct"]) else 0.9,
            )
            for index, row in enumerate(csv.DictReader(lines))
            if index % 4 == 0
        ]


def _true(cell: str) -> bool:
    return cell.strip().lower() in ("true", "1", "1.0")


def difficulty_line(vocabulary: Vocabulary, network: Network, rows: list[Row]) -> np.ndarray[Any, Any]:
    """Weights over the features and, last, a constant; a logistic of their sum is the difficulty."""
    exams = _exam_rows()
    taken = [row for row in rows if row.source.startswith("written")] + rows[::7]
    texts = [text for text, _ in exams] + [row.text for row in taken]
    placed = [place_tokens(vocabulary, window_of_text(text)) for text in texts]
    x = np.array([pool(network, one, len(text)).features for one, text in zip(placed, texts, strict=True)])
    targets = np.array([hard for _, hard in exams] + [PRIOR[row.task] for row in taken])
    y = np.log(targets / (1 - targets))
    middle, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
    scaled = (x - middle) / spread
    weights = np.linalg.solve(scaled.T @ scaled + _RIDGE * np.eye(x.shape[1]), scaled.T @ (y - y.mean()))
    line = weights / spread
    return np.append(line, y.mean() - line @ middle).astype(np.float32)
