"""The body of a generateContent request: what stands beside the conversation itself.

Every field of the client's request is forwarded, mapped, or named in a warning (law 3). Google's own extras come as
they come to Google's OpenAI-compatible API: under `extra_body.google` (or `google`), and `safety_settings` and
`cached_content` also by themselves.

Source: Gemini API reference, models.generateContent and GenerationConfig; guide "OpenAI compatibility".
"""

from __future__ import annotations

from typing import Any

from gateway.core.chat import ChatRequest, Json
from gateway.core.vendor import Target
from gateway.providers.gemini.facts import ModelFacts, facts_of, thinking_config
from gateway.providers.gemini.messages import build_contents
from gateway.providers.gemini.notes import Warnings, note, refusal
from gateway.providers.gemini.schema import readable_schema
from gateway.providers.gemini.tools import build_tools

MAX_STOP_SEQUENCES = 5

_SAMPLING = (
    ("temperature", "temperature", 1),
    ("top_p", "topP", None),
    ("top_k", "topK", None),
    ("presence_penalty", "presencePenalty", 0),
    ("frequency_penalty", "frequencyPenalty", 0),
)
"""Our field, Google's field, and the value that changes nothing."""
_SERVICE_TIERS = {"default": "standard", "flex": "flex", "priority": "priority"}
_HANDLED = frozenset(
    {
        "model",
        "messages",
        "stream",
        "stream_options",
        "n",
        "seed",
        "stop",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "top_k",
        "presence_penalty",
        "frequency_penalty",
        "logprobs",
        "top_logprobs",
        "reasoning_effort",
        "response_format",
        "tools",
        "tool_choice",
        "functions",
        "function_call",
        "parallel_tool_calls",
        "service_tier",
        "modalities",
        "audio",
        "extra_body",
        "google",
        "safety_settings",
        "cached_content",
    }
)
_WITHOUT_EFFECT: dict[str, tuple[Any, ...]] = {"store": (False,), "logit_bias": ({},), "metadata": ({},)}
"""Values of unsupported fields that ask for nothing."""
_TOP_EXTRAS = frozenset(("safetySettings", "cachedContent", "labels", "serviceTier", "modelArmorConfig"))
_GENERATION_EXTRAS = frozenset(
    {
        "thinkingConfig",
        "mediaResolution",
        "responseModalities",
        "speechConfig",
        "imageConfig",
        "audioTimestamp",
        "topK",
        "enableEnhancedCivicAnswers",
        "routingConfig",
    }
)
_MAX_INT32 = 2**31 - 1


def build_body(request: ChatRequest, target: Target) -> tuple[Json, Warnings]:
    """The request's JSON and the warnings. Raises ProviderError (refused_to_translate)."""
    warnings: Warnings = {}
    facts = facts_of(target.upstream_id)
    fields = _fields(request.body, target, warnings)
    extras = _google_extras(fields, warnings)
    system, contents = build_contents(fields.get("messages") or [], facts, warnings)
    body: Json = {"contents": contents}
    if system:
        body["systemInstruction"] = {"parts": system}
    config = _generation_config(fields, facts, target, warnings)
    _add_tools(body, config, fields, extras, facts, warnings)
    if "service_tier" in fields:
        _add_service_tier(body, fields["service_tier"], warnings)
    _place_extras(body, config, fields, extras, warnings)
    if config:
        body["generationConfig"] = config
    return body, warnings


def _fields(body: Json, target: Target, warnings: Warnings) -> Json:
    """The fields that were given and that this vendor takes; what can't be sent is named."""
    fields = {}
    unsupported = target.vendor.unsupported
    for name, value in body.items():
        if value is None:
            continue
        if name in _HANDLED and name not in unsupported:
            fields[name] = value
        elif value not in _WITHOUT_EFFECT.get(name, ()):
            note(warnings, f"{name[:60]}: not supported by gemini, dropped")
    return fields


def _generation_config(fields: Json, facts: ModelFacts, target: Target, warnings: Warnings) -> Json:
    config: Json = {}
    for name, theirs, neutral in _SAMPLING:
        value = fields.get(name)
        if value is None or (value == neutral and (neutral == 0 or facts.rules_of_36)):
            continue
        if facts.rules_of_36:
            note(warnings, f"{name}: {facts.name} samples its own way, dropped")
        else:
            config[theirs] = value
    limit = fields.get("max_completion_tokens", fields.get("max_tokens"))
    if limit is not None:
        if target.max_output is not None and limit > target.max_output:
            note(warnings, f"max_tokens: {limit} lowered to {target.max_output}, the most {facts.name} writes")
            limit = target.max_output
        config["maxOutputTokens"] = limit
    if fields.get("n", 1) != 1:
        config["candidateCount"] = fields["n"]
    if "seed" in fields:
        config["seed"] = _seed(fields["seed"], warnings)
    if fields.get("stop"):
        config["stopSequences"] = _stop_sequences(fields["stop"])
    if fields.get("logprobs"):
        config["responseLogprobs"] = True
        if fields.get("top_logprobs"):
            config["logprobs"] = fields["top_logprobs"]
    if "reasoning_effort" in fields:
        thinking = thinking_config(str(fields["reasoning_effort"]), facts, warnings)
        if thinking is not None:
            config["thinkingConfig"] = thinking
    if "response_format" in fields:
        _add_response_format(config, fields["response_format"])
    _add_modalities(config, fields, warnings)
    return config


