"""The part of the OpenAPI document that tells of the ledger: usage, single requests and feedback."""

from __future__ import annotations

from typing import Any

from gateway.http.ledger import Feedback

Json = dict[str, Any]

_PARAMETERS = {
    "by": "Groups, separated by commas: task, route, model, key, team, day, hour.",
    "since": "36h, 7d, 2w (ago), a date or an ISO 8601 time.",
    "until": "The same; default now.",
    "format": "json or csv.",
    "task": "Only this task.",
    "route": "Only this route.",
    "model": "Only this model.",
    "key": "Only this key; without an admin key it can only be the caller's own.",
    "team": "Only this team.",
}


def ledger_paths() -> Json:
    parameters = [
        {"name": name, "in": "query", "description": said, "schema": {"type": "string"}}
        for name, said in _PARAMETERS.items()
    ]
    request_id = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    body = {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Feedback"}}}}
    return {
        "/v1/usage": {
            "get": {
                **_answering("What was asked, answered and spent; all of it for an admin key.", "UsageReport"),
                "parameters": parameters,
            }
        },
        "/v1/requests/{id}": {
            "get": {**_answering("One request's record, without its texts.", "LedgerEntry"), "parameters": [request_id]}
        },
        "/v1/feedback": {"post": {**_answering("Say how good an answer was.", "FeedbackTaken"), "requestBody": body}},
    }


def ledger_schemas() -> Json:
    anything: Json = {"type": "object", "additionalProperties": True}
    return {
        "Feedback": Feedback.model_json_schema(),
        "FeedbackTaken": {
            "type": "object",
            "required": ["object", "request_id", "status"],
            "properties": {
                "object": {"const": "feedback"},
                "request_id": {"type": "string"},
                "status": {"const": "recorded"},
            },
        },
        "UsageReport": {**anything, "description": "docs/ledger.md"},
        "LedgerEntry": {**anything, "description": "docs/ledger.md"},
    }


def _answering(summary: str, schema: str) -> Json:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    refusals = {
        "400": "The question can't be read.",
        "401": "No key, or a wrong one.",
        "404": "Not there, or not yours.",
    }
    return {
        "summary": summary,
        "security": [{"key": []}],
        "responses": {
            "200": {"description": "Found.", "content": content},
            **{status: {"description": said, "content": error} for status, said in refusals.items()},
            "503": {"description": "The ledger can't be read at the moment.", "content": error},
        },
    }
