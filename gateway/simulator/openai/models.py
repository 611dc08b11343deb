"""What OpenAI's models accept, by their names. Facts gathered from the API reference and from public threads that quote
the live API's refusals; unknown names are taken for plain chat models.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

GPT_5 = re.compile(r"gpt-5(?:\.(\d+))?(?![\d.])(-mini|-nano)?(?!-chat)")
REASONING_TOKENS = {"none": 0, "minimal": 8, "low": 16, "medium": 32, "high": 64, "xhigh": 96, "max": 128}
LISTED = (
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-4.1",
    "gpt-5-mini",
    "gpt-5.4",
    "gpt-5.4-mini",
    "gpt-5.6-terra",
    "muse-spark-1.3",
)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """`efforts` is empty for models that don't reason. `tools_with_effort`: whether function tools go with reasoning.
    `instructions`: whether it takes system and developer messages. `context` is in tokens."""

    efforts: tuple[str, ...] = ()
    default_effort: str = "none"
    stop: bool = True
    tools_with_effort: bool = True
    only_auto: bool = False
    audio: bool = False
    search: bool = False
    instructions: bool = True
    context: int = 128_000

    @property
    def reasons(self) -> bool:
        return bool(self.efforts)


def facts_of(model: str) -> ModelFacts:
    if model.startswith("muse-"):
        efforts = ("minimal", "low", "medium", "high")
        return ModelFacts(efforts, "medium", stop=False, only_auto=True, context=1_000_000)
    if re.match(r"o\d", model):
        plain = model.startswith(("o1-mini", "o1-preview"))
        return ModelFacts(("low", "medium", "high"), "medium", stop=False, instructions=not plain, context=200_000)
    found = GPT_5.match(model)
    if found is None:
        return ModelFacts(
            audio="audio" in model, search="search" in model, context=1_047_576 if "4.1" in model else 128_000
        )
    minor, small = int(found.group(1) or 0), found.group(2) is not None
    if minor == 0:
        return ModelFacts(("minimal", "low", "medium", "high"), "medium", stop=False, context=400_000)
    return ModelFacts(
        ("none", "low", "medium", "high") if minor == 1 else ("none", "low", "medium", "high", "xhigh"),
        "none" if minor < 6 else "medium",
        stop=not (minor in (2, 4) and not small),
        tools_with_effort=minor < 4,
        context=1_050_000 if minor >= 4 and not small else 400_000,
    )
