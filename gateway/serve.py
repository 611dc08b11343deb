"""`gateway serve`: choose a config, start what it needs, listen. Owns the process, decides nothing about requests."""

from __future__ import annotations

import argparse
import gc
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from gateway import __version__
from gateway.config.snapshot import Snapshot
from gateway.simulator.fleet import Fleet

DEFAULT_CONFIG = Path("config/gateway.yaml")
DEMO_CONFIG = Path("config/demo.yaml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "config",
        nargs="?",
        type=Path,
        help=f"the YAML to serve (default: {DEFAULT_CONFIG}; without any provider key in the environment, the demo)",
    )
    parser.add_argument("--demo", action="store_true", help="serve the demo config on local simulators")
    parser.add_argument("--host", help="listen here instead of the config's server.host")
    parser.add_argument(
        "--port", type=int, choices=range(65536), metavar="PORT", help="listen here instead of the config's server.port"
    )
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])


def run(arguments: argparse.Namespace, env: Mapping[str, str]) -> int:
    """Serve until SIGTERM or SIGINT. Returns 1 when the config is refused or the address is taken."""
    from gateway.providers.vendors import VENDORS

    key_names = sorted({row.api_key_env for row in VENDORS.values() if row.api_key_env})
    keyless = not any(env.get(name) for name in key_names)
    demo = arguments.demo or (arguments.config is None and keyless)
    path = arguments.config or (DEMO_CONFIG if demo else DEFAULT_CONFIG)
    with ExitStack() as stack:
        fleet = stack.enter_context(Fleet()) if demo else None
        from gateway.config.load import load
        from gateway.config.problem import ConfigError

        try:
            snapshot = _listening_where_told(load(path, env=env, vendors=VENDORS), arguments)
            ready = fleet.wait_until_listening() if fleet else []
        except ConfigError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        except (RuntimeError, ValueError) as error:
            sys.stderr.write(f"gateway: {error}\n")
            return 1
        return _serve(snapshot, _greeting(snapshot, keyless and not arguments.demo, ready), arguments.log_level)


def _listening_where_told(snapshot: Snapshot, arguments: argparse.Namespace) -> Snapshot:
    """The snapshot with --host and --port applied. Raises ValueError for an address that would be open to all."""
    from gateway.config.resolve_server import why_exposed

    server = snapshot.server
    if arguments.host is not None:
        exposed = why_exposed(arguments.host, bool(snapshot.keys), server.unsafe_open)
        if exposed:
            raise ValueError(exposed)
        server = replace(server, host=arguments.host)
    if arguments.port is not None:
        server = replace(server, port=arguments.port)
    return replace(snapshot, server=server)


def _greeting(snapshot: Snapshot, keyless: bool, simulators: list[tuple[str, str, int]]) -> str:
    server = snapshot.server
    host = f"[{server.host}]" if ":" in server.host and not server.host.startswith("[") else server.host
    url = f"http://{host}:{server.port}"
    lines = [f"Switchyard {__version__} serves {snapshot.source} (config {snapshot.hash}) at {url}/v1"]
    if simulators:
        if keyless:
            lines.append("No provider key is in the environment, so this is the demo:")
        lines.append("its models are simulators on this machine; no request leaves it, and nothing costs money.")
        lines += [f"  {vendor:<10} {line}, process {pid}" for vendor, line, pid in simulators]
    lines += [f"warning: {warning}" for warning in snapshot.warnings]
    lines += [
        "Try it:",
        f"  curl {url}/v1/chat/completions -H 'Content-Type: application/json' \\",
        """    -d '{"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}'""",
    ]
    return "\n".join(lines)


def _serve(snapshot: Snapshot, greeting: str, log_level: str) -> int:
    import uvicorn

    from gateway.app import Gateway
    from gateway.http.connection import SHUTDOWN_GRACE_S, ClientConnection
    from gateway.observe.logs import set_up_logging

    set_up_logging(log_level)
    try:
        listener = open_listener(snapshot.server.host, snapshot.server.port)
    except OSError as error:
        sys.stderr.write(f"gateway: can't listen on {snapshot.server.host}:{snapshot.server.port}: {error.strerror}\n")
        return 1
    # The server ends well on these, and then raises the signal anew for the process to die of; a clean end is exit 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    config = uvicorn.Config(
        Gateway(snapshot).app,
        loop="uvloop",
        http=ClientConnection,
        ws="none",
        log_config=None,
        log_level=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
        proxy_headers=False,
    )
    settle_memory()
    sys.stderr.write(greeting + "\n")
    sys.stderr.flush()
    with listener:
        uvicorn.Server(config).run(sockets=[listener])
    return 0


def open_listener(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError when the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host.strip("[]"), port), family=family, backlog=2048)


def settle_memory() -> None:
    """Take what start-up built out of the garbage collector's sight, and let it run less often: a request makes few
    cycles, and walking the imported modules again and again costs more than all of a request's own work."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
