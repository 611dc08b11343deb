"""`gateway serve`: choose a config, start what it needs, listen, and hand all of it to the supervisor. Decides nothing
about requests."""

from __future__ import annotations

import argparse
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from gateway import __version__
from gateway.config.snapshot import Snapshot
from gateway.simulator.fleet import Fleet

if TYPE_CHECKING:
    from gateway.config.load import Source

DEFAULT_CONFIG = Path("config/gateway.yaml")
DEMO_CONFIG = Path("config/demo.yaml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "config",
        nargs="?",
        type=Path,
        help=f"the YAML to serve (default: {DEFAULT_CONFIG}; without a key for any of its providers, the demo)",
    )
    parser.add_argument("--demo", action="store_true", help="serve the demo config on local simulators")
    parser.add_argument("--host", help="listen here instead of the config's server.host")
    parser.add_argument(
        "--port", type=int, choices=range(65536), metavar="PORT", help="listen here instead of the config's server.port"
    )
    parser.add_argument(
        "--workers",
        type=int,
        choices=range(1, 65),
        metavar="N",
        help="serve with N processes (default: server.workers)",
    )
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])


def run(arguments: argparse.Namespace, env: MutableMapping[str, str]) -> int:
    """Serve until SIGTERM or SIGINT. Returns 1 when the config is refused or the address is taken."""
    from gateway.providers.vendors import VENDORS

    keyless = not arguments.demo and arguments.config is None and has_no_key(env)
    demo = arguments.demo or keyless
    path = arguments.config or (DEMO_CONFIG if demo else DEFAULT_CONFIG)
    with ExitStack() as stack:
        fleet = stack.enter_context(Fleet()) if demo else None
        from gateway.config.load import load, source_of
        from gateway.config.problem import ConfigError
        from gateway.config.resolve_otel import with_otel_of

        def load_as_told(source: Source) -> Snapshot:
            return _as_told(with_otel_of(load(source, env=env, vendors=VENDORS), env), arguments)

        try:
            snapshot = load_as_told(source_of(path))
            ready = fleet.wait_until_listening() if fleet else []
        except ConfigError as error:
            sys.stderr.write(f"{error}\n")
            if arguments.config is None and not demo:
                sys.stderr.write("gateway: `gateway serve --demo` needs no key: its models are simulators\n")
            return 1
        except (RuntimeError, ValueError) as error:
            sys.stderr.write(f"gateway: {error}\n")
            return 1
        greeting = _greeting(snapshot, keyless, ready)
        return _serve(path, snapshot, load_as_told, arguments.log_level, greeting, env)


def has_no_key(env: Mapping[str, str]) -> bool:
    """Whether the default config has no provider that could be asked: each wants a key from a variable that is not
    set. Of one that can't be read, whether no vendor's key is there under its usual name."""
    from gateway.config.document import read_document
    from gateway.config.load import source_of
    from gateway.config.problem import ConfigError, Findings
    from gateway.config.references import expand

    try:
        source = source_of(DEFAULT_CONFIG)
        root = read_document(source.data, source.name, Findings())
    except ConfigError:
        from gateway.providers.vendors import VENDORS

        return not any(env.get(row.api_key_env) for row in VENDORS.values() if row.api_key_env)
    providers = root.child("providers")
    if providers is None or not isinstance(providers.value, dict):
        return False
    return 0 < len(providers.value) == len(expand(root, env, source.folder, Findings())[1].off)


def default_config(env: Mapping[str, str]) -> Path:
    """What `serve` serves where no file is named: other commands speak of the same."""
    return DEMO_CONFIG if has_no_key(env) else DEFAULT_CONFIG


def _as_told(snapshot: Snapshot, arguments: argparse.Namespace) -> Snapshot:
    """The snapshot with the command line applied. Raises ValueError for an address that would be open to all."""
    from gateway.config.resolve_server import why_exposed

    server = snapshot.server
    if arguments.host is not None:
        exposed = why_exposed(arguments.host, bool(snapshot.keys), server.unsafe_open)
        if exposed:
            raise ValueError(exposed)
        server = replace(server, host=arguments.host)
    if arguments.port is not None:
        server = replace(server, port=arguments.port)
    if arguments.workers is not None:
        server = replace(server, workers=arguments.workers)
    return replace(snapshot, server=server)


