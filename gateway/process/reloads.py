"""Reloads as the supervisor runs them: the file is read and judged here, once; every worker gets the same bytes and
says when it serves them; whoever asked is told then."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.process.channel import Message
from gateway.process.children import Child, InForce, Seat
from gateway.process.configs import Configs, Refused

PATIENCE_S = 10.0
"""How long a worker may take to follow. One that needs longer does not hold up the answer."""

log = logging.getLogger("gateway.process")


@dataclass(frozen=True, slots=True)
class Asker:
    """The child that asked, and the number of its question. Another child in its seat has not asked."""

    seat: Seat
    child: Child | None
    question: int


@dataclass(slots=True)
class Underway:
    """A reload that some workers have not taken yet."""

    number: int
    hash: str
    warnings: tuple[str, ...]
    waiting_for: set[Seat]
    asker: Asker | None
    deadline: float


class Reloads:
    """`tell` sends a message to the child of a seat, `replace` puts a new child there. `config` is what is in force."""

    def __init__(
        self,
        seats: Sequence[Seat],
        configs: Configs,
        config: InForce,
        tell: Callable[[Seat, Message], bool],
        replace: Callable[[Seat], None],
    ) -> None:
        self.config = config
        self._seats = seats
        self._configs = configs
        self._tell = tell
        self._replace = replace
        self._underway: list[Underway] = []
        self._number = 0

    def run(self, reason: str, asker: Asker | None = None) -> None:
        """Read the file and hand it on. One that is refused is told of, and changes nothing."""
        try:
            source = self._configs.read()
            snapshot, warnings = self._configs.resolve(source)
        except Refused as refused:
            self._refuse(reason, refused.problems, asker)
            return
        except Exception:
            # A fault of ours must not end the process that holds all others.
            log.exception("the config could not be read")
            self._refuse(reason, (f"{self._configs.path}: the gateway failed to read it; its log says why",), asker)
            return
        self._number += 1
        before = self.config.snapshot
        self.config = InForce(snapshot, time.time())
        message = {
            "what": "reload",
            "number": self._number,
            "name": source.name,
            "folder": str(source.folder),
            "data": source.data.decode("latin-1"),
        }
        told = {seat for seat in self._seats if seat.spec.serves and self._tell(seat, message)}
        log.info("config taken", extra={"config": snapshot.hash, "reason": reason, "workers": len(told)})
        for warning in warnings:
            log.warning("%s", warning)
        for seat in self._seats:
            reads = seat.spec.reads
            if not seat.spec.serves and seat.child is not None and reads(before) != reads(snapshot):
                self._replace(seat)
        deadline = time.monotonic() + PATIENCE_S
        self._underway.append(Underway(self._number, snapshot.hash, warnings, told, asker, deadline))
        self._conclude()

    def hear(self, seat: Seat, message: Message) -> None:
        """What a worker says."""
        if message.get("what") == "reload":
            self.run("POST /admin/reload", Asker(seat, seat.child, message.get("question", 0)))
            return
        for underway in self._underway:
            if underway.number == message.get("number"):
                underway.waiting_for.discard(seat)
                if message.get("hash") != underway.hash:
                    log.error("%s could not follow the reload; another takes its place", seat.spec)
                    self._replace(seat)
        self._conclude()

    def left(self, seat: Seat) -> None:
        """The child of a seat has ended; its successor begins with the config in force."""
        for underway in self._underway:
            underway.waiting_for.discard(seat)
        self._conclude()

    def deadlines(self) -> list[float]:
        return [underway.deadline for underway in self._underway]

    def give_up(self, now: float) -> None:
        """Answer for those that are too slow."""
        for underway in self._underway:
            if underway.deadline <= now:
                slow = sorted(str(seat.spec) for seat in underway.waiting_for)
                underway.warnings += tuple(f"{name} does not serve it yet" for name in slow)
                underway.waiting_for.clear()
        self._conclude()

    def _conclude(self) -> None:
        done = [underway for underway in self._underway if not underway.waiting_for]
        self._underway = [underway for underway in self._underway if underway.waiting_for]
        for underway in done:
            self._answer(underway.asker, {"hash": underway.hash, "warnings": underway.warnings, "problems": ()})

    def _refuse(self, reason: str, problems: tuple[str, ...], asker: Asker | None) -> None:
        self.config = self.config._replace(last_taken=False)
        for problem in problems:
            log.error("config refused: %s", problem, extra={"reason": reason})
        for seat in self._seats:
            if seat.spec.serves:
                self._tell(seat, {"what": "refused"})
        self._answer(asker, {"hash": self.config.snapshot.hash, "warnings": (), "problems": problems})

    def _answer(self, asker: Asker | None, outcome: Message) -> None:
        if asker is not None and asker.seat.child is asker.child:
            self._tell(asker.seat, {"what": "answer", "question": asker.question, **outcome})
