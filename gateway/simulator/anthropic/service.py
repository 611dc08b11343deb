"""Anthropic's API: routes, keys, answers."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.simulator.anthropic import errors, render
from gateway.simulator.anthropic.checks import check_request
from gateway.simulator.anthropic.models import LISTED, facts_of
from gateway.simulator.anthropic.reading import PromptTokens, count_prompt, read_prompt
from gateway.simulator.faults import Fault, split_model
from gateway.simulator.mind.answer import answer, thought
from gateway.simulator.mind.ids import Ids
from gateway.simulator.mind.prefixes import SeenPrefixes
from gateway.simulator.mind.prompt import Prompt
from gateway.simulator.mind.seals import seal
from gateway.simulator.mind.tokens import count, cut
from gateway.simulator.stats import Tally
from gateway.simulator.vendor import Call, Json, Rejected, is_unknown_model
from gateway.simulator.wire import Reply, Request, header_lines

MESSAGES = "/v1/messages"
COUNT_TOKENS = "/v1/messages/count_tokens"
MODELS = "/v1/models"
JSON_HEADERS = "content-type: application/json\r\n"
SSE_HEADERS = "content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
LIMITS = (
    "anthropic-ratelimit-requests-limit: 4000\r\nanthropic-ratelimit-requests-remaining: 3999\r\n"
    "anthropic-ratelimit-requests-reset: 2026-01-15T12:00:00Z\r\n"
    "anthropic-ratelimit-input-tokens-limit: 2000000\r\nanthropic-ratelimit-input-tokens-remaining: 1999000\r\n"
    "anthropic-ratelimit-input-tokens-reset: 2026-01-15T12:00:00Z\r\n"
    "anthropic-ratelimit-output-tokens-limit: 400000\r\nanthropic-ratelimit-output-tokens-remaining: 399000\r\n"
    "anthropic-ratelimit-output-tokens-reset: 2026-01-15T12:00:00Z\r\n"
)
SAY_REDACTED = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING"
SAY_REFUSAL = "ANTHROPIC_MAGIC_STRING_TRIGGER_REFUSAL"
REFUSAL: Json = {
    "type": "refusal",
    "category": "general_harms",
    "explanation": "This request was declined because it may violate Anthropic's Usage Policy.",
}
BLOCKED = "Output blocked by content filtering policy"
THOUGHT_TOKENS = {"low": 12, "medium": 24, "high": 36, "xhigh": 48, "max": 64}
USUAL_THOUGHT = 24


class Anthropic:
    """Messages, token counts and the list of models."""

    garbage_event = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"del\n\n'
    usual_error = "529"

    def __init__(self, seed: int) -> None:
        self._ids = Ids(seed)
        self._seen = SeenPrefixes()

    def accept(self, request: Request, required_key: str | None) -> Call:
        self._authenticate(request, required_key)
        path = request.path.rstrip("/")
        if request.method == "GET" and path.startswith(MODELS):
            return Call("models", path[len(MODELS) + 1 :], {}, request, counted=False)
        if path not in (MESSAGES, COUNT_TOKENS):
            raise errors.rejected(404, "Not found", "not_found_error")
        if request.method != "POST":
            raise errors.rejected(405, "Method Not Allowed")
        if not request.headers.get("anthropic-version"):
            raise errors.invalid("anthropic-version: header is required")
        try:
            body = orjson.loads(request.body)
        except orjson.JSONDecodeError as error:
            raise errors.invalid(f"The request body is not valid JSON: {error}") from None
        if not isinstance(body, dict):
            raise errors.invalid("Input should be a valid dictionary or object to extract fields from")
        model = body.get("model")
        if not isinstance(model, str):
            text = "Field required" if model is None else "Input should be a valid string"
            raise errors.invalid(f"model: {text}")
        if not model:
            raise errors.invalid("model: String should have at least 1 character")
        base, wishes = split_model(model)
        body = body if base is model else {**body, "model": base}
        counting = path == COUNT_TOKENS
        return Call(
            "count_tokens" if counting else "messages",
            base,
            body,
            request,
            stream=body.get("stream") is True and not counting,
            wishes=wishes,
        )

    def _authenticate(self, request: Request, required_key: str | None) -> None:
        if required_key is None:
            return
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        given = request.headers.get("x-api-key") or bearer
        if not given:
            raise errors.rejected(401, "x-api-key header is required", "authentication_error")
        if given != required_key:
            raise errors.wrong_key()

    def answer(self, call: Call, fault: Fault | None) -> Reply:
        if call.endpoint == "models":
            return self._models(call.model)
        if is_unknown_model(call.model):
            raise errors.unknown_model(call.model)
        if fault is not None and fault.name == "prompt_blocked":
            raise errors.invalid(BLOCKED)
        facts = facts_of(call.model)
        counting = call.endpoint == "count_tokens"
        check_request(call.body, call.request.headers, facts, counting=counting)
        if counting:
            tokens = count_prompt(call.body, SeenPrefixes(0)).total
            return Reply(200, self._headers(JSON_HEADERS), orjson.dumps({"input_tokens": tokens}))
        prompt_tokens = count_prompt(call.body, self._seen)
        if prompt_tokens.total > facts.context:
            raise errors.too_long(prompt_tokens.total, facts.context)
        message = self._message(call, fault, prompt_tokens)
        call.tally = Tally(
            input=prompt_tokens.total,
            cached=prompt_tokens.read,
            cache_write=prompt_tokens.written_5m + prompt_tokens.written_1h,
            output=message.output_tokens,
            reasoning=message.thinking_tokens,
        )
        if not call.stream:
            return Reply(200, self._headers(JSON_HEADERS), render.whole(message), tokens=message.output_tokens)
        events, opening, closing = render.events(message)
        return Reply(
            200,
            self._headers(SSE_HEADERS),
            events=events,
            opening=opening,
            closing=closing,
            tokens=message.output_tokens,
        )

    def _headers(self, kind: str) -> str:
        return f"{kind}{LIMITS}request-id: req_{self._ids.take(24)}\r\n"

    def _message(self, call: Call, fault: Fault | None, prompt_tokens: PromptTokens) -> render.Message:
        body = call.body
        prompt = read_prompt(body)
        declined = SAY_REFUSAL in prompt.text or (fault is not None and fault.name == "refusal")
        thoughts, thinking = ((), 0) if declined else self._thoughts(body, prompt)
        said: tuple[Json, ...] = ()
        reason, stop, tokens = "refusal", None, 0
        if not declined:
            said, reason, stop, tokens = self._content(prompt, body, body["max_tokens"] - thinking)
        if fault is not None and fault.name == "content_filter":
            reason, declined = "refusal", True
        return render.Message(
            id=f"msg_01{self._ids.take(22)}",
            model=call.model,
            blocks=(*thoughts, *said),
            stop_reason=reason,
            stop_sequence=stop,
            stop_details=REFUSAL if declined else None,
            prompt=prompt_tokens,
            output_tokens=max(1, tokens + thinking),
            thinking_tokens=thinking,
        )

    def _thoughts(self, body: Json, prompt: Prompt) -> tuple[tuple[Json, ...], int]:
        """The blocks of thinking, and their tokens."""
        config = body.get("thinking") or {}
        if config.get("type") not in ("enabled", "adaptive"):
            return (), 0
        effort = (body.get("output_config") or {}).get("effort")
        tokens = min(THOUGHT_TOKENS.get(effort or "", USUAL_THOUGHT), body["max_tokens"] // 2)
        nonce = self._ids.take()
        if SAY_REDACTED in prompt.text:
            return ({"type": "redacted_thinking", "data": seal("redacted", "", nonce)},), tokens
        text = "" if config.get("display") == "omitted" else thought(prompt, tokens)
        return ({"type": "thinking", "thinking": text, "signature": seal("thinking", text, nonce)},), tokens

    def _content(self, prompt: Prompt, body: Json, room: int) -> tuple[tuple[Json, ...], str, str | None, int]:
        """The blocks of text or tool use, the stop reason and sequence, and the tokens."""
        said = answer(prompt)
        if said.calls:
            blocks: list[Json] = []
            if not prompt.must_call:
                blocks.append({"type": "text", "text": f"I'll use {' and '.join(call.name for call in said.calls)}."})
            for call in said.calls:
                blocks.append(
                    {
                        "type": "tool_use",
                        "id": f"toolu_01{self._ids.take(22)}",
                        "name": call.name,
                        "input": call.arguments,
                        "caller": {"type": "direct"},
                    }
                )
            tokens = sum(_tokens_of(block) for block in blocks)
            return (tuple(blocks), "tool_use", None, tokens) if tokens <= room else ((), "max_tokens", None, room)
        end = cut(said.text, room, body.get("stop_sequences") or ())
        reason = "stop_sequence" if end.stop else "max_tokens" if end.ending == "length" else "end_turn"
        text: tuple[Json, ...] = ({"type": "text", "text": end.text},) if end.text else ()
        return text, reason, end.stop, count(end.text)

    def _models(self, model: str) -> Reply:
        if model and is_unknown_model(model):
            raise errors.unknown_model(model)
        names = dict(LISTED)
        data: list[Any] = [_listed(id, name) for id, name in LISTED]
        page = {"data": data, "has_more": False, "first_id": LISTED[0][0], "last_id": LISTED[-1][0]}
        body = _listed(model, names.get(model, model)) if model else page
        return Reply(200, self._headers(JSON_HEADERS), orjson.dumps(body))

    def refuse(self, name: str, fault: Fault, call: Call) -> Rejected:
        return errors.refusal(name, fault, call.model)

    def render(self, rejected: Rejected, call: Call | None) -> Reply:
        request_id = f"req_{self._ids.take(24)}"
        retry = "true" if rejected.status in errors.RETRYABLE else "false"
        extra = header_lines(rejected.headers)
        headers = f"{JSON_HEADERS}request-id: {request_id}\r\nx-should-retry: {retry}\r\n{extra}"
        return Reply(rejected.status, headers, render.error_body(rejected.error, request_id))

    def error_event(self, rejected: Rejected, call: Call) -> bytes:
        return render.error_event(rejected.error)

    def unfinish(self, body: Json) -> None:
        body["stop_reason"] = None


def _tokens_of(block: Json) -> int:
    return count(block["text"]) if block["type"] == "text" else count(block["name"] + str(block["input"]))


def _listed(id: str, name: str) -> Json:
    return {"type": "model", "id": id, "display_name": name, "created_at": "2026-01-15T00:00:00Z"}
