"""A chat completion request -> a request of Anthropic's Messages API (POST /v1/messages).

Owns the top-level fields; messages, tools and thinking have their own modules. What Anthropic can't be told is named in
a warning. Temperatures above 1, Anthropic's maximum, are lowered to 1 with a warning rather than scaled: a client that
asks for 0.7 gets 0.7.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import orjson

from gateway.core.chat import ChatRequest, Json
from gateway.core.vendor import Target
from gateway.core.wire import UpstreamCall
from gateway.providers.anthropic.build import Build, plain, refusal
from gateway.providers.anthropic.content import mark_of, text_block
from gateway.providers.anthropic.messages import CONTINUE, Conversation, translate_messages
from gateway.providers.anthropic.models import facts_for
from gateway.providers.anthropic.thinking import Thinking, plan_thinking
from gateway.providers.anthropic.tools import Production, translate_production

PATH = "/v1/messages"
HEADERS = (("content-type", "application/json"), ("anthropic-version", "2023-06-01"))
MIN_TOP_P_WHILE_THINKING = 0.95
_TRANSLATED = frozenset({
    "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature", "top_p",
    "top_k", "stop", "n", "tools", "tool_choice", "parallel_tool_calls", "functions", "function_call",
    "response_format", "reasoning_effort", "thinking", "cache_control", "output_config", "user", "safety_identifier",
    "metadata", "service_tier", "modalities",
})  # fmt: skip
_NEUTRAL: tuple[tuple[str, object], ...] = (
    ("logprobs", False), ("presence_penalty", 0), ("frequency_penalty", 0), ("store", False), ("verbosity", "medium"),
    ("logit_bias", {}), ("top_logprobs", 0),
)  # fmt: skip
"""Values that ask for nothing: leaving them out changes nothing."""
_SAFE_USER = re.compile(r"(?=.*[A-Za-z_-])[A-Za-z0-9_.:-]{1,256}|[0-9]{1,6}")


def build_request(request: ChatRequest, target: Target) -> UpstreamCall:
    """Raises ProviderError (CALLER_FAULT, "refused_to_translate")."""
    build = _begin(request, target)
    production = translate_production(build)
    talk = translate_messages(build)
    max_tokens = _max_tokens(build, request)
    _close_with_user(build, talk, production)
    thinking = plan_thinking(build, max_tokens, production.forced, talk.turns)
    body: Json = {"model": target.upstream_id, "max_tokens": max_tokens}
    system = talk.system + [text_block(text) for text in production.instructions]
    if system:
        body["system"] = system
    body["messages"] = talk.turns
    _add_tools(body, production, talk)
    _add_output_config(build, body, production, thinking)
    _add_sampling(build, body, thinking)
    _add_account(build, body)
    if mark := mark_of(build, build.body):
        body["cache_control"] = mark
    if request.stream:
        body["stream"] = True
    _report_the_rest(build)
    betas = production.betas + thinking.betas
    headers = (*HEADERS, ("anthropic-beta", ",".join(betas))) if betas else HEADERS
    return UpstreamCall(path=PATH, body=_encode(body), headers=headers, warnings=build.warnings)


def _encode(body: Json) -> bytes:
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:  # tool arguments are JSON in a string, so their depth is first seen here
        raise refusal("messages", "The arguments of a tool call are nested too deeply.", "invalid_value") from None


def _begin(request: ChatRequest, target: Target) -> Build:
    body = request.body
    refused = target.vendor.unsupported
    build = Build(body, target, facts_for(target.upstream_id))
    if refused and not refused.isdisjoint(body):
        for name in body:
            if name in refused:
                build.drop(name)
        build.body = {name: value for name, value in body.items() if name not in refused}
    if (count := body.get("n")) not in (None, 1):
        raise refusal("n", f"Anthropic models give one answer per request, not {count}. Send n=1.")
    if "audio" in (body.get("modalities") or ()):
        raise refusal("modalities", "Claude models give no audio. Choose a model with audio output.")
    return build


def _max_tokens(build: Build, request: ChatRequest) -> int:
    """Required upstream: the client's limit, else the most that the model gives."""
    most = build.target.max_output or build.facts.max_output
    wish = request.max_output_tokens
    if wish is None:
        return most
    if build.target.max_output and wish > most:
        field = "max_completion_tokens" if build.body.get("max_completion_tokens") is not None else "max_tokens"
        build.warn(field, f"{wish} lowered to {most}, the model's maximum")
        return most
    return wish


def _close_with_user(build: Build, talk: Conversation, production: Production) -> None:
    """An assistant's last message is continued by older models; newer ones, and answers bound to a schema, want a
    user's. A paused turn goes back as it came."""
    if talk.last_role != "assistant" or talk.paused:
        return
    if build.facts.prefill and production.format is None and not production.forced:
        last = talk.turns[-1]["content"][-1]
        if last["type"] == "text" and last["text"] != last["text"].rstrip():
            build.warn("messages", "white space at the end of the last assistant message was left out")
            talk.turns[-1]["content"][-1] = {**last, "text": last["text"].rstrip()}
        return
    build.warn(
        "messages", f"a user turn \"{CONTINUE}\" was added, {build.model} can't continue the assistant's message here"
    )
    talk.turns.append({"role": "user", "content": [text_block(CONTINUE)]})


