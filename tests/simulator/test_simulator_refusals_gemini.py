"""What Gemini refuses, and in which words: one broken rule per case, everything else as it should be."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from gateway.simulator.server import Simulator
from tests.simulator.cases import Body, Change, case, setting, without
from tests.simulator.clients import call

SCHEMA = {"type": "OBJECT", "properties": {"a": {"type": "INTEGER"}}}
MADE = {"role": "model", "parts": [{"functionCall": {"name": "add", "args": {}}}]}
RESPONSE = {"role": "user", "parts": [{"functionResponse": {"name": "add", "response": {"r": 3}}}]}
SAID = {"role": "user", "parts": [{"text": "hi"}]}


def contents(*entries: Any) -> Change:
    return setting(contents=list(entries))


def config(**fields: Any) -> Change:
    return setting(generationConfig=fields)


def declaring(**fields: Any) -> Change:
    return setting(tools=[{"functionDeclarations": [{"name": "add", **fields}]}])


def parameters(**schema: Any) -> Change:
    return declaring(parameters=schema)


def thinking(**fields: Any) -> Change:
    return config(thinkingConfig=fields)


def on(model: str, change: Change) -> Change:
    return lambda body: (change(body), body.update(_model=model))


GEMINI = [
    case("no contents", without("contents"), "* GenerateContentRequest.contents: contents is not specified\n"),
    case("unknown field", setting(messages=[]), 'Unknown name "messages": Cannot find field.'),
    case("unknown inside", config(maxTokens=5), "Unknown name \"maxTokens\" at 'generation_config': Cannot find field"),
    case("type", config(temperature="hot"), "Invalid value at 'generation_config.temperature' (TYPE_FLOAT), \"hot\""),
    case("whole number", config(maxOutputTokens=1.5), "Invalid value at 'generation_config.max_output_tokens' (TYPE_I"),
    case("enum", setting(safetySettings=[{"category": "HATE"}]), "v1beta.HarmCategory), \"HATE\""),
    case("system a string", setting(systemInstruction="x"), "Invalid value at 'system_instruction' (type.googleapis"),
    case("bad role", contents({"role": "assistant", "parts": [{"text": "x"}]}), "Please use a valid role: user, model"),
    case("no parts", contents({"role": "user"}), "contents[0].parts: contents.parts must not be empty."),
    case("empty part", contents({"parts": [{}]}), "contents[0].parts[0].data: required oneof field 'data' must have"),
    case("empty text", contents({"parts": [{"text": ""}]}), "required oneof field 'data' must have one initialized"),
    case("two in one", contents({"parts": [{"text": "x", "functionCall": {"name": "f"}}]}), "oneof field 'data' is al"),
    case("not base64", contents({"parts": [{"inlineData": {"mimeType": "image/png", "data": "?"}}]}), "Base64 decodin"),
    case("bad media", contents({"parts": [{"inlineData": {"mimeType": "font/otf", "data": "QQ=="}}]}), "Unsupported M"),
    case("no text for system", setting(systemInstruction={"parts": [{"text": ""}]}), "system_instruction.parts[0].dat"),
    case("response a string", contents(SAID, MADE, {"role": "user", "parts": [
        {"functionResponse": {"name": "add", "response": "3"}}]}), "function_response.response' (type.googleapis.com"),
    case("response nameless", contents(SAID, MADE, {"role": "user", "parts": [
        {"functionResponse": {"response": {}}}]}), "function_response.name: Name cannot be empty."),
    case("response without call", contents(SAID, RESPONSE), "function response turn comes immediately after a functio"),
    case("call without response", contents(SAID, MADE, SAID), "number of function response parts is equal to the numb"),
    case("call at the end", contents(SAID, MADE), "number of function response parts is equal to the number of functi"),
    case("call first", contents(MADE, RESPONSE), "function call turn comes immediately after a user turn or after a f"),
    case("other name", contents(SAID, MADE, {"role": "user", "parts": [
        {"functionResponse": {"name": "sub", "response": {}}}]}), "function responses have the names of the function"),
    case("foreign signature", contents({"role": "model", "parts": [
        {"text": "x", "thoughtSignature": "QUJD"}]}, SAID), "Corrupted thought signature."),
    case("unsigned call", on("gemini-3.1-pro-preview", contents(SAID, MADE, RESPONSE)), "missing a thought_signature"),
    case("too hot", config(temperature=3), "generation_config.temperature: temperature must be in the range [0.0, 2.0"),
    case("limit 0", config(maxOutputTokens=0), "max_output_tokens must be positive."),
    case("six stops", config(stopSequences=list("abcdef")), "the number of stop sequences must not exceed 5."),
    case("penalty", config(frequencyPenalty=0.5), "Penalty is not enabled for models/gemini-2.5-flash"),
    case("mime", config(responseMimeType="text/html"), "response_mime_type: allowed mimetypes are"),
    case("schema as text", config(responseSchema=SCHEMA), "must be application/json when a response schema is set."),
    case("two schemas", config(responseMimeType="application/json", responseSchema=SCHEMA, responseJsonSchema={}),
         "only one of response_schema and response_json_schema may be set"),
    case("logprobs", config(logprobs=2), "logprobs: only allowed when response_logprobs is true."),
    case("modality", config(responseModalities=["IMAGE"]), "combination of response modalities is not supported"),
    case("json with tools", lambda body: (declaring()(body), config(responseMimeType="application/json")(body)),
         "Function calling with a response mime type: 'application/json' is unsupported"),
    case("function name", declaring(name="1x"), "function_declarations[0].name: Invalid function name."),
    case("additional", parameters(**SCHEMA, additionalProperties=False),
         "Unknown name \"additionalProperties\" at 'tools[0].function_declarations[0].parameters': Cannot find field."),
    case("reference", parameters(type="OBJECT", properties={"a": {"$ref": "#/$defs/A"}}),
         "at 'tools[0].function_declarations[0].parameters.properties[0].value': Cannot find field."),
    case("empty object", parameters(type="OBJECT"), "parameters.properties: should be non-empty for OBJECT type"),
    case("list of nothing", parameters(type="OBJECT", properties={"a": {"type": "ARRAY"}}), "items: missing field."),
    case("uri format", parameters(type="OBJECT", properties={"a": {"type": "STRING", "format": "uri"}}),
         "properties[a].format: only 'enum' and 'date-time' are supported for STRING type"),
    case("numbers as enum", parameters(type="OBJECT", properties={"a": {"type": "INTEGER", "enum": ["1"]}}),
         "properties[a].enum: only allowed for STRING type"),
    case("not a property", parameters(**SCHEMA, required=["b"]), "parameters.required[0]: property is not defined"),
    case("json schema type", declaring(parametersJsonSchema={"type": "OBJECT"}), "type: 'OBJECT' is not valid"),
    case("json schema reference", declaring(parametersJsonSchema={"$ref": "#/x"}), "reference '#/x' not found"),
    case("mode without functions", setting(toolConfig={"functionCallingConfig": {"mode": "ANY"}}), "without function_"),
    case("names in auto", lambda body: (declaring()(body), setting(
        toolConfig={"functionCallingConfig": {"allowedFunctionNames": ["add"]}})(body)), "only when function calling "),
    case("budget and level", on("gemini-3.1-pro-preview", thinking(thinkingBudget=200, thinkingLevel="LOW")),
         "You can only set only one of thinking budget and thinking level."),
    case("budget", thinking(thinkingBudget=99999), "The thinking budget 99999 is invalid. Please choose a value betwe"),
    case("no thinking", on("gemini-2.5-pro", thinking(thinkingBudget=0)), "Budget 0 is invalid. This model only works"),
    case("level", thinking(thinkingLevel="LOW"), "Thinking level is not supported for this model."),
    case("level of pro", on("gemini-3.1-pro-preview", thinking(thinkingLevel="MINIMAL")), "Thinking level MINIMAL is"),
    case("thinking of old", on("gemini-2.0-flash", thinking(includeThoughts=True)), "Thinking is not supported for"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message", "more"), GEMINI)
async def test_gemini_refuses(gemini_simulator: Simulator, change: Change, message: str, more: Body) -> None:
    body: Body = {"contents": [copy.deepcopy(SAID)]}
    change(body)
    model = body.pop("_model", "gemini-2.5-flash")
    seen = await call(gemini_simulator, f"/v1beta/models/{model}:generateContent", body)
    error = seen.json()["error"]
    assert (seen.status, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT"), error
    assert message in error["message"]
    assert not more


async def test_gemini_names_every_violation(gemini_simulator: Simulator) -> None:
    body = {"contents": [{"parts": [{"texts": "x"}]}], "generationConfig": {"temperature": "hot"}, "n": 1}
    seen = await call(gemini_simulator, "/v1beta/models/gemini-2.5-flash:generateContent", body)
    error = seen.json()["error"]
    (details,) = error["details"]
    assert details["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert [entry.get("field") for entry in details["fieldViolations"]] == [
        "contents[0].parts[0]",
        "generation_config.temperature",
        None,
    ]
    assert error["message"].count("\n") == 2


@pytest.mark.parametrize("name", ["snake_case", "camelCase"])
async def test_gemini_takes_both_spellings(gemini_simulator: Simulator, name: str) -> None:
    body = {
        "contents": [SAID],
        "system_instruction" if name == "snake_case" else "systemInstruction": {"parts": {"text": "Be brief."}},
        "generation_config": {"max_output_tokens": "7"},
    }
    seen = await call(gemini_simulator, "/v1beta/models/gemini-2.5-flash:generateContent", body)
    assert seen.json()["usageMetadata"]["totalTokenCount"] <= 3 + 1 + 7
