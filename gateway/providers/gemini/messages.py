"""OpenAI messages as Gemini's `systemInstruction` and `contents`: roles, turns, tool calls and their results, and the
thought signatures that must come back.

Contents are of three kinds: what the user says, what the model says, and the results of function calls (role "user"
too). Messages of one kind in a row become one content. Results stand alone, one per call and in the calls' order, as
the API demands ("the number of function response parts is equal to the number of function call parts").

Source of the signature rules: Gemini API guide "Thought signatures". The first function call of each step of the
current turn must be signed on Gemini 3; the placeholder is the one documented there for calls of other origin.
"""

from __future__ import annotations

from typing import Any

import orjson

from gateway.core.chat import SDK_COPIES, Json
from gateway.providers.gemini.facts import ModelFacts
from gateway.providers.gemini.notes import Warnings, note, refusal
from gateway.providers.gemini.parts import content_to_parts

SIGNATURE_FORMAT = "google-gemini-v1"
"""`format` of our items in `reasoning_details`."""
PLACEHOLDER_SIGNATURE = "skip_thought_signature_validator"

_MEDIA_IN_RESULTS = ("image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain")
_ROLES = {"user": "user", "model": "model", "results": "user"}
_BLANK = {"text": " "}
_KNOWN_FIELDS = {
    "system": frozenset({"role", "content"}),
    "user": frozenset({"role", "content"}),
    "assistant": frozenset(
        (
            "role",
            "content",
            "refusal",
            "tool_calls",
            "function_call",
            "audio",
            "annotations",
            "reasoning_content",
            "reasoning_details",
            "extra_content",
            *SDK_COPIES,
        )
    ),
    "tool": frozenset({"role", "content", "tool_call_id", "name"}),
}
_KNOWN_FIELDS["developer"] = _KNOWN_FIELDS["system"]
_KNOWN_FIELDS["function"] = _KNOWN_FIELDS["tool"]


class _Dialogue:
    """Collects contents while messages are read in order."""

    def __init__(self, facts: ModelFacts, warnings: Warnings) -> None:
        self.facts = facts
        self.warnings = warnings
        self.system: list[Json] = []
        self.contents: list[Json] = []
        self._kind = ""
        self._calls: dict[str, tuple[int, str]] = {}  # by id: place among all calls, function name
        self._results: list[tuple[int, Json, list[Json]]] = []

    def say(self, kind: str, parts: list[Json]) -> None:
        if self._results:
            self.flush_results()
        self._append(kind, parts)

    def _append(self, kind: str, parts: list[Json]) -> None:
        if not parts:
            return
        if kind == self._kind:
            self.contents[-1]["parts"].extend(parts)
        else:
            self.contents.append({"role": _ROLES[kind], "parts": parts})
            self._kind = kind

    def remember_call(self, id: str, name: str) -> None:
        self._calls[id] = (len(self._calls), name)

    def call(self, id: str) -> tuple[int, str] | None:
        return self._calls.get(id)

    def add_result(self, place: int, response: Json, media: list[Json]) -> None:
        """`media` are the parts of the result that a function response can't hold."""
        self._results.append((place, response, media))

    def flush_results(self) -> None:
        results = sorted(self._results, key=lambda result: result[0])
        self._results = []
        parts: list[Json] = [{"functionResponse": response} for _, response, _ in results]
        for _, response, media in results:
            if media:
                parts.append({"text": f"Returned by {response['name']}:"})
                parts.extend(media)
        self._append("results", parts)


