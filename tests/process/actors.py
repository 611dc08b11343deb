"""Supervisors of small children, run as processes of their own by the tests: `python -m tests.process.actors SCENE`."""

from __future__ import annotations

import sys
import threading
import time
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.config.snapshot import Snapshot
from gateway.observe.logs import set_up_logging
from gateway.process.background import background
from gateway.process.children import ChildSpec, InForce, Start
from gateway.process.configs import Configs
from gateway.process.supervisor import Supervisor
from tests.running import snapshot_of

CONFIG = """
providers: {sim: {vendor: openai, base_url: "http://127.0.0.1:1/v1"}}
models: {gpt: {provider: sim, id: gpt-5.4-mini}}
routes: [{name: default, chain: [gpt]}]
"""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def crash(start: Start) -> int:
    return 3


def serving(start: Start) -> int:
    say(f"worker {start.slot} serves")
    start.line.recv(4096)
    say(f"worker {start.slot} has drained")
    return 0


def deaf(start: Start) -> int:
    say("deaf serves")
    threading.Event().wait()
    return 0


def keep(snapshot: Snapshot, stop: threading.Event) -> None:
    say(f"keeper works under {snapshot.hash}")
    stop.wait()
    say("keeper has shipped")


SCENES = {
    "crash": [ChildSpec("worker", 0, crash, serves=True)],
    "order": [
        ChildSpec("keeper", 0, background(keep), reads=lambda _: object()),
        ChildSpec("worker", 0, serving, serves=True),
    ],
    "steady": [
        ChildSpec("keeper", 0, background(keep), reads=attrgetter("ledger")),
        ChildSpec("worker", 0, serving, serves=True),
    ],
    "deaf": [ChildSpec("worker", 0, deaf, serves=True)],
}


def main() -> int:
    set_up_logging("info")
    snapshot = snapshot_of(CONFIG)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "c.yaml"
        file.write_text(CONFIG)
        configs = Configs(file, snapshot, lambda source: snapshot_of(source.data.decode()))
        return Supervisor(SCENES[sys.argv[1]], configs, InForce(snapshot, time.time())).run()


if __name__ == "__main__":
    sys.exit(main())
