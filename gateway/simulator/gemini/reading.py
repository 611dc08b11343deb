"""Reads a checked generateContent request: what the model is asked, and how many tokens that is, by kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from gateway.simulator.gemini.checks import JSON, functions_of
from gateway.simulator.gemini.models import THOUGHT_TOKENS, USUAL_THOUGHT, ModelFacts
from gateway.simulator.mind.prefixes import SeenPrefixes, chain
from gateway.simulator.mind.prompt import Prompt, Tool
from gateway.simulator.mind.tokens import count
from gateway.simulator.vendor import Json

FIXED = {"IMAGE": 258, "DOCUMENT": 258, "AUDIO": 64, "VIDEO": 512}
KINDS = {"IMAGE": "image", "DOCUMENT": "document", "AUDIO": "audio clip", "VIDEO": "video"}
NO_PARAMETERS: Json = {"type": "object", "properties": {}}


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """Tokens of the prompt by modality (they sum to `total`), and how many of them were cached."""

    by_modality: dict[str, int]
    cached: int = 0

    @property
    def total(self) -> int:
        return sum(self.by_modality.values())


def text_of(content: Json) -> str:
    return "".join(part.get("text", "") for part in content["parts"] if not part.get("thought"))


def read_prompt(request: Json) -> Prompt:
    """The prompt of a checked request."""
    contents: list[Json] = request["contents"]
    asked = next((i for i in range(len(contents) - 1, -1, -1) if _is_question(contents[i])), len(contents) - 1)
    after = [part for content in contents[asked + 1 :] for part in content["parts"]]
    responses = [part["functionResponse"] for part in contents[-1]["parts"] if "functionResponse" in part]
    config = request.get("generationConfig") or {}
    calling = (request.get("toolConfig") or {}).get("functionCallingConfig") or {}
    allowed = calling.get("allowedFunctionNames")
    tools = tuple(
        Tool(function["name"], function.get("parameters") or function.get("parametersJsonSchema") or NO_PARAMETERS)
        for function in functions_of(request)
        if not allowed or function["name"] in allowed
    )
    wants_json = config.get("responseMimeType") == JSON
    schema = config.get("responseSchema") or config.get("responseJsonSchema")
    all_results = [part["functionResponse"] for part in after if "functionResponse" in part]
    return Prompt(
        text=text_of(contents[asked]),
        tools=tools,
        may_call=calling.get("mode") != "NONE",
        must_call=calling.get("mode") == "ANY",
        results=tuple(_result(response) for response in all_results) if responses else (),
        called=frozenset(part["functionCall"]["name"] for part in after if "functionCall" in part),
        schema=schema,
        json_object=wants_json and schema is None,
        media=_media(contents[asked]["parts"]),
        seed=config.get("seed"),
        instructions=text_of(request["systemInstruction"]) if "systemInstruction" in request else "",
    )


def _is_question(content: Json) -> bool:
    return content.get("role", "user") == "user" and not any("functionResponse" in part for part in content["parts"])


def _result(response: Json) -> str:
    """A function response as text: its only string, or else its JSON."""
    values: Any = list((response.get("response") or {}).values())
    if len(values) == 1 and isinstance(values[0], str):
        return str(values[0])
    return orjson.dumps(response.get("response") or {}).decode()


def _modality(part: Json) -> str:
    kind = str((part.get("inlineData") or part.get("fileData") or {}).get("mimeType", "image/"))
    for name in ("image", "audio", "video"):
        if kind.startswith(f"{name}/"):
            return name.upper()
    return "DOCUMENT"


def _media(parts: list[Json]) -> tuple[tuple[str, int], ...]:
    kinds = [KINDS[_modality(part)] for part in parts if "inlineData" in part or "fileData" in part]
    return tuple((kind, kinds.count(kind)) for kind in dict.fromkeys(kinds))


def _count_content(content: Json, totals: dict[str, int]) -> int:
    """Adds a content's tokens to `totals`, and returns them."""
    before = sum(totals.values())
    for part in content.get("parts") or ():
        if "inlineData" in part or "fileData" in part:
            modality = _modality(part)
            totals[modality] = totals.get(modality, 0) + FIXED[modality]
        elif "text" in part:
            totals["TEXT"] += count(part["text"])
        else:
            data = {key: value for key, value in part.items() if key != "thoughtSignature"}
            totals["TEXT"] += count(orjson.dumps(data).decode())
    return sum(totals.values()) - before


def count_prompt(request: Json, model: str, facts: ModelFacts, seen: SeenPrefixes) -> PromptTokens:
    """Counts the prompt and remembers it. A known beginning that is long enough counts as cached."""
    totals = {"TEXT": 0}
    declared, instruction = request.get("tools"), request.get("systemInstruction")
    if declared:
        totals["TEXT"] += count(orjson.dumps(declared).decode())
    if instruction:
        _count_content(instruction, totals)
    sums = [sum(totals.values())]
    for content in request["contents"]:
        sums.append(sums[-1] + _count_content(content, totals))
    cached = 0
    if sums[-1] >= facts.cache_from:
        digests = chain(model, [[declared, instruction], *request["contents"]])
        known = seen.longest(digests)
        cached = sums[known - 1] if known and sums[known - 1] >= facts.cache_from else 0
        seen.add(digests)
    return PromptTokens(totals, cached)


def thought_tokens(request: Json, facts: ModelFacts) -> int:
    """How many tokens the model thinks before it answers: at most half of the output limit, so that it can answer."""
    config = request.get("generationConfig") or {}
    thinking = config.get("thinkingConfig") or {}
    budget, level = thinking.get("thinkingBudget"), thinking.get("thinkingLevel")
    if facts.budget is None or budget == 0:
        return 0
    if budget is None and level is None and not facts.thinks_unasked and not thinking.get("includeThoughts"):
        return 0
    tokens = THOUGHT_TOKENS.get(level or "", USUAL_THOUGHT)
    if budget is not None and budget > 0:
        tokens = min(tokens, budget)
    limit = config.get("maxOutputTokens")
    return tokens if limit is None else min(tokens, limit // 2)
