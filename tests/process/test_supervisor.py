"""Real processes: children come back, stop in order, and never outlive their supervisor."""

from __future__ import annotations

import json
import os
import pty
import signal
import sys

import pytest

from gateway.process.children import LONGEST_DELAY_S, STABLE_S, Backoff
from tests.process.conftest import Client, Serve, Upstream, begun, config_of, configs_of, stream_error
from tests.running import until
from tests.served import ROOT, Printing, is_alive


@pytest.mark.fault(35)
def test_a_killed_worker_is_back_and_the_other_keeps_answering(serve: Serve) -> None:
    served = serve("workers: 2")
    config = config_of(served.port)
    until(lambda: len(served.children()) == 2)
    first, second = served.children()
    os.kill(first, signal.SIGKILL)
    assert configs_of(served.port) == {config}
    until(lambda: len(served.children()) == 2 and first not in served.children())
    os.kill(second, signal.SIGKILL)
    assert configs_of(served.port) == {config}
    until(lambda: len(served.children()) == 2 and second not in served.children())
    assert served.stop() == 0
    assert served.text.count("it is started again") == 2


@pytest.mark.fault(35)
def test_the_only_worker_is_back(serve: Serve) -> None:
    served = serve()
    config = config_of(served.port)
    (only,) = served.children()
    os.kill(only, signal.SIGKILL)
    assert config_of(served.port) == config  # the connection waits in the backlog until there is somebody


def test_workers_of_the_command_line(serve: Serve) -> None:
    served = serve("workers: 1", "--workers", "3")
    until(lambda: len(served.children()) == 3)


def test_no_worker_outlives_its_supervisor(serve: Serve) -> None:
    served = serve("workers: 2")
    until(lambda: len(served.children()) == 2)
    children = served.children()
    served.process.kill()
    until(lambda: not any(is_alive(child) for child in children))


def test_a_stream_outlives_its_supervisor_by_the_grace(serve: Serve, upstream: Upstream) -> None:
    served = serve("grace: 30s")
    answer = begun(Client(served.port), upstream, "one")
    (child,) = served.children()
    served.process.kill()
    served.process.wait(10)
    upstream.release("one")
    assert answer.read().endswith(b"data: [DONE]\n\n")
    until(lambda: not is_alive(child))


def test_a_terminal_that_signals_all_of_them_stops_them_once(serve: Serve, upstream: Upstream) -> None:
    served = serve("workers: 2, grace: 30s")
    answer = begun(Client(served.port), upstream, "one")
    for pid in (*served.children(), served.process.pid):
        os.kill(pid, signal.SIGINT)
    until(lambda: '"stopping"' in served.text)
    upstream.release("one")
    assert answer.read().endswith(b"data: [DONE]\n\n")
    assert served.ended() == 0


def test_stopping_twice_ends_at_once(serve: Serve, upstream: Upstream) -> None:
    served = serve("grace: 1h")
    answer = begun(Client(served.port), upstream, "never")
    served.process.terminate()
    until(lambda: '"stopping"' in served.text)
    served.process.terminate()
    assert stream_error(answer.read()) == "shutting_down"
    assert served.ended() == 0


def restarts(printing: Printing) -> list[float]:
    lines = [json.loads(line) for line in printing.printed if line.startswith("{")]
    return [line["restart_in_s"] for line in lines if "restart_in_s" in line]


def test_a_child_that_keeps_failing_is_started_ever_more_slowly() -> None:
    crashing = Printing("-m", "tests.process.actors", "crash")
    until(lambda: len(restarts(crashing)) >= 4, timeout=30)
    assert crashing.stop() == 0
    assert restarts(crashing)[:4] == [0.0, 0.25, 0.5, 1.0]
    assert '"exit_code":3' in crashing.text


def test_the_delay_has_an_end_and_a_stable_child_starts_it_over() -> None:
    backoff = Backoff()
    delays = [backoff.delay_after(0.1) for _ in range(40)]
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST_DELAY_S
    assert backoff.delay_after(STABLE_S) == 0.0
    assert 0 < backoff.delay_after(0.1) < 1


def test_the_keeper_stops_after_the_workers_and_is_replaced_at_a_reload_about_it() -> None:
    acting = Printing("-m", "tests.process.actors", "order")
    until(lambda: "keeper works" in acting.text and "worker 0 serves" in acting.text)
    acting.process.send_signal(signal.SIGHUP)
    until(lambda: acting.text.count("keeper works") == 2)
    acting.process.terminate()
    assert acting.ended() == 0
    said = [line.strip() for line in acting.printed if not line.startswith("{")]
    assert said[-2:] == ["worker 0 has drained", "keeper has shipped"]
    assert "it is started again" not in acting.text.partition("config taken")[0]


def test_a_reload_that_is_not_about_the_keeper_leaves_it_alone() -> None:
    acting = Printing("-m", "tests.process.actors", "steady")
    until(lambda: "keeper works" in acting.text and "worker 0 serves" in acting.text)
    acting.process.send_signal(signal.SIGHUP)
    until(lambda: "config taken" in acting.text)
    acting.process.terminate()
    assert acting.ended() == 0
    assert acting.text.count("keeper works") == 1


def test_a_child_that_does_not_stop_is_killed() -> None:
    acting = Printing("-m", "tests.process.actors", "deaf")
    until(lambda: "deaf serves" in acting.text)
    acting.process.terminate()
    until(lambda: '"stopping"' in acting.text)
    acting.process.terminate()
    assert acting.ended() == 1
    assert "it is killed" in acting.text


def test_it_does_not_outlive_its_terminal() -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execv(sys.executable, [sys.executable, "-m", "tests.process.actors", "order"])
    shown = b""
    while b"worker 0 serves" not in shown or b"keeper works" not in shown:
        shown += os.read(terminal, 4096)
    os.kill(pid, signal.SIGHUP)
    while b"config taken" not in shown:
        shown += os.read(terminal, 4096)
    os.close(terminal)
    until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid)
