"""The Anthropic adapter: OpenAI chat <-> Anthropic's Messages API. Pure translation (base.Adapter).

The pieces: anthropic_request (fields), anthropic_messages and anthropic_content (what is said), anthropic_tools and
anthropic_schema (what may be produced), anthropic_thinking, anthropic_models (facts by model), anthropic_response,
anthropic_stream, anthropic_errors.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.core.chat import ChatAnswer, ChatRequest
from gateway.core.errors import Failure
from gateway.core.vendor import Target
from gateway.core.wire import UpstreamCall
from gateway.providers.anthropic.errors import map_error
from gateway.providers.anthropic.request import build_request
from gateway.providers.anthropic.response import parse_response
from gateway.providers.anthropic.stream import AnthropicStream
from gateway.providers.base import CallContext


class AnthropicAdapter:
    def build_request(self, request: ChatRequest, target: Target) -> UpstreamCall:
        return build_request(request, target)

    def parse_response(self, body: bytes, context: CallContext) -> ChatAnswer:
        return parse_response(body, context)

    def stream_parser(self, context: CallContext) -> AnthropicStream:
        return AnthropicStream(context)

    def map_error(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        return map_error(status, headers, body)
