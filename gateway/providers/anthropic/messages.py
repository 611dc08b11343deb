"""OpenAI messages -> Anthropic's `system` and `messages`.

Owns roles and order: system texts, user and assistant turns that alternate, tool results, and blobs of earlier answers
(thinking with its signature) on their way back. The translation of a longer conversation begins with that of its
shorter form, so that prompt caches and thinking bound to its prefix stay valid.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson

from gateway.core.chat import SDK_COPIES, Json
from gateway.providers.anthropic.build import Build, refusal
from gateway.providers.anthropic.content import content_blocks, mark_of, marked, text_block
from gateway.providers.anthropic.ids import ToolIds

REASONING_FORMAT = "anthropic-claude-v1"
THOUGHTS = frozenset({"thinking", "redacted_thinking"})
FOREIGN_REASONING = "reasoning of another vendor was left out"
CONTINUE = "Continue."
EMPTY = "(empty)"
_KNOWN_FIELDS = frozenset({
    "role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal", "audio",
    "reasoning_content", "reasoning_details", "anthropic", "cache_control", "is_error", *SDK_COPIES,
})  # fmt: skip
_REPLAYED_FIELDS = _KNOWN_FIELDS | {"annotations"}
_CALL_FIELDS = frozenset({"id", "type", "function", "index", "extra_content"})


@dataclass(slots=True)
class Conversation:
    """`system` and `turns` as Anthropic wants them. `names` are the tools called in it. `waiting` are system texts
    that still look for a legal place among the turns, `results` the tool results of a user turn that is still open."""

    system: list[Json] = field(default_factory=list)
    turns: list[Json] = field(default_factory=list)
    results: list[Json] = field(default_factory=list)
    names: dict[str, None] = field(default_factory=dict)
    ids: ToolIds = field(default_factory=ToolIds)
    waiting: list[Json] = field(default_factory=list)
    paused: bool = False

    @property
    def last_role(self) -> str:
        return self.turns[-1]["role"] if self.turns else ""

    def add(self, role: str, blocks: list[Json]) -> None:
        if self.last_role == role:
            self.turns[-1]["content"].extend(blocks)
        else:
            self._begin(role, blocks)

    def add_result(self, block: Json) -> None:
        """The API wants the results of a turn's calls before anything else that the user says."""
        if self.last_role != "user":
            self._begin("user", [])
        self.results.append(block)

    def _begin(self, role: str, blocks: list[Json]) -> None:
        self.close()
        self.turns.append({"role": role, "content": blocks})

    def close(self) -> None:
        """End the last turn: all its results are known, and go to its beginning at once."""
        if self.results:
            self.turns[-1]["content"][:0] = self.results
            self.results = []

    def place_waiting(self) -> None:
        """System texts stand after a user turn and before an assistant's, or at the end; elsewhere they are said by
        the user, tagged."""
        if self.waiting:
            blocks, self.waiting = self.waiting, []
            if self.last_role == "user":
                self._begin("system", blocks)
            else:
                self.add("user", [tagged(block) for block in blocks])


def tagged(block: Json) -> Json:
    return {**block, "text": f"<system>\n{block['text']}\n</system>"}


def translate_messages(build: Build) -> Conversation:
    """Raises ProviderError (CALLER_FAULT) for roles and parts that can't be sent, and when nothing is left to send."""
    talk = Conversation()
    for index, message in enumerate(build.body["messages"]):
        where = f"messages[{index}]"
        role = message.get("role")
        if role in ("system", "developer"):
            _add_system(build, talk, message, where)
        elif role == "user":
            blocks = marked(build, message, content_blocks(build, message.get("content"), where))
            if not blocks:
                build.warn("messages", f'an empty user message was sent as "{EMPTY}"')
                blocks = [text_block(EMPTY)]
            talk.add("user", blocks)
        elif role == "assistant":
            _add_assistant(build, talk, message, where)
        elif role in ("tool", "function"):
            talk.add_result(_result_block(build, talk, message, where))
        else:
            raise refusal(f"{where}.role", f"Messages of role {role!r} can't be sent to an Anthropic model.")
        if not message.keys() <= _KNOWN_FIELDS or message.get("name"):
            _warn_of_extras(build, message)
    talk.place_waiting()
    talk.close()
    _begin_with_user(build, talk)
    return talk


