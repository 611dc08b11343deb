"""Simulators as fixtures, on the event loop of the test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.simulator.server import Simulator
from tests.simulator.clients import VENDORS


@pytest.fixture
async def openai_simulator() -> AsyncIterator[Simulator]:
    async with Simulator("openai") as simulator:
        yield simulator


@pytest.fixture
async def anthropic_simulator() -> AsyncIterator[Simulator]:
    async with Simulator("anthropic") as simulator:
        yield simulator


@pytest.fixture
async def gemini_simulator() -> AsyncIterator[Simulator]:
    async with Simulator("gemini") as simulator:
        yield simulator


@pytest.fixture(params=VENDORS)
async def simulator(request: pytest.FixtureRequest) -> AsyncIterator[Simulator]:
    """A simulator of each vendor in turn; its name is `simulator.vendor`."""
    async with Simulator(request.param) as simulator:
        yield simulator
