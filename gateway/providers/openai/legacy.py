"""OpenAI's `functions`, the form before `tools`, for vendors that only know tools.

Both ways: functions and function messages become tools and tool messages in the request; in the answer the first tool
call becomes the `function_call` that such a client waits for. Source: OpenAI API reference, deprecated fields.
"""

from __future__ import annotations

from gateway.core.chat import Json
from gateway.providers.base import CallContext


def functions_to_tools(out: Json) -> None:
    """Replace `functions` and `function_call` of a request by `tools` and `tool_choice`."""
    functions = out.pop("functions", None)
    choice = out.pop("function_call", None)
    if functions:
        out["tools"] = [*(out.get("tools") or ()), *({"type": "function", "function": item} for item in functions)]
    if choice is not None and out.get("tools"):
        named = isinstance(choice, dict)
        out.setdefault("tool_choice", {"type": "function", "function": choice} if named else choice)


def function_message_to_tool(message: Json) -> Json:
    """An assistant's function_call as a tool call, a function's result as a tool's. A function has one call at a time,
    so its name stands in for the id that functions never had."""
    if message.get("role") == "function":
        return {"role": "tool", "tool_call_id": _call_id(message.get("name")), "content": message.get("content") or ""}
    call = message["function_call"]
    tool_call = {"id": _call_id(call.get("name")), "type": "function", "function": call}
    kept = {name: value for name, value in message.items() if name != "function_call"}
    return {"content": None, **kept, "tool_calls": [tool_call]}


def _call_id(name: object) -> str:
    return f"call_{name}"


def speaks_functions(context: CallContext) -> bool:
    """Whether the client asked with `functions` and the vendor was asked with tools."""
    body = context.request.body
    return bool(body.get("functions")) and not body.get("tools") and "functions" in context.target.vendor.unsupported


def answer_with_function_call(choice: Json) -> None:
    """In a whole choice: the first tool call as function_call."""
    message = choice["message"]
    calls = message.pop("tool_calls", None)
    if calls:
        message["function_call"] = calls[0]["function"]
        if choice["finish_reason"] == "tool_calls":
            choice["finish_reason"] = "function_call"


def delta_with_function_call(choice: Json) -> None:
    """In a chunk's choice: the fragments of the first tool call as function_call."""
    calls = choice["delta"].pop("tool_calls", None)
    for call in calls or ():
        if call["index"] == 0:
            choice["delta"]["function_call"] = call["function"]
