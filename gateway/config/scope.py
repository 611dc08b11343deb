"""What every step of resolving needs at hand: the checked config, where its parts stand, and where problems go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath

from gateway.config.document import Node, Path, find, key_position
from gateway.config.prices import PriceBook
from gateway.config.problem import Findings
from gateway.config.references import References
from gateway.config.schema import Config
from gateway.core.vendor import Vendor


@dataclass(frozen=True, slots=True)
class Scope:
    """One load. `broken` are entries that were set aside: names of theirs are known, but not what they are."""

    config: Config
    root: Node
    broken: frozenset[Path]
    route_numbers: tuple[int, ...]
    references: References
    findings: Findings
    vendors: Mapping[str, Vendor]
    prices: PriceBook
    folder: FilePath

    def error(self, path: Path, message: str) -> None:
        """An error at the value of `path`, or at the nearest thing above it that exists."""
        self.findings.error(find(self.root, path).position, message)

    def key_error(self, path: Path, message: str) -> None:
        """An error at the key of `path`."""
        self.findings.error(key_position(self.root, path), message)

    def warn(self, path: Path, message: str) -> None:
        self.findings.warn(find(self.root, path).position, message)

    def key_warn(self, path: Path, message: str) -> None:
        self.findings.warn(key_position(self.root, path), message)

    def names(self, section: str) -> frozenset[str]:
        """All names in a section of the file, those of broken entries too."""
        node = self.root.child(section)
        return frozenset(node.value) if node is not None and isinstance(node.value, dict) else frozenset()
