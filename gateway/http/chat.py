"""POST /v1/chat/completions as a raw ASGI endpoint: the hot path, without a framework's per-request cost.

Owns the HTTP side only: authentication, reading and checking the body, writing the answer or the event stream, and
noticing a client that goes away. What is decided and done with the request is the pipeline's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType

import orjson
from starlette.types import Receive, Scope, Send

from gateway.core.chat import ChatAnswer
from gateway.core.errors import BadRequest, Failure, FailureClass, GatewayError, ProviderError
from gateway.core.money import in_usage
from gateway.core.plan import Record, cost_of
from gateway.execute.deadlines import Deadlines
from gateway.execute.stream import ChatStream
from gateway.execute.verdict import describe, exhausted_by
from gateway.http.admission import Admission, shutting_down
from gateway.http.body import CLIENT_GONE_STATUS, ClientGone, RawHeaderMap, parse_json_object, read_body
from gateway.http.chat_schema import check_chat_request
from gateway.http.errors import body_of, internal_error, send_error
from gateway.http.headers import (
    EVENT_STREAM,
    HOPS,
    INCLUDE_COST,
    JSON,
    MAX_HOPS,
    NO_CACHE,
    NO_PROXY_BUFFER,
    REQUEST_ID,
    TRACEPARENT,
    RawHeaders,
    decision_headers,
)
from gateway.http.serving import CurrentServing, Serving

CHAT_PATH = "/v1/chat/completions"
WATCH_AFTER_S = 0.05
MAX_TRACEPARENT_BYTES = 256
DONE = b"data: [DONE]\n\n"

TOO_DEEP = Failure(FailureClass.UNKNOWN, "invalid_body", "the answer is nested too deeply to be written")
"""orjson reads 1024 levels and writes 254, raising TypeError beyond."""

log = logging.getLogger("gateway.http")


class ChatEndpoint:
    """The ASGI app of one path. `new_id` gives request ids."""

    def __init__(self, current: CurrentServing, new_id: Callable[[], str], admission: Admission) -> None:
        self._current = current
        self._new_id = new_id
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        serving = self._current()
        users = serving.users
        users.count += 1
        record = serving.pipeline.open(self._new_id())
        task = asyncio.current_task(serving.deadlines.loop)
        assert task is not None
        exchange = _Exchange(serving, scope, receive, send, record)
        try:
            await exchange.answer(task, self._admission)
        except GatewayError as error:
            await exchange.refuse(error)
        except ClientGone:
            serving.pipeline.close(record, "client_gone", CLIENT_GONE_STATUS)
        except asyncio.CancelledError:
            # The server cancels too: what has not ended when its time to shut down is over.
            task.uncancel()
            if exchange.client_gone:
                serving.pipeline.close(record, "client_gone", CLIENT_GONE_STATUS)
            else:
                await exchange.refuse(shutting_down())
        except Exception:
            log.exception("request failed", extra={"request_id": record.request_id})
            await exchange.refuse(internal_error())
        finally:
            if exchange.admitted:
                self._admission.leave()
            users.count -= 1
            if users.none_left is not None:
                users.look()


class _Exchange:
    """One request's way through the edge."""

    __slots__ = ("_receive", "_record", "_scope", "_send", "_serving", "_started", "admitted", "client_gone")

    def __init__(self, serving: Serving, scope: Scope, receive: Receive, send: Send, record: Record) -> None:
        self._serving = serving
        self._scope = scope
        self._receive = receive
        self._send = send
        self._record = record
        self._started = False
        self.admitted = False
        self.client_gone = False

    async def answer(self, task: asyncio.Task[None], admission: Admission) -> None:
        serving, record = self._serving, self._record
        headers: RawHeaderMap = dict(self._scope["headers"])
        principal = serving.authenticator.authenticate(headers.get(b"authorization"))
        record.principal, record.team, record.tags = principal.name, principal.team, principal.tags
        record.hops = _hops(headers)
        record.tell_cost = serving.snapshot.server.cost_in_usage or headers.get(INCLUDE_COST) == b"true"
        traceparent = headers.get(TRACEPARENT)
        if traceparent is not None and len(traceparent) <= MAX_TRACEPARENT_BYTES:
            record.traceparent = traceparent.decode("latin-1")
        if admission.running < admission.limit:
            admission.running += 1
        else:
            await admission.wait()
        self.admitted = True
        server = serving.snapshot.server
        body = await read_body(self._receive, headers, server, serving.deadlines, task)
        request = check_chat_request(parse_json_object(body, server.max_json_depth), server)
        rule_headers = _picked(headers, serving.rule_headers) if serving.rule_headers else _NO_HEADERS
        watch = _Watch(self, task, serving.deadlines)
        try:
            result = await serving.pipeline.run(request, principal, rule_headers, record)
            if isinstance(result, ChatAnswer):
                await self._send_whole(result)
            else:
                await self._send_stream(result)
        finally:
            watch.cancel()

    async def refuse(self, error: GatewayError) -> None:
        """Answer with an error object; once a stream has begun, with its terminal event."""
        outcome = "rejected" if not self._record.attempts else "error"
        status = 200 if self._started else error.status
        self._serving.pipeline.close(self._record, outcome, status, error.code)
        if not self._started:
            await send_error(self._send, error, self._record.request_id, self._decision())
        elif self._record.stream:
            await self._send({"type": "http.response.body", "body": b"data: %b\n\n" % body_of(error)})

    async def client_leaves(self) -> None:
        """Return once the client is gone: the server only tells those who ask."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.client_gone = True

    def _decision(self) -> RawHeaders:
        return decision_headers(self._record) if self._serving.snapshot.server.headers else []

    async def _send_whole(self, answer: ChatAnswer) -> None:
        record = self._record
        shown = answer.body
        if record.tell_cost and isinstance(shown.get("usage"), dict):
            shown = {**shown, "usage": in_usage(shown["usage"], cost_of(record.attempts))}
        try:
            body = orjson.dumps(shown)
        except TypeError:
            self._fail(TOO_DEEP)
            raise exhausted_by(TOO_DEEP) from None
        self._serving.pipeline.close(record, "ok", 200)
        headers: RawHeaders = [
            JSON,
            (b"content-length", str(len(body)).encode()),
            (REQUEST_ID, record.request_id.encode()),
            *self._decision(),
        ]
        self._started = True
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def _send_stream(self, stream: ChatStream) -> None:
        record, send = self._record, self._send
        headers: RawHeaders = [
            EVENT_STREAM,
            NO_CACHE,
            NO_PROXY_BUFFER,
            (REQUEST_ID, record.request_id.encode()),
            *self._decision(),
        ]
        end = DONE
        try:
            self._started = True
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            try:
                while (batch := await stream.next_batch()) is not None:
                    await send({"type": "http.response.body", "body": encode(batch), "more_body": True})
                self._close_stream(stream, None)
            except ProviderError as error:
                self._close_stream(stream, error.failure)
                end = encode_error(error)
            await send({"type": "http.response.body", "body": end})
        finally:
            stream.close()

    def _close_stream(self, stream: ChatStream, failure: Failure | None) -> None:
        """Before the last bytes: whatever the client sees completed is recorded."""
        record = self._record
        stream.close()
        record.finish_reason = stream.finish_reason
        if failure is None:
            self._serving.pipeline.close(record, "ok", 200)
        else:
            self._fail(failure)
            self._serving.pipeline.close(record, "error", 200, describe(failure)["code"])

    def _fail(self, failure: Failure) -> None:
        final = self._record.final
        if final is not None:
            final.failure = failure


class _Watch:
    """Cancels the handler when the client leaves. It begins a moment after the request: one that is answered by then
    needs no watch, and a task for it would be a tenth of its cost."""

    __slots__ = ("_deadlines", "_exchange", "_handle", "_handler", "_task")

    def __init__(self, exchange: _Exchange, handler: asyncio.Task[None], deadlines: Deadlines) -> None:
        self._exchange = exchange
        self._handler = handler
        self._deadlines = deadlines
        self._task: asyncio.Task[None] | None = None
        self._handle = deadlines.after(WATCH_AFTER_S, self._begin)

    def cancel(self) -> None:
        self._handle.cancel()
        if self._task is not None:
            self._task.cancel()

    def _begin(self) -> None:
        self._task = self._deadlines.loop.create_task(self._wait())

    async def _wait(self) -> None:
        await self._exchange.client_leaves()
        self._handler.cancel()


def encode(batch: list[dict[str, object]]) -> bytes:
    """Chunks as server-sent events. Raises ProviderError for one that can't be written."""
    try:
        if len(batch) == 1:
            return b"data: %b\n\n" % orjson.dumps(batch[0])
        return b"".join([b"data: %b\n\n" % orjson.dumps(chunk) for chunk in batch])
    except TypeError:
        raise ProviderError(TOO_DEEP) from None


def encode_error(error: ProviderError) -> bytes:
    """The one terminal event of a stream that broke: an error object, and no [DONE] after it."""
    return b"data: %b\n\n" % orjson.dumps({"error": describe(error.failure)})


_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


def _picked(headers: RawHeaderMap, names: tuple[bytes, ...]) -> Mapping[str, str]:
    return {name.decode("latin-1"): headers[name].decode("latin-1") for name in names if name in headers}


def _hops(headers: RawHeaderMap) -> int:
    """How many gateways the request has passed. Raises BadRequest (508) when it seems to run in a circle."""
    value = headers.get(HOPS)
    if value is None:
        return 0
    if not value.isdigit() or len(value) > 3 or int(value) >= MAX_HOPS:
        raise BadRequest(
            "This request has passed too many gateways: is one configured as its own upstream?",
            status=508,
            code="loop_detected",
        )
    return int(value)
