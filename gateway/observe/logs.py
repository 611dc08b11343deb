"""Logs as one JSON object a line: control characters can't forge a line, and nothing that looks like a key gets out."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from typing import Any

import orjson

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}
_MAX_VALUE_CHARS = 2000
SECRET = re.compile(
    r"sk-[A-Za-z0-9_\-]{6,}|AIza[A-Za-z0-9_\-]{10,}|gsk_[A-Za-z0-9]{6,}|xai-[A-Za-z0-9]{6,}"
    r"|(?i:bearer)\s+[A-Za-z0-9._~+/=\-]{6,}|(?<=[?&]key=)[^&\s\"']+"
)
"""Shapes of credentials. The second line of defence: no room is given a secret that it could log."""


def redact(text: str) -> str:
    return SECRET.sub("[redacted]", text)


class JsonLines(logging.Formatter):
    """time (UTC), level, logger, message, the record's extra fields, and the exception's text."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _clean(record.getMessage()),
        }
        for name, value in vars(record).items():
            if name not in _STANDARD and value is not None:
                line[name] = value if isinstance(value, (int, float, bool)) else _clean(str(value))
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return orjson.dumps(line).decode()


def _clean(text: str) -> str:
    return redact(text if len(text) <= _MAX_VALUE_CHARS else text[:_MAX_VALUE_CHARS] + "...")


def set_up_logging(level: str) -> None:
    """JSON lines of every logger to stderr, at `level` and above."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # httpx logs every request's URL, and uvicorn its own start: the first is for our records, the second we said.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
