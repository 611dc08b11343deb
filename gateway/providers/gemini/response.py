"""A whole generateContent answer as a chat.completion, and what streams share with it: the facts at the top of each
GenerateContentResponse.

Source: GenerateContentResponse and PromptFeedback in the Gemini API reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson

from gateway.core.chat import ChatAnswer, Json
from gateway.core.errors import Failure, FailureClass, ProviderError
from gateway.providers.base import CallContext
from gateway.providers.errors.classify import invalid_answer
from gateway.providers.gemini.candidate import BrokenAnswer, CandidateReader, Malformed, read_logprobs
from gateway.providers.gemini.errors import google_error_inside, is_error
from gateway.providers.gemini.usage import read_service_tier, read_usage

MAX_CANDIDATES = 128


def parse_answer(body: bytes, context: CallContext) -> ChatAnswer:
    """A whole 200 answer; also the JSON array that streamGenerateContent gives without `alt=sse`.

    Raises ProviderError: error_in_200, filtered (the prompt was blocked), or invalid_body.
    """
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise invalid_answer("gemini's answer is not JSON") from None
    if is_error(payload):
        raise google_error_inside(payload, "error_in_200")
    responses = payload if isinstance(payload, list) else [payload]
    if not responses or not all(isinstance(response, dict) for response in responses):
        raise invalid_answer("gemini's answer is no object")
    try:
        return _assemble(responses, context)
    except Malformed as error:
        raise invalid_answer(f"gemini's answer is malformed: {error}") from None
    except BrokenAnswer as error:
        raise no_answer(error, "error_in_200") from None


def _assemble(responses: list[Json], context: CallContext) -> ChatAnswer:
    choices: dict[int, Json] = {}
    texts: dict[int, dict[str, list[str]]] = {}
    readers: dict[int, CandidateReader] = {}
    usage = None
    top = asked_alternatives(context)
    for response in responses:
        raise_if_blocked(response)
        usage = read_usage(response.get("usageMetadata")) or usage
        for index, candidate in candidates_of(response):
            if index not in readers:
                readers[index] = CandidateReader(index, context)
                choices[index] = _empty_choice(index)
                texts[index] = {}
            choice = choices[index]
            _merge(choice["message"], texts[index], readers[index].read(candidate))
            logprobs = read_logprobs(candidate, top)
            if logprobs and choice["logprobs"]:
                choice["logprobs"]["content"].extend(logprobs["content"])
            else:
                choice["logprobs"] = choice["logprobs"] or logprobs
    if not choices:
        raise Malformed("it has no candidates")
    for index, reader in readers.items():
        choices[index]["message"].update((name, "".join(pieces)) for name, pieces in texts[index].items())
        _close(choices[index], reader)
    answer = envelope(responses[-1], context)
    ordered = [choices[index] for index in sorted(choices)]
    body: Json = {
        "id": answer["id"],
        "object": "chat.completion",
        "created": answer["created"],
        "model": answer["model"],
        "choices": ordered,
    }
    if "service_tier" in answer:
        body["service_tier"] = answer["service_tier"]
    if usage is not None:
        body["usage"] = usage.to_openai()
    return ChatAnswer(body, usage, ordered[0]["finish_reason"])


def _empty_choice(index: int) -> Json:
    message = {"role": "assistant", "content": None, "refusal": None}
    return {"index": index, "message": message, "logprobs": None, "finish_reason": None}


def _merge(message: Json, texts: dict[str, list[str]], delta: Json) -> None:
    """Add what one response says to the message; text only to `texts`, to be joined once."""
    for name, value in delta.items():
        if name == "tool_calls":
            calls = message.setdefault("tool_calls", [])
            calls.extend({key: item for key, item in call.items() if key != "index"} for call in value)
        elif isinstance(value, list):
            message.setdefault(name, []).extend(value)
        elif isinstance(value, str):
            texts.setdefault(name, []).append(value)
        else:
            message[name] = value


def _close(choice: Json, reader: CandidateReader) -> None:
    message = choice["message"]
    message.update(reader.extras())
    if reader.finish_reason is None and len(message) == 3 and not message["content"]:
        raise Malformed("a candidate has neither content nor a finish reason")
    # A whole body that names no reason is complete all the same.
    choice["finish_reason"] = reader.finish_reason or ("tool_calls" if "tool_calls" in message else "stop")


def asked_alternatives(context: CallContext) -> int:
    """How many `top_logprobs` the client wants for each token."""
    top = context.request.body.get("top_logprobs")
    return top if isinstance(top, int) else 0


def candidates_of(response: Json) -> Iterator[tuple[int, Json]]:
    """The candidates with their choice index: the one they name, else their place."""
    candidates = response.get("candidates") or ()
    if not isinstance(candidates, (list, tuple)):
        raise Malformed("its candidates are no list")
    for place, candidate in enumerate(candidates):
        if not isinstance(candidate, dict):
            raise Malformed("a candidate is no object")
        index = candidate.get("index", place)
        yield (index if type(index) is int and 0 <= index < MAX_CANDIDATES else place), candidate


def raise_if_blocked(response: Json) -> None:
    """Raises ProviderError (CONTENT_POLICY, "filtered") when the prompt was blocked: then there are no candidates."""
    feedback = response.get("promptFeedback")
    reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
    if reason and not response.get("candidates"):
        message = f"The prompt was blocked by Google's content filter ({str(reason)[:60]})."
        raise ProviderError(
            Failure(FailureClass.CONTENT_POLICY, "filtered", message, code="content_filter", param="messages")
        )


def no_answer(error: BrokenAnswer, reason: str) -> ProviderError:
    """The failure of an answer that Gemini itself calls failed."""
    cls = FailureClass.TRANSIENT if error.again else FailureClass.UNKNOWN
    return ProviderError(Failure(cls, reason, str(error)))


def envelope(response: Json, context: CallContext) -> Json:
    """`id`, `created`, `model` and, where told, `service_tier` of an answer."""
    id, model = response.get("responseId"), response.get("modelVersion")
    found: Json = {
        "id": id if isinstance(id, str) and id else context.id,
        "created": _created(response.get("createTime"), context.created),
        "model": model.removeprefix("models/") if isinstance(model, str) and model else context.target.upstream_id,
    }
    tier = read_service_tier(response.get("usageMetadata"))
    if tier is not None:
        found["service_tier"] = tier
    return found


def _created(time: Any, otherwise: int) -> int:
    """Vertex tells the time (RFC 3339), the Gemini API does not."""
    if isinstance(time, str):
        try:
            moment = datetime.fromisoformat(time)
            return int(moment.timestamp()) if moment.tzinfo else otherwise
        except (ValueError, OverflowError):
            pass
    return otherwise