def build_contents(messages: list[Json], facts: ModelFacts, warnings: Warnings) -> tuple[list[Json], list[Json]]:
    """The parts of the system instruction, and the contents: at least one, the first of them the user's."""
    dialogue = _Dialogue(facts, warnings)
    for index, message in enumerate(messages):
        _read_message(message, f"messages[{index}]", dialogue)
    dialogue.flush_results()
    contents = dialogue.contents
    if not contents:
        contents.append({"role": "user", "parts": [_BLANK]})
    elif contents[0]["role"] != "user":
        contents.insert(0, {"role": "user", "parts": [_BLANK]})
        note(warnings, "messages: gemini begins with the user, so an empty user message was put first")
    if contents[-1]["role"] == "model" and facts.rules_of_36:
        contents.append({"role": "user", "parts": [_BLANK]})
        note(warnings, f"messages: {facts.name} does not continue an assistant message, an empty user message follows")
    if facts.needs_signatures:
        _sign_current_turn(contents, warnings)
    return dialogue.system, contents


def _read_message(message: Any, where: str, dialogue: _Dialogue) -> None:
    role = message.get("role") if isinstance(message, dict) else None
    known = _KNOWN_FIELDS.get(role) if isinstance(role, str) else None
    if known is None:
        raise refusal(f"{where}.role", "The role of a message is system, developer, user, assistant or tool.")
    for name in message:
        if name not in known and message[name] is not None:
            note(dialogue.warnings, f"messages: {name} is not supported by gemini, dropped")
    if role == "assistant":
        dialogue.say("model", _assistant_parts(message, where, dialogue))
    elif role in ("tool", "function"):
        _read_result(message, where, dialogue)
    else:
        parts = content_to_parts(message.get("content"), f"{where}.content", dialogue.warnings)
        if role == "user":
            dialogue.say("user", parts)
        elif dialogue.contents:
            dialogue.say("user", parts)
            note(
                dialogue.warnings, "messages: gemini takes system messages first only, later ones became user messages"
            )
        else:
            dialogue.system.extend(parts)


def _assistant_parts(message: Json, where: str, dialogue: _Dialogue) -> list[Json]:
    if message.get("audio"):
        raise refusal(f"{where}.audio", "Audio of an earlier answer can't be sent to Gemini; send its transcript.")
    parts = content_to_parts(message.get("content"), f"{where}.content", dialogue.warnings)
    if isinstance(message.get("refusal"), str) and message["refusal"]:
        parts.append({"text": message["refusal"]})
    calls = [
        _call_part(call, f"{where}.tool_calls[{index}]", dialogue)
        for index, call in enumerate(_list(message.get("tool_calls")))
    ]
    if message.get("function_call"):
        calls.append(_legacy_call_part(message["function_call"], f"{where}.function_call", dialogue))
    _restore_signatures(message, parts, calls, dialogue.warnings)
    return parts + calls


def _restore_signatures(message: Json, parts: list[Json], calls: list[Json], warnings: Warnings) -> None:
    """Put back the signatures of text: the last on the last text part, earlier ones on empty parts before it."""
    signatures, foreign = [], False
    for item in _list(message.get("reasoning_details")):
        if isinstance(item, dict) and item.get("format") == SIGNATURE_FORMAT and isinstance(item.get("data"), str):
            signatures.append(item["data"])
        else:
            foreign = True
    signature = _own_signature(message, warnings)
    if signature and signature not in signatures:
        signatures.append(signature)
    if signatures:
        last = signatures.pop()
        if parts and "text" in parts[-1]:
            parts[-1]["thoughtSignature"] = last
        else:
            parts.append({"text": "", "thoughtSignature": last})
        parts[:0] = [{"text": "", "thoughtSignature": signature} for signature in signatures]
    elif message.get("reasoning_content") and not any("thoughtSignature" in call for call in calls):
        foreign = True
    if foreign:
        note(warnings, "messages: reasoning of another vendor was left out")


def _own_signature(holder: Json, warnings: Warnings) -> str | None:
    """`extra_content.google.thought_signature`, where Google's own OpenAI-compatible API puts a signature."""
    extra = holder.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    if not isinstance(google, dict):
        return None
    if any(name != "thought_signature" for name in google):
        note(warnings, "messages: extra_content is not sent back to gemini but for its thought_signature")
    signature = google.get("thought_signature")
    return signature if isinstance(signature, str) and signature else None


