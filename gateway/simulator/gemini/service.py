"""Gemini's API: routes, keys, answers."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs

import orjson

from gateway.simulator.faults import Fault, split_model
from gateway.simulator.gemini import errors, render
from gateway.simulator.gemini.checks import check_request
from gateway.simulator.gemini.contents import content_problems
from gateway.simulator.gemini.models import LISTED, ModelFacts, facts_of
from gateway.simulator.gemini.proto import read_message
from gateway.simulator.gemini.reading import PromptTokens, count_prompt, read_prompt, thought_tokens
from gateway.simulator.mind.answer import Answer, answer, thought
from gateway.simulator.mind.ids import Ids
from gateway.simulator.mind.prefixes import SeenPrefixes
from gateway.simulator.mind.prompt import Prompt
from gateway.simulator.mind.seals import seal
from gateway.simulator.mind.tokens import count, cut
from gateway.simulator.stats import Tally
from gateway.simulator.vendor import Call, Json, Rejected, is_unknown_model
from gateway.simulator.wire import Reply, Request, header_lines

METHOD = re.compile(r"/v1(?:beta|alpha)?/models/([^/:]+):(generateContent|streamGenerateContent|countTokens)")
MODELS = re.compile(r"/v1(?:beta|alpha)?/models(?:/([^/:]+))?")
COMMON = (
    "vary: Origin\r\nvary: X-Origin\r\nvary: Referer\r\nserver: scaffolding on HTTPServer2\r\n"
    "x-content-type-options: nosniff\r\nserver-timing: gfet4t7; dur=12\r\n"
)
JSON_HEADERS = "content-type: application/json; charset=UTF-8\r\n" + COMMON
SSE_HEADERS = "content-type: text/event-stream\r\n" + COMMON
NOT_FOUND = (
    "text/html; charset=UTF-8",
    b"<!DOCTYPE html>\n<html lang=en>\n<title>Error 404 (Not Found)!!1</title>\n<p><b>404.</b> That's an error.\n",
)
RATINGS: list[Json] = [
    {"category": "HARM_CATEGORY_HATE_SPEECH", "probability": "NEGLIGIBLE"},
    {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True},
    {"category": "HARM_CATEGORY_HARASSMENT", "probability": "NEGLIGIBLE"},
    {"category": "HARM_CATEGORY_SEXUALLY_EXPLICIT", "probability": "NEGLIGIBLE"},
]


class Gemini:
    """generateContent, streamGenerateContent, countTokens and the list of models."""

    garbage_event = b'data: {"candidates": [{"content": {"parts": [{"te\r\n\r\n'
    usual_error = "503"

    def __init__(self, seed: int) -> None:
        self._ids = Ids(seed)
        self._seen = SeenPrefixes()

    def accept(self, request: Request, required_key: str | None) -> Call:
        query = parse_qs(request.query) if request.query else {}
        self._authenticate(request, query, required_key)
        listing = MODELS.fullmatch(request.path)
        if listing and request.method == "GET":
            return Call("models", listing.group(1) or "", {}, request, counted=False)
        found = METHOD.fullmatch(request.path)
        if found is None or request.method != "POST":
            raise Rejected(404, {}, body=(f"content-type: {NOT_FOUND[0]}\r\n", NOT_FOUND[1]))
        method = found.group(2)
        model, wishes = split_model(found.group(1))
        try:
            body = orjson.loads(request.body)
        except orjson.JSONDecodeError as error:
            raise errors.invalid(f"Invalid JSON payload received. {error}") from None
        stream = method == "streamGenerateContent"
        call = Call(method, model, body, request, stream=stream, wishes=wishes)
        if stream and query.get("alt") != ["sse"]:
            call.endpoint = "streamGenerateContent as array"
        return call

    def _authenticate(self, request: Request, query: dict[str, list[str]], required_key: str | None) -> None:
        if required_key is None:
            return
        given = request.headers.get("x-goog-api-key") or (query.get("key") or [""])[0]
        if not given:
            raise errors.rejected(403, errors.NO_KEY)
        if given != required_key:
            raise errors.bad_key()

    def answer(self, call: Call, fault: Fault | None) -> Reply:
        if call.endpoint == "models":
            return self._models(call.model)
        if is_unknown_model(call.model):
            raise errors.unknown_model(call.model, call.endpoint.split(" ")[0])
        facts = facts_of(call.model)
        counting = call.endpoint == "countTokens"
        call.body = read_message("CountTokensRequest" if counting else "GenerateContentRequest", call.body)
        if counting:
            return self._count(call, facts)
        check_request(call.body, call.model, facts)
        tokens = count_prompt(call.body, call.model, facts, self._seen)
        if tokens.total > facts.context:
            raise errors.too_long(tokens.total, facts.context)
        response = self._response(call, facts, tokens, fault)
        output = sum(candidate.tokens for candidate in response.candidates)
        call.tally = Tally(
            input=tokens.total, cached=tokens.cached, output=output + response.thoughts, reasoning=response.thoughts
        )
        if not call.stream:
            return Reply(200, JSON_HEADERS, render.whole(response), tokens=call.tally.output)
        frames = render.stream(response)
        as_array = call.endpoint.endswith("array")
        events = render.array(frames) if as_array else render.sse(frames)
        return Reply(
            200,
            JSON_HEADERS if as_array else SSE_HEADERS,
            events=events,
            closing=1 + as_array,
            tokens=call.tally.output,
            tokens_per_event=render.TOKENS_PER_EVENT,
            hidden_tokens=0 if _shows_thoughts(call.body) else response.thoughts,
        )

    def _response(self, call: Call, facts: ModelFacts, tokens: PromptTokens, fault: Fault | None) -> render.Response:
        response = render.Response(self._ids.take(23), call.model, [], tokens, 0, says_tier=facts.signatures)
        if fault is not None and fault.name == "prompt_blocked":
            response.blocked = "PROHIBITED_CONTENT"
            return response
        config = call.body.get("generationConfig") or {}
        prompt = read_prompt(call.body)
        each = thought_tokens(call.body, facts)
        number = config.get("candidateCount") or 1
        response.thoughts = each * number
        for index in range(number):
            response.candidates.append(self._candidate(index, prompt, call.body, facts, each, fault))
        return response

    def _candidate(
        self, index: int, prompt: Prompt, request: Json, facts: ModelFacts, thoughts: int, fault: Fault | None
    ) -> render.Candidate:
        if fault is not None and fault.name == "refusal":
            return render.Candidate(index, [], "PROHIBITED_CONTENT", 0)
        if fault is not None and fault.name == "content_filter":
            return render.Candidate(index, [], "SAFETY", 0, RATINGS)
        config = request.get("generationConfig") or {}
        limit = config.get("maxOutputTokens")
        room = None if limit is None else limit - thoughts
        parts: list[Json] = []
        if thoughts and _shows_thoughts(request):
            parts.append({"text": thought(prompt, thoughts), "thought": True})
        said = answer(prompt, index)
        if said.calls:
            return self._calling(index, said, facts, parts, room)
        end = cut(said.text, room, config.get("stopSequences") or ())
        if end.text:
            signed = {"thoughtSignature": self._seal()} if facts.signatures_required else {}
            parts.append({"text": end.text, **signed})
        return render.Candidate(
            index,
            parts,
            "MAX_TOKENS" if end.ending == "length" else "STOP",
            count(end.text),
            top_logprobs=(config.get("logprobs") or 0) if config.get("responseLogprobs") else None,
            text=end.text,
        )

    def _calling(
        self, index: int, said: Answer, facts: ModelFacts, parts: list[Json], room: int | None
    ) -> render.Candidate:
        tokens = sum(count(call.name + str(call.arguments)) for call in said.calls)
        if room is not None and tokens > room:
            return render.Candidate(index, parts, "MAX_TOKENS", 0)
        for number, call in enumerate(said.calls):
            function: Json = {"name": call.name, "args": call.arguments}
            if facts.signatures_required:
                function["id"] = self._ids.take(8).lower()
            part: Json = {"functionCall": function}
            if number == 0 and facts.signatures:
                part["thoughtSignature"] = self._seal()
            parts.append(part)
        return render.Candidate(index, parts, "STOP", tokens)

    def _seal(self) -> str:
        return seal("thought", "", self._ids.take())

    def _count(self, call: Call, facts: ModelFacts) -> Reply:
        request = call.body.get("generateContentRequest") or call.body
        problems = content_problems(request.get("contents") or [])
        if problems:
            raise errors.fields_invalid(problems)
        tokens = count_prompt(request, call.model, facts, SeenPrefixes(0))
        details = [{"modality": name, "tokenCount": number} for name, number in tokens.by_modality.items() if number]
        body = {"totalTokens": tokens.total, "promptTokensDetails": details}
        return Reply(200, JSON_HEADERS, orjson.dumps(body, option=orjson.OPT_INDENT_2))

    def _models(self, model: str) -> Reply:
        if model and is_unknown_model(model):
            raise errors.rejected(404, f"Model is not found: models/{model} for api version v1beta")
        names = dict(LISTED)
        listed: Any = {"models": [_listed(id, name) for id, name in LISTED]}
        body = _listed(model, names.get(model, model)) if model else listed
        return Reply(200, JSON_HEADERS, orjson.dumps(body, option=orjson.OPT_INDENT_2))

    def refuse(self, name: str, fault: Fault, call: Call) -> Rejected:
        return errors.refusal(name, fault, call.model)

    def render(self, rejected: Rejected, call: Call | None) -> Reply:
        extra = header_lines(rejected.headers)
        if rejected.body is not None:
            kind, raw = rejected.body
            return Reply(rejected.status, kind + extra, raw)
        error: Any = {"error": rejected.error}
        if call is not None and call.endpoint.endswith("array"):
            error = [error]
        return Reply(rejected.status, JSON_HEADERS + extra, orjson.dumps(error, option=orjson.OPT_INDENT_2))

    def error_event(self, rejected: Rejected, call: Call) -> bytes:
        body = orjson.dumps({"error": rejected.error})
        return b",\r\n" + body if call.endpoint.endswith("array") else b"data: " + body + b"\r\n\r\n"

    def unfinish(self, body: Json) -> None:
        for candidate in body.get("candidates") or ():
            candidate.pop("finishReason", None)


def _shows_thoughts(request: Json) -> bool:
    thinking = (request.get("generationConfig") or {}).get("thinkingConfig") or {}
    return bool(thinking.get("includeThoughts"))


def _listed(id: str, name: str) -> Json:
    return {
        "name": f"models/{id}",
        "version": "001",
        "displayName": name,
        "description": f"{name}, simulated",
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
        "temperature": 1,
        "topP": 0.95,
        "topK": 64,
        "maxTemperature": 2,
        "thinking": True,
    }
