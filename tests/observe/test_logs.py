"""Log lines are JSON, one each, and hold nothing that looks like a key."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from gateway.observe.logs import JsonLines, redact


def line(message: str, *args: object, **extra: object) -> dict[str, object]:
    record = logging.getLogger("gateway.test").makeRecord(
        "gateway.test", logging.WARNING, __file__, 1, message, args, None, extra=extra
    )
    formatted = JsonLines().format(record)
    assert "\n" not in formatted
    found: dict[str, object] = json.loads(formatted)
    return found


def test_a_line() -> None:
    found = line("tried %s", "a", request_id="req_1", status=503, absent=None)
    assert found["level"] == "warning"
    assert found["message"] == "tried a"
    assert (found["request_id"], found["status"]) == ("req_1", 503)
    assert "absent" not in found
    assert str(found["time"]).endswith("+00:00")


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdef0123456789",
        "sk-ant-api03-abcdef",
        "AIzaSyA1234567890abcdef",
        "gsk_abcdef123456",
        "xai-abcdef123456",
        "Bearer abc.def-123456",
        "https://x.invalid/v1?key=abcdef123456",
    ],
)
def test_credentials_are_redacted_everywhere(secret: str) -> None:
    found = json.dumps(line(f"failed with {secret}", detail=f"<{secret}>"))
    value = secret.rpartition("=")[2].removeprefix("Bearer ")
    assert value not in found
    assert "[redacted]" in found
    assert value not in redact(secret)


def test_an_exceptions_text_is_redacted_too() -> None:
    try:
        raise ValueError("key sk-abcdef0123456789 is wrong")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed", None, sys.exc_info())
    formatted = JsonLines().format(record)
    assert "sk-abcdef" not in formatted
    assert "ValueError" in formatted


def test_control_characters_cannot_forge_a_line_and_long_values_are_cut() -> None:
    found = line("model %s", "evil\n\x1b[31m" + "x" * 10_000)
    assert len(str(found["message"])) < 2100
