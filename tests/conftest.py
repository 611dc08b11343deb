"""Settings for every test."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from tests.faults.table import FaultTable

# A slow machine is no defect, so no example has a deadline; CI looks at the same examples each time.
settings.register_profile("house", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("house")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(FaultTable(), "fault-table")
