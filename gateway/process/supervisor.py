"""The supervisor: starts children, starts them again when they end, tells them of reloads, and stops them in order.

A process without event loop and threads, so that it can fork at any time. It sleeps until a signal, a word of a child
or the next date; it serves no request, and nothing that a request does can hurt it.
"""

from __future__ import annotations

import logging
import math
import os
import selectors
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gateway.process.channel import Message
from gateway.process.children import SIGNALS, Child, ChildSpec, Closable, InForce, Seat, fork
from gateway.process.configs import Configs
from gateway.process.reloads import Reloads

LOOK_EVERY_S = 1.0
LOOK_AGAIN_S = 0.1
LAST_WORDS_S = 2.5
"""Beyond the grace: for the last events, and for those children that stop after the workers."""
STDERR = 2

log = logging.getLogger("gateway.process")


class Supervisor:
    """`run` returns the exit status. `listener` is closed when stopping begins."""

    def __init__(
        self, specs: Sequence[ChildSpec], configs: Configs, config: InForce, listener: socket.socket | None = None
    ) -> None:
        self._seats = [Seat(spec) for spec in specs]
        self._selector = selectors.DefaultSelector()
        self._listener = listener
        self._watch = configs.watch
        self._next_look = time.monotonic() + LOOK_EVERY_S
        self._reloads = Reloads(self._seats, configs, config, self._tell, self._replace)
        self._stopping: list[list[Seat]] | None = None
        self._kill_at: float | None = None
        self._status = 0
        self._on_terminal = os.isatty(STDERR)

    def run(self) -> int:
        with self._signals():
            while self._stopping is None or any(seat.child for seat in self._seats):
                self._do_what_is_due()
                for key, _ in self._selector.select(self._until_next()):
                    key.data()
        return self._status

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Signals become bytes of a socket, which the loop waits for as for all else."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        self._wakeup = (ours, theirs)
        handlers = {number: signal.signal(number, lambda *_: None) for number in SIGNALS}
        before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        self._selector.register(ours, selectors.EVENT_READ, self._hear_signals)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            self._selector.close()
            ours.close()
            theirs.close()

    def _hear_signals(self) -> None:
        heard = self._wakeup[0].recv(4096)
        for number in sorted(set(heard)):
            if number in (signal.SIGTERM, signal.SIGINT):
                self._stop()
                if heard.count(number) > 1:
                    self._stop()
            elif number == signal.SIGHUP and self._stopping is None:
                if self._on_terminal and not os.isatty(STDERR):
                    # The terminal it was started in has closed: there is nobody left who could stop it.
                    self._stop()
                else:
                    self._reloads.run("SIGHUP")
        # Also after signals that ran into each other: a byte may stand for several children.
        self._reap()

    def _do_what_is_due(self) -> None:
        now = time.monotonic()
        for seat in self._seats:
            if seat.due is not None and seat.due <= now:
                self._start(seat, now)
        if self._kill_at is not None and self._kill_at <= now:
            self._kill_the_rest()
        if self._stopping is None:
            self._reloads.give_up(now)
            if self._reloads.config.snapshot.server.watch and self._next_look <= now:
                look = self._watch.look()
                self._next_look = now + (LOOK_AGAIN_S if look == "moving" else LOOK_EVERY_S)
                if look == "changed":
                    self._reloads.run("the file changed")

    def _until_next(self) -> float | None:
        dates = [seat.due for seat in self._seats if seat.due is not None]
        if self._kill_at is not None:
            dates.append(self._kill_at)
        if self._stopping is None:
            dates += self._reloads.deadlines()
            if self._reloads.config.snapshot.server.watch:
                dates.append(self._next_look)
        return max(0.0, min(dates) - time.monotonic()) if dates else None

    # Children.

    def _start(self, seat: Seat, now: float) -> None:
        seat.due = None
        try:
            seat.child = child = fork(seat.spec, self._reloads.config, self._not_for(seat.spec), now)
        except OSError as error:
            log.error("can't start %s: %s", seat.spec, error.strerror)
            seat.due = now + seat.backoff.delay_after(0.0) + LOOK_AGAIN_S
            return
        self._selector.register(child.channel, selectors.EVENT_READ, lambda: self._hear(seat, child))

    def _not_for(self, spec: ChildSpec) -> list[Closable]:
        own = [] if spec.serves or self._listener is None else [self._listener]
        channels = [seat.child.channel for seat in self._seats if seat.child is not None]
        return [self._selector, *self._wakeup, *own, *channels]

    def _hear(self, seat: Seat, child: Child) -> None:
        if seat.child is not child:
            return  # it was seen to end in this very round
        messages = child.channel.receive()
        if messages is None:
            # It is about to end; SIGCHLD says when it has.
            self._selector.unregister(child.channel)
            return
        if self._stopping is None:
            for message in messages:
                self._reloads.hear(seat, message)

    def _reap(self) -> None:
        for seat in self._seats:
            if seat.child is not None:
                pid, status = os.waitpid(seat.child.pid, os.WNOHANG)
                if pid:
                    self._ended(seat, seat.child, os.waitstatus_to_exitcode(status))

    def _ended(self, seat: Seat, child: Child, code: int) -> None:
        now = time.monotonic()
        seat.child = None
        if child.channel.fileno() in self._selector.get_map():
            self._selector.unregister(child.channel)
        child.channel.close()
        self._reloads.left(seat)
        if self._stopping is not None and seat in self._stopping[0]:
            if code:
                log.error("%s ended badly while stopping", seat.spec, extra={"exit_code": code})
                self._status = 1
            if not any(other.child for other in self._stopping[0]):
                self._stop_next()
            return
        if seat.replaced:
            seat.due, seat.replaced = now, False
            return
        delay = seat.backoff.delay_after(now - child.started)
        seat.due = now + delay
        log.error(
            "%s ended; it is started again",
            seat.spec,
            extra={"exit_code": code, "lived_s": round(now - child.started, 3), "restart_in_s": delay},
        )

    def _tell(self, seat: Seat, message: Message) -> bool:
        """Whether the child of a seat was told. One that does not listen is killed, and started anew."""
        if seat.child is None:
            return False
        if not seat.child.channel.send(message):
            log.error("%s does not listen; it is killed", seat.spec)
            os.kill(seat.child.pid, signal.SIGKILL)
            return False
        return True

    def _replace(self, seat: Seat) -> None:
        """End a child in peace; a new one with the config in force takes its place."""
        seat.replaced = True
        self._tell(seat, {"what": "drain"})

    # Stopping.

    def _stop(self) -> None:
        """First the children that serve, and once they have ended, the others. The second time at once."""
        if self._stopping is not None:
            log.warning("told to stop again: ending at once")
            for seat in self._seats:
                self._tell(seat, {"what": "end"})
            self._kill_at = time.monotonic() + LAST_WORDS_S
            return
        log.info("stopping", extra={"grace_s": self._reloads.config.snapshot.server.grace_s})
        if self._listener is not None:
            self._listener.close()
        self._reloads.give_up(math.inf)
        groups = [[seat for seat in self._seats if seat.spec.serves is serves] for serves in (True, False)]
        self._stopping = [[], *(group for group in groups if group)]
        self._stop_next(self._reloads.config.snapshot.server.grace_s)

    def _stop_next(self, grace_s: float = 0.0) -> None:
        assert self._stopping is not None
        if len(self._stopping) == 1:
            return
        del self._stopping[0]
        for seat in self._stopping[0]:
            seat.due = None
            self._tell(seat, {"what": "drain"})
        self._kill_at = time.monotonic() + grace_s + LAST_WORDS_S
        if not any(seat.child for seat in self._stopping[0]):
            self._stop_next()

    def _kill_the_rest(self) -> None:
        self._kill_at = None
        assert self._stopping is not None
        for seat in self._stopping[0]:
            if seat.child is not None:
                log.error("%s did not end in time; it is killed", seat.spec)
                os.kill(seat.child.pid, signal.SIGKILL)
