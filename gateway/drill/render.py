"""Drills as a table for a terminal, as Markdown to keep, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from gateway.core.money import NANO_PER_USD, format_usd
from gateway.drill.loss import Cost, Drill, Outcome, Verdict

MARKS: dict[Verdict, str] = {"untouched": " ", "loses a spare": "·", "falls back": "▸", "dies": "✗"}
_COLOURS: dict[Verdict, str] = {"untouched": "2", "loses a spare": "0", "falls back": "33", "dies": "1;31"}
HEADINGS = ("", "route", "answers now", "takes over", "in", "out", "a typical request", "lost with it")


def as_table(drills: Sequence[Drill], colour: bool) -> str:
    return "\n\n".join("\n".join(_table(drill, colour)) for drill in drills) + "\n"


def _table(drill: Drill, colour: bool) -> Iterator[str]:
    yield f"Without {' and '.join(drill.without)}"
    yield ""
    routes = [outcome for outcome in drill.outcomes if outcome.kind == "route"]
    pinned = [outcome for outcome in drill.outcomes if outcome.kind == "pinned" and outcome.verdict != "untouched"]
    rows = [HEADINGS, *(_cells(outcome) for outcome in routes)]
    if pinned:
        rows += [("", "pinned", "", "", "", "", "", ""), *(_cells(outcome) for outcome in pinned)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS) - 1)]
    verdicts: list[Verdict | None] = [None, *(outcome.verdict for outcome in routes)]
    if pinned:
        verdicts += [None, *(outcome.verdict for outcome in pinned)]
    for cells, verdict in zip(rows, verdicts, strict=True):
        line = "  ".join([*(cell.ljust(width) for cell, width in zip(cells, widths, strict=False)), cells[-1]])
        yield _painted(line.rstrip(), verdict, colour)
    yield ""
    yield summary(drill)
    if drill.count("falls back"):
        yield f"A typical request: {_sizes(routes)}."


def _sizes(outcomes: Sequence[Outcome]) -> str:
    """What the costs are of: the same for all, but for routes whose requests are always longer."""
    usual = min((outcome.typical for outcome in outcomes), key=lambda typical: typical.input)
    told = f"{usual.input:,} tokens in, {usual.output:,} out"
    others = [f"{o.name} {o.typical.input:,} in" for o in outcomes if o.typical != usual and o.verdict == "falls back"]
    return f"{told} ({', '.join(others)})" if others else told


def _painted(line: str, verdict: Verdict | None, colour: bool) -> str:
    if not colour:
        return line
    return f"\x1b[{'1' if verdict is None else _COLOURS[verdict]}m{line}\x1b[0m"


def _cells(outcome: Outcome) -> tuple[str, ...]:
    mark, before = MARKS[outcome.verdict], outcome.before or "-"
    if outcome.verdict == "dies":
        return (mark, outcome.name, before, "nobody", "", "", "", outcome.why)
    if outcome.verdict != "falls back":
        spare = "" if outcome.verdict == "untouched" else _spares(outcome)
        return (mark, outcome.name, before, "stays", "", "", "", spare)
    now, then = outcome.cost_before, outcome.cost_after
    return (
        mark,
        outcome.name,
        before,
        outcome.after or "-",
        _times(now.input if now else None, then.input if then else None),
        _times(now.output if now else None, then.output if then else None),
        _request(now, then),
        "; ".join(outcome.losses) or "nothing",
    )


def _spares(outcome: Outcome) -> str:
    if outcome.shares:
        return f"its share goes to {', '.join((outcome.after or '', *outcome.spares))}"
    return f"spare left: {', '.join(outcome.spares)}" if outcome.spares else "no spare is left"


def _times(now: int | None, then: int | None) -> str:
    if now is None or then is None:
        return "?"
    if now == then:
        return "x1"
    return f"x{then / now:.3g}" if now else "was free"


def _request(now: Cost | None, then: Cost | None) -> str:
    return f"{_usd(now)} to {_usd(then)}"


def _usd(cost: Cost | None) -> str:
    """Three digits that count: $0.00375."""
    if cost is None:
        return "unpriced"
    return f"${cost.request / NANO_PER_USD:.3g}" if cost.request >= 10_000 else f"${format_usd(cost.request)}"


def summary(drill: Drill) -> str:
    words = [
        (drill.count("falls back"), "falls back", "fall back"),
        (drill.count("loses a spare"), "loses a spare", "lose a spare"),
        (drill.count("untouched"), "is untouched", "are untouched"),
        (drill.count("dies"), "dies", "die"),
    ]
    routes = sum(outcome.kind == "route" for outcome in drill.outcomes)
    told = ", ".join(f"{count} {one if count == 1 else many}" for count, one, many in words if count)
    line = f"Of {routes} route{'' if routes == 1 else 's'}: {told}."
    dead = [outcome.name for outcome in drill.outcomes if outcome.kind == "pinned" and outcome.verdict == "dies"]
    if dead:
        line += f" Requests that name {_either(dead)} fail."
    return line


def _either(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def as_markdown(drills: Sequence[Drill], source: str, config: str) -> str:
    """The fallback plan, to be kept beside the config."""
    return "\n".join(_markdown(drills, source, config)) + "\n"


def _markdown(drills: Sequence[Drill], source: str, config: str) -> Iterator[str]:
    yield "# Fallback plan"
    yield ""
    yield f"What happens to each route of `{source}` (config `{config}`) if a provider vanishes. Written by"
    yield "`gateway drill --markdown` from the config alone; prices are those of the catalogue. Nothing has to be done"
    yield "for what falls back: the gateway does it by itself, from the first request on."
    for drill in drills:
        yield ""
        yield f"## Without {' and '.join(drill.without)}"
        yield ""
        yield summary(drill)
        yield ""
        yield "| route | answers now | takes over | then | price in / out | typical request | lost with it |"
        yield "|---|---|---|---|---|---|---|"
        yield from map(_markdown_row, _worth_telling(drill))


def _worth_telling(drill: Drill) -> Iterable[Outcome]:
    return (o for o in drill.outcomes if o.kind == "route" or o.verdict in ("falls back", "dies"))


def _markdown_row(outcome: Outcome) -> str:
    name = f"`{outcome.name}`" + (" (pinned)" if outcome.kind == "pinned" else "")
    before = f"`{outcome.before}`" if outcome.before else "nobody"
    if outcome.verdict == "dies":
        return f"| {name} | {before} | **nobody: {outcome.why}** | | | | |"
    spares = ", ".join(f"`{spare}`" for spare in outcome.spares) or "nobody"
    if outcome.verdict != "falls back":
        return f"| {name} | {before} | stays | {spares} | | | |"
    _, _, _, after, price_in, price_out, request, lost = _cells(outcome)
    size = f"{outcome.typical.input:,} in, {outcome.typical.output:,} out: {request}"
    return f"| {name} | {before} | `{after}` | {spares} | {price_in} / {price_out} | {size} | {lost} |"


def as_json(drills: Sequence[Drill], source: str, config: str) -> dict[str, Any]:
    return {
        "source": source,
        "config": config,
        "drills": [
            {"without": list(drill.without), "outcomes": [_plain(outcome) for outcome in drill.outcomes]}
            for drill in drills
        ],
    }


def _plain(outcome: Outcome) -> dict[str, Any]:
    """Money in USD: rates per million tokens, the request as a whole."""
    plain = asdict(outcome)
    for name in ("cost_before", "cost_after"):
        cost: Cost | None = getattr(outcome, name)
        plain[name] = cost and {
            "input_usd_per_million": format_usd(cost.input),
            "output_usd_per_million": format_usd(cost.output),
            "request_usd": format_usd(cost.request),
        }
    return plain
