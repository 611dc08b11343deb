"""What counting and keeping cost: CPU per record by batch, with the ledger's journal, and per scrape.
`python -m benchmarks.metrics`

A record is a priced stream with a baseline, a key and a label. Under load batches are full; at a few requests a second
each stands alone, and costs more where nobody notices.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from gateway.core.clock import SystemClock
from gateway.core.label import Label
from gateway.core.plan import Attempt, Candidate, Plan, Record, RouteTrace, Timeouts
from gateway.core.usage import Usage
from gateway.ledger.journal import Journal, LedgerWriter
from gateway.observe import names
from gateway.observe.fanout import Fanout
from gateway.observe.metrics import BATCH, Metrics
from gateway.observe.totals import Totals

RECORDS = 20_000
MODEL = Candidate("gpt-mini", "openai")
PLAN = Plan((MODEL,), frozenset(), Timeouts(), 3, RouteTrace("auto", "default"))


def record() -> Record:
    usage = Usage(input=70, cache_read=20, output=50)
    made = Record("req_1", created=0.0, started=10.0, stream=True, principal="app", plan=PLAN)
    made.label = Label("coding", 0.9, frozenset({"agentic_tools"}))
    attempt = Attempt(MODEL, "first", 10.0001, ended=11.0, first_token=10.4, usage=usage, cost_nano_usd=1500)
    made.attempts.append(attempt)
    made.ended, made.first_token, made.outcome, made.http_status = 11.0, 10.4, "ok", 200
    made.usage, made.cost_nano_usd, made.costs = usage, 1500, {"final": 1500}
    made.baselines = (("opus", 4500),)
    return made


def cpu(run: Callable[[], None]) -> float:
    before = time.process_time()
    run()
    return time.process_time() - before


def per_record(metrics: Metrics, batch: int) -> float:
    """Seconds of CPU, the observer's calls included."""
    records = [record() for _ in range(batch)]

    def run() -> None:
        for _ in range(RECORDS // batch):
            for one in records:
                metrics.on_start(one)
                metrics.on_end(one)
            metrics.flush()

    run()
    return statistics.median(cpu(run) for _ in range(3)) / (RECORDS // batch * batch)


def per_record_kept(metrics: Metrics, folder: Path) -> float:
    """As `per_record`, with the journal's two lines for each request."""
    journal = Journal(folder, "bench-0", SystemClock(), max_bytes=1 << 30)
    listening = Fanout((LedgerWriter(journal), metrics))
    records = [record() for _ in range(BATCH)]

    def run() -> None:
        for _ in range(RECORDS // BATCH):
            for one in records:
                listening.on_start(one)
                listening.on_dispatch(one)
                listening.on_end(one)
            metrics.flush()

    run()
    return statistics.median(cpu(run) for _ in range(3)) / (RECORDS // BATCH * BATCH)


def grow(totals: Totals) -> None:
    """As many series as 10 routes of 9 tasks and 3 models make."""
    for route in range(10):
        for task in range(9):
            for model in range(3):
                labels = (f"route-{route}", f"task-{task}", f"model-{model}")
                for stream in ("true", "false"):
                    totals.add((names.DURATION, (*labels, stream)), [1.0] * (len(names.DURATION.buckets) + 2))
                totals.add((names.FIRST_TOKEN, labels), [1.0] * (len(names.FIRST_TOKEN.buckets) + 2))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        alone, shared = Metrics(), Metrics(Totals(Path(folder), "0"))
        for batch in (BATCH, 16, 4, 1):
            costs = [f"{per_record(metrics, batch) * 1e6:5.1f}" for metrics in (alone, shared)]
            print(f"batch of {batch:3}: {costs[0]} us a record in memory, {costs[1]} in a shared file")
        kept = per_record_kept(shared, Path(folder) / "journal") * 1e6
        print(f"with the ledger's journal: {kept:5.1f} us a record")
        grow(shared.totals)
        for slot in range(1, 4):
            grow(Totals(Path(folder), str(slot)))
            shared.render()
            seconds = statistics.median(cpu(lambda: shared.render() and None) for _ in range(5))
            print(f"scrape of {slot + 1} workers: {seconds * 1e3:.1f} ms, {shared.render().count(10):,} lines")


if __name__ == "__main__":
    main()