def _begin_with_user(build: Build, talk: Conversation) -> None:
    if talk.last_role == "" and talk.system:
        build.warn("messages", "system messages without any other were sent as the user's")
        talk.add("user", talk.system)
        talk.system = []
    elif talk.last_role == "":
        raise refusal("messages", "Anthropic models need at least one message with content.", "invalid_value")
    elif talk.turns[0]["role"] == "assistant":
        build.warn("messages", f'a user turn "{EMPTY}" was put before the assistant\'s first')
        talk.turns.insert(0, {"role": "user", "content": [text_block(EMPTY)]})


def _warn_of_extras(build: Build, message: Json) -> None:
    if message.get("name") and message.get("role") != "function":
        build.drop("messages.name")
    replayed = isinstance(message.get("anthropic"), dict)
    build.report_unknown(message, _REPLAYED_FIELDS if replayed else _KNOWN_FIELDS, "messages")


def _add_system(build: Build, talk: Conversation, message: Json, where: str) -> None:
    blocks = marked(build, message, content_blocks(build, message.get("content"), where))
    if any(block["type"] != "text" for block in blocks):
        raise refusal(where, "System and developer messages can hold text only.")
    if not talk.turns:
        talk.system.extend(blocks)
    elif build.facts.system_turns:
        talk.waiting.extend(blocks)
    elif blocks:
        build.warn("messages", f"later system messages were sent as tagged user text, {build.model} knows no others")
        talk.add("user", [tagged(block) for block in blocks])


def _add_assistant(build: Build, talk: Conversation, message: Json, where: str) -> None:
    replay = _verbatim(build, message)
    talk.paused = replay is not None and message["anthropic"].get("stop_reason") == "pause_turn"
    if replay is not None:
        blocks = [_replayed(talk, block) for block in replay]
    else:
        texts = content_blocks(build, message.get("content"), where)
        said = message.get("refusal")
        if isinstance(said, str) and said and not said.isspace():
            texts.append(text_block(said))
        if message.get("audio"):
            build.warn("messages.audio", "audio of an earlier answer was left out")
        blocks = _interleave(_thinking_blocks(build, message), texts)
        blocks.extend(_call_blocks(build, talk, message, where))
    blocks = marked(build, message, blocks)
    if blocks:
        talk.place_waiting()
        talk.add("assistant", blocks)


def _replayed(talk: Conversation, block: Json) -> Json:
    if block["type"] != "tool_use":
        return block
    talk.names[str(block.get("name"))] = None
    return {**block, "id": talk.ids.call(str(block.get("id")), repeated_here=False)}


def _verbatim(build: Build, message: Json) -> list[Json] | None:
    """The blocks of an answer of ours that held more than chat form can say (response.py put them there)."""
    extra = message.get("anthropic")
    if not isinstance(extra, dict):
        return None
    blocks = extra.get("content")
    if not isinstance(blocks, list) or not blocks:
        return None
    if not all(isinstance(block, dict) and isinstance(block.get("type"), str) for block in blocks):
        return None
    if extra.get("model", build.model) != build.model and any(block["type"] in THOUGHTS for block in blocks):
        build.warn("messages", "thinking of another model was left out, Anthropic binds it to its model")
        blocks = [block for block in blocks if block["type"] not in THOUGHTS]
    return [block for block in blocks if block["type"] != "text" or str(block.get("text") or "").strip()]


