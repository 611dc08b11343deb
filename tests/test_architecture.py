"""The house rules, held by reading the code: who may import whom, and what no room may do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GATEWAY = ROOT / "gateway"

MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "config": {"core"},
    "transport": {"core"},
    "providers": {"core"},
    "observe": {"core"},
    "classify": {"core", "config.snapshot"},
    "route": {"core", "config.snapshot"},
    "ledger": {"core", "config.snapshot"},
    "auth": {"core", "config"},
    "execute": {"core", "config", "providers.base", "transport.base", "transport.sse"},
    "http": {"core", "config", "auth", "execute"},
    "drill": {"core", "config"},
    "simulator": set(),
}
COMPOSITION = {
    "app",
    "upstreams",
    "explain",
    "listening",
    "cli",
    "rehearse",
    "serve",
    "process",
    "__main__",
    "__init__",
}
READS_ENVIRONMENT = {"cli.py"}
STDLIB_ONLY = {"core"}


def modules() -> Iterator[Path]:
    yield from sorted(GATEWAY.rglob("*.py"))


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def room_of(path: Path) -> str:
    return path.relative_to(GATEWAY).parts[0].removesuffix(".py")


def allowed(target: str, rooms: set[str]) -> bool:
    return any(target == room or target.startswith(f"{room}.") for room in rooms)


@pytest.mark.parametrize("path", [pytest.param(p, id=str(p.relative_to(GATEWAY))) for p in modules()])
def test_rooms_import_only_what_they_may(path: Path) -> None:
    room = room_of(path)
    if room in COMPOSITION:
        return
    inside = [name.removeprefix("gateway.") for name in imports_of(path) if name.startswith("gateway.")]
    rooms = MAY_IMPORT[room] | {room, "__version__"}
    # `from gateway.config import snapshot` names the package too: only its leaf counts where a leaf is what is allowed.
    wrong = [name for name in inside if not allowed(name, rooms) and not any(r.startswith(f"{name}.") for r in rooms)]
    assert not wrong, f"{room} may not import {wrong}"


@pytest.mark.parametrize("path", [pytest.param(p, id=p.name) for p in modules() if room_of(p) in STDLIB_ONLY])
def test_core_is_stdlib_only(path: Path) -> None:
    import sys

    outside = {name.partition(".")[0] for name in imports_of(path)} - set(sys.stdlib_module_names) - {"gateway"}
    assert not outside


def test_every_room_is_in_the_table() -> None:
    rooms = {path.name for path in GATEWAY.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == set(MAY_IMPORT) | {"process"}


def test_only_the_command_line_reads_the_environment() -> None:
    readers = {
        str(path.relative_to(GATEWAY))
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    }
    assert readers <= READS_ENVIRONMENT


@pytest.mark.parametrize("room", ["providers", "route", "classify", "core"])
def test_pure_rooms_have_no_clock_and_no_chance(room: str) -> None:
    impure = {"time", "random", "secrets", "uuid", "socket", "asyncio", "logging", "os"}
    allowed_files = {"clock.py"}
    for path in sorted((GATEWAY / room).rglob("*.py")):
        if path.name in allowed_files:
            continue
        used = {name.partition(".")[0] for name in imports_of(path)} & impure
        assert not used, f"{path.relative_to(ROOT)} imports {used}"


def test_every_module_says_what_it_owns() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in modules()
        if path.name != "__main__.py" and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert not silent


def test_no_module_level_mutable_state() -> None:
    """Module constants are tuples, frozensets, mappings that nobody writes; an empty container waits to be filled."""
    offenders = []
    for path in modules():
        for node in ast.parse(path.read_text()).body:
            value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
            empty = (isinstance(value, (ast.List, ast.Set)) and not value.elts) or (
                isinstance(value, ast.Dict) and not value.keys
            )
            if empty:
                offenders.append(f"{path.relative_to(ROOT)}:{node.lineno}")
            if any(isinstance(inner, ast.Global) for inner in ast.walk(node)):
                offenders.append(f"{path.relative_to(ROOT)}:{node.lineno} global")
    assert not offenders


def test_files_stay_small() -> None:
    long = {
        str(path.relative_to(ROOT)): lines for path in modules() if (lines := len(path.read_text().splitlines())) > 330
    }
    assert not long, f"a concept may be missing in each of {long}"
