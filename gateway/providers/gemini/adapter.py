"""The adapter of Google's Gemini API (generateContent, streamGenerateContent), on Google AI Studio and on Vertex AI.

Puts the pieces together: `gemini_request` (with `gemini_messages`, `gemini_parts`, `gemini_tools`, `gemini_schema`,
`gemini_facts`) writes what is asked, `gemini_response` and `gemini_stream` (with `gemini_candidate`, `gemini_usage`)
read what is answered, `gemini_errors` reads what went wrong. The key travels in a header that execute adds, never in
the URL.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import orjson

from gateway.core.chat import ChatAnswer, ChatRequest
from gateway.core.errors import Failure
from gateway.core.vendor import Target
from gateway.core.wire import UpstreamCall
from gateway.providers.base import CallContext
from gateway.providers.gemini.errors import map_google_error
from gateway.providers.gemini.notes import refusal
from gateway.providers.gemini.request import build_body
from gateway.providers.gemini.response import parse_answer
from gateway.providers.gemini.stream import GeminiStreamParser


class GeminiAdapter:
    """See Adapter in base.py. The base URL ends before `/models`: `https://generativelanguage.googleapis.com/v1beta`,
    or on Vertex `https://LOCATION-aiplatform.googleapis.com/v1/projects/P/locations/L/publishers/google`."""

    def build_request(self, request: ChatRequest, target: Target) -> UpstreamCall:
        body, warnings = build_body(request, target)
        try:
            payload = orjson.dumps(body)
        except TypeError:
            raise refusal("messages", "The request is nested too deeply for Gemini.", "invalid_value") from None
        return UpstreamCall(_path(target.upstream_id, request.stream), payload, warnings=tuple(warnings))

    def parse_response(self, body: bytes, context: CallContext) -> ChatAnswer:
        return parse_answer(body, context)

    def stream_parser(self, context: CallContext) -> GeminiStreamParser:
        return GeminiStreamParser(context)

    def map_error(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        return map_google_error(status, headers, body)


def _path(upstream_id: str, stream: bool) -> str:
    """An id with a path of its own (`tunedModels/x`, `endpoints/123`) stands as it is."""
    model = quote(upstream_id, safe="/") if "/" in upstream_id else f"models/{quote(upstream_id, safe='')}"
    return f"/{model}:streamGenerateContent?alt=sse" if stream else f"/{model}:generateContent"
