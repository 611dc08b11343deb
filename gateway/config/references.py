"""`${NAME}`, `${NAME:-default}` and `file:path` in the values that may hold them: which values, and with what they are
replaced. What a secret's place holds becomes a Secret here, before anything that reports errors can see it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any

from gateway.config.document import Node, Path, find, plain_scalar
from gateway.config.problem import Findings, Position, looks_like_credential
from gateway.config.snapshot import Secret

MAX_SECRET_BYTES = 64 * 1024

SECRET_PLACES = frozenset(
    {
        ("providers", "*", "api_key"),
        ("providers", "*", "api_keys", "*"),
        ("providers", "*", "headers", "*"),
        ("providers", "*", "proxy"),
        ("keys", "*", "key"),
        ("redis", "url"),
        ("otel", "headers", "*"),
    }
)
UNSHOWN_PLACES = SECRET_PLACES | {("providers", "*", "base_url")}
"""Places whose value no message repeats: people put credentials into addresses, too."""

REFERENCE_PLACES = SECRET_PLACES | {
    ("providers", "*", "base_url"),
    ("providers", "*", "region"),
    ("providers", "*", "retention"),
    ("providers", "*", "ca_file"),
    ("providers", "*", "client_cert"),
    ("providers", "*", "client_key"),
    ("keys", "*", "sha256"),
    ("server", "host"),
    ("server", "port"),
    ("server", "allowed_hosts", "*"),
    ("ledger", "dir"),
    ("otel", "endpoint"),
    ("otel", "service_name"),
}
ONE_KEY = ("providers", "*", "api_key")
ONE_OF_KEYS = ("providers", "*", "api_keys", "*")

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


@dataclass(slots=True)
class References:
    """What was found while replacing. `off`: providers without any key, because its variable is unset, with its name.
    `missing`: keys among several whose variable is unset. `literal`: places of secrets that are written out in the
    file. `replaced`: places whose value came from elsewhere. `lost`: places that have no value, which was told
    already."""

    off: dict[str, str] = field(default_factory=dict)
    missing: dict[Path, str] = field(default_factory=dict)
    literal: set[Path] = field(default_factory=set)
    replaced: set[Path] = field(default_factory=set)
    lost: set[Path] = field(default_factory=set)


def expand(root: Node, env: Mapping[str, str], folder: FilePath, findings: Findings) -> tuple[Node, References]:
    """The tree with references replaced and secrets hidden. Unset variables and unreadable files go to `findings`."""
    expander = _Expander(env, folder, findings)
    expanded = expander.walk(root, ())
    references = expander.references
    for path, variable in references.missing.items():
        keys = find(root, path[:-1]).value
        if sum(other[:-1] == path[:-1] for other in references.missing) == len(keys):
            references.off.setdefault(str(path[1]), variable)
    return expanded, references


class _Expander:
    def __init__(self, env: Mapping[str, str], folder: FilePath, findings: Findings) -> None:
        self._env = env
        self._folder = folder
        self._findings = findings
        self.references = References()

    def walk(self, node: Node, path: Path) -> Node:
        if isinstance(node.value, dict):
            return replace(node, value={key: self.walk(child, (*path, key)) for key, child in node.value.items()})
        if isinstance(node.value, list):
            return replace(node, value=[self.walk(child, (*path, i)) for i, child in enumerate(node.value)])
        if isinstance(node.value, str):
            return replace(node, value=self._text(node.value, node.position, path))
        if node.value is None and len(path) > 1:
            self._empty(node.position, path)
        return node

    def _empty(self, position: Position, path: Path) -> None:
        self.references.lost.add(path)
        self._findings.error(position, f'"{path[-1]}" is empty: give it a value, or remove the line')

    def _text(self, text: str, position: Position, path: Path) -> Any:
        place = place_of(path)
        if place not in REFERENCE_PLACES:
            self._refuse_reference(text, position)
            if looks_like_credential(text):
                self.references.literal.add(path)
            return text
        secret = place in SECRET_PLACES
        if secret and not text:
            return self._empty(position, path)
        if "${" not in text and not text.startswith("file:"):
            return self._literal(text, path, secret)
        self.references.replaced.add(path)
        if looks_like_credential(text):
            self.references.literal.add(path)
        value: str | None
        if not text.startswith("file:"):
            value = self._variables(text, position, place, path)
        elif secret or place == ("keys", "*", "sha256"):
            value = self._file(text.removeprefix("file:"), position)
        else:
            self._findings.error(position, "file: is for secrets only: write the value, or ${NAME}")
            value = None
        if value is None:
            off = place == ONE_KEY and path[1] in self.references.off
            if not off and path not in self.references.missing:
                self.references.lost.add(path)
            return None
        return Secret(value) if secret else plain_scalar(value) if place[0] == "server" else value

    def _literal(self, text: str, path: Path, secret: bool) -> Any:
        password = path == ("redis", "url") and "@" in text
        if password or (secret and path[2:3] in (("api_key",), ("api_keys",), ("key",))) or looks_like_credential(text):
            self.references.literal.add(path)
        return Secret(text) if secret else text

    def _refuse_reference(self, text: str, position: Position) -> None:
        if found := _REFERENCE.search(text):
            self._findings.error(
                position,
                f"{found[0][:80]} is not replaced here: references stand in the server's, keys' and providers' values",
            )

    def _variables(self, text: str, position: Position, place: Path, path: Path) -> str | None:
        """`text` with its variables replaced, or None where one is unset (which is told)."""
        rest = _REFERENCE.sub("", text)
        if "${" in rest:
            self._findings.error(position, "a reference is written ${NAME} or ${NAME:-default}")
            return None
        found = _REFERENCE.finditer(text)
        unset = [reference[1] for reference in found if not self._env.get(reference[1]) and reference[2] is None]
        if not unset:
            return _REFERENCE.sub(lambda found: self._env.get(found[1]) or found[2] or "", text)
        if place == ONE_KEY:
            self.references.off[str(path[1])] = unset[0]
        elif place == ONE_OF_KEYS:
            self.references.missing[path] = unset[0]
        else:
            for name in unset:
                self._findings.error(position, f"the environment variable {name} is not set: set it, or give a default")
        return None

    def _file(self, name: str, position: Position) -> str | None:
        path = self._folder / name
        try:
            with path.open("rb") as opened:
                data = opened.read(MAX_SECRET_BYTES + 1)
            text = data.decode("utf-8").strip()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "not UTF-8 text"
            self._findings.error(position, f"the file {path} can't be read: {reason}")
            return None
        if not text or len(data) > MAX_SECRET_BYTES:
            problem = "is empty" if not text else f"is larger than {MAX_SECRET_BYTES} bytes"
            self._findings.error(position, f"the file {path} {problem}: it should hold the secret alone")
            return None
        return text


def place_of(path: Path) -> Path:
    """The path with names that the user chose as `*`, to be looked up among the places."""
    for place in REFERENCE_PLACES:
        if len(place) == len(path) and all(want in ("*", step) for want, step in zip(place, path, strict=True)):
            return place
    return path
