"""streamGenerateContent?alt=sse as chat.completion.chunk objects.

Each event is a GenerateContentResponse with the parts that are new and the usage so far. There is no [DONE]: the end
is a finish reason for every candidate, with the usage in the same event or after it. A body that ends before is cut.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from gateway.core.chat import Json
from gateway.core.usage import Usage
from gateway.core.wire import SseEvent
from gateway.providers.base import CallContext
from gateway.providers.errors.classify import invalid_answer, truncated_stream
from gateway.providers.gemini.candidate import BrokenAnswer, CandidateReader, Malformed, read_logprobs
from gateway.providers.gemini.errors import google_error_inside, is_error
from gateway.providers.gemini.response import asked_alternatives, candidates_of, envelope, no_answer, raise_if_blocked
from gateway.providers.gemini.usage import read_usage


class GeminiStreamParser:
    """One stream of one attempt; see StreamParser in base.py."""

    def __init__(self, context: CallContext) -> None:
        self.usage: Usage | None = None
        self.finish_reason: str | None = None
        self.text_chars = 0
        self.done = False
        self._context = context
        self._head: Json = {}
        self._readers: dict[int, CandidateReader] = {}
        self._alternatives = asked_alternatives(context)
        asked = context.request.body.get("n")
        self._expected = asked if isinstance(asked, int) else 1

    def feed(self, event: SseEvent) -> Sequence[Json]:
        if self.done:
            return ()
        try:
            response = orjson.loads(event.data)
        except orjson.JSONDecodeError:
            if event.data.strip() == b"[DONE]":  # gateways that speak Gemini's form have been seen to add it
                return ()
            raise invalid_answer("gemini sent an event that is not JSON", "invalid_sse") from None
        if is_error(response):
            raise google_error_inside(response, "upstream_error")
        if not isinstance(response, dict):
            raise invalid_answer("gemini sent an event that is no object", "invalid_sse")
        raise_if_blocked(response)
        try:
            return self._read(response)
        except Malformed as error:
            raise invalid_answer(f"gemini sent a malformed event: {error}", "invalid_sse") from None
        except BrokenAnswer as error:
            raise no_answer(error, "upstream_error") from None

    def finish(self) -> Sequence[Json]:
        if not self._readers or not self._all_finished():
            raise truncated_stream()
        return ()

    def _all_finished(self) -> bool:
        return None not in [reader.finish_reason for reader in self._readers.values()]

    def _read(self, response: Json) -> list[Json]:
        if not self._head:
            found = envelope(response, self._context)
            self._head = {"id": found["id"], "object": "chat.completion.chunk", **found}
        self.usage = read_usage(response.get("usageMetadata")) or self.usage
        chunks: list[Json] = []
        for index, candidate in candidates_of(response):
            reader = self._readers.get(index)
            first = reader is None
            if reader is None:
                reader = self._readers[index] = CandidateReader(index, self._context)
            elif reader.finish_reason is not None:
                continue
            before = reader.text_chars
            delta = reader.read(candidate)
            self.text_chars += reader.text_chars - before
            logprobs = read_logprobs(candidate, self._alternatives)
            if first:
                delta = {"role": "assistant", "content": None, **delta}
            if delta or logprobs:
                chunks.append(self._chunk(index, delta, logprobs, None))
            if reader.finish_reason is not None:
                extras = reader.extras()
                if extras:
                    chunks.append(self._chunk(index, extras, None, None))
                chunks.append(self._chunk(index, {}, None, reader.finish_reason))
                if index == 0:
                    self.finish_reason = reader.finish_reason
        self.done = self.usage is not None and len(self._readers) >= self._expected and self._all_finished()
        return chunks

    def _chunk(self, index: int, delta: Json, logprobs: Json | None, finish_reason: str | None) -> Json:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        return {**self._head, "choices": [choice]}