def _seed(seed: Any, warnings: Warnings) -> Any:
    """Gemini's seed is an int32, OpenAI's an int64; the same seed always gives the same shorter one."""
    if isinstance(seed, int) and not -_MAX_INT32 <= seed <= _MAX_INT32:
        note(warnings, "seed: shortened to 31 bits for gemini")
        return seed & _MAX_INT32
    return seed


def _stop_sequences(stop: Any) -> list[str]:
    sequences = [stop] if isinstance(stop, str) else list(stop)
    if len(sequences) > MAX_STOP_SEQUENCES:
        raise refusal("stop", f"Gemini takes at most {MAX_STOP_SEQUENCES} stop sequences.", "array_above_max_length")
    return sequences


def _add_response_format(config: Json, wanted: Any) -> None:
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind == "text":
        return
    if kind not in ("json_object", "json_schema"):
        raise refusal("response_format", f"Gemini has no response format {str(kind)[:40]!r}.")
    config["responseMimeType"] = "application/json"
    if kind == "json_object":
        return
    definition = wanted.get("json_schema")
    schema = definition.get("schema") if isinstance(definition, dict) else None
    if schema is None:
        return
    if not isinstance(schema, dict):
        raise refusal("response_format.json_schema.schema", "The schema is a JSON Schema object.", "invalid_type")
    schema = readable_schema(schema)
    description = definition.get("description")
    if description and "description" not in schema and "$ref" not in schema:
        schema = {**schema, "description": description}
    config["responseJsonSchema"] = schema


def _add_modalities(config: Json, fields: Json, warnings: Warnings) -> None:
    modalities = fields.get("modalities") or ()
    if "audio" in modalities:
        raise refusal("modalities", "Gemini's chat models answer in text; leave audio out of modalities.")
    if "image" in modalities:
        config["responseModalities"] = [str(modality).upper() for modality in modalities]
    if fields.get("audio"):
        note(warnings, "audio: not supported by gemini, dropped")


def _add_tools(body: Json, config: Json, fields: Json, extras: Json, facts: ModelFacts, warnings: Warnings) -> None:
    declarations, calling = build_tools(fields, facts, warnings)
    if declarations and "responseMimeType" in config and facts.before(3):
        # Gemini answers 400 to both together before version 3; mode NONE is the same as no tools.
        if calling is None or calling["mode"] != "NONE":
            raise refusal(
                "response_format", f"{facts.name} can't combine tools with a JSON response format; leave out one."
            )
        declarations = []
    tools: list[Json] = [{"functionDeclarations": declarations}] if declarations else []
    native = extras.pop("tools", None)
    if native is not None:
        if not isinstance(native, list):
            raise refusal("extra_body.google.tools", "Google's tools are a list.", "invalid_type")
        tools = [*native, *tools]
    if tools:
        body["tools"] = tools
    tool_config = extras.pop("toolConfig", {})
    if not isinstance(tool_config, dict):
        raise refusal("extra_body.google.tool_config", "Google's tool_config is an object.", "invalid_type")
    if declarations and calling is not None:
        tool_config = {**tool_config, "functionCallingConfig": calling}
    if tool_config:
        body["toolConfig"] = tool_config


def _add_service_tier(body: Json, tier: Any, warnings: Warnings) -> None:
    if tier in _SERVICE_TIERS:
        body["serviceTier"] = _SERVICE_TIERS[tier]
    elif tier != "auto":
        note(warnings, f"service_tier: gemini has no {str(tier)[:40]}, dropped")


def _google_extras(fields: Json, warnings: Warnings) -> Json:
    """Google's extras by their camelCase names. What is inside them may stay in either case: the API reads both."""
    outer = fields.get("extra_body", {})
    found = [outer.get("google", {}) if isinstance(outer, dict) else None, fields.get("google", {})]
    if not all(isinstance(extras, dict) for extras in found):
        raise refusal("extra_body.google", "Google's extras are an object.", "invalid_type")
    for name in outer:
        if name != "google":
            note(warnings, f"extra_body.{name[:60]}: not supported by gemini, dropped")
    extras: Json = {}
    for given in (*found, {name: fields[name] for name in ("safety_settings", "cached_content") if name in fields}):
        for name, value in (given or {}).items():
            first, *rest = name.split("_")
            extras[first + "".join(word.capitalize() for word in rest)] = value
    return extras


def _place_extras(body: Json, config: Json, fields: Json, extras: Json, warnings: Warnings) -> None:
    for name, value in extras.items():
        if name in _TOP_EXTRAS:
            body[name] = value
        elif name in _GENERATION_EXTRAS:
            if name == "thinkingConfig" and "reasoning_effort" in fields:
                note(warnings, "reasoning_effort: extra_body.google.thinking_config stands instead of it")
            config[name] = value
        else:
            note(warnings, f"extra_body.google.{name[:60]}: unknown to the gateway, dropped")
