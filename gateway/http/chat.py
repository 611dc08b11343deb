"""POST /v1/chat/completions as a raw ASGI endpoint: the hot path, without a framework's per-request cost.

Owns the HTTP side only: authentication, reading and checking the body, writing the answer or the event stream, and
noticing a client that goes away. What is decided and done with the request is the pipeline's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import orjson
from starlette.types import Receive, Scope, Send

from gateway.core.chat import ChatAnswer
from gateway.core.errors import BadRequest, GatewayError, ProviderError
from gateway.core.plan import Record
from gateway.execute.stream import ChatStream
from gateway.execute.verdict import describe
from gateway.http.body import ClientGone, RawHeaderMap, parse_json_object, read_body
from gateway.http.chat_schema import check_chat_request
from gateway.http.errors import internal_error, send_error
from gateway.http.headers import (
    EVENT_STREAM,
    HOPS,
    JSON,
    MAX_HOPS,
    NO_CACHE,
    NO_PROXY_BUFFER,
    REQUEST_ID,
    RawHeaders,
    decision_headers,
)
from gateway.http.serving import CurrentServing, Serving

CLIENT_GONE_STATUS = 499
DONE = b"data: [DONE]\n\n"

log = logging.getLogger("gateway.http")


class ChatEndpoint:
    """The ASGI app of one path. `new_id` gives request ids."""

    def __init__(self, current: CurrentServing, new_id: Callable[[], str]) -> None:
        self._current = current
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        serving = self._current()
        record = serving.pipeline.open(self._new_id())
        exchange = _Exchange(serving, scope, receive, send, record)
        try:
            await exchange.answer()
        except GatewayError as error:
            await exchange.refuse(error)
        except (ClientGone, asyncio.CancelledError):
            serving.pipeline.close(record, "client_gone", CLIENT_GONE_STATUS)
            if exchange.cancelled_from_outside():
                raise
        except Exception:
            log.exception("request failed", extra={"request_id": record.request_id})
            await exchange.refuse(internal_error())


class _Exchange:
    """One request's way through the edge."""

    __slots__ = ("_gone", "_receive", "_record", "_scope", "_send", "_serving", "_started", "_watch")

    def __init__(self, serving: Serving, scope: Scope, receive: Receive, send: Send, record: Record) -> None:
        self._serving = serving
        self._scope = scope
        self._receive = receive
        self._send = send
        self._record = record
        self._started = False
        self._gone = False
        self._watch: asyncio.Task[None] | None = None

    async def answer(self) -> None:
        serving, record = self._serving, self._record
        headers: RawHeaderMap = dict(self._scope["headers"])
        principal = serving.authenticator.authenticate(headers.get(b"authorization"))
        record.hops = _hops(headers)
        server = serving.snapshot.server
        body = await read_body(self._receive, headers, server)
        request = check_chat_request(parse_json_object(body, server.max_json_depth), server)
        rule_headers = {
            name.decode("latin-1"): headers[name].decode("latin-1") for name in serving.rule_headers if name in headers
        }
        self._watch = asyncio.create_task(self._watch_client(asyncio.current_task()))
        try:
            result = await serving.pipeline.run(request, principal, rule_headers, record)
            if isinstance(result, ChatAnswer):
                await self._send_whole(result)
            else:
                await self._send_stream(result)
        finally:
            self._watch.cancel()

    async def refuse(self, error: GatewayError) -> None:
        """Answer with an error object; after the head was sent, nothing can be said any more."""
        outcome = "rejected" if not self._record.attempts else "error"
        self._serving.pipeline.close(self._record, outcome, error.status, error.code)
        if not self._started:
            await send_error(self._send, error, self._record.request_id, self._decision())

    def cancelled_from_outside(self) -> bool:
        """Whether a cancellation came from elsewhere than our own watch on the client."""
        task = asyncio.current_task()
        if self._gone and task is not None:
            task.uncancel()
        return not self._gone and task is not None and task.cancelling() > 0

    async def _watch_client(self, handler: asyncio.Task[None] | None) -> None:
        """Cancel the handler once the client is gone: the server only tells those who ask."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if handler is not None:
            handler.cancel()

    def _decision(self) -> RawHeaders:
        return decision_headers(self._record) if self._serving.snapshot.server.headers else []

    async def _send_whole(self, answer: ChatAnswer) -> None:
        record = self._record
        body = orjson.dumps(answer.body)
        headers: RawHeaders = [
            JSON,
            (b"content-length", str(len(body)).encode()),
            (REQUEST_ID, record.request_id.encode()),
            *self._decision(),
        ]
        self._started = True
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})
        self._serving.pipeline.close(record, "ok", 200)

    async def _send_stream(self, stream: ChatStream) -> None:
        record, send = self._record, self._send
        headers: RawHeaders = [
            EVENT_STREAM,
            NO_CACHE,
            NO_PROXY_BUFFER,
            (REQUEST_ID, record.request_id.encode()),
            *self._decision(),
        ]
        failed: ProviderError | None = None
        try:
            self._started = True
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            try:
                while (batch := await stream.next_batch()) is not None:
                    await send({"type": "http.response.body", "body": encode(batch), "more_body": True})
            except ProviderError as error:
                failed = error
            end = DONE if failed is None else encode_error(failed)
            await send({"type": "http.response.body", "body": end})
        finally:
            stream.close()
        record.finish_reason = stream.finish_reason
        if failed is None:
            self._serving.pipeline.close(record, "ok", 200)
        else:
            self._serving.pipeline.close(record, "error", 200, describe(failed.failure)["code"])


def encode(batch: list[dict[str, object]]) -> bytes:
    """Chunks as server-sent events."""
    if len(batch) == 1:
        return b"data: %b\n\n" % orjson.dumps(batch[0])
    return b"".join([b"data: %b\n\n" % orjson.dumps(chunk) for chunk in batch])


def encode_error(error: ProviderError) -> bytes:
    """The one terminal event of a stream that broke: an error object, and no [DONE] after it."""
    return b"data: %b\n\n" % orjson.dumps({"error": describe(error.failure)})


def _hops(headers: RawHeaderMap) -> int:
    """How many gateways the request has passed. Raises BadRequest (508) when it seems to run in a circle."""
    value = headers.get(HOPS)
    if value is None:
        return 0
    if not value.isdigit() or int(value[:9]) >= MAX_HOPS:
        raise BadRequest(
            "This request has passed too many gateways: is one configured as its own upstream?",
            status=508,
            code="loop_detected",
        )
    return int(value)
