"""`gateway simulate`: one simulator as a process. Kept light: it must listen within a moment of being started."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable

from gateway.simulator.server import VENDORS, Simulator

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("vendor", choices=sorted(VENDORS), help="whose API to speak")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default 0: a free one)")
    parser.add_argument("--ttft-ms", type=float, default=0.0, help="milliseconds to the first token (default 0)")
    parser.add_argument("--tps", type=float, default=0.0, help="tokens per second after it (default 0: at once)")
    parser.add_argument("--require-key", metavar="KEY", help="refuse every other API key (default: any or none)")
    parser.add_argument("--until-stdin-ends", action="store_true", help="stop when stdin is closed")
    parser.add_argument("--seed", type=int, default=0, help="moves ids and the chance of probable faults (default 0)")


def run(args: Namespace) -> int:
    """Serve until SIGTERM or SIGINT. The first line on stdout tells the address. Returns the exit status."""
    simulator = Simulator(
        args.vendor,
        host=args.host,
        port=args.port,
        ttft_ms=args.ttft_ms,
        tps=args.tps,
        require_key=args.require_key,
        seed=args.seed,
    )
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_serve(simulator, until_stdin_ends=args.until_stdin_ends))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _watch_stdin(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        stop.set()


async def _serve(simulator: Simulator, *, until_stdin_ends: bool) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if until_stdin_ends:
        loop.add_reader(sys.stdin.fileno(), _watch_stdin, stop)
    try:
        await simulator.start()
    except OSError as error:
        print(f"cannot listen on {simulator.host}:{simulator.port}: {error}", file=sys.stderr)
        return 1
    print(f"listening on {simulator.base_url}", flush=True)
    if simulator.host not in LOOPBACK:
        print(f"warning: {simulator.host} is reachable from other machines", file=sys.stderr)
    await stop.wait()
    await simulator.aclose()
    return 0
