"""The reference data that stands beside the checkout (`../shared`), read in place and never copied."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"

needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"needs the reference data folder {SHARED}, which is not there"
)


def cassettes(*folders: str) -> list[Any]:
    """pytest params of every recorded exchange in `folders`, id folder/file; one skipped param where there are none."""
    found = [
        pytest.param(path, id=f"{folder}/{path.stem}")
        for folder in folders
        for path in sorted((SHARED / "cassettes" / folder).glob("*.json"))
    ]
    return found or [pytest.param(None, marks=pytest.mark.skip(reason=f"no recorded exchanges in {SHARED}"))]


def load_cassette(path: Path) -> dict[str, Any]:
    recorded: dict[str, Any] = json.loads(path.read_text())
    return recorded
