"""A whole answer on OpenAI's wire format -> chat.completion in OpenAI's exact form.

What a vendor leaves out is filled in, what it adds is kept. The body was parsed from the vendor's bytes a moment ago
and belongs to nobody else, so it is changed in place.
"""

from __future__ import annotations

from typing import Any

import orjson

from gateway.core.chat import ChatAnswer, Json
from gateway.providers.base import CallContext
from gateway.providers.errors.classify import error_inside, invalid_answer
from gateway.providers.openai.legacy import answer_with_function_call, speaks_functions
from gateway.providers.openai.pieces import (
    as_text,
    broke_off,
    call_id,
    finish_reason,
    take_parts,
    take_reasoning,
    take_service_tier,
)
from gateway.providers.openai.usage import take_usage


def parse_response(body: bytes, context: CallContext) -> ChatAnswer:
    """See Adapter.parse_response."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise invalid_answer(f"an answer of {len(body)} bytes is not JSON") from None
    if isinstance(answer, list) and answer and isinstance(answer[0], dict) and answer[0].get("error"):
        answer = answer[0]
    if not isinstance(answer, dict):
        raise invalid_answer("the answer is not a JSON object")
    if answer.get("error") or answer.get("object") == "error":
        raise error_inside(answer, "error_in_200")
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices:
        raise invalid_answer("the answer has no choices")
    vendor_id = answer.get("id")
    answer_id = vendor_id if isinstance(vendor_id, str) and vendor_id else context.id
    try:
        fitted = [
            choice if _is_exact(choice) else _fit_choice(choice, place, answer_id)
            for place, choice in enumerate(choices)
        ]
    except ValueError as unfit:
        raise invalid_answer(str(unfit)) from None
    if speaks_functions(context):
        for choice in fitted:
            answer_with_function_call(choice)
    _set_head(answer, answer_id, context)
    answer["choices"] = fitted
    if "service_tier" in answer:
        take_service_tier(answer)
    usage, shown = take_usage(answer.pop("usage", None))
    if shown is not None:
        answer["usage"] = shown
    return ChatAnswer(answer, usage, fitted[0]["finish_reason"])


def _set_head(answer: Json, answer_id: str, context: CallContext) -> None:
    model = answer.get("model")
    answer["id"] = answer_id
    answer["object"] = "chat.completion"
    answer["created"] = as_epoch(answer.get("created"), context.created)
    answer["model"] = model if isinstance(model, str) and model else context.target.upstream_id


def as_epoch(value: Any, otherwise: int) -> int:
    """A vendor's `created`, in whole seconds; some give a fraction, 0, or nothing."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 2**53:
        return int(value)
    return otherwise


_EXACT_MESSAGE = frozenset({"role", "content", "refusal", "annotations"})
_EXACT_REASONS = frozenset({"stop", "length"})


def _is_exact(choice: Any) -> bool:
    """Whether a choice is in OpenAI's own form to begin with and holds text alone: most answers of most vendors."""
    if type(choice) is not dict or choice.get("error"):
        return False
    reason, message = choice.get("finish_reason"), choice.get("message")
    return (
        type(reason) is str
        and reason in _EXACT_REASONS
        and type(message) is dict
        and type(message.get("content")) is str
        and message.get("role") == "assistant"
        and message.get("refusal", "") is None
        and message.keys() <= _EXACT_MESSAGE
        and choice.get("logprobs", "") is None
        and type(choice.get("index")) is int
    )


def _fit_choice(choice: Any, place: int, answer_id: str) -> Json:
    if not isinstance(choice, dict):
        raise invalid_answer("a choice is not an object")
    if choice.get("error"):
        raise error_inside(choice, "error_in_200")
    index = choice.get("index")
    index = choice["index"] = index if isinstance(index, int) and not isinstance(index, bool) else place
    message = choice.get("message")
    if message is None:  # Azure sends none where its filter took the answer
        message = {}
    if not isinstance(message, dict):
        raise invalid_answer("a message is not an object")
    choice["message"] = fit_message(message, answer_id, index)
    reason = choice.get("finish_reason")
    if not reason:  # a whole answer is complete even where its vendor gives no reason
        reason = "tool_calls" if message.get("tool_calls") else "stop"
    if not isinstance(reason, str):
        raise invalid_answer("a finish reason is not text")
    if broke_off(reason):
        raise error_inside({"message": f"the answer ended with {reason}", "type": "server_error"}, "error_in_200")
    choice["finish_reason"] = finish_reason(reason)
    if choice["finish_reason"] != reason:
        choice.setdefault("native_finish_reason", reason)
    logprobs = choice.get("logprobs")
    choice["logprobs"] = logprobs if isinstance(logprobs, dict) else None
    return choice


def fit_message(message: Json, answer_id: str, choice: int) -> Json:
    """A message with OpenAI's fields in place: role, content, refusal, and tool_calls where there are some."""
    take_reasoning(message)
    content = message.get("content")
    if isinstance(content, list):
        take_parts(message)
        content = message["content"]
    elif content is not None and not isinstance(content, str):
        raise invalid_answer("a message's content is neither text nor parts")
    refusal = message.get("refusal")
    head = {"role": "assistant", "content": content, "refusal": refusal if isinstance(refusal, str) else None}
    message.update(head)
    calls = message.pop("tool_calls", None)
    if calls:
        if not isinstance(calls, list):
            raise invalid_answer("tool_calls is not a list")
        message["tool_calls"] = [_fit_call(call, answer_id, choice, place) for place, call in enumerate(calls)]
    function_call = message.get("function_call")
    if function_call is None:
        message.pop("function_call", None)
    else:
        message["function_call"] = _fit_function(function_call)
    details = message.get("reasoning_details")
    if isinstance(details, list):
        _number_details(details)
    elif "reasoning_details" in message:
        del message["reasoning_details"]
    return message


def _fit_call(call: Any, answer_id: str, choice: int, place: int) -> Json:
    if not isinstance(call, dict):
        raise invalid_answer("a tool call is not an object")
    call.pop("index", None)
    given = call.get("id")
    call["id"] = given if isinstance(given, str) and given else call_id(answer_id, choice, place)
    if isinstance(call.get("custom"), dict):
        call["type"] = "custom"
        return call
    call["type"] = "function"
    call["function"] = _fit_function(call.get("function"))
    return call


def _fit_function(function: Any) -> Json:
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise invalid_answer("a tool call has no function name")
    function["arguments"] = as_text(function.get("arguments"))
    return function


def _number_details(details: list[Any]) -> None:
    """Reasoning blobs are told apart by their index; a vendor that gives none means their order."""
    details[:] = [item for item in details if isinstance(item, dict)]
    for place, item in enumerate(details):
        if not isinstance(item.get("index"), int):
            item["index"] = place
