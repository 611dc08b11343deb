"""A child process: what it is to do, how it is forked, and how long to wait before one that keeps failing is started
anew. Knows nothing of requests or configs beyond handing over the snapshot in force."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, NoReturn, Protocol

from gateway.config.snapshot import Snapshot
from gateway.process.channel import Channel

STABLE_S = 10.0
"""A child that has lived for so long has not failed to start."""
FIRST_DELAY_S = 0.25
LONGEST_DELAY_S = 30.0
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

log = logging.getLogger("gateway.process")


class InForce(NamedTuple):
    """The config that is served: since when (epoch seconds), and whether the latest file was taken over."""

    snapshot: Snapshot
    taken_at: float
    last_taken: bool = True


class Start(NamedTuple):
    """What a child begins with. `line` is its end of the channel; when it ends, so has the supervisor."""

    slot: int
    config: InForce
    line: socket.socket


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """`target` runs in the child and returns its exit status. A child that `serves` holds the listening socket, takes
    reloads through the channel, and is stopped first; any other is replaced by a new one at a reload that changes what
    it `reads` of a config, and stopped once nobody serves any more. Until then it ignores SIGTERM: it stops when the
    channel says `drain` or ends."""

    name: str
    slot: int
    target: Callable[[Start], int]
    serves: bool = False
    reads: Callable[[Snapshot], object] = lambda snapshot: snapshot

    def __str__(self) -> str:
        return f"{self.name} {self.slot}"


class Child(NamedTuple):
    pid: int
    channel: Channel
    started: float


class Backoff:
    """Waits longer each time a child ends soon after its start; the first time not at all."""

    def __init__(self) -> None:
        self._failures = 0

    def delay_after(self, lived_s: float) -> float:
        if lived_s >= STABLE_S:
            self._failures = 0
        self._failures += 1
        if self._failures == 1:
            return 0.0
        return float(min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** min(self._failures - 2, 10)))


class Seat:
    """A child's place. `due` is when the next one is to be started there, while there is none; `replaced` says that the
    one that is there was asked to make room."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.child: Child | None = None
        self.backoff = Backoff()
        self.due: float | None = 0.0
        self.replaced = False


class Closable(Protocol):
    def close(self) -> None: ...


def fork(spec: ChildSpec, config: InForce, not_for_it: Iterable[Closable], now: float) -> Child:
    """Start a child. `not_for_it` are the descriptors of ours that it must not hold. Raises OSError."""
    ours, theirs = socket.socketpair()
    # A signal between the fork and the child's own handlers would be written to the supervisor's wake-up pipe.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        pid = os.fork()
        if pid == 0:
            _live(spec, Start(spec.slot, config, theirs), (*not_for_it, ours), mask)
    except OSError:
        ours.close()
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        theirs.close()
    return Child(pid, Channel(ours), now)


def _live(spec: ChildSpec, start: Start, not_for_it: Iterable[Closable], mask: set[int | signal.Signals]) -> NoReturn:
    """The child's whole life. It ends here: nothing that the supervisor has yet to clean up is the child's."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            # A terminal and a service manager signal the whole group: what is to be done, the supervisor says.
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in not_for_it:
            descriptor.close()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        status = spec.target(start)
    except BaseException:
        log.exception("%s failed", spec)
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)
