"""OpenAI's API: routes, keys, answers."""

from __future__ import annotations

import re
from typing import Any

import orjson

from gateway.simulator.faults import Fault, split_model
from gateway.simulator.mind.answer import answer
from gateway.simulator.mind.ids import Ids, fingerprint
from gateway.simulator.mind.prefixes import SeenPrefixes
from gateway.simulator.mind.prompt import Prompt
from gateway.simulator.mind.tokens import count, cut
from gateway.simulator.openai import errors
from gateway.simulator.openai.checks import check_request, effort_of
from gateway.simulator.openai.models import LISTED, REASONING_TOKENS, ModelFacts, facts_of
from gateway.simulator.openai.reading import count_prompt, read_prompt
from gateway.simulator.openai.render import CREATED, Choice, ChunkWriter, Completion, error_event, whole
from gateway.simulator.vendor import Call, Json, Rejected, is_unknown_model
from gateway.simulator.wire import Reply, Request, header_lines

CHAT = re.compile(r"/v1/chat/completions/?|/chat/completions/?")
MODELS = re.compile(r"/v1/models(?:/(.+))?|/models(?:/(.+))?")
REFUSAL = "I'm sorry, I can't assist with that request."
COMMON = "openai-version: 2020-10-01\r\nopenai-processing-ms: 12\r\nx-content-type-options: nosniff\r\n"
LIMITS = (
    "x-ratelimit-limit-requests: 10000\r\nx-ratelimit-limit-tokens: 2000000\r\n"
    "x-ratelimit-remaining-requests: 9999\r\nx-ratelimit-remaining-tokens: 1999000\r\n"
    "x-ratelimit-reset-requests: 6ms\r\nx-ratelimit-reset-tokens: 30ms\r\n"
)
JSON_HEADERS = "content-type: application/json\r\n"
SSE_HEADERS = "content-type: text/event-stream; charset=utf-8\r\n"
PRETTY = orjson.OPT_INDENT_2


