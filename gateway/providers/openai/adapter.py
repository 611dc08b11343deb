"""The adapter of every vendor that speaks OpenAI's chat completions: a vendor is a row of facts (vendors.py).

Pure translation, no state between calls. The two directions live in request.py, and response.py with
stream.py; errors are classified in errors.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.core.chat import ChatAnswer, ChatRequest
from gateway.core.errors import Failure
from gateway.core.vendor import Target
from gateway.core.wire import UpstreamCall
from gateway.providers.base import CallContext, StreamParser
from gateway.providers.errors.classify import map_http_error
from gateway.providers.openai.request import build_request
from gateway.providers.openai.response import parse_response
from gateway.providers.openai.stream import OpenAIStreamParser


class OpenAIAdapter:
    """See Adapter."""

    __slots__ = ()

    def build_request(self, request: ChatRequest, target: Target) -> UpstreamCall:
        return build_request(request, target)

    def parse_response(self, body: bytes, context: CallContext) -> ChatAnswer:
        return parse_response(body, context)

    def stream_parser(self, context: CallContext) -> StreamParser:
        return OpenAIStreamParser(context)

    def map_error(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        return map_http_error(status, headers, body)