def _greeting(snapshot: Snapshot, keyless: bool, simulators: list[tuple[str, str, int]]) -> str:
    server = snapshot.server
    host = f"[{server.host}]" if ":" in server.host and not server.host.startswith("[") else server.host
    url = f"http://{host}:{server.port}"
    lines = [f"Switchyard {__version__} serves {snapshot.source} (config {snapshot.hash}) at {url}/v1"]
    if simulators:
        if keyless:
            lines.append(f"No key that {DEFAULT_CONFIG} names is in the environment, so this is the demo:")
        lines.append("its models are simulators on this machine; no request leaves it, and nothing costs money.")
        lines += [f"  {vendor:<10} {line}, process {pid}" for vendor, line, pid in simulators]
    lines += [f"warning: {warning}" for warning in snapshot.warnings]
    lines += [
        "Try it:",
        f"  curl {url}/v1/chat/completions -H 'Content-Type: application/json' \\",
        """    -d '{"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}'""",
    ]
    return "\n".join(lines)


def _serve(
    path: Path,
    snapshot: Snapshot,
    load: Callable[[Source], Snapshot],
    log_level: str,
    greeting: str,
    env: MutableMapping[str, str],
) -> int:
    try:
        listener = open_listener(snapshot.server.host, snapshot.server.port)
    except OSError as error:
        sys.stderr.write(f"gateway: can't listen on {snapshot.server.host}:{snapshot.server.port}: {error.strerror}\n")
        return 1
    # More threads would be slower for small matrices, and a process that forks should have none.
    env.setdefault("OPENBLAS_NUM_THREADS", "1")
    from gateway.classify.text import load_text_model
    from gateway.observe.logs import set_up_logging
    from gateway.process.background import background
    from gateway.process.children import ChildSpec, InForce
    from gateway.process.configs import Configs
    from gateway.process.supervisor import Supervisor
    from gateway.process.worker import run_worker, settle_memory

    set_up_logging(log_level)
    configs = Configs(path, snapshot, load)
    text_model = load_text_model() if snapshot.classify.text_model else None
    with ExitStack() as stack:
        stack.enter_context(listener)
        folder = _metrics_folder(Path(snapshot.ledger.dir), stack)
        worker = partial(run_worker, listener=listener, configs=configs, text_model=text_model, metrics_folder=folder)
        children = [ChildSpec("worker", slot, worker, serves=True) for slot in range(snapshot.server.workers)]
        if snapshot.ledger.store != "none":
            keeper = background(partial(keep_ledger, folder))
            children.append(ChildSpec("keeper", 0, keeper, reads=attrgetter("ledger", "redis")))
        settle_memory()
        sys.stderr.write(greeting + "\n")
        sys.stderr.flush()
        return Supervisor(children, configs, InForce(snapshot, time.time()), listener).run()


def keep_ledger(metrics_folder: Path | None, snapshot: Snapshot, stop: threading.Event) -> None:
    """The work of the keeper: its metrics stand beside the workers', so that each of them shows it too."""
    from gateway.ledger.keeper import run_keeper
    from gateway.observe.ledger_metrics import keeper_metrics

    run_keeper(snapshot, stop, gauges=keeper_metrics(metrics_folder))


def _metrics_folder(parent: Path, stack: ExitStack) -> Path | None:
    """Where the processes of this gateway, and of no other, sum what they count: until `stack` ends. None where no
    folder can be had: each then shows its own."""
    from gateway.observe.folders import own_folder

    try:
        return stack.enter_context(own_folder(parent))
    except OSError as error:
        sys.stderr.write(f"warning: each worker shows metrics of its own: {parent}: {error.strerror or error}\n")
        return None


def open_listener(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError when the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host.strip("[]"), port), family=family, backlog=2048)