class OpenAI:
    """Chat completions and the list of models."""

    garbage_event = b'data: {"id":"chatcmpl-broken","object":"chat.compl\n\n'
    usual_error = "500"

    def __init__(self, seed: int) -> None:
        self._ids = Ids(seed)
        self._seen = SeenPrefixes()

    def accept(self, request: Request, required_key: str | None) -> Call:
        self._authenticate(request, required_key)
        models = MODELS.fullmatch(request.path)
        if models and request.method == "GET":
            return Call("models", models.group(1) or models.group(2) or "", {}, request, counted=False)
        if not CHAT.fullmatch(request.path):
            raise errors.rejected(404, f"Invalid URL ({request.method} {request.path})")
        if request.method != "POST":
            text = f"Not allowed to {request.method} on {request.path}."
            raise errors.rejected(405, text, code="method_not_supported")
        try:
            body = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            raise errors.invalid(errors.MALFORMED, None, None) from None
        if not isinstance(body, dict):
            raise errors.invalid(errors.MALFORMED, None, None)
        model = body.get("model")
        if not isinstance(model, str) or not model:
            raise errors.invalid("you must provide a model parameter", None, None)
        base, wishes = split_model(model)
        if base is not model:
            body = {**body, "model": base}
        return Call("chat", base, body, request, stream=body.get("stream") is True, wishes=wishes)

    def _authenticate(self, request: Request, required_key: str | None) -> None:
        if required_key is None:
            return
        given = request.headers.get("authorization", "")
        if not given.startswith("Bearer ") or not given[7:].strip():
            raise errors.no_key()
        if given[7:].strip() != required_key:
            raise errors.wrong_key(given[7:].strip())

    def answer(self, call: Call, fault: Fault | None) -> Reply:
        if call.endpoint == "models":
            return self._models(call.model)
        if is_unknown_model(call.model):
            raise errors.unknown_model(call.model)
        if fault is not None and fault.name == "prompt_blocked":
            raise errors.invalid(errors.INVALID_PROMPT, None, "invalid_prompt")
        body, facts = call.body, facts_of(call.model)
        check_request(body, facts)
        tally, audio = count_prompt(body, self._seen)
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        if tally.input > facts.context:
            raise errors.too_long(facts.context, tally.input)
        prompt = read_prompt(body)
        reasoning = REASONING_TOKENS[effort_of(body, facts)]
        if limit is not None:
            reasoning = min(reasoning, limit // 2)
        room = None if limit is None else limit - reasoning
        choices = [self._choice(index, prompt, body, room, fault) for index in range(body.get("n") or 1)]
        tally.reasoning = reasoning * len(choices)
        tally.output = tally.reasoning + sum(_tokens_of(choice) for choice in choices)
        call.tally = tally
        return self._reply(call, facts, choices, audio)

    def _choice(self, index: int, prompt: Prompt, body: Json, room: int | None, fault: Fault | None) -> Choice:
        if fault is not None and fault.name == "refusal":
            return Choice(index, refusal=REFUSAL)
        said = answer(prompt, index)
        if said.calls:
            if room is not None and sum(count(c.name + str(c.arguments)) for c in said.calls) > room:
                return Choice(index, finish="length")
            ids = tuple(f"call_{self._ids.take(24)}" for _ in said.calls)
            legacy = bool(body.get("functions"))
            finish = "function_call" if legacy else "tool_calls"
            named = isinstance(body.get("tool_choice"), dict) and body["tool_choice"]["type"] == "function"
            return Choice(index, calls=said.calls, call_ids=ids, finish="stop" if named else finish, legacy=legacy)
        stop = body.get("stop") or ()
        end = cut(said.text, room, (stop,) if isinstance(stop, str) else stop)
        if fault is not None and fault.name == "content_filter":
            return Choice(index, end.text[: len(end.text) // 2], finish="content_filter")
        return Choice(index, end.text, finish=end.ending)

    def _reply(self, call: Call, facts: ModelFacts, choices: list[Choice], audio: int) -> Reply:
        body = call.body
        options = body.get("stream_options") or {}
        tier = body.get("service_tier")
        completion = Completion(
            id=f"chatcmpl-{self._ids.take(29)}",
            model=call.model,
            fingerprint="fp_" + fingerprint(call.model, body.get("seed")),
            tier="default" if tier in (None, "auto", "scale") else tier,
            choices=choices,
            tally=call.tally,
            audio_tokens=audio,
            top_logprobs=(body.get("top_logprobs") or 0) if body.get("logprobs") else None,
            include_usage=bool(options.get("include_usage")),
            obfuscate=options.get("include_obfuscation") is not False,
        )
        headers = f"{COMMON}{LIMITS}x-request-id: req_{self._ids.take(32)}\r\n"
        if not call.stream:
            return Reply(200, JSON_HEADERS + headers, whole(completion), tokens=call.tally.output)
        events, opening, closing = ChunkWriter(completion).events()
        return Reply(
            200,
            SSE_HEADERS + headers,
            events=events,
            opening=opening,
            closing=closing,
            tokens=call.tally.output,
            hidden_tokens=call.tally.reasoning,
        )

    def _models(self, model: str) -> Reply:
        if model and is_unknown_model(model):
            raise errors.rejected(404, f"The model '{model}' does not exist", param="model", code="model_not_found")
        listed: Any = {"object": "list", "data": [_listed(id) for id in LISTED]}
        headers = f"{JSON_HEADERS}{COMMON}x-request-id: req_{self._ids.take(32)}\r\n"
        return Reply(200, headers, orjson.dumps(_listed(model) if model else listed, option=PRETTY))

    def refuse(self, name: str, fault: Fault, call: Call) -> Rejected:
        return errors.refusal(name, fault, call.model)

    def render(self, rejected: Rejected, call: Call | None) -> Reply:
        kind, body = rejected.body or (JSON_HEADERS, orjson.dumps({"error": rejected.error}, option=PRETTY))
        extra = header_lines(rejected.headers)
        return Reply(rejected.status, f"{kind}{COMMON}x-request-id: req_{self._ids.take(32)}\r\n{extra}", body)

    def error_event(self, rejected: Rejected, call: Call) -> bytes:
        return error_event(rejected.error)

    def unfinish(self, body: Json) -> None:
        for choice in body["choices"]:
            choice["finish_reason"] = None


def _tokens_of(choice: Choice) -> int:
    if choice.calls:
        return sum(count(call.name) + count(orjson.dumps(call.arguments).decode()) for call in choice.calls)
    return count(choice.text if choice.refusal is None else choice.refusal)


def _listed(model: str) -> Json:
    return {"id": model, "object": "model", "created": CREATED, "owned_by": "simulator"}
