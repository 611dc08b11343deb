"""One event loop in a thread for all of a module's gateways and upstreams."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.running import LoopThread


@pytest.fixture(scope="module")
def loop() -> Iterator[LoopThread]:
    with LoopThread() as thread:
        yield thread
