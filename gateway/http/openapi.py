"""The OpenAPI document of what this gateway really serves. The chat endpoint is no FastAPI function, so its entry is
written here; a test holds the two together."""

from __future__ import annotations

from typing import Any

from gateway import __version__
from gateway.core.headers import RESPONSE_HEADERS
from gateway.http.openapi_ledger import ledger_paths, ledger_schemas

Json = dict[str, Any]

_ERROR_STATUSES = {
    "400": "The request is wrong; `param` names the field.",
    "401": "No key, or a wrong one.",
    "403": "The key, or a constraint of the route, does not allow it.",
    "404": "Unknown model or path.",
    "408": "The body did not arrive in time.",
    "413": "The body is larger than the limit.",
    "415": "The body is compressed, or not JSON by its content type.",
    "429": "Every model that may serve the request is rate limited; see `Retry-After`.",
    "500": "The gateway failed.",
    "502": "The upstream answers were invalid or refused the gateway's credentials.",
    "503": "No upstream is available; or the gateway is full, or shutting down: see `Retry-After`.",
    "504": "No upstream answered in time.",
}


def document() -> Json:
    """OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Switchyard",
            "version": __version__,
            "description": "An OpenAI-compatible gateway. Field by field reference: OpenAI's own API reference.",
        },
        "paths": {
            "/v1/chat/completions": {"post": _chat()},
            "/v1/models": {"get": _get("List the names that `model` may carry.", "ModelList")},
            "/v1/models/{model}": {
                "get": {
                    **_get("One of them.", "Model"),
                    "parameters": [{"name": "model", "in": "path", "required": True, "schema": {"type": "string"}}],
                }
            },
            **ledger_paths(),
            "/healthz": {"get": _open("Whether the process lives.")},
            "/readyz": {"get": _readyz()},
            "/metrics": {"get": _metrics()},
            "/admin/reload": {"post": _reload()},
        },
        "components": {"schemas": _schemas(), "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


def _errors(*statuses: str) -> Json:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {status: {"description": _ERROR_STATUSES[status], "content": content} for status in statuses}


def _chat() -> Json:
    answer = {
        "application/json": {"schema": {"$ref": "#/components/schemas/ChatCompletion"}},
        "text/event-stream": {
            "schema": {"type": "string"},
            "example": 'data: {"object":"chat.completion.chunk", ...}\n\ndata: [DONE]\n\n',
        },
    }
    return {
        "summary": "Answer a chat, from the model that the routes choose.",
        "security": [{"key": []}],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ChatRequest"}}},
        },
        "responses": {
            "200": {
                "description": "The answer; with `stream: true`, its chunks as server-sent events.",
                "headers": {name: {"schema": {"type": "string"}} for name in RESPONSE_HEADERS},
                "content": answer,
            },
            **_errors(*_ERROR_STATUSES),
        },
    }


def _get(summary: str, schema: str) -> Json:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {
        "summary": summary,
        "security": [{"key": []}],
        "responses": {"200": {"description": "Found.", "content": content}, **_errors("401", "404")},
    }


def _open(summary: str) -> Json:
    return {"summary": summary, "responses": {"200": {"description": "Yes."}}}


def _readyz() -> Json:
    told = _open("Whether it takes requests.")
    return {**told, "responses": {**told["responses"], "503": {"description": "No more: it is shutting down."}}}


def _reload() -> Json:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Config"}}}
    refused = _errors("400", "401", "403")
    refused["400"]["description"] = "The file was refused; `message` lists what is wrong, as file:line:column."
    return {
        "summary": "Take over the config file anew, in every worker; asks for an admin key where keys are configured.",
        "security": [{"key": []}],
        "responses": {"200": {"description": "Every worker serves the new config.", "content": content}, **refused},
    }


def _metrics() -> Json:
    return {
        "summary": "Prometheus metrics; asks for an admin key where keys are configured.",
        "security": [{"key": []}],
        "responses": {
            "200": {"description": "Exposition text.", "content": {"text/plain": {}}},
            **_errors("401", "403"),
        },
    }


def _schemas() -> Json:
    text: Json = {"type": "string"}
    nullable: Json = {"type": ["string", "null"]}
    model = {
        "type": "object",
        "required": ["id", "object", "created", "owned_by"],
        "properties": {"id": text, "object": {"const": "model"}, "created": {"type": "integer"}, "owned_by": text},
    }
    return {
        "ChatRequest": {
            "type": "object",
            "required": ["model", "messages"],
            "description": "OpenAI's CreateChatCompletionRequest. Fields not listed here travel on to the model.",
            "properties": {
                "model": {"type": "string", "description": "`auto`, an alias, a catalogue name, or provider/id."},
                "messages": {"type": "array", "minItems": 1, "items": {"type": "object"}},
                "stream": {"type": "boolean"},
            },
            "additionalProperties": True,
        },
        "ChatCompletion": {
            "type": "object",
            "required": ["id", "object", "created", "model", "choices"],
            "properties": {
                "id": text,
                "object": {"const": "chat.completion"},
                "created": {"type": "integer"},
                "model": text,
                "choices": {"type": "array", "items": {"type": "object"}},
                "usage": {"type": "object"},
            },
        },
        "Config": {
            "type": "object",
            "required": ["object", "hash", "warnings"],
            "properties": {
                "object": {"const": "config"},
                "hash": text,
                "warnings": {"type": "array", "items": text},
            },
        },
        "Model": model,
        "ModelList": {
            "type": "object",
            "required": ["object", "data"],
            "properties": {
                "object": {"const": "list"},
                "data": {"type": "array", "items": {"$ref": "#/components/schemas/Model"}},
            },
        },
        **ledger_schemas(),
        "Error": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": {
                    "type": "object",
                    "required": ["message", "type", "param", "code"],
                    "properties": {"message": text, "type": text, "param": nullable, "code": nullable},
                }
            },
        },
    }
