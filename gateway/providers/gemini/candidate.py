"""One Gemini candidate as one OpenAI choice. What a whole answer and a stream have in common stands here, so that the
folded stream is the whole answer: both read parts through `CandidateReader`.

Source: Candidate, Part and FinishReason in the Gemini API reference.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from gateway.core.chat import Json
from gateway.providers.base import CallContext
from gateway.providers.gemini.messages import SIGNATURE_FORMAT
from gateway.providers.gemini.tools import uses_legacy_functions

_FINISH_REASONS = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "ESCALATION": "content_filter",
    "PUP_LIMITED_DISABLED": "content_filter",
}
_NUMBERED = {
    1: "STOP",
    2: "MAX_TOKENS",
    3: "SAFETY",
    4: "RECITATION",
    5: "OTHER",
    6: "BLOCKLIST",
    7: "PROHIBITED_CONTENT",
    8: "SPII",
    9: "MALFORMED_FUNCTION_CALL",
}
"""FinishReason by number, as Vertex sends it to clients of `$alt=json;enum-encoding=int`."""
_SLIPS = frozenset(
    {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE", "NO_IMAGE"}
)
"""The model slipped: there is no usable answer, and another try may give one."""
_EXTRAS = {
    "groundingMetadata": "grounding_metadata",
    "citationMetadata": "citation_metadata",
    "urlContextMetadata": "url_context_metadata",
    "safetyRatings": "safety_ratings",
    "finishMessage": "finish_message",
}


_TEXTS = ("content", "reasoning_content")
_IF_FILTERED = ("finish_reason", "finish_message", "safety_ratings")
"""Extras that are of use only when they tell why the answer was cut."""


class Malformed(ValueError):
    """What came is not what Gemini sends."""


class BrokenAnswer(Exception):
    """Gemini says itself that it failed to answer. `again` tells whether another try may succeed."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"gemini gave no usable answer: {reason[:60]}")
        self.again = reason in _SLIPS


