"""A report as a terminal table, JSON or CSV; one request's entry as text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.core.money import NANO_PER_USD, format_usd
from gateway.ledger.entry import Entry
from gateway.ledger.rollup import DAY, HOUR
from gateway.ledger.usage import Line, Report

SHARES = (("p50", 0.5), ("p95", 0.95))


def as_json(report: Report) -> dict[str, Any]:
    """Money as decimal USD in strings, so that no reader rounds it; times in seconds."""
    return {
        "object": "usage_report",
        "by": list(report.by),
        "since": _iso(report.since),
        "until": _iso(report.until),
        "data": [{**dict(zip(report.by, line.group, strict=True)), **_line_as_json(line)} for line in report.lines],
        "total": _line_as_json(report.total),
    }


def _line_as_json(line: Line) -> dict[str, Any]:
    counters = line.counters
    found: dict[str, Any] = {
        "requests": line.requests,
        "outcomes": _stripped(counters, "outcome:"),
        "error_share": round(line.error_share, 6),
        "fell_back": counters.get("fell_back", 0),
        "attempts": counters.get("attempts", 0),
        "tokens": _stripped(counters, "tokens:"),
        "usage_estimated": counters.get("estimated", 0),
        "cost_usd": format_usd(line.cost),
        "cost_usd_by_kind": {kind: format_usd(amount) for kind, amount in _stripped(counters, "cost:").items()},
        "unpriced_requests": line.unpriced,
        "baseline_usd": {model: format_usd(amount) for model, amount in line.baselines.items()},
        "saving_usd": {model: signed_usd(amount) for model, amount in line.savings.items()},
        "defects": dict(line.defects),
        "feedback": {"count": counters.get("feedback", 0), "mean_score": line.score},
        "duration_s": {name: _rounded(line.duration(share)) for name, share in SHARES},
        "first_token_s": {name: _rounded(line.first_token(share)) for name, share in SHARES},
    }
    return found


FOCUS = (
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ChargeCategory",
    "ServiceCategory",
    "BillingCurrency",
    "BilledCost",
    "ConsumedQuantity",
    "ConsumedUnit",
)
"""Columns of FOCUS 1.2 (FinOps Open Cost and Usage Specification); ours begin with x_, as it asks."""


def as_csv(report: Report) -> str:
    baselines = sorted(report.total.baselines)
    ours = ["requests", "errors", "input_tokens", "cached_tokens", "output_tokens", "unpriced_requests", "wasted_cost"]
    names = [f"x_{name}" for name in (*report.by, *ours)]
    names += [name for model in baselines for name in (f"x_baseline_{model}", f"x_saving_{model}")]
    names += ["x_p50_seconds", "x_p95_seconds"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((*FOCUS, *names))
    for line in report.lines:
        writer.writerow((*_focus(report, line), *_safe(line.group), *_ours(line, baselines)))
    return out.getvalue()


def _focus(report: Report, line: Line) -> Iterator[str]:
    since, until = _period(report, line)
    yield _iso(since)
    yield _iso(until)
    yield "Usage"
    yield "AI and Machine Learning"
    yield "USD"
    yield format_usd(line.cost)
    yield str(line.input_tokens + line.output_tokens)
    yield "Tokens"


def _period(report: Report, line: Line) -> tuple[int, int]:
    """What a line's cost was for: its day or hour where the report has such groups, else all of the report's time."""
    for name, length in (("hour", HOUR), ("day", DAY)):
        if name in report.by:
            text = line.group[report.by.index(name)].removesuffix("Z")
            start = int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
            return start, start + length
    return report.since, report.until


def _ours(line: Line, baselines: Sequence[str]) -> Iterator[str]:
    yield str(line.requests)
    yield str(line.errors)
    yield str(line.input_tokens)
    yield str(line.cached_tokens)
    yield str(line.output_tokens)
    yield str(line.unpriced)
    yield format_usd(line.wasted)
    for model in baselines:
        known = model in line.baselines
        yield format_usd(line.baselines[model]) if known else ""
        yield signed_usd(line.savings[model]) if known else ""
    for _, share in SHARES:
        seconds = line.duration(share)
        yield "" if seconds is None else f"{seconds:.3f}"


def _safe(cells: Sequence[str]) -> Iterator[str]:
    """A spreadsheet must not take a name for a formula."""
    for cell in cells:
        yield f"'{cell}" if cell[:1] in "=+-@\t\r" else cell


def as_table(report: Report) -> str:
    baselines = sorted(report.total.baselines)
    head = [*report.by, "requests", "errors", "tokens in", "out", "cost", *(f"on {model}" for model in baselines)]
    head += ["saved"] if baselines else []
    head += ["p50", "p95", "defects"]
    rows = [[*line.group, *_cells(line, baselines)] for line in report.lines]
    if len(rows) != 1:
        rows.append(["total", *[""] * (len(report.by) - 1), *_cells(report.total, baselines)])
    said = [f"{_short(report.since)} to {_short(report.until)} UTC", "", *_aligned(head, rows, len(report.by))]
    return "\n".join([*said, *_notes(report, baselines)]) + "\n"


def _cells(line: Line, baselines: Sequence[str]) -> list[str]:
    cells = [f"{line.requests:,}", percent(line.error_share), _tokens(line.input_tokens), _tokens(line.output_tokens)]
    cells.append(money(line.cost) + ("+?" if line.unpriced else ""))
    cells += [money(line.baselines[model]) if model in line.baselines else "" for model in baselines]
    if baselines:
        cells.append(_saved(line, baselines[0]))
    for _, share in SHARES:
        cells.append(seconds_said(line.duration(share)))
    defects = sum(line.defects.values())
    cells.append(f"{defects:,}" if defects else "")
    return cells


def _saved(line: Line, model: str) -> str:
    baseline = line.baselines.get(model)
    return "" if not baseline else f"{line.savings[model] / baseline:.0%}"


def _notes(report: Report, baselines: Sequence[str]) -> Iterator[str]:
    total = report.total
    if not report.lines:
        yield "Nothing was asked in this time."
        return
    notes = []
    if total.unpriced:
        notes.append(f"+? {total.unpriced:,} requests have no known cost, and stand in no sum of money.")
    if total.wasted:
        notes.append(f"{money(total.wasted)} of the cost went to attempts that gave no answer (failed, hedged).")
    if baselines:
        notes.append(f"saved: against {baselines[0]} alone, net of failed attempts.")
    if total.defects:
        notes.append(
            "defects: " + ", ".join(f"{name} {count:,}" for name, count in sorted(total.defects.items())) + "."
        )
    if notes:
        yield ""
        yield from notes


def _aligned(head: Sequence[str], rows: Sequence[Sequence[str]], names: int) -> Iterator[str]:
    """Names to the left, figures to the right; a rule under the head and over the total."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def said(row: Sequence[str]) -> str:
        cells = (
            cell.ljust(width) if column < names else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    rule = "  ".join("─" * width for width in widths)
    yield said(head)
    yield rule
    for row in rows[:-1] if len(rows) > 1 else rows:
        yield said(row)
    if len(rows) > 1:
        yield rule
        yield said(rows[-1])


def request_as_text(entry: Entry) -> str:
    return orjson.dumps(entry, option=orjson.OPT_INDENT_2).decode() + "\n"


def money(nano_usd: int) -> str:
    """Dollars for a person: enough digits to tell small sums apart."""
    usd = nano_usd / NANO_PER_USD
    return f"${usd:,.2f}" if usd >= 100 else f"${usd:.4f}" if usd >= 0.01 or not usd else f"${usd:.6f}"


def signed_usd(nano_usd: int) -> str:
    return format_usd(nano_usd) if nano_usd >= 0 else f"-{format_usd(-nano_usd)}"


def percent(share: float) -> str:
    return "0%" if not share else "<0.1%" if share < 0.001 else f"{share:.1%}"


def seconds_said(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds * 1000:.0f}ms" if seconds < 1 else f"{seconds:.1f}s"


def _tokens(count: int) -> str:
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (10_000, "k")):
        if count >= size:
            return f"{count / (1000 if unit == 'k' else size):.1f}{unit}"
    return f"{count:,}"


def _stripped(counters: Any, prefix: str) -> dict[str, int]:
    return {name[len(prefix) :]: value for name, value in sorted(counters.items()) if name.startswith(prefix)}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _short(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
