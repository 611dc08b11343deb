"""Which config a process serves, and whether the last reload was taken: as metrics, read when they are asked for.

Every worker knows the same of it, so that any of them may answer for all.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class ConfigState(Collector):
    """`taken_at` is the epoch second at which `hash` was taken over; `last_taken` whether the latest file was."""

    def __init__(self, hash: str, taken_at: float, last_taken: bool = True) -> None:
        self.hash = hash
        self.taken_at = taken_at
        self.last_taken = last_taken

    def take(self, hash: str, at: float) -> None:
        self.hash, self.taken_at, self.last_taken = hash, at, True

    def refuse(self) -> None:
        self.last_taken = False

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "gateway_config_reload_success", "1 if the latest config was taken, 0 if it was refused.", self.last_taken
        )
        yield GaugeMetricFamily(
            "gateway_config_reload_timestamp_seconds", "When the config in force was taken.", self.taken_at
        )
        info = GaugeMetricFamily("gateway_config_info", "1, under the hash of the config in force.", labels=("hash",))
        info.add_metric((self.hash,), 1)
        yield info
