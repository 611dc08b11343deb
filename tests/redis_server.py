"""A real redis-server for tests: its own process, folder and free port, gone at the end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from gateway.config.snapshot import Redis, Secret

PROGRAM = shutil.which("redis-server")
needs_redis = pytest.mark.skipif(PROGRAM is None, reason="redis-server is not installed: apt-get install redis-server")


class RedisServer:
    """`url` stays the same over `stop` and `start`; so does what it holds."""

    def __init__(self, folder: Path, *options: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._options = options
        self.port = 65_536
        while self.port > 50_000:  # a node of a cluster listens 10,000 above it, too
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert PROGRAM is not None
        command = [PROGRAM, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        command += ["--save", "", "--appendonly", "yes", "--appendfsync", "always", *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _await(self._process, self.port)

    def client(self, **options: Any) -> redis.Redis:
        return redis.Redis.from_url(self.url, **options)

    def send(self, number: int) -> None:
        """SIGSTOP makes it hang, SIGCONT go on."""
        assert self._process is not None
        os.kill(self._process.pid, number)

    def stop(self) -> None:
        """Killed, in the middle of whatever it does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait(10)
            self._process = None


@contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[RedisServer]:
    server = RedisServer(folder, *options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def sentinel_for(server: RedisServer, folder: Path) -> Iterator[Redis]:
    """A real sentinel that watches `server`; gives the settings that ask a dead sentinel first, and then this one."""
    program = shutil.which("redis-sentinel") or PROGRAM
    assert program is not None
    port = RedisServer(folder).port
    config = folder / "sentinel.conf"
    config.write_text(f"port {port}\nbind 127.0.0.1\nsentinel monitor mymaster 127.0.0.1 {server.port} 1\n")
    process = subprocess.Popen([program, str(config), "--sentinel"], stdout=subprocess.DEVNULL)
    try:
        _await(process, port)
        yield Redis(Secret(f"redis://127.0.0.1:1,127.0.0.1:{port}"), "sentinel", "mymaster", timeout_s=2.0)
    finally:
        process.kill()
        process.wait(10)


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 20
    while not _answers(port):
        assert time.monotonic() < deadline, "redis did not start"
        assert process.poll() is None, "redis ended at once"
        time.sleep(0.01)


def _answers(port: int) -> bool:
    """Any answer will do: a server that asks for a password is up as well, one that is loading is not."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"PING\r\n")
            answer = connection.recv(64)
    except OSError:
        return False
    return answer[:1] in (b"+", b"-") and b"LOADING" not in answer
