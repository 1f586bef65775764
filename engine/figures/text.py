"""A report for people: tables with what has changed since the period before, and how each figure is
counted."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from decimal import Decimal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable

from engine.figures.metrics import COMPARED, Metric, Value
from engine.figures.number_format import change, shown
from engine.figures.report import FiguresReport, Row, Table

_BARS = "▁▂▃▄▅▆▇█"
_MOST_BARS = 31


def heading(report: FiguresReport) -> str:
    """What it is about, in one line."""
    days = report.period.days
    return (
        f"{report.title}, {report.period} ({days} day{'' if days == 1 else 's'} of {report.timezone})"
        + (f", compared with {report.before}" if report.before is not None and report.is_compared else "")
        + (f" and {report.year_before}" if report.year_before is not None else "")
    )


def as_text(report: FiguresReport) -> str:
    """The whole of it without colours, each table as wide as it is: for a mail."""
    told = io.StringIO()
    console = Console(file=told, width=2000, highlight=False, color_system=None, legacy_windows=False)
    lines = [heading(report)]
    for table, remarks in tables(report):
        told.seek(0)
        told.truncate()
        console.print(table, width=Measurement.get(console, console.options, table).maximum)
        lines += ["", *(line.rstrip() for line in told.getvalue().splitlines()), *remarks]
    lines += ["", *report.notes, "", "How they are counted"]
    lines += [f"{title}: {words}" for title, words in definitions(report)]
    return "\n".join(lines) + "\n"


def tables(report: FiguresReport) -> Iterator[tuple[RichTable, tuple[str, ...]]]:
    """Those that have something to say, with what is said below each."""
    for table in report.tables:
        if table.rows:
            yield _lying(table, report) if table.is_whole else _standing(table, report), table.remarks


def definitions(report: FiguresReport) -> list[list[str]]:
    """How each figure is counted: its column, the words."""
    return [
        [metric.title, f"{metric.formula}; counts {metric.counts}, {metric.when}"]
        for metric in report.metrics()
    ]


def _standing(table: Table, report: FiguresReport) -> RichTable:
    """A column for each figure."""
    title = table.full_title(report.currency)
    drawn = RichTable(title=title, box=SIMPLE_HEAD, title_justify="left", title_style="bold")
    drawn.add_column(table.label, no_wrap=True)
    has_trend, has_notes = any(row.trend for row in table.rows), any(row.note for row in table.rows)
    if has_trend:
        drawn.add_column(f"{table.trend} by day", no_wrap=True)
    for metric in table.metrics:
        drawn.add_column(table.head(metric, report.currency), justify="right", no_wrap=True)
    if has_notes:
        drawn.add_column(table.note, no_wrap=True)
    for row in table.rows:
        cells = [row.label or "-", *([sparkline(row.trend)] if has_trend else [])]
        cells += [_cell(metric, row, place) for place, metric in enumerate(table.metrics)]
        drawn.add_row(*map(_plain, cells), *([_plain(row.note)] if has_notes else []))
    return drawn


def _lying(table: Table, report: FiguresReport) -> RichTable:
    """A line for each figure of a single line."""
    row = table.rows[0]
    drawn = RichTable(title=table.title, box=SIMPLE_HEAD, title_justify="left", title_style="bold")
    drawn.add_column("")
    heads = ["this period", "before", "change", *(["year before", "change"] if row.year_before else [])]
    for head in heads:
        drawn.add_column(head, justify="right", no_wrap=True)
    if row.trends:
        drawn.add_column("day by day", no_wrap=True)
    for place, metric in enumerate(table.metrics):
        now, before = row.now[place], row.before[place] if row.before else None
        cells = [shown(now, metric.unit), shown(before, metric.unit), change(now, before, metric.unit)]
        if row.year_before:
            year = row.year_before[place]
            cells += [shown(year, metric.unit), change(now, year, metric.unit)]
        if row.trends:
            cells.append(sparkline(row.trends.get(metric.name, ())))
        drawn.add_row(table.head(metric, report.currency), *cells)
    return drawn


def _plain(text: str) -> str:
    return text.replace("[", r"\[")


def _cell(metric: Metric, row: Row, place: int) -> str:
    text = shown(row.now[place], metric.unit)
    if metric.name in COMPARED and row.before:
        text = f"{text} {change(row.now[place], row.before[place]):>5}"
    return text


def sparkline(numbers: Sequence[Value]) -> str:
    """A bar for each of them, from nothing to the highest; of many, neighbours share one."""
    known = [Decimal(number or 0) for number in numbers]
    wide = max(-(-len(known) // _MOST_BARS), 1)
    sums = [sum(known[at : at + wide]) for at in range(0, len(known), wide)]
    highest = max(sums, default=Decimal(0))
    if highest <= 0:
        return ""
    return "".join(_BARS[int(max(each, Decimal(0)) * (len(_BARS) - 1) / highest)] for each in sums)
