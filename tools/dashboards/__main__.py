"""Writes the dashboards: one JSON file each, and nothing else, into deploy/grafana/dashboards."""

from __future__ import annotations

from pathlib import Path

from tools.dashboards.files import DASHBOARDS, text_of

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "grafana" / "dashboards"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, dashboard in DASHBOARDS.items():
        (FOLDER / name).write_text(text_of(dashboard))
        print(f"{FOLDER / name}: {sum(len(row.panels) for row in dashboard.rows)} panels")


if __name__ == "__main__":
    main()
