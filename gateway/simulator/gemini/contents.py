"""Checks of the contents: roles and parts, the order of function calls and responses, the signatures of thoughts."""

from __future__ import annotations

from base64 import b64decode

from gateway.simulator.gemini.errors import invalid
from gateway.simulator.gemini.fields import ONE_OF
from gateway.simulator.gemini.models import ModelFacts
from gateway.simulator.gemini.proto import DUMMY_SIGNATURES
from gateway.simulator.mind.seals import is_ours
from gateway.simulator.vendor import Json

DATA = ONE_OF["Part"]
ROLES = ("user", "model", "function")
MEDIA = ("image/", "audio/", "video/", "text/", "application/pdf", "application/json", "application/x-javascript")
CALLS_BEFORE = (
    "Please ensure that function call turn comes immediately after a user turn or after a function response turn."
)
RESPONSE_AFTER = "Please ensure that function response turn comes immediately after a function call turn."
SAME_NUMBER = (
    "Please ensure that the number of function response parts is equal to the number of function call parts of the "
    "function call turn."
)
SAME_NAMES = "Please ensure that the function responses have the names of the function calls of the function call turn."


def content_problems(contents: list[Json], where: str = "contents") -> list[str]:
    """What is missing in contents or parts."""
    if not contents:
        return [f"{where}: contents is not specified"]
    problems: list[str] = []
    for index, content in enumerate(contents):
        parts = content.get("parts") or []
        if not parts:
            problems.append(f"{where}[{index}].parts: contents.parts must not be empty.")
        for number, part in enumerate(parts):
            problems += _part_problems(part, f"{where}[{index}].parts[{number}]")
    return problems


def instruction_problems(content: Json | None) -> list[str]:
    parts = [] if content is None else content.get("parts") or []
    problems = [
        problem for i, part in enumerate(parts) for problem in _part_problems(part, f"system_instruction.parts[{i}]")
    ]
    if content is not None and not parts:
        problems.append("system_instruction.parts: contents.parts must not be empty.")
    return problems


def _part_problems(part: Json, path: str) -> list[str]:
    if not DATA & part.keys() or (part.get("text") == "" and "thoughtSignature" not in part):
        return [f"{path}.data: required oneof field 'data' must have one initialized field"]
    for field, name in (("functionCall", "function_call"), ("functionResponse", "function_response")):
        if field in part and not part[field].get("name"):
            return [f"{path}.{name}.name: Name cannot be empty."]
    return []


def check_contents(contents: list[Json], facts: ModelFacts) -> None:
    """Raises Rejected."""
    for content in contents:
        if content.get("role", "user") not in ROLES:
            raise invalid("Please use a valid role: user, model.")
        for part in content["parts"]:
            blob = part.get("inlineData")
            if blob is not None and not str(blob.get("mimeType", "")).startswith(MEDIA):
                raise invalid(f"Unsupported MIME type: {blob.get('mimeType', '')}")
            uri = part.get("fileData", {}).get("fileUri", "https://")
            if not uri.startswith(("https://", "http://", "files/")):
                raise invalid(f"Invalid or unsupported file uri: {uri}")
    _check_turns(contents)
    _check_signatures(contents, facts)


def _named(content: Json, field: str) -> list[str]:
    return [part[field]["name"] for part in content["parts"] if field in part]


def _check_turns(contents: list[Json]) -> None:
    for index, content in enumerate(contents):
        calls, responses = _named(content, "functionCall"), _named(content, "functionResponse")
        before = contents[index - 1] if index else None
        if responses and (before is None or not _named(before, "functionCall")):
            raise invalid(RESPONSE_AFTER)
        if not calls:
            continue
        if before is None or before.get("role", "user") == "model":
            raise invalid(CALLS_BEFORE)
        answered = _named(contents[index + 1], "functionResponse") if index + 1 < len(contents) else []
        if len(answered) != len(calls):
            raise invalid(SAME_NUMBER)
        if sorted(answered) != sorted(calls):
            raise invalid(SAME_NAMES)


def _check_signatures(contents: list[Json], facts: ModelFacts) -> None:
    """Signatures that come back must be ours; Gemini 3 wants one on the first call of each step of the current turn."""
    for content in contents:
        for part in content["parts"]:
            signature = part.get("thoughtSignature")
            if signature is not None and not _is_dummy(signature) and not is_ours("thought", "", signature):
                raise invalid("Corrupted thought signature.")
    if not facts.signatures_required:
        return
    start = next((i for i in range(len(contents) - 1, -1, -1) if _is_question(contents[i])), -1)
    for index in range(start + 1, len(contents)):
        first = next((part for part in contents[index]["parts"] if "functionCall" in part), None)
        if first is not None and "thoughtSignature" not in first:
            raise invalid(
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to "
                "work correctly, and missing thought_signature may lead to degraded model performance. Additional "
                f"data, function call `default_api:{first['functionCall']['name']}` , position {index + 1}. Please "
                "refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
            )


def _is_question(content: Json) -> bool:
    return content.get("role", "user") == "user" and not _named(content, "functionResponse")


def _is_dummy(signature: str) -> bool:
    """Whether it is one of the documented stand-ins, plain or in base64."""
    if signature in DUMMY_SIGNATURES:
        return True
    try:
        return b64decode(signature + "=" * (-len(signature) % 4)).decode() in DUMMY_SIGNATURES
    except ValueError:
        return False
