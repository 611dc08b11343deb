"""Ways to break a request, for the tests of what the simulators refuse."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

Body = dict[str, Any]
Change = Callable[[Body], object]

ASKED: Body = {"role": "user", "content": "hi"}


def case(name: str, change: Change, message: str, **more: Any) -> Any:
    """A broken rule: how to break it, what the message contains, and other fields of the error."""
    return pytest.param(change, message, more, id=name)


def setting(**fields: Any) -> Change:
    return lambda body: body.update(copy.deepcopy(fields))


def without(*names: str) -> Change:
    return lambda body: [body.pop(name) for name in names]


def messages(*entries: Any) -> Change:
    return setting(messages=list(entries))
