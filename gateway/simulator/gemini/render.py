"""Writes GenerateContentResponse objects, whole and as streams: CRLF between events, usage in each, no end marker."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson

from gateway.simulator.gemini.reading import PromptTokens
from gateway.simulator.mind.tokens import count, pieces
from gateway.simulator.vendor import Json

TOKENS_PER_EVENT = 4
MODEL_CALLED = "Model generated function call(s)."


@dataclass(slots=True)
class Candidate:
    """One candidate. `parts` are finished parts; `tokens` are those of text and calls."""

    index: int
    parts: list[Json]
    finish: str
    tokens: int
    ratings: list[Json] = field(default_factory=list)
    top_logprobs: int | None = None
    text: str = ""


@dataclass(slots=True)
class Response:
    """All that an answer is written from."""

    id: str
    model: str
    candidates: list[Candidate]
    prompt: PromptTokens
    thoughts: int
    blocked: str | None = None
    says_tier: bool = True

    def usage(self, tokens: int | None = None) -> Json:
        """The usage after `tokens` of output (None: all of it)."""
        if tokens is None:
            tokens = sum(candidate.tokens for candidate in self.candidates)
        prompt = self.prompt
        usage: Json = {"promptTokenCount": prompt.total}
        if tokens:
            usage["candidatesTokenCount"] = tokens
        usage["totalTokenCount"] = prompt.total + tokens + self.thoughts
        if prompt.cached:
            usage["cachedContentTokenCount"] = prompt.cached
        usage["promptTokensDetails"] = [
            {"modality": modality, "tokenCount": number} for modality, number in prompt.by_modality.items() if number
        ]
        if prompt.cached:
            usage["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": prompt.cached}]
        if self.thoughts:
            usage["thoughtsTokenCount"] = self.thoughts
        if self.says_tier:
            usage["serviceTier"] = "standard"
        return usage

    def frame(self, candidates: list[Json], tokens: int | None = None) -> Json:
        body: Json = {}
        if self.blocked is not None:
            body["promptFeedback"] = {"blockReason": self.blocked}
        else:
            body["candidates"] = candidates
        return {
            **body,
            "usageMetadata": self.usage(tokens),
            "modelVersion": self.model,
            "responseId": self.id,
        }


def _candidate(candidate: Candidate, parts: list[Json], finish: str | None) -> Json:
    content: Json = {"parts": parts, "role": "model"} if parts else {"role": "model"}
    if finish is not None and finish not in ("STOP", "MAX_TOKENS") and not parts:
        content = {}
    body: Json = {"content": content}
    if finish is not None:
        body["finishReason"] = finish
    body["index"] = candidate.index
    if finish is not None and candidate.ratings:
        body["safetyRatings"] = candidate.ratings
    if finish is not None and any("functionCall" in part for part in candidate.parts):
        body["finishMessage"] = MODEL_CALLED
    return body


def _logprobs(candidate: Candidate, texts: list[str]) -> Json:
    """Invented log probabilities, the same for the same token."""
    chosen = [_token(text, 0) for text in texts]
    tops = [
        {"candidates": [_token(text, rank) for rank in range(max(1, candidate.top_logprobs or 0))]} for text in texts
    ]
    average = sum(entry["logProbability"] for entry in chosen) / len(chosen) if chosen else 0.0
    return {"avgLogprobs": average, "logprobsResult": {"chosenCandidates": chosen, "topCandidates": tops}}


def _token(text: str, rank: int) -> Json:
    value = -0.01 - (sum(text.encode("utf-8", "surrogatepass")) % 97) / 100 - rank
    shown = text if rank == 0 else f"{text}{rank}"
    return {"token": shown, "tokenId": sum(shown.encode("utf-8", "surrogatepass")), "logProbability": round(value, 6)}


def whole(response: Response) -> bytes:
    """A GenerateContentResponse."""
    candidates = []
    for candidate in response.candidates:
        body = _candidate(candidate, candidate.parts, candidate.finish)
        if candidate.top_logprobs is not None:
            body.update(_logprobs(candidate, pieces(candidate.text)))
        candidates.append(body)
    return orjson.dumps(response.frame(candidates), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def stream(response: Response) -> list[Json]:
    """The same in pieces: thoughts, then text by a few tokens or calls one by one; the last has the finish reason."""
    if response.blocked is not None or not response.candidates:
        return [response.frame([])]
    frames: list[Json] = []
    said = 0
    for candidate in response.candidates:
        steps = _steps(candidate)
        for parts, tokens in steps[:-1]:
            said += tokens
            frames.append(response.frame([_candidate(candidate, parts, None)], said))
        last, tokens = steps[-1]
        said += tokens
        body = _candidate(candidate, last, candidate.finish)
        if candidate.top_logprobs is not None:
            body.update(_logprobs(candidate, pieces(candidate.text)))
        frames.append(response.frame([body], said))
    return frames


def _steps(candidate: Candidate) -> list[tuple[list[Json], int]]:
    """Parts per event, with their tokens of output. Calls and signed texts end in an empty text, as recorded."""
    steps: list[tuple[list[Json], int]] = []
    for part in candidate.parts:
        if "text" not in part:
            tokens = candidate.tokens if part is candidate.parts[-1] else 0
            steps.append(([part], tokens))
            continue
        extra = {"thought": True} if part.get("thought") else {}
        for piece in pieces(part["text"], TOKENS_PER_EVENT):
            steps.append(([{"text": piece, **extra}], 0 if extra else count(piece)))
        if "thoughtSignature" in part:
            steps.append(([{"text": "", "thoughtSignature": part["thoughtSignature"]}], 0))
    if steps and "text" not in steps[-1][0][0]:
        steps.append(([{"text": ""}], 0))
    return steps or [([], 0)]


def sse(frames: list[Json]) -> list[bytes]:
    """Server-sent events, as `alt=sse` asks for them."""
    return [b"data: " + orjson.dumps(frame) + b"\r\n\r\n" for frame in frames]


def array(frames: list[Json]) -> list[bytes]:
    """One JSON array in pieces, which is what a stream without `alt=sse` is."""
    bodies = [orjson.dumps(frame, option=orjson.OPT_INDENT_2) for frame in frames]
    return [b"[" + bodies[0], *[b",\r\n" + body for body in bodies[1:]], b"]"]
