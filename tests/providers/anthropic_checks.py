"""What Anthropic accepts, as a checker for tests: the official SDK's request types, extra keys forbidden, and the rules
of its documentation that no type expresses."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin

import orjson
import pytest
from anthropic.types.beta import message_create_params as beta_params
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
from typing_extensions import get_type_hints, is_typeddict

from gateway.core.chat import ChatRequest, Json
from gateway.core.errors import Failure, FailureClass, ProviderError
from gateway.core.vendor import CAPABILITIES, Target, Vendor
from gateway.core.wire import UpstreamCall
from gateway.providers.anthropic.adapter import AnthropicAdapter
from gateway.providers.anthropic.models import facts_for

VENDOR = Vendor("anthropic", "anthropic", base_url="https://api.anthropic.com", auth="x-api-key")
OLD, BUDGET, ADAPTIVE, NEWEST = "claude-sonnet-4-0", "claude-haiku-4-5", "claude-opus-4-6", "claude-opus-5-5"
EPHEMERAL = {"type": "ephemeral"}
CITY = {"type": "object", "properties": {"city": {"type": "string", "pattern": "^A"}}, "required": ["city"]}
SAMPLING = frozenset({"temperature", "top_p", "top_k"})
"""Fields that the API takes for models up to Claude 4.6 and the SDK no longer types."""


def target(model: str = "claude-opus-4-6", **facts: Any) -> Target:
    return Target("catalogue", "anthropic", model, facts.pop("vendor", VENDOR), CAPABILITIES, **facts)


def build(body: Json, model: str = "claude-opus-4-6", **facts: Any) -> tuple[Json, UpstreamCall]:
    """The request that goes out, checked, and the call around it. The client's body must come out unchanged."""
    body = {"model": "auto", **body}
    before = orjson.dumps(body)
    call = AnthropicAdapter().build_request(ChatRequest(body), target(model, **facts))
    assert orjson.dumps(body) == before, "the client's request was changed"
    sent = orjson.loads(call.body)
    assert_accepted(sent, call)
    assert len(set(call.warnings)) == len(call.warnings)
    assert all(warning.isascii() and ": " in warning for warning in call.warnings)
    return sent, call


def refused(body: Json, model: str = ADAPTIVE) -> Failure:
    """Why a request can't be built."""
    with pytest.raises(ProviderError) as raised:
        AnthropicAdapter().build_request(ChatRequest({"model": "auto", **body}), target(model))
    failure = raised.value.failure
    assert failure.cls is FailureClass.CALLER_FAULT
    assert failure.reason == "refused_to_translate"
    assert failure.status == 400
    return failure


def json_schema(schema: Json, **more: Any) -> Json:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, **more}}


def text(value: str, **more: Any) -> Json:
    return {"type": "text", "text": value, **more}


def user(content: Any = "hi", **more: Any) -> Json:
    return {"role": "user", "content": content, **more}


def assistant(content: Any = None, **more: Any) -> Json:
    return {"role": "assistant", "content": content, **more}


def call(name: str = "f", arguments: str = "{}", id: str = "call_1") -> Json:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(content: Any = "ok", id: str = "call_1", **more: Any) -> Json:
    return {"role": "tool", "tool_call_id": id, "content": content, **more}


def function(name: str = "f", **more: Any) -> Json:
    parameters = {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}
    return {"type": "function", "function": {"name": name, "parameters": parameters, **more}}


def assert_accepted(sent: Json, call: UpstreamCall) -> None:
    headers = dict(call.headers)
    assert headers["anthropic-version"] == "2023-06-01"
    assert headers["content-type"] == "application/json"
    assert call.path == "/v1/messages"
    typed = {name: value for name, value in sent.items() if name not in SAMPLING}
    if "anthropic-beta" in headers:
        kind: Any = (
            beta_params.MessageCreateParamsStreaming
            if sent.get("stream")
            else beta_params.MessageCreateParamsNonStreaming
        )
    else:
        kind = MessageCreateParamsStreaming if sent.get("stream") else MessageCreateParamsNonStreaming
    problem = check(typed, kind, "request")
    assert problem is None, problem
    assert_legal(sent)


def check(value: Any, kind: Any, path: str) -> str | None:
    """Why `value` is not of the type `kind`, extra keys counted as wrong; None when it is."""
    origin = get_origin(kind)
    if origin in (Required, NotRequired, Annotated):
        return check(value, get_args(kind)[0], path)
    if kind in (Any, object):
        return None
    if kind is None or kind is type(None):
        return None if value is None else f"{path}: not null"
    if origin in (Union, types.UnionType):
        problems = [check(value, option, path) for option in get_args(kind)]
        return None if None in problems else " | ".join(sorted({p for p in problems if p}, key=len, reverse=True)[:2])
    if origin is Literal:
        return None if value in get_args(kind) else f"{path}: {value!r} is none of {get_args(kind)}"
    if is_typeddict(kind):
        return _check_fields(value, kind, path)
    if origin is dict:
        if not isinstance(value, dict):
            return f"{path}: not an object"
        return _first(check(item, get_args(kind)[1], f"{path}.{name}") for name, item in value.items())
    if origin is not None and (issubclass(origin, Iterable) or getattr(origin, "__name__", "") == "SequenceNotStr"):
        if not isinstance(value, list):
            return f"{path}: not a list"
        return _first(check(item, get_args(kind)[0], f"{path}[{i}]") for i, item in enumerate(value))
    if kind is float:
        return None if isinstance(value, int | float) and not isinstance(value, bool) else f"{path}: not a number"
    if isinstance(kind, type):
        return None if type(value) is kind else f"{path}: {value!r} is no {kind.__name__}"
    return f"{path}: the checker does not know {kind!r}"


