"""The ledger as the HTTP edge asks it: reports and single records, which block until they are read, and feedback,
which is one write to the journal, and so belongs to the event loop.

A caller without an admin key sees what was asked with that key, and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

import orjson

from gateway.core.clock import Clock
from gateway.core.errors import AuthError, BadRequest, Overloaded
from gateway.core.principal import Principal
from gateway.ledger.asking import BadQuestion, read_query
from gateway.ledger.entry import Entry
from gateway.ledger.render import as_csv, as_json
from gateway.ledger.store import MAX_FEEDBACK, Store, StoreUnavailable
from gateway.ledger.usage import report

Answer = TypeVar("Answer")

log = logging.getLogger("gateway.ledger")


class Document(NamedTuple):
    media_type: str
    body: bytes


class Desk:
    """`open_store` opens the store for reading, anew for each question: SQLite's connections are cheap, and none is
    then held by a thread that has gone."""

    def __init__(self, open_store: Callable[[], Store], append: Callable[[Entry], bool], clock: Clock) -> None:
        self._open_store = open_store
        self._append = append
        self._clock = clock

    def usage(self, asked: Mapping[str, str], caller: Principal) -> Document:
        """A report as JSON, or as CSV with `format: csv`.

        Raises BadRequest for a question that can't be read, AuthError for another key's, Overloaded while the store is
        away.
        """
        scoped = asked if caller.admin else _own(asked, caller)
        wanted = asked.get("format", "json")
        if wanted not in ("json", "csv"):
            raise BadRequest("Invalid 'format': one of json, csv.", code="invalid_value", param="format")
        try:
            query = read_query(scoped, self._clock.time())
        except BadQuestion as error:
            raise BadRequest(
                f"Invalid '{error.name[:40]}': {error}.", code="invalid_value", param=error.name[:40]
            ) from None
        made = self._asked(lambda store: report(store, query))
        if wanted == "csv":
            return Document("text/csv; charset=utf-8", as_csv(made).encode())
        return Document("application/json", orjson.dumps(as_json(made)))

    def find(self, request_id: str, caller: Principal) -> Entry | None:
        """One request's entry; None for one that is not (yet) there, or is another's. Raises Overloaded."""
        if len(request_id) > 128:
            return None
        entry = self._asked(lambda store: store.find(request_id))
        return entry if entry is not None and (caller.admin or entry["key"] == caller.name) else None

    def give_feedback(self, entry: Entry, score: float | None, label: str | None, note: str | None, by: str) -> None:
        """Write feedback on a request into the journal. Raises Overloaded where that takes no more."""
        if len(entry.get("feedback", ())) >= MAX_FEEDBACK:
            raise BadRequest(
                f"This request has {MAX_FEEDBACK} pieces of feedback already.",
                code="feedback_limit",
                param="request_id",
            )
        feedback: Entry = {
            "kind": "feedback",
            "id": entry["id"],
            "at": self._clock.time(),
            "by": by,
            **{name: entry.get(name) for name in ("task", "route", "model", "key", "team")},
            **{
                name: value for name, value in (("score", score), ("label", label), ("note", note)) if value is not None
            },
        }
        if not self._append(feedback):
            raise Overloaded("The feedback could not be written down; please try again.", code="ledger_unavailable")

    def _asked(self, question: Callable[[Store], Answer]) -> Answer:
        try:
            store = self._open_store()
            try:
                return question(store)
            finally:
                store.close()
        except StoreUnavailable as error:
            log.warning("the ledger can't be read", extra={"error": str(error)})
            raise Overloaded("The ledger can't be read at the moment.", code="ledger_unavailable") from None


def _own(asked: Mapping[str, str], caller: Principal) -> Mapping[str, str]:
    if asked.get("key", caller.name) != caller.name:
        raise AuthError("Only an admin key may see what other keys used.", status=403, code="admin_key_required")
    return {**asked, "key": caller.name}
