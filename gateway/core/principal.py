"""Who is calling: the result of authentication, and all that later rooms may know of the caller."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller. `name` is the key's name in the config, never the key itself. `may_use` are names of the catalogue;
    None: all."""

    name: str
    team: str | None = None
    tags: frozenset[str] = frozenset()
    admin: bool = False
    may_use: frozenset[str] | None = None

    def may(self, model: str) -> bool:
        return self.may_use is None or model in self.may_use
