"""The config file of a running gateway: read once a reload, judged as at the start, and held against what runs.

A reload is a transaction: a file that is refused changes nothing. What can't change while the process lives keeps its
old value, and a warning says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

from gateway.config.load import Source, source_of
from gateway.config.problem import ConfigError
from gateway.config.resolve_server import why_exposed
from gateway.config.snapshot import Snapshot

Look = Literal["same", "moving", "changed"]
Signature = tuple[int, int, int, int]


class Watch:
    """Whether a file has become another one. A path through symbolic links is followed anew each time, so that the swap
    of a folder behind it, as Kubernetes does it, is a change too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.mark()

    def mark(self) -> None:
        """What is there now is known."""
        self._known = self._latest = self._signature()

    def look(self) -> Look:
        """ "moving" while it still differs from one look to the next: its writer may not be done yet."""
        now = self._signature()
        if now == self._known:
            self._latest = now
            return "same"
        if now != self._latest:
            self._latest = now
            return "moving"
        self._known = now
        return "changed"

    def _signature(self) -> Signature | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev


FIXED = (("server", "host"), ("server", "port"), ("server", "workers"), ("ledger", "dir"), ("ledger", "store"))
"""Settings that are used once, when the gateway starts."""
FIXED_SECTIONS = ("redis", "otel")
"""Sections whose connections are opened at the start: half of `redis` (the ledger) could follow a reload, and the other
half (the shared breakers) not."""


class Resolved(NamedTuple):
    """A config that may be served. `warnings` are the file's own, and those about what stays as it is."""

    snapshot: Snapshot
    warnings: tuple[str, ...]


class Refused(Exception):
    """`problems` are `file:line:column: message`."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Configs:
    """`running` is what the gateway was started with; `load` reads a source as the start did, command line included.
    `watch` knows the file as it was when it was last read."""

    def __init__(self, path: Path, running: Snapshot, load: Callable[[Source], Snapshot]) -> None:
        self.path = path
        self.watch = Watch(path)
        self._running = running
        self._load = load

    def read(self) -> Source:
        """The file as it is now. Raises Refused."""
        self.watch.mark()
        try:
            return source_of(self.path)
        except ConfigError as error:
            raise Refused(_told(error)) from None

    def resolve(self, source: Source) -> Resolved:
        """Raises Refused."""
        try:
            snapshot = self._load(source)
        except ConfigError as error:
            raise Refused(_told(error)) from None
        except ValueError as error:
            raise Refused((f"{source.name}: {error}",)) from None
        snapshot, kept = keep_fixed(self._running, snapshot)
        server = snapshot.server
        exposed = why_exposed(server.host, bool(snapshot.keys), server.unsafe_open)
        if exposed:
            # The file may be right for an address of its own; this process listens where it was started.
            raise Refused((f"{source.name}: still listening on {server.host}: {exposed}",))
        return Resolved(snapshot, (*snapshot.warnings, *(f"{source.name}: {warning}" for warning in kept)))


def keep_fixed(running: Snapshot, new: Snapshot) -> tuple[Snapshot, tuple[str, ...]]:
    """`new` with what can't change as it runs, and a warning for each such setting."""
    warnings = []
    for section, name in FIXED:
        old, wanted = (getattr(getattr(snapshot, section), name) for snapshot in (running, new))
        if old != wanted:
            warnings.append(f"{section}.{name} can't change while the gateway runs: it stays {old}")
            new = replace(new, **{section: replace(getattr(new, section), **{name: old})})
    for whole in FIXED_SECTIONS:
        if getattr(running, whole) != getattr(new, whole):
            warnings.append(f"{whole} can't change while the gateway runs: it stays as it was at the start")
            new = replace(new, **{whole: getattr(running, whole)})
    return new, tuple(warnings)


def _told(error: ConfigError) -> tuple[str, ...]:
    return tuple(problem.located(error.source) for problem in error.problems if problem.severity == "error")
