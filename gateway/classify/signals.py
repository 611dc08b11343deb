"""Structural facts of a request: what can be read off its shape without understanding its text. Pure.

Token counts are estimates from character counts: no vendor's vocabulary is at hand offline, and routing needs the
order of magnitude only.
"""

from __future__ import annotations

import orjson

from gateway.core.chat import ChatRequest, Json, content_parts
from gateway.core.label import Signals

_ASCII_CHARS_PER_TOKEN = 4
_OTHER_BYTES_PER_TOKEN = 3
_TOKENS_PER_MESSAGE = 4
_TOKENS_PER_IMAGE = 1000
_TOKENS_PER_DOCUMENT = 3000
_TOKENS_PER_AUDIO = 500
_COMPUTER_TOOLS = ("computer", "computer_use")

_SCRIPTS = (
    (0x0590, 0x05FF, "hebrew"),
    (0x0600, 0x06FF, "arabic"),
    (0x0370, 0x03FF, "greek"),
    (0x0400, 0x052F, "cyrillic"),
    (0x0900, 0x097F, "devanagari"),
    (0x0E00, 0x0E7F, "thai"),
    (0x3040, 0x30FF, "kana"),
    (0x4E00, 0x9FFF, "han"),
    (0xAC00, 0xD7AF, "hangul"),
)


def estimate_tokens(text: str) -> int:
    """Tokens in `text`, roughly: four ASCII characters or three UTF-8 bytes of other scripts to a token."""
    if text.isascii():
        return -(-len(text) // _ASCII_CHARS_PER_TOKEN)
    return -(-len(text.encode("utf-8", "surrogatepass")) // _OTHER_BYTES_PER_TOKEN)


def read_signals(request: ChatRequest) -> Signals:
    """Signals of a validated request. Cost is linear in the messages, and one pass over the text."""
    count = _Counter()
    for message in request.messages:
        count.message(message)
    body = request.body
    tools: list[Json] = []
    computer = False
    if "tools" in body or "functions" in body:
        tools = [*request.tools, *(body.get("functions") or ())]
        count.tokens += len(orjson.dumps(tools)) // _ASCII_CHARS_PER_TOKEN
        computer = any(_is_computer_tool(tool) for tool in tools)
    response_format = body.get("response_format")
    json_schema = isinstance(response_format, dict) and response_format.get("type") == "json_schema"
    return Signals(
        chars=count.chars,
        input_tokens=count.tokens,
        turns=count.turns,
        tools=len(tools),
        tool_results=count.tool_results,
        images=count.images,
        audio=count.audio,
        documents=count.documents,
        json_schema=json_schema,
        computer=computer,
        code_fences=count.code_fences,
        script=script_of(count.last_user_text),
        needs=_needs(body, count, bool(tools) or count.tool_results > 0, json_schema, computer),
    )


class _Counter:
    __slots__ = (
        "audio",
        "chars",
        "code_fences",
        "documents",
        "images",
        "last_user_text",
        "tokens",
        "tool_results",
        "turns",
    )

    def __init__(self) -> None:
        self.chars = self.tokens = self.turns = self.tool_results = 0
        self.images = self.audio = self.documents = self.code_fences = 0
        self.last_user_text = ""

    def message(self, message: Json) -> None:
        role = message["role"]
        self.tokens += _TOKENS_PER_MESSAGE
        if role == "user":
            self.turns += 1
            self.last_user_text = ""
        elif role in ("tool", "function"):
            self.tool_results += 1
        content = message.get("content")
        if isinstance(content, str):
            self.text(content, role)
        elif content:
            for part in content_parts(message):
                self.part(part, role)
        for call in message.get("tool_calls") or ():
            arguments = (call.get("function") or {}).get("arguments")
            if isinstance(arguments, str):
                self.chars += len(arguments)
                self.tokens += estimate_tokens(arguments)

    def part(self, part: Json, role: str) -> None:
        kind = part.get("type")
        if kind in ("text", "refusal"):
            text = part.get(kind)
            if isinstance(text, str):
                self.text(text, role)
        elif kind == "image_url":
            self.images += 1
            self.tokens += _TOKENS_PER_IMAGE
        elif kind == "input_audio":
            self.audio += 1
            self.tokens += _TOKENS_PER_AUDIO
        elif kind == "file":
            self.documents += 1
            self.tokens += _TOKENS_PER_DOCUMENT

    def text(self, text: str, role: str) -> None:
        self.chars += len(text)
        self.tokens += estimate_tokens(text)
        self.code_fences += text.count("```") // 2
        if role == "user":
            self.last_user_text = text


def _is_computer_tool(tool: Json) -> bool:
    kind = tool.get("type")
    return isinstance(kind, str) and kind.startswith(_COMPUTER_TOOLS)


def _needs(body: Json, count: _Counter, tools: bool, json_schema: bool, computer: bool) -> frozenset[str]:
    needs = []
    if tools:
        needs.append("tools")
    if computer:
        needs.append("computer")
    if count.images:
        needs.append("images")
    if count.documents:
        needs.append("pdf")
    if count.audio:
        needs.append("audio_in")
    if "audio" in (body.get("modalities") or ()):
        needs.append("audio_out")
    if json_schema:
        needs.append("json_schema")
    if (body.get("n") or 1) > 1:
        needs.append("n")
    if body.get("logprobs") is True:
        needs.append("logprobs")
    return frozenset(needs) if needs else _NOTHING


_NOTHING: frozenset[str] = frozenset()


def script_of(text: str, sample: int = 400) -> str:
    """The script of the text's beginning: "latin", or the first other script that holds a fifth of it."""
    head = text[:sample]
    if head.isascii():
        return "latin"
    tally: dict[str, int] = {}
    for char in head:
        code = ord(char)
        if code < 0x0370:
            continue
        for low, high, name in _SCRIPTS:
            if low <= code <= high:
                tally[name] = tally.get(name, 0) + 1
                break
    if not tally:
        return "latin"
    name, most = max(tally.items(), key=lambda item: item[1])
    return name if most * 5 >= len(head) else "latin"