class CandidateReader:
    """Reads the events of one candidate into deltas. `finish_reason` is None until Gemini gave one; `text_chars`
    counts the characters of content, reasoning and tool arguments."""

    __slots__ = (
        "_calls",
        "_context",
        "_details",
        "_extras",
        "_images",
        "_index",
        "_legacy",
        "_seen",
        "finish_reason",
        "text_chars",
    )

    def __init__(self, index: int, context: CallContext) -> None:
        self._index = index
        self._context = context
        self._legacy = uses_legacy_functions(context.request.body)
        self._calls = 0
        self._details = 0
        self._images = 0
        self._extras: Json = {}
        self._seen = False
        self.finish_reason: str | None = None
        self.text_chars = 0

    def read(self, candidate: Json) -> Json:
        """What one event adds to the message. Raises Malformed, and BrokenAnswer for a reason that is a failure."""
        content = candidate.get("content") or {}
        parts = (content.get("parts") or ()) if isinstance(content, dict) else content
        if not isinstance(parts, (list, tuple)):
            raise Malformed("the parts of a candidate are no list")
        delta: Json = {}
        for part in parts:
            if not isinstance(part, dict):
                raise Malformed("a part is no object")
            self._read_part(part, delta)
        for name in _TEXTS:
            if name in delta:
                delta[name] = "".join(delta[name])
        if delta:
            self._seen = True
        for theirs, ours in _EXTRAS.items():
            if candidate.get(theirs):
                self._extras[ours] = candidate[theirs]
        reason = candidate.get("finishReason")
        if reason and reason != "FINISH_REASON_UNSPECIFIED":
            self.finish_reason = self._finish(_NUMBERED.get(reason) if type(reason) is int else reason)
        return delta

    def extras(self) -> Json:
        """What Gemini said beside the message, for `extra_content`; known in full once the candidate has finished."""
        kept = self._extras
        if kept and self.finish_reason != "content_filter":
            kept = {name: value for name, value in kept.items() if name not in _IF_FILTERED}
        if not kept:
            return {}
        try:
            orjson.dumps(kept)
        except TypeError as error:  # nested deeper than JSON writers go
            raise Malformed("the answer's metadata is nested too deeply") from error
        return {"extra_content": {"google": kept}}

    def _finish(self, reason: Any) -> str:
        if not isinstance(reason, str) or reason in _SLIPS or reason == "MISSING_THOUGHT_SIGNATURE":
            raise BrokenAnswer(str(reason))
        self._extras["finish_reason"] = reason
        finish = _FINISH_REASONS.get(reason)
        if finish is None:
            # OTHER, and reasons yet unknown: what was said stands as cut off by the vendor, nothing said is no answer.
            if not self._seen:
                raise BrokenAnswer(reason)
            finish = "content_filter"
        if finish == "stop" and self._calls:
            return "function_call" if self._legacy else "tool_calls"
        return finish

    def _read_part(self, part: Json, delta: Json) -> None:
        signature = part.get("thoughtSignature")
        if "functionCall" in part:
            self._read_call(part["functionCall"], signature, delta)
            return
        if "text" in part:
            self._read_text(part["text"], part.get("thought") is True, delta)
        elif isinstance(part.get("inlineData"), dict):
            self._read_blob(part, signature, delta)
            return
        elif any(name != "thoughtSignature" for name in part):
            self._extras.setdefault("parts", []).append(part)
            return
        if signature:
            item = {"type": "reasoning.encrypted", "data": signature, "format": SIGNATURE_FORMAT}
            delta.setdefault("reasoning_details", []).append({**item, "index": self._details})
            self._details += 1

    def _read_text(self, text: Any, thought: bool, delta: Json) -> None:
        if not isinstance(text, str):
            raise Malformed("the text of a part is no string")
        if text:
            delta.setdefault("reasoning_content" if thought else "content", []).append(text)
            self.text_chars += len(text)

    def _read_blob(self, part: Json, signature: Any, delta: Json) -> None:
        """Images as OpenRouter shows them, in `images`; other media among the extras."""
        mime_type, data = part["inlineData"].get("mimeType"), part["inlineData"].get("data")
        if not isinstance(mime_type, str) or not isinstance(data, str) or not mime_type.startswith("image/"):
            self._extras.setdefault("parts", []).append(part)
            return
        if part.get("thought") is True:
            return  # a draft on the way to the image that follows
        url = f"data:{mime_type};base64,{data}"
        image: Json = {"type": "image_url", "index": self._images, "image_url": {"url": url}}
        self._images += 1
        if signature:
            image["extra_content"] = {"google": {"thought_signature": signature}}
        delta.setdefault("images", []).append(image)

    def _read_call(self, call: Any, signature: Any, delta: Json) -> None:
        name = call.get("name") if isinstance(call, dict) else None
        if not isinstance(name, str) or not name:
            raise Malformed("a function call has no name")
        if "partialArgs" in call or call.get("willContinue"):
            raise Malformed("the arguments of a function call came in pieces, which is never asked for")
        try:
            arguments = orjson.dumps(call.get("args") or {}).decode()
        except TypeError as error:  # nested deeper than JSON writers go
            raise Malformed("the arguments of a function call are nested too deeply") from error
        self.text_chars += len(arguments)
        function = {"name": name, "arguments": arguments}
        place = self._calls
        self._calls += 1
        if self._legacy and place == 0:
            delta["function_call"] = function
            return
        id = call.get("id")
        made: Json = {
            "index": place - 1 if self._legacy else place,
            "id": id if isinstance(id, str) and id else self._call_id(place),
            "type": "function",
            "function": function,
        }
        if signature:
            made["extra_content"] = {"google": {"thought_signature": signature}}
        delta.setdefault("tool_calls", []).append(made)

    def _call_id(self, place: int) -> str:
        """The same id for the same call of the same answer, where Gemini gives none."""
        seed = f"{self._context.id}/{self._index}/{place}"
        return "call_" + hashlib.blake2s(seed.encode(), digest_size=12).hexdigest()


def read_logprobs(candidate: Json, top: int) -> Json | None:
    """`logprobsResult` as OpenAI's `logprobs`, with at most `top` alternatives for each token."""
    result = candidate.get("logprobsResult")
    if not isinstance(result, dict):
        return None
    chosen, others = result.get("chosenCandidates"), result.get("topCandidates")
    if not isinstance(chosen, list):
        return None
    content = []
    for place, token in enumerate(chosen):
        step = others[place] if isinstance(others, list) and place < len(others) else None
        best = step.get("candidates") if isinstance(step, dict) else None
        alternatives = [_token(item) for item in best[:top]] if isinstance(best, list) else []
        content.append({**_token(token), "top_logprobs": alternatives})
    return {"content": content, "refusal": None}


def _token(item: Any) -> Json:
    token = item.get("token") if isinstance(item, dict) else None
    logprob = item.get("logProbability") if isinstance(item, dict) else None
    text = token if isinstance(token, str) else ""
    number = float(logprob) if isinstance(logprob, (int, float)) else 0.0
    return {"token": text, "logprob": number, "bytes": list(text.encode())}
