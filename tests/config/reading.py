"""Reads configs written in tests. A ¶ in a text marks where a problem is expected and is no part of the config."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gateway.config.load import Loaded, Source, examine
from gateway.config.prices import PriceBook, packaged_prices
from gateway.config.snapshot import Snapshot
from tests.config.vendor_rows import KEYS, ROWS

PROVIDERS = """\
  openai: {adapter: openai, api_key: "${OPENAI_API_KEY}"}
  anthropic: {adapter: anthropic, api_key: "${ANTHROPIC_API_KEY}"}
"""
MODELS = """\
  gpt: {provider: openai, id: gpt-5.4}
  opus: {provider: anthropic, id: claude-opus-4-6}
"""
ROUTES = """\
  - {name: default, chain: [gpt, opus]}
"""
PRICES = packaged_prices()


def config_text(
    top: str = "", providers: str = PROVIDERS, models: str = MODELS, routes: str = ROUTES, bottom: str = ""
) -> str:
    """A config without any problem, but for the parts that are given."""
    return f"{top}providers:\n{providers}models:\n{models}routes:\n{routes}{bottom}"


def examine_text(
    text: str | bytes,
    env: Mapping[str, str] = KEYS,
    folder: Path = Path(),
    prices: PriceBook = PRICES,
) -> Loaded:
    data = text.encode() if isinstance(text, str) else text
    return examine(Source("test.yaml", data, folder), env=env, vendors=ROWS, prices=prices)


def snapshot_of(text: str, env: Mapping[str, str] = KEYS, folder: Path = Path()) -> Snapshot:
    loaded = examine_text(text, env, folder)
    assert loaded.snapshot is not None, loaded.problems
    return loaded.snapshot


def marked(text: str) -> tuple[str, str]:
    """The text without its mark, and the mark's `line:column`."""
    before, mark, after = text.partition("¶")
    assert mark, "the text marks no place"
    line = before.count("\n") + 1
    column = len(before) - before.rfind("\n")
    return before + after, f"{line}:{column}"


def found(loaded: Loaded) -> list[str]:
    """The problems as `line:column: severity: message`."""
    return [problem.tagged("").removeprefix(":") for problem in loaded.problems]


def top(text: str) -> str:
    return config_text(top=text + "\n")


def server(body: str) -> str:
    return config_text(top=f"server: {{{body}}}\n")


def key(body: str) -> str:
    return config_text(top=f"keys: {{a: {{{body}}}}}\n")


def provider(body: str) -> str:
    return config_text(providers=f"{PROVIDERS}  x: {{{body}}}\n")


def models(text: str) -> str:
    return config_text(models=f"{MODELS}{text}\n")


def model(body: str) -> str:
    return models(f"  x: {{{body}}}")


def routes(text: str) -> str:
    return config_text(routes=f"{text}\n{ROUTES}")


def route(body: str) -> str:
    return routes(f"  - {{name: a, when: {{task: coding}}, chain: [gpt, opus], {body}}}")


def when(body: str) -> str:
    return routes(f"  - {{name: a, when: {{{body}}}, chain: [gpt, opus]}}")


def bottom(text: str) -> str:
    return config_text(bottom=text + "\n")