def _call_part(call: Any, where: str, dialogue: _Dialogue) -> Json:
    function = call.get("function") if isinstance(call, dict) else None
    made = _function_call(function, where, dialogue.warnings)
    id = call.get("id")
    if isinstance(id, str) and id:
        dialogue.remember_call(id, made["name"])
        made["id"] = id
    signature = _own_signature(call, dialogue.warnings)
    return {"functionCall": made, "thoughtSignature": signature} if signature else {"functionCall": made}


def _legacy_call_part(function: Any, where: str, dialogue: _Dialogue) -> Json:
    made = _function_call(function, where, dialogue.warnings)
    dialogue.remember_call(_legacy_id(function), made["name"])
    return {"functionCall": made}


def _function_call(function: Any, where: str, warnings: Warnings) -> Json:
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str):
        raise refusal(where, "Gemini takes calls of functions only: {id, type: function, function: {name, arguments}}.")
    return {"name": name, "args": _arguments(function.get("arguments"), warnings)}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _arguments(arguments: Any, warnings: Warnings) -> Json:
    """The arguments as the object that Gemini wants."""
    if not arguments:
        return {}
    try:
        parsed = orjson.loads(arguments) if isinstance(arguments, (str, bytes)) else arguments
    except orjson.JSONDecodeError:
        parsed = None
    if isinstance(parsed, dict):
        return parsed
    note(warnings, "messages: tool call arguments that are no JSON object were sent as {arguments: ...}")
    return {"arguments": arguments}


def _legacy_id(message: Json) -> str:
    """A stand-in id for the form without ids: a function's result belongs to its latest call."""
    return f"function:{message.get('name')}"


def _read_result(message: Json, where: str, dialogue: _Dialogue) -> None:
    legacy = message["role"] == "function"
    id = _legacy_id(message) if legacy else message.get("tool_call_id")
    call = dialogue.call(id) if isinstance(id, str) else None
    if call is None:
        param = f"{where}.name" if legacy else f"{where}.tool_call_id"
        raise refusal(param, "A tool message answers a tool call of an earlier assistant message.", "invalid_value")
    place, name = call
    response: Json = {"name": name}
    if not legacy:
        response["id"] = id
    inside: list[Json] = []
    outside: list[Json] = []
    texts: list[str] = []
    for part in content_to_parts(message.get("content"), f"{where}.content", dialogue.warnings):
        if "text" in part:
            texts.append(part["text"])
        elif dialogue.facts.media_in_results and _fits_in_result(part):
            inside.append(part)
        else:
            outside.append(part)
    response["response"] = _result_object("".join(texts))
    if inside:
        response["parts"] = inside
    dialogue.add_result(place, response, outside)


def _fits_in_result(part: Json) -> bool:
    return "inlineData" in part and part["inlineData"]["mimeType"] in _MEDIA_IN_RESULTS


def _result_object(text: str) -> Json:
    """A JSON object as it is, anything else under the key that Gemini names for it."""
    if text.lstrip()[:1] == "{":
        try:
            parsed = orjson.loads(text)
        except orjson.JSONDecodeError:
            return {"output": text}
        if isinstance(parsed, dict):
            return parsed
    return {"output": text}


def _sign_current_turn(contents: list[Json], warnings: Warnings) -> None:
    """Give the first call of each unsigned step since the user's last words the documented placeholder."""
    for content in reversed(contents):
        parts = content["parts"]
        if content["role"] == "user":
            if "functionResponse" not in parts[0]:
                return
            continue
        first = next((part for part in parts if "functionCall" in part), None)
        if first is not None and "thoughtSignature" not in first:
            first["thoughtSignature"] = PLACEHOLDER_SIGNATURE
            note(warnings, "messages: tool calls without their thought_signature were sent with Google's placeholder")