def _add_tools(body: Json, production: Production, talk: Conversation) -> None:
    if production.tools:
        body["tools"] = production.tools
        if production.choice:
            body["tool_choice"] = production.choice
    elif talk.names:
        # The API wants the tools of earlier calls to be defined, also when none may be called now.
        body["tools"] = [{"name": name, "input_schema": {"type": "object"}} for name in talk.names]
        body["tool_choice"] = {"type": "none"}


def _add_output_config(build: Build, body: Json, production: Production, thinking: Thinking) -> None:
    if thinking.config:
        body["thinking"] = thinking.config
    native = build.body.get("output_config")
    config: Json = dict(native) if isinstance(native, dict) else {}
    if production.format:
        config["format"] = production.format
    if thinking.effort:
        config["effort"] = thinking.effort
    if config:
        body["output_config"] = config


def _add_sampling(build: Build, body: Json, thinking: Thinking) -> None:
    asked = build.body
    temperature, top_p, top_k = asked.get("temperature"), asked.get("top_p"), asked.get("top_k")
    if temperature is None and top_p is None and top_k is None:
        pass
    elif build.facts.sampling == "none":
        for name, value in (("temperature", temperature), ("top_p", top_p), ("top_k", top_k)):
            if value is not None and not (value == 1 and name != "top_k"):
                build.warn(name, f"{build.model} takes none, dropped")
    else:
        _add_allowed_sampling(build, body, thinking, temperature, top_p, top_k)
    stops = asked.get("stop")
    if stops:
        stops = [stops] if isinstance(stops, str) else stops
        kept = [stop for stop in stops if isinstance(stop, str) and stop and not stop.isspace()]
        if len(kept) < len(stops):
            build.warn("stop", "sequences of nothing but white space are refused by Anthropic, dropped")
        if kept:
            body["stop_sequences"] = kept


def _add_allowed_sampling(
    build: Build, body: Json, thinking: Thinking, temperature: Any, top_p: Any, top_k: Any
) -> None:
    if temperature is not None and temperature > 1:
        build.warn("temperature", f"{temperature} lowered to 1.0, anthropic's maximum")
        temperature = 1.0
    if thinking.active:
        if temperature not in (None, 1):
            build.warn("temperature", "must be 1 while thinking, dropped")
            temperature = None
        if top_p is not None and top_p < MIN_TOP_P_WHILE_THINKING:
            build.warn("top_p", f"must be at least {MIN_TOP_P_WHILE_THINKING} while thinking, dropped")
            top_p = None
        if top_k is not None:
            build.warn("top_k", "not allowed while thinking, dropped")
            top_k = None
    if build.facts.sampling == "one" and temperature is not None and top_p is not None:
        if temperature == 1:
            temperature = None
        else:
            if top_p != 1:
                build.warn("top_p", f"{build.model} takes temperature or top_p, not both; top_p was dropped")
            top_p = None
    for name, value in (("temperature", temperature), ("top_p", top_p), ("top_k", top_k)):
        if value is not None:
            body[name] = value


def _add_account(build: Build, body: Json) -> None:
    """metadata.user_id and service_tier. Anthropic refuses user ids that look like an e-mail address or a phone
    number, so anything but a plain id goes out as its SHA-256."""
    asked = build.body
    metadata = asked.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    named = [metadata.get("user_id"), asked.get("safety_identifier"), asked.get("user")]
    user = next((name for name in named if name), None)
    if user:
        if any(name and name != user for name in named):
            build.warn("user", "Anthropic takes one user id, the others were dropped")
        user = str(user)
        if not _SAFE_USER.fullmatch(user):
            build.warn("user", "sent as its SHA-256, Anthropic takes opaque ids only")
            user = hashlib.sha256(user.encode()).hexdigest()
        body["metadata"] = {"user_id": user}
    if metadata.keys() - {"user_id"}:
        build.warn("metadata", "Anthropic knows only user_id, the rest was dropped")
    tier = asked.get("service_tier")
    if tier in ("auto", "priority"):
        body["service_tier"] = "auto"
    elif tier in ("default", "flex"):
        body["service_tier"] = "standard_only"
    if tier in ("priority", "flex"):
        build.warn("service_tier", f"{tier} sent as {body['service_tier']}, the nearest that Anthropic has")
    elif tier not in (None, "auto", "default"):
        build.drop("service_tier")


def _report_the_rest(build: Build) -> None:
    asked = build.body
    if asked.keys() <= _TRANSLATED:
        return
    for name, value in asked.items():
        if name not in _TRANSLATED and value is not None and (name, value) not in _NEUTRAL:
            build.drop(plain(name))
