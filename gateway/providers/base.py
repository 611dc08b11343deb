"""The closed contract of an adapter: pure translation between OpenAI's chat form and a vendor's API.

An adapter has no clock, network, logs, environment or secrets, and keeps no state between calls. It never changes
what it is given: the client's request is translated afresh for each attempt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from gateway.core.chat import ChatAnswer, ChatRequest, Json
from gateway.core.errors import Failure
from gateway.core.usage import Usage
from gateway.core.vendor import Target
from gateway.core.wire import SseEvent, UpstreamCall


class CallContext(NamedTuple):
    """What an answer is translated against. `id` and `created` (epoch seconds) stand in where the vendor gives none."""

    request: ChatRequest
    target: Target
    id: str
    created: int


class StreamParser(Protocol):
    """Turns one upstream stream into chat.completion.chunk objects. One instance per attempt.

    Chunks carry no `usage` (the parser keeps it in `usage`, whatever the client asked); all chunks of one stream share
    one id. `finish_reason` is that of the first choice, once known. `text_chars` counts the characters of content,
    reasoning and tool arguments produced so far, for estimating usage when the vendor reported none.
    """

    usage: Usage | None
    finish_reason: str | None
    text_chars: int

    @property
    def done(self) -> bool:
        """Whether the vendor's terminal event was seen; nothing that follows is read."""
        ...

    def feed(self, event: SseEvent) -> Sequence[Json]:
        """The chunks that `event` gives, often none.

        Raises ProviderError for an error event (classified as the vendor meant it, reason "upstream_error") and for an
        event that is not what the vendor's API sends (reason "invalid_sse").
        """
        ...

    def finish(self) -> Sequence[Json]:
        """The chunks still held back when the body has ended.

        Raises ProviderError (TRUNCATED, "stream_truncated") when the terminal event was never seen.
        """
        ...


class Adapter(Protocol):
    def build_request(self, request: ChatRequest, target: Target) -> UpstreamCall:
        """The vendor's request. Every field of the client's is forwarded, mapped, or named in `warnings` (law 3).

        Raises ProviderError (CALLER_FAULT, "refused_to_translate", with `param`) for what this vendor can't be asked.
        """
        ...

    def parse_response(self, body: bytes, context: CallContext) -> ChatAnswer:
        """A whole 200 answer.

        Raises ProviderError: an error object inside the 200 is classified (reason "error_in_200"); anything that is
        not the vendor's answer is UNKNOWN/"invalid_body".
        """
        ...

    def stream_parser(self, context: CallContext) -> StreamParser: ...

    def map_error(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """Classify an answer whose status is not 200. Header names are lower case. Never raises."""
        ...
