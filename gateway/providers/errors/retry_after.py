"""How long a vendor asks us to wait, in seconds, from its headers, its error body, or the text of its message.

Pure: an HTTP date is measured against the answer's own `date` header, not against a clock. The wish is not clamped
here; whoever waits decides on that.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from gateway.providers.errors.shapes import ErrorFacts

_IN_TEXT = re.compile(
    r"(?:try again|retry|wait|available)(?: after| in)? "
    r"(?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,9}(?:\.\d{1,9})?)(ms|s\b| ?sec))?",
    re.IGNORECASE,
)


def wanted_wait(headers: Mapping[str, str], facts: ErrorFacts) -> float | None:
    """Seconds, or None where the vendor named none (or nonsense).

    `retry-after-ms` counts only when positive: Azure sends 0 there beside a `retry-after` of 1.
    """
    millis = _seconds(headers.get("retry-after-ms"))
    if millis:
        return millis / 1000
    after = headers.get("retry-after")
    if after is not None:
        wait = _seconds(after)
        if wait is None:
            wait = _until(after, headers.get("date"))
        if wait is not None:
            return wait
    if facts.retry_after_s is not None:
        return facts.retry_after_s if 0 <= facts.retry_after_s < math.inf else None
    return _from_text(facts.message)


def _seconds(value: str | None) -> float | None:
    try:
        wait = float(value or "")
    except ValueError:
        return None
    return wait if 0 <= wait < math.inf else None


def _until(when: str, now: str | None) -> float | None:
    """Seconds from the HTTP date `now` to the HTTP date `when`; a past date is no wait."""
    try:
        return max(0.0, (parsedate_to_datetime(when) - parsedate_to_datetime(now or "")).total_seconds())
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def _from_text(message: str) -> float | None:
    """OpenAI's "Please try again in 1.574s", "in 6m0s", "in 20ms"; Google's "Please retry in 34.4s"."""
    for found in _IN_TEXT.finditer(message[:4000]):
        hours, minutes, amount, unit = found.groups()
        if hours or minutes or amount:
            wait = 3600.0 * int(hours or 0) + 60.0 * int(minutes or 0)
            return wait + float(amount or 0) / (1000 if unit and unit.lower() == "ms" else 1)
    return None