def _check_fields(value: Any, kind: Any, path: str) -> str | None:
    if not isinstance(value, dict):
        return f"{path}: not an object"
    hints = get_type_hints(kind, include_extras=True)
    required = {name for name, hint in hints.items() if get_origin(hint) is Required}
    if missing := required - value.keys():
        return f"{path}: lacks {sorted(missing)} of {kind.__name__}"
    open_ended = getattr(kind, "__pydantic_config__", {}).get("extra") == "allow"
    extra = value.keys() - hints.keys()
    if extra and not open_ended:
        return f"{path}: has {sorted(extra)}, unknown to {kind.__name__}"
    return _first(check(item, hints[name], f"{path}.{name}") for name, item in value.items() if name in hints)


def _first(problems: Iterable[str | None]) -> str | None:
    return next((problem for problem in problems if problem), None)


def assert_legal(sent: Json) -> None:
    """The API's rules beyond types: turns, results, ids, thinking, sampling."""
    facts = facts_for(sent["model"])
    turns = sent["messages"]
    assert turns
    assert turns[0]["role"] == "user"
    used: set[str] = set()
    for position, turn in enumerate(turns):
        assert turn["content"], "a turn is empty"
        before = turns[position - 1]["role"] if position else None
        assert turn["role"] != before, "two turns of one role"
        if turn["role"] == "system":
            assert facts.system_turns
            assert before == "user"
            assert position == len(turns) - 1 or turns[position + 1]["role"] == "assistant"
        kinds = [block["type"] for block in turn["content"]]
        assert kinds == sorted(kinds, key=lambda kind: kind != "tool_result"), "tool results come first"
        for block in turn["content"]:
            assert_legal_block(block, used)
    for block in sent.get("system", ()):
        assert block["text"].strip()
    last = turns[-1]
    if last["role"] == "assistant":
        paused = last["content"][-1]["type"] not in ("text", "tool_use")
        assert facts.prefill or paused, "this model refuses prefill"
        if last["content"][-1]["type"] == "text":
            assert last["content"][-1]["text"] == last["content"][-1]["text"].rstrip()
        assert "format" not in sent.get("output_config", {})
    assert_legal_thinking(sent)
    for stop in sent.get("stop_sequences", ()):
        assert stop.strip()


def assert_legal_block(block: Json, used: set[str]) -> None:
    if block["type"] == "text":
        assert block["text"].strip(), "a text block is blank"
    elif block["type"] == "tool_use":
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", block["id"])
        assert block["id"] not in used, "tool_use ids must be unique"
        used.add(block["id"])
    elif block["type"] == "tool_result":
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", block["tool_use_id"])
        if isinstance(block.get("content"), list):
            assert block["content"]


def assert_legal_thinking(sent: Json) -> None:
    facts = facts_for(sent["model"])
    thinking = sent.get("thinking") or {}
    kind = thinking.get("type")
    accepted = {
        None: True,
        "enabled": facts.thinking in ("budget", "both"),
        "adaptive": facts.thinking in ("adaptive", "both"),
        "disabled": facts.off in ("disabled", "omit"),
        "between_tools": facts.off == "between_tools",
    }
    assert accepted[kind], f"{sent['model']} refuses thinking {kind}"
    effort = sent.get("output_config", {}).get("effort")
    assert effort is None or effort in facts.efforts
    assert "format" not in sent.get("output_config", {}) or facts.json_schema
    if kind == "disabled":
        assert effort not in ("xhigh", "max")
    thinks = kind in ("enabled", "adaptive") or (kind is None and facts.thinks_unasked)
    forced = sent.get("tool_choice", {}).get("type") in ("any", "tool")
    if forced:
        assert facts.forced_tools, "this model can't be forced"
        assert not thinks or facts.off == "never", "no forced tool while thinking"
        assert sent["messages"][-1]["role"] != "assistant"
    if kind == "enabled":
        assert 1024 <= thinking["budget_tokens"] < sent["max_tokens"]
    if facts.sampling == "none":
        assert not SAMPLING & sent.keys()
    elif thinks:
        assert sent.get("temperature") in (None, 1)
        assert sent.get("top_p", 1) >= 0.95
        assert "top_k" not in sent
    if facts.sampling == "one":
        assert not {"temperature", "top_p"} <= sent.keys()
    assert 0 <= sent.get("temperature", 0) <= 1
    strict = [tool for tool in sent.get("tools", ()) if tool.get("strict")]
    assert not strict or facts.json_schema
    assert len(strict) <= 20
