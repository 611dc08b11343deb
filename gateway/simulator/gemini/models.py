"""What Gemini's models accept, by their names. Facts gathered from the documentation, the recordings and public threads
that quote the live API's refusals; unknown names are taken for a plain model of the 2.5 generation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NAME = re.compile(r"gemini-(\d+)(?:\.(\d+))?-(pro|flash-lite|flash)")
LATEST = re.compile(r"gemini-(pro|flash-lite|flash)-latest")
LISTED = (
    ("gemini-2.5-flash", "Gemini 2.5 Flash"),
    ("gemini-2.5-pro", "Gemini 2.5 Pro"),
    ("gemini-3.1-pro-preview", "Gemini 3.1 Pro Preview"),
    ("gemini-3.1-flash-lite", "Gemini 3.1 Flash-Lite"),
    ("gemini-3.5-flash", "Gemini 3.5 Flash"),
)
THOUGHT_TOKENS = {"MINIMAL": 4, "LOW": 12, "MEDIUM": 24, "HIGH": 36}
USUAL_THOUGHT = 24


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """`budget` is the range of thinking budgets in tokens, None where the model does not think; `levels` are the
    thinking levels it takes; `thinks_unasked`: whether it thinks when the request says nothing of it."""

    signatures: bool = False
    signatures_required: bool = False
    budget: tuple[int, int] | None = (0, 24_576)
    can_stop_thinking: bool = True
    thinks_unasked: bool = False
    levels: tuple[str, ...] = ()
    penalties: bool = False
    json_with_tools: bool = False
    cache_from: int = 1024
    context: int = 1_048_576


def facts_of(model: str) -> ModelFacts:
    found = NAME.match(model)
    latest = LATEST.match(model)
    if found is None and latest is None:
        return ModelFacts()
    kind = found.group(3) if found else latest.group(1) if latest else ""
    version = (int(found.group(1)), int(found.group(2) or 0)) if found else (3, 0)
    pro, lite = kind == "pro", kind == "flash-lite"
    if version < (2, 5):
        return ModelFacts(budget=None, penalties=True)
    if version < (3, 0):
        return ModelFacts(
            signatures=True,
            budget=(128, 32_768) if pro else (512 if lite else 1, 24_576),
            can_stop_thinking=not pro,
            thinks_unasked=not lite,
            cache_from=4096 if pro else 1024,
        )
    return ModelFacts(
        signatures=True,
        signatures_required=True,
        budget=(128, 32_768) if pro else (1, 24_576),
        can_stop_thinking=not pro,
        thinks_unasked=not lite,
        levels=("LOW", "MEDIUM", "HIGH") if pro else ("MINIMAL", "LOW", "MEDIUM", "HIGH"),
        json_with_tools=True,
        cache_from=4096 if pro else 1024,
    )