def _thinking_blocks(build: Build, message: Json) -> list[tuple[int, Json]]:
    """Thinking of earlier answers with its place among the blocks. Only what Anthropic has signed can go back."""
    details = message.get("reasoning_details")
    blocks: list[tuple[int, Json]] = []
    foreign = bool(message.get("reasoning_content")) and not details
    for order, item in enumerate(details if isinstance(details, list) else ()):
        if not isinstance(item, dict) or item.get("format") != REASONING_FORMAT:
            foreign = True
            continue
        if item.get("model", build.model) != build.model:
            build.warn("messages", "thinking of another model was left out, Anthropic binds it to its model")
            continue
        place = item.get("block", item.get("index"))
        place = place if isinstance(place, int) else order
        kind = item.get("type")
        if kind == "reasoning.encrypted" and item.get("data"):
            blocks.append((place, {"type": "redacted_thinking", "data": item["data"]}))
        elif kind == "reasoning.text" and item.get("signature"):
            text = item.get("text") or ""
            blocks.append((place, {"type": "thinking", "thinking": text, "signature": item["signature"]}))
        else:
            foreign = True
    if blocks and build.facts.thinking == "none":
        build.warn("messages", f"thinking of earlier answers was left out, {build.model} does not think")
        return []
    if foreign:
        build.warn("messages", FOREIGN_REASONING)
    return sorted(blocks, key=lambda placed: placed[0])


def _interleave(thinking: list[tuple[int, Json]], texts: list[Json]) -> list[Json]:
    if not thinking:
        return texts
    blocks: list[Json] = []
    rest = iter(texts)
    for place, block in thinking:
        while len(blocks) < place and (text := next(rest, None)) is not None:
            blocks.append(text)
        blocks.append(block)
    blocks.extend(rest)
    return blocks


def _call_blocks(build: Build, talk: Conversation, message: Json, where: str) -> list[Json]:
    calls = message.get("tool_calls") or ()
    legacy = message.get("function_call")
    blocks: list[Json] = []
    seen: set[str] = set()
    for index, call in enumerate(calls):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            raise refusal(f"{where}.tool_calls[{index}]", "Only calls of functions can be sent to an Anthropic model.")
        build.report_unknown(call, _CALL_FIELDS, "messages.tool_calls")
        if call.get("extra_content"):
            build.warn("messages", FOREIGN_REASONING)
        original = str(call.get("id") or "")
        blocks.append(_call_block(build, talk, function, original, original in seen))
        seen.add(original)
    if isinstance(legacy, dict):
        blocks.append(_call_block(build, talk, legacy, _legacy_id(legacy.get("name")), False))
    return blocks


def _legacy_id(name: object) -> str:
    return f"function_{name}"


def _call_block(build: Build, talk: Conversation, function: Json, original: str, repeated: bool) -> Json:
    name = str(function.get("name") or "")
    talk.names[name] = None
    raw = function.get("arguments")
    try:
        arguments = orjson.loads(raw) if raw else {}
    except (orjson.JSONDecodeError, TypeError):
        arguments = None
    if not isinstance(arguments, dict):
        build.warn("messages.tool_calls", 'arguments that are not a JSON object were wrapped as {"arguments": ...}')
        arguments = {"arguments": raw}
    return {"type": "tool_use", "id": talk.ids.call(original, repeated), "name": name, "input": arguments}


def _result_block(build: Build, talk: Conversation, message: Json, where: str) -> Json:
    legacy = message.get("role") == "function"
    original = _legacy_id(message.get("name")) if legacy else str(message.get("tool_call_id") or "")
    block: Json = {"type": "tool_result", "tool_use_id": talk.ids.result(original)}
    content = message.get("content")
    mark = mark_of(build, message)
    if isinstance(content, str):
        if content:
            block["content"] = content
    else:
        blocks = content_blocks(build, content, where)
        if blocks:
            block["content"] = blocks
    if mark:
        block["cache_control"] = mark
    if message.get("is_error") is True:
        block["is_error"] = True
    return block
