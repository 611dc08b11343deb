"""The small types of config values: durations, sizes, names and words from a closed set. Each refusal is a sentence
that names the fix; `validate.py` shows it as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from gateway.config.problem import suggest
from gateway.config.snapshot import HAS_WORDS
from gateway.core.errors import FailureClass
from gateway.core.label import TASKS, TEXT_TASKS
from gateway.core.plan import NONE
from gateway.core.vendor import CAPABILITIES

REFUSED = "refused"
"""The pydantic error type of a message that is shown as it stands."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?) ?(ms|s|m|h|d)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, None: 1.0}
_DAY = 86_400.0
_SIZE = re.compile(r"(\d+) ?([KMG])(?:i?B)?", re.IGNORECASE)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?) ?%")
_QUANTILE = re.compile(r"p[5-9][0-9]")
_BYTES = {"K": 1024, "M": 1024**2, "G": 1024**3}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,63}")
_ALIAS = re.compile(r"[!-~]{1,128}")


def refuse(message: str) -> PydanticCustomError:
    # The message goes in as a value, so that braces in it are not read as a template.
    return PydanticCustomError(REFUSED, "{message}", {"message": message})


def read_duration(value: Any) -> float:
    """Seconds, from a number of seconds or a text such as 500ms, 30s, 2m, 1h; at most a day."""
    return _seconds(value, _DAY, "24h")


def read_long_duration(value: Any) -> float:
    """As `read_duration`, up to ten years."""
    return _seconds(value, 3650 * _DAY, "3650d")


def _seconds(value: Any, most: float, most_said: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str) and (found := _DURATION.fullmatch(value)):
        seconds = float(found[1]) * _SECONDS[found[2]]
    else:
        raise refuse("must be a duration, such as 30s, 500ms, 2m, or a number of seconds")
    if not 0 < seconds <= most:
        raise refuse(f"must be more than 0 and at most {most_said}")
    return seconds


def read_size(value: Any) -> int:
    """Bytes, from a number of bytes or a text such as 512KB, 32MB, 1GB (1 KB is 1024 bytes)."""
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    elif isinstance(value, str) and (found := _SIZE.fullmatch(value)):
        size = int(found[1]) * _BYTES[found[2].upper()]
    else:
        raise refuse("must be a size, such as 32MB, 512KB, or a number of bytes")
    if not 1024 <= size <= 1024**3:
        raise refuse("must be at least 1KB and at most 1GB")
    return size


def read_percent(value: Any) -> float:
    """A share in 0..1, from a text such as 10% or a number such as 0.1."""
    found = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if found:
        share = float(found[1]) / 100
    elif isinstance(value, int | float) and not isinstance(value, bool):
        share = float(value)
    else:
        raise refuse("must be a share, such as 10% or 0.1")
    if not 0 <= share <= 1:
        raise refuse("must lie between 0% and 100%: 10% is 0.1")
    return share


def read_lateness(value: Any) -> float | str:
    """A quantile such as p95, as it stands; or a duration in seconds."""
    if isinstance(value, str) and _QUANTILE.fullmatch(value):
        return value
    try:
        return read_duration(value)
    except PydanticCustomError:
        raise refuse("must be a quantile from p50 to p99, or a duration such as 800ms") from None


def one_of(kind: str, words: Collection[str]) -> Callable[[str], str]:
    """A validator for words from a closed set."""

    def check(word: str) -> str:
        if word not in words:
            raise refuse(f'unknown {kind} "{word[:80]}"{suggest(word, words)}')
        return word

    return check


def read_failure_class(word: str) -> str:
    if word == FailureClass.CALLER_FAULT:
        raise refuse("caller_fault never falls back: the request would be as wrong elsewhere")
    return one_of("failure class", [cls.value for cls in FailureClass])(word)


def read_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise refuse(f'"{name[:80]}" is no name: letters, digits and . _ : @ -, at most 64, no "/" or spaces')
    return name


def read_summed_name(name: str) -> str:
    if name == NONE:
        raise refuse(f'"{name}" is what the ledger\'s sums call nothing: choose another name')
    return read_name(name)


def read_model_name(name: str) -> str:
    if name in ("auto", "route"):
        raise refuse(f'"{name}" is reserved for routing: choose another name')
    return read_summed_name(name)


def read_alias(name: str) -> str:
    if not _ALIAS.fullmatch(name):
        raise refuse(f'"{name[:80]}" can\'t be an alias: at most 128 visible ASCII characters')
    return name


def listed(value: Any) -> Any:
    """A single word as a list of one."""
    return [value] if isinstance(value, str) else value


Duration = Annotated[float, BeforeValidator(read_duration)]
LongDuration = Annotated[float, BeforeValidator(read_long_duration)]
Percent = Annotated[float, BeforeValidator(read_percent)]
Lateness = Annotated[float | str, BeforeValidator(read_lateness)]
Size = Annotated[int, BeforeValidator(read_size)]
Name = Annotated[str, AfterValidator(read_name)]
SummedName = Annotated[str, AfterValidator(read_summed_name)]
"""A name that the ledger sums by."""
ModelName = Annotated[str, AfterValidator(read_model_name)]
AliasName = Annotated[str, AfterValidator(read_alias)]
Text = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
Texts = Annotated[list[Text], Field(min_length=1), BeforeValidator(listed)]
Tasks = Annotated[
    list[Annotated[str, AfterValidator(one_of("task", TASKS))]], Field(min_length=1), BeforeValidator(listed)
]
TextTask = Annotated[str, AfterValidator(one_of("task", TEXT_TASKS))]
TextModelName = Annotated[str, AfterValidator(one_of("text model", ("builtin", "none")))]
Share = Annotated[float, Field(ge=0, le=1)]
HasWords = Annotated[
    list[Annotated[str, AfterValidator(one_of("word", HAS_WORDS))]], Field(min_length=1), BeforeValidator(listed)
]
Capabilities = Annotated[
    list[Annotated[str, AfterValidator(one_of("capability", CAPABILITIES))]], BeforeValidator(listed)
]
FailureClasses = Annotated[list[Annotated[str, AfterValidator(read_failure_class)]], BeforeValidator(listed)]
Preference = Annotated[str, AfterValidator(one_of("preference", ("order", "cheapest", "fastest", "weights")))]
Weight = Annotated[float, Field(ge=0, le=1_000_000)]
Adapter = Annotated[str, AfterValidator(one_of("adapter", ("openai", "anthropic", "gemini")))]
TransportName = Annotated[str, AfterValidator(one_of("transport", ("native", "httpx")))]
StoreName = Annotated[str, AfterValidator(one_of("store", ("auto", "sqlite", "redis", "none")))]
RedisMode = Annotated[str, AfterValidator(one_of("mode", ("single", "cluster", "sentinel")))]
Tokens = Annotated[int, Field(ge=1, le=100_000_000)]
Usd = Annotated[float, Field(ge=0, le=1_000_000)]
