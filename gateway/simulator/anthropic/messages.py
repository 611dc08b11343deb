"""Checks of the conversation: roles, content, and that tool uses, tool results and thoughts stand where they must."""

from __future__ import annotations

from typing import Any

from gateway.simulator.anthropic.blocks import ASSISTANT_BLOCKS, USER_BLOCKS, check_block, check_text
from gateway.simulator.anthropic.errors import invalid
from gateway.simulator.anthropic.models import ModelFacts
from gateway.simulator.vendor import Json

THINKING = ("thinking", "redacted_thinking")
DOCS = "https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
NO_SYSTEM = (
    'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, not "system" as an '
    "input message role."
)
NO_PREFILL = "This model does not support assistant message prefill. The conversation must end with a user message."


def blocks_of(content: Any) -> list[Json]:
    """A message's content as blocks."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    blocks: list[Json] = content
    return blocks


def check_messages(messages: Any, facts: ModelFacts) -> None:
    """Raises Rejected."""
    if not isinstance(messages, list):
        raise invalid("messages: Input should be a valid list")
    if not messages:
        raise invalid("messages: at least one message is required")
    for index, message in enumerate(messages):
        _check_message(message, index, index == len(messages) - 1, facts)
    turns = merge_turns(messages)
    _check_tool_turns(turns)
    _check_end(messages, facts)


def _check_message(message: Any, index: int, last: bool, facts: ModelFacts) -> None:
    path = f"messages.{index}"
    if not isinstance(message, dict):
        raise invalid(f"{path}: Input does not match the expected shape.")
    for name in ("role", "content"):
        if name not in message:
            raise invalid(f"{path}.{name}: Field required")
    if message.keys() - {"role", "content"}:
        raise invalid(f"{path}.{min(message.keys() - {'role', 'content'})}: Extra inputs are not permitted")
    role, content = message["role"], message["content"]
    if role == "system" and not facts.system_messages:
        raise invalid(NO_SYSTEM)
    if role not in ("user", "assistant", "system"):
        raise invalid(f"{path}.role: Input should be 'user' or 'assistant'")
    if not isinstance(content, (str, list)):
        raise invalid(f"{path}.content: Input should be a valid list")
    if not content and not (last and role == "assistant"):
        text = "user messages must have non-empty content"
        if role == "assistant":
            text = "all messages must have non-empty content except for the optional final assistant message"
        raise invalid(f"{path}: {text}")
    if isinstance(content, str):
        if content:
            check_text(content, f"{path}.content", "messages")
        return
    allowed = {"user": USER_BLOCKS, "assistant": ASSISTANT_BLOCKS}.get(role, frozenset({"text"}))
    for number, block in enumerate(content):
        check_block(block, f"{path}.content.{number}", allowed, path)


def merge_turns(messages: list[Json]) -> list[tuple[int, str, list[Json]]]:
    """Turns as (index of their first message, role, blocks): neighbours of one role count as one turn."""
    turns: list[tuple[int, str, list[Json]]] = []
    for index, message in enumerate(messages):
        blocks = blocks_of(message["content"])
        if turns and turns[-1][1] == message["role"]:
            turns[-1] = (turns[-1][0], turns[-1][1], [*turns[-1][2], *blocks])
        else:
            turns.append((index, message["role"], blocks))
    return turns


def _check_tool_turns(turns: list[tuple[int, str, list[Json]]]) -> None:
    """Every use has its result at the start of the next turn, and every result its use in the turn before."""
    seen: set[str] = set()
    used: dict[str, None] = {}
    for position, (index, role, blocks) in enumerate(turns):
        if role == "assistant":
            used = {}
            for block in blocks:
                if block["type"] == "tool_use":
                    if block["id"] in seen:
                        raise invalid(f"messages.{index}.content: `tool_use` ids must be unique")
                    seen.add(block["id"])
                    used[block["id"]] = None
            if used:
                _check_results(used, turns[position + 1] if position + 1 < len(turns) else None, index)
            continue
        for number, block in enumerate(blocks):
            if block["type"] == "tool_result" and block["tool_use_id"] not in used:
                raise invalid(
                    f"messages.{index}.content.{number}: unexpected `tool_use_id` found in `tool_result` blocks: "
                    f"{block['tool_use_id']}. Each `tool_result` block must have a corresponding `tool_use` block "
                    "in the previous message."
                )
        used = {}


def _check_results(used: dict[str, None], turn: tuple[int, str, list[Json]] | None, index: int) -> None:
    results: list[str] = []
    for block in turn[2] if turn is not None else ():
        if block["type"] != "tool_result":
            break
        results.append(block["tool_use_id"])
    absent = [use for use in used if use not in results]
    if absent:
        raise invalid(
            f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: "
            f"{', '.join(absent)}. Each `tool_use` block must have a corresponding `tool_result` block in the "
            "next message."
        )
    twice = next((use for use in used if results.count(use) > 1), None)
    if twice is not None:
        text = f"each tool_use must have a single result. Found multiple `tool_result` blocks with id: {twice}"
        raise invalid(f"messages.{index + 1}.content: {text}")


def _check_end(messages: list[Json], facts: ModelFacts) -> None:
    """A final assistant message is a prefill."""
    last = messages[-1]
    if last["role"] != "assistant":
        return
    blocks = blocks_of(last["content"])
    if not facts.prefill:
        raise invalid(NO_PREFILL)
    if blocks and blocks[-1]["type"] == "text" and blocks[-1]["text"] != blocks[-1]["text"].rstrip():
        raise invalid("messages: final assistant content cannot end with trailing whitespace")


def check_thoughts(messages: list[Json]) -> None:
    """With thinking on, the assistant turn that a tool loop belongs to starts with a thought, and so does a prefill."""
    turns = merge_turns(messages)
    start = len(turns)
    for position in range(len(turns) - 1, -1, -1):
        _, role, blocks = turns[position]
        if role == "assistant":
            start = position
        elif not blocks or blocks[0]["type"] != "tool_result":
            break
    if start == len(turns):
        return
    index, _, blocks = turns[start]
    if blocks and blocks[0]["type"] not in THINKING:
        raise invalid(
            f"messages.{index}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
            f"`{blocks[0]['type']}`. When `thinking` is enabled, a final `assistant` message must start with a "
            "thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks). We recommend you "
            "include thinking blocks from previous turns. To avoid this requirement, disable `thinking`. "
            f"Please consult our documentation at {DOCS}"
        )
