"""What Anthropic's models accept, by their names. Facts gathered from the documentation and from public threads that
quote the live API's refusals; names that are not Claude's are taken for a permissive model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NAME = re.compile(r"claude-(?:(\d)(?:-(\d))?-)?([a-z]+)(?:-(\d{1,2})(?!\d))?(?:-(\d{1,2})(?!\d))?")
MAX_OUTPUT_FROM = (
    ((4, 6), 128_000),
    ((4, 5), 64_000),
    ((4, 0), 64_000),
    ((3, 7), 64_000),
    ((3, 5), 8192),
    ((0, 0), 4096),
)
LISTED = (
    ("claude-haiku-4-5", "Claude Haiku 4.5"),
    ("claude-sonnet-4-5", "Claude Sonnet 4.5"),
    ("claude-sonnet-4-6", "Claude Sonnet 4.6"),
    ("claude-opus-4-6", "Claude Opus 4.6"),
    ("claude-opus-4-8", "Claude Opus 4.8"),
)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """`manual`: thinking of type `enabled`; `adaptive`: of type `adaptive`. `sampling`: takes temperature, top_p and
    top_k; `one_sampler`: not temperature together with top_p. `max_output` and `context` are in tokens."""

    manual: bool = True
    adaptive: bool = True
    sampling: bool = True
    one_sampler: bool = False
    prefill: bool = True
    structured: bool = True
    effort: bool = True
    system_messages: bool = False
    max_output: int = 64_000
    context: int = 200_000

    @property
    def thinks(self) -> bool:
        return self.manual or self.adaptive


def facts_of(model: str) -> ModelFacts:
    found = NAME.match(model)
    if found is None:
        return ModelFacts()
    old_major, old_minor, family, major, minor = found.groups()
    version = (int(old_major or major or 0), int((old_minor if old_major else minor) or 0))
    haiku = family == "haiku"
    newest = version >= (5, 0) or (family == "opus" and version >= (4, 7))
    modern = version >= (5, 0) or (version >= (4, 6) and not haiku)
    return ModelFacts(
        manual=version >= (3, 7) and not newest,
        adaptive=modern,
        sampling=not newest,
        one_sampler=version >= ((4, 1) if family == "opus" else (4, 5)),
        prefill=not modern,
        structured=version >= ((4, 1) if family == "opus" else (4, 5)),
        effort=modern or (family == "opus" and version >= (4, 5)),
        system_messages=version >= (5, 0) or (family == "opus" and version >= (4, 8)),
        max_output=32_000 if family == "opus" and (4, 0) <= version <= (4, 1) else _max_output(version),
        context=1_000_000 if modern else 200_000,
    )


def _max_output(version: tuple[int, int]) -> int:
    return next(tokens for least, tokens in MAX_OUTPUT_FROM if version >= least)
