"""The dashboards and their files."""

from __future__ import annotations

import json

from tools.dashboards.money import MONEY
from tools.dashboards.overview import OVERVIEW
from tools.dashboards.panels import Dashboard, render
from tools.dashboards.providers import PROVIDERS
from tools.dashboards.tasks import TASKS

DASHBOARDS = {"overview.json": OVERVIEW, "tasks.json": TASKS, "providers.json": PROVIDERS, "money.json": MONEY}


def text_of(dashboard: Dashboard) -> str:
    return json.dumps(render(dashboard), indent=2) + "\n"
