"""What a person asks of the ledger, read from text: groups, spans of time, filters. The command line and the HTTP API
read alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from gateway.ledger.rollup import HOUR
from gateway.ledger.usage import FILTERS, GROUPS, Query

_AGO = re.compile(r"(\d{1,5})([hdw])")
_UNITS = {"h": HOUR, "d": 24 * HOUR, "w": 7 * 24 * HOUR}
DEFAULT_BY = "task"
DEFAULT_SINCE = "7d"


class BadQuestion(ValueError):
    """`name` is the parameter that can't be read; the message says what would be."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def read_query(asked: Mapping[str, str], now: float) -> Query:
    """A query from `by`, `since`, `until` and filters. Raises BadQuestion; unknown names are refused, too."""
    for name in asked:
        if name not in ("by", "since", "until", "format", *FILTERS):
            raise BadQuestion(name, f"unknown parameter; one of: by, since, until, format, {', '.join(FILTERS)}")
    by = tuple(part.strip() for part in asked.get("by", DEFAULT_BY).split(",") if part.strip())
    for name in by:
        if name not in GROUPS:
            raise BadQuestion("by", f'no group "{name[:40]}"; one of: {", ".join(GROUPS)}')
    if len(set(by)) != len(by):
        raise BadQuestion("by", "a group stands twice")
    since = read_time("since", asked.get("since", DEFAULT_SINCE), now)
    until = read_time("until", asked["until"], now) if "until" in asked else int(now) + 1
    if until <= since:
        raise BadQuestion("until", "it is not after since")
    return Query(since, until, by, tuple((name, asked[name]) for name in FILTERS if name in asked))


def read_time(name: str, text: str, now: float) -> int:
    """Epoch seconds, from 36h, 7d, 2w (ago), a date (midnight UTC) or an ISO 8601 time."""
    ago = _AGO.fullmatch(text)
    if ago:
        return int(now) - int(ago[1]) * _UNITS[ago[2]]
    try:
        when = datetime.fromisoformat(text)
        return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise BadQuestion(name, f'"{text[:40]}" is no time: 36h, 7d, 2w, 2026-11-25 or 2026-11-25T08:00Z') from None
