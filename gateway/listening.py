"""What listens to requests, put together: the ledger's journal, the metrics, and traces where they are asked for.

Part of the composition root: it wires, and decides nothing about requests.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gateway import __version__
from gateway.config.snapshot import Snapshot
from gateway.core.clock import Clock
from gateway.core.events import Observer
from gateway.ledger.entry import Entry
from gateway.ledger.journal import Journal, LedgerWriter
from gateway.observe.fanout import Fanout
from gateway.observe.metrics import Later, Metrics
from gateway.observe.names import NONE
from gateway.observe.totals import Totals

if TYPE_CHECKING:
    from gateway.observe.otel import OtelExporter

Current = Callable[[], Snapshot]


class Listeners:
    """`observer` hands each record to all of them. `slot` is the worker's number where several serve together, and
    `metrics_folder` where their metrics are summed. `current` gives the config in force, `later` calls back on the
    event loop."""

    def __init__(
        self,
        snapshot: Snapshot,
        current: Current,
        slot: int | None,
        metrics_folder: Path | None,
        journal: Journal | None,
        others: tuple[Observer, ...],
        clock: Clock,
        later: Later,
    ) -> None:
        self.metrics = Metrics(Totals(metrics_folder, str(slot or 0)), later, __version__)
        self.metrics.config.take(snapshot.hash, clock.time())
        self._journal = journal
        if journal is not None:
            journal.drops = self.metrics.ledger.journal_drops
        self._otel = open_otel(snapshot, current, clock, self.metrics, slot)
        # The ledger comes first: a record that is counted but lost would be worse than one that is kept uncounted.
        ledger = () if journal is None else (LedgerWriter(journal),)
        traces = () if self._otel is None else (self._otel,)
        self.observer = Fanout((*ledger, self.metrics, *traces, *others), self.metrics.on_observer_failure)

    def keep_feedback(self, feedback: Entry) -> bool:
        """Whether it was written down. What it is about was taken from the ledger, so its words are the config's."""
        kept = self._journal is not None and self._journal.append(feedback)
        if kept:
            task, model = (feedback.get(name) or NONE for name in ("task", "model"))
            self.metrics.on_feedback(task, model, feedback.get("score"))
        return kept

    async def aclose(self) -> None:
        """No record comes any more: count, write and send what there is."""
        self.metrics.flush()
        if self._journal is not None:
            self._journal.close()
        if self._otel is not None:
            await asyncio.to_thread(self._otel.close)


def open_otel(
    snapshot: Snapshot, current: Current, clock: Clock, metrics: Metrics, slot: int | None
) -> OtelExporter | None:
    if snapshot.otel is None:
        return None
    # Imported where it is used: few gateways have a collector, and some installations not even the package.
    from gateway.observe.otel import Collector, OtelExporter

    def facts(model: str) -> tuple[str, str]:
        """A model's vendor and its id there. One that a reload has removed goes by its own name."""
        known = current().models.get(model)
        return (known.target.vendor.name, known.target.upstream_id) if known else ("unknown", model)

    otel = snapshot.otel
    headers = {name: value.reveal() for name, value in otel.headers}
    instance = f"{socket.gethostname()}-{0 if slot is None else slot}"
    collector = Collector(otel.endpoint, headers, otel.service_name, instance, __version__, otel.interval_s)
    return OtelExporter(collector, facts, clock, metrics.on_otel_drop)
