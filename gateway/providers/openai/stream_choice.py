"""One choice of a stream: its deltas brought into OpenAI's form, and the tool calls it has open.

A role comes once, with the first delta. Tool calls are numbered from 0 without gaps; id, type and name come once, with
a call's first fragment; arguments are always text. SDKs join repeated strings, so what a vendor repeats is left out.
"""

from __future__ import annotations

from typing import Any

from gateway.core.chat import Json
from gateway.providers.errors.classify import invalid_answer
from gateway.providers.openai.pieces import as_text, call_id, take_parts, take_reasoning

_TOLD_AGAIN = frozenset({"type", "text", "summary", "data", "signature"})
"""Fields of a reasoning blob that every fragment may have; the others (format, id) are told once."""


class _Call:
    __slots__ = ("id", "name")

    def __init__(self, id: str, name: str) -> None:
        self.id = id
        self.name = name


class StreamChoice:
    """`finished` is the finish reason once known; `chars` counts the characters of the delta that `delta` gave last."""

    __slots__ = (
        "_answer_id",
        "_begun",
        "_calls",
        "_details",
        "_parts",
        "_places",
        "_slots",
        "_told",
        "chars",
        "finished",
        "index",
    )

    def __init__(self, index: int, answer_id: str) -> None:
        self.index = index
        self.finished: str | None = None
        self.chars = 0
        self._answer_id = answer_id
        self._begun = False
        self._calls: list[_Call] = []
        self._parts = 0
        self._places: dict[str, int] = {}
        self._slots: dict[int, int] = {}
        self._details: dict[tuple[Any, Any], int] = {}
        self._told: dict[int, set[str]] = {}

    def delta(self, raw: Json) -> Json | None:
        """The delta of a vendor's choice in OpenAI's form, None where nothing is left to tell."""
        logprobs = raw.get("logprobs")
        if type(logprobs) is not dict:
            raw["logprobs"] = logprobs = None
        delta = raw.get("delta")
        if self._begun and type(delta) is dict and len(delta) == 1:
            content = delta.get("content")
            if type(content) is str:  # the usual fragment of text
                self.chars = len(content)
                return delta if content or logprobs else None
        raw.pop("message", None)  # Perplexity repeats the whole message in its last chunk
        if delta is None:
            delta = {}
        elif not isinstance(delta, dict):
            raise invalid_answer("a delta is not an object", "invalid_sse")
        null_content = "content" in delta and delta["content"] is None  # OpenAI's sign of a call or a refusal
        fitted = self._fit(delta)
        if not self._begun:
            self._begun = True
            return {"role": "assistant", "content": None if null_content or "tool_calls" in fitted else "", **fitted}
        return fitted if logprobs or any(fitted.values()) else None

    def _fit(self, delta: Json) -> Json:
        delta.pop("role", None)
        take_reasoning(delta)
        content = delta.get("content")
        if isinstance(content, list):
            take_parts(delta)
            if "content_parts" in delta:
                delta["content_parts"] = self._number_parts(delta["content_parts"])
        elif content is not None and not isinstance(content, str):
            raise invalid_answer("a delta's content is neither text nor parts", "invalid_sse")
        elif content is None:
            delta.pop("content", None)
        refusal = delta.get("refusal")
        if not isinstance(refusal, str):
            delta.pop("refusal", None)
            refusal = ""
        calls = delta.pop("tool_calls", None)
        self.chars = len(delta.get("content") or "") + len(delta.get("reasoning_content") or "") + len(refusal)
        if calls:
            fitted = self._fit_calls(calls)
            if fitted:
                delta["tool_calls"] = fitted
        if "function_call" in delta:
            self._fit_function_call(delta)
        if "reasoning_details" in delta:
            self._fit_details(delta)
        return delta

    def _number_parts(self, parts: list[Any]) -> list[Json]:
        """SDKs join entries of a list by their `index`, and take objects only."""
        numbered = []
        for part in parts:
            numbered.append({**(part if isinstance(part, dict) else {"value": part}), "index": self._parts})
            self._parts += 1
        return numbered

    def _fit_calls(self, calls: Any) -> list[Json]:
        if not isinstance(calls, list):
            raise invalid_answer("tool_calls is not a list", "invalid_sse")
        fitted = []
        for raw in calls:
            if not isinstance(raw, dict):
                raise invalid_answer("a tool call is not an object", "invalid_sse")
            call = self._fit_call(raw)
            if call is not None:
                fitted.append(call)
        return fitted

    def _fit_call(self, raw: Json) -> Json | None:
        key, field = ("custom", "input") if isinstance(raw.get("custom"), dict) else ("function", "arguments")
        body = raw.get(key)
        if body is None:
            body = {}
        elif not isinstance(body, dict):
            raise invalid_answer("a tool call's function is not an object", "invalid_sse")
        name = body.get("name")
        name = name if isinstance(name, str) else ""
        text = as_text(body.get(field))
        self.chars += len(text)
        slot = self._slot(raw, name)
        extras = {other: value for other, value in raw.items() if other not in ("index", "id", "type", key)}
        if slot == len(self._calls):
            given = raw.get("id")
            opened = _Call(
                given if isinstance(given, str) and given else call_id(self._answer_id, self.index, slot), name
            )
            self._calls.append(opened)
            self._places.setdefault(opened.id, slot)
            head = {"index": slot, "id": opened.id, "type": key}
            return {**head, **extras, key: {**body, "name": name, field: text}}
        call = self._calls[slot]
        fragment: Json = {field: text}
        if name and name != call.name:
            call.name += name
            fragment["name"] = name
        elif not text and not any(extras.values()):
            return None
        return {"index": slot, **extras, key: fragment}

    def _slot(self, raw: Json, name: str) -> int:
        """Which call a fragment belongs to; the number of calls so far where it opens a new one.

        Vendors number from 1, skip numbers, give no number at all (Mistral), or give every call of a parallel set the
        same one (Gemini's layer): then another id together with a name opens a call, and an id alone does not, for some
        servers give each fragment its own.
        """
        number = raw.get("index")
        given = raw.get("id")
        given = given if isinstance(given, str) else ""
        new = len(self._calls)
        if type(number) is int:
            slot = self._slots.get(number, new)
            if slot != new and given and name and given != self._calls[slot].id:
                slot = self._places.get(given, new)
            self._slots[number] = slot
            return slot
        if given:
            return self._places.get(given, new)
        return new if name or not self._calls else new - 1

    def _fit_function_call(self, delta: Json) -> None:
        call = delta["function_call"]
        if not isinstance(call, dict):
            del delta["function_call"]
            return
        if "arguments" in call:
            call["arguments"] = as_text(call["arguments"])
            self.chars += len(call["arguments"])
        if "name" in call and not isinstance(call["name"], str):
            del call["name"]

    def _fit_details(self, delta: Json) -> None:
        """Number reasoning blobs by kind and vendor's index, so that only fragments of one blob share a number."""
        details = delta["reasoning_details"]
        if not isinstance(details, list):
            del delta["reasoning_details"]
            return
        fitted: dict[int, Json] = {}
        grown: dict[tuple[int, str], list[str]] = {}
        for item in details:
            if isinstance(item, dict):
                key = (str(item.get("type")), str(item.get("index")))
                slot = self._details.setdefault(key, len(self._details))
                told = self._told.setdefault(slot, set())
                news = {name: value for name, value in item.items() if name in _TOLD_AGAIN or name not in told}
                told.update(name for name, value in item.items() if value is not None)
                if slot in fitted:
                    _join(slot, fitted[slot], news, grown)
                else:
                    fitted[slot] = {**news, "index": slot}
        for (slot, name), pieces in grown.items():
            fitted[slot][name] = "".join(pieces)
        delta["reasoning_details"] = list(fitted.values())


def _join(slot: int, fragment: Json, more: Json, grown: dict[tuple[int, str], list[str]]) -> None:
    """Add to a fragment another of the same blob that came in the same delta. Strings that grow are gathered in
    `grown`, to be joined once."""
    for name, value in more.items():
        before = fragment.get(name)
        if name == "index":
            continue
        if name != "type" and isinstance(before, str) and isinstance(value, str):
            grown.setdefault((slot, name), [before]).append(value)
        else:
            grown.pop((slot, name), None)
            fragment[name] = value
