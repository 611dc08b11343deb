"""A stream on OpenAI's wire format -> chat.completion.chunk objects in OpenAI's exact form.

Owns one stream's state: its id, its choices (stream_choice.py), its usage, and whether it came to its end. Every
chunk was parsed from the vendor's bytes a moment ago and belongs to nobody else, so it is changed in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from gateway.core.chat import Json
from gateway.core.usage import Usage
from gateway.core.wire import SseEvent
from gateway.providers.base import CallContext
from gateway.providers.errors.classify import error_inside, invalid_answer, truncated_stream
from gateway.providers.openai.legacy import delta_with_function_call, speaks_functions
from gateway.providers.openai.pieces import broke_off, finish_reason, take_service_tier
from gateway.providers.openai.response import as_epoch
from gateway.providers.openai.stream_choice import StreamChoice
from gateway.providers.openai.usage import read_usage

_HEAD = frozenset({"id", "object", "created", "model", "choices"})


class OpenAIStreamParser:
    """See StreamParser. One instance per attempt."""

    __slots__ = (
        "_choices",
        "_context",
        "_created",
        "_done",
        "_ends_with_done",
        "_first",
        "_functions",
        "_held",
        "_id",
        "_model",
        "finish_reason",
        "text_chars",
        "usage",
    )

    def __init__(self, context: CallContext) -> None:
        self.usage: Usage | None = None
        self.finish_reason: str | None = None
        self.text_chars = 0
        self._context = context
        self._ends_with_done = context.target.vendor.ends_with_done
        self._functions = speaks_functions(context)
        self._done = False
        self._id = ""
        self._model = ""
        self._created = 0
        self._choices: dict[int, StreamChoice] = {}
        self._first: StreamChoice | None = None
        self._held: Json = {}

    @property
    def done(self) -> bool:
        return self._done

    def feed(self, event: SseEvent) -> Sequence[Json]:
        data = event.data
        if data == b"[DONE]" or data.strip() == b"[DONE]":
            self._end()
            return ()
        if not data or data.isspace():
            return ()
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError:
            if event.event == "error":
                raise error_inside(data.decode("utf-8", "replace"), "upstream_error") from None
            raise invalid_answer(f"an event of {len(data)} bytes is not JSON", "invalid_sse") from None
        if type(chunk) is not dict:
            raise self._refuse(chunk)
        usage = chunk.pop("usage", None)
        if usage is not None:
            self.usage = read_usage(usage) or self.usage
        if "error" in chunk or event.event == "error" or "choices" not in chunk:
            self._check_error(chunk, event.event)
        choices = chunk.get("choices")
        if not choices:
            if choices is not None and not isinstance(choices, list):
                raise invalid_answer("a chunk's choices are not a list", "invalid_sse")
            self._hold(chunk)
            return ()
        try:
            return self._fit(chunk, choices)
        except ValueError as unfit:
            raise invalid_answer(str(unfit), "invalid_sse") from None

    def finish(self) -> Sequence[Json]:
        if not self._done:
            if self._ends_with_done:
                raise truncated_stream()
            self._end()
        return ()

    def _end(self) -> None:
        """The terminal event. An answer whose choices were not all finished broke off, whoever says it is done."""
        if self._first is None or any(choice.finished is None for choice in self._choices.values()):
            raise truncated_stream("the stream ended without a finish reason")
        self._done = True

    def _refuse(self, payload: Any) -> Exception:
        if isinstance(payload, list) and payload and isinstance(payload[0], dict) and payload[0].get("error"):
            return error_inside(payload, "upstream_error")
        return invalid_answer("an event is not a JSON object", "invalid_sse")

    def _check_error(self, chunk: Json, event: str) -> None:
        """Errors come as `{"error": ...}`, beside choices (OpenRouter), under `event: error` (Groq), as an object whose
        `object` is "error" (vLLM), or as a bare message."""
        if chunk.get("error") or event == "error" or chunk.get("object") == "error":
            raise error_inside(chunk, "upstream_error")
        if "choices" not in chunk and "id" not in chunk and ("message" in chunk or "detail" in chunk):
            raise error_inside(chunk, "upstream_error")

    def _hold(self, chunk: Json) -> None:
        """A chunk without choices holds usage, or before the first one facts about the prompt (Azure's filter results):
        those go along with the first, for this one has no id yet."""
        if not self._id:
            if "service_tier" in chunk:
                take_service_tier(chunk)
            self._held.update((name, value) for name, value in chunk.items() if name not in _HEAD and value)

    def _fit(self, chunk: Json, choices: Any) -> Sequence[Json]:
        if type(choices) is not list:
            raise invalid_answer("a chunk's choices are not a list", "invalid_sse")
        if not self._id:
            self._open(chunk)
        if "service_tier" in chunk:
            take_service_tier(chunk)
        if "x_groq" in chunk:
            self._look_into_groq(chunk["x_groq"])
        fitted: list[Json] = []
        ended: list[Json] = []
        for place, raw in enumerate(choices):
            choice = self._choice(raw, place)
            reason = raw.get("finish_reason")
            delta = choice.delta(raw)
            if reason and choice.finished is None:
                ended.append(self._finish(choice, raw, reason))
            if delta is not None:
                self.text_chars += choice.chars
                raw["index"] = choice.index
                raw["delta"] = delta
                raw["finish_reason"] = None
                fitted.append(raw)
        if not fitted and not ended:
            return ()
        chunk["id"] = self._id
        chunk["object"] = "chat.completion.chunk"
        chunk["created"] = self._created
        chunk["model"] = self._model
        if self._held:
            chunk.update(self._held)
            self._held = {}
        if self._functions:
            for one in fitted:
                delta_with_function_call(one)
        if fitted and ended:
            chunk["choices"] = fitted
            return (chunk, {**chunk, "choices": ended})
        chunk["choices"] = fitted or ended
        return (chunk,)

    def _open(self, chunk: Json) -> None:
        """The first chunk with choices gives the head that all chunks of the stream share."""
        context = self._context
        answer_id, model = chunk.get("id"), chunk.get("model")
        self._id = answer_id if isinstance(answer_id, str) and answer_id else context.id
        self._model = model if isinstance(model, str) and model else context.target.upstream_id
        self._created = as_epoch(chunk.get("created"), context.created)

    def _choice(self, raw: Any, place: int) -> StreamChoice:
        if type(raw) is not dict:
            raise invalid_answer("a choice is not an object", "invalid_sse")
        index = raw.get("index")
        if type(index) is not int:
            index = place
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = StreamChoice(index, self._id)
            if self._first is None:
                self._first = choice
        return choice

    def _finish(self, choice: StreamChoice, raw: Json, reason: Any) -> Json:
        if not isinstance(reason, str):
            raise invalid_answer("a finish reason is not text", "invalid_sse")
        if broke_off(reason):
            error = raw.get("error") or {"message": f"the answer ended with {reason}", "type": "server_error"}
            raise error_inside({"error": error}, "upstream_error")
        choice.finished = finish_reason(reason)
        if self._functions and choice.finished == "tool_calls":
            choice.finished = "function_call"
        if choice is self._first:
            self.finish_reason = choice.finished
        ended = {**raw, "index": choice.index, "delta": {}, "finish_reason": choice.finished, "logprobs": None}
        if choice.finished != reason:
            ended.setdefault("native_finish_reason", reason)
        return ended

    def _look_into_groq(self, x_groq: Any) -> None:
        """Groq puts usage, and on older models errors too, into a field of its own."""
        if not isinstance(x_groq, dict):
            return
        if self.usage is None:
            self.usage = read_usage(x_groq.get("usage"))
        if x_groq.get("error"):
            raise error_inside(x_groq, "upstream_error")
