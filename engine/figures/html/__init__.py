"""A report as one page: nothing is fetched and nothing runs in it; charts are drawn here as SVG, each beside
the table with its numbers. For screens light and dark, for paper, for a telephone, and to be read aloud."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from engine.figures.html.charts import ColumnChart, column_chart, merged, spark_path
from engine.figures.metrics import COMPARED, Unit, Value
from engine.figures.number_format import change, shown
from engine.figures.report import FiguresReport, Row, Table

_FOLDER = Path(__file__).parent

TILES = (
    "all_revenue", "all_orders", "customers", "new_customers", "repeat_rate", "trigger_share", "crr",
    "started", "goal_rate", "orders", "revenue", "cost", "points_outstanding", "points_liability",
    "points_redemption_rate", "points_breakage",
)  # fmt: skip
"""What stands above everything else, of those figures that the whole of something has."""

CHARTS = (
    "all_revenue", "all_orders", "new_customers", "trigger_revenue", "sent", "clicked", "points_issued",
    "points_spent", "points_expired",
)  # fmt: skip
"""What is drawn over the days of the period, of those figures that a report has."""


@dataclass(frozen=True, slots=True)
class FigureTile:
    """One figure, large."""

    title: str
    value: str
    change: str


@dataclass(frozen=True, slots=True)
class TableCell:
    """A cell of a table. `change`: against the period before. `bar`: how long a bar beside it is, in percent
    of the longest; `shade`: how dark its ground, in percent; both say nothing that the number does not."""

    text: str
    change: str = ""
    bar: float | None = None
    shade: int | None = None


@dataclass(frozen=True, slots=True)
class TableLine:
    """A row of a table. `spark`: points of its small line, `spark_words` what they say."""

    label: str
    cells: tuple[TableCell, ...]
    spark: str = ""
    spark_words: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ChartNumbers:
    """The numbers behind the charts of a section."""

    heads: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class ReportSection:
    """A table with its charts."""

    name: str
    title: str
    heads: tuple[str, ...]
    lines: tuple[TableLine, ...]
    spark_head: str = ""
    note_head: str = ""
    charts: tuple[ColumnChart, ...] = ()
    chart_table: ChartNumbers | None = None
    remarks: tuple[str, ...] = ()


def as_html(report: FiguresReport, shop: str) -> str:
    """The whole page. `shop`: its name."""
    return _environment().get_template("report.html").render(
        report=report,
        shop=shop,
        style=_style(),
        tiles=_tiles(report),
        sections=[
            _whole(table, report) if table.is_whole else _lines(table, report)
            for table in report.tables
            if table.rows
        ],
        definitions=report.metrics(),
    )  # fmt: skip


@cache
def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    found.filters["breakable"] = breakable
    found.filters["with_code"] = with_code
    return found


def breakable(name: str) -> Markup:
    """A name that a narrow column breaks behind its underscores, and not in the middle of a word."""
    return Markup("<wbr/>").join(re.split("(?<=_)", name))


def with_code(text: str) -> Markup:
    """Words, with what stands between backticks set as code."""
    parts = re.split(r"`([^`]+)`", text)
    marked = (
        Markup("<code>{}</code>").format(part) if place % 2 else part for place, part in enumerate(parts)
    )
    return Markup().join(marked)


@cache
def _style() -> Markup:
    # our own file, which holds nothing that anybody has said
    return Markup((_FOLDER / "report.css").read_text(encoding="utf-8"))  # noqa: S704


def _tiles(report: FiguresReport) -> list[FigureTile]:
    found = []
    for table in report.tables:
        if not table.is_whole:
            continue
        row = table.rows[0]
        places = {metric.name: place for place, metric in enumerate(table.metrics)}
        for name in TILES:
            if name in places:
                place = places[name]
                metric, now = table.metrics[place], row.now[place]
                before = row.before[place] if row.before else None
                head = table.head(metric, report.currency)
                found.append(FigureTile(head, shown(now, metric.unit), change(now, before, metric.unit)))
    return found


def _whole(table: Table, report: FiguresReport) -> ReportSection:
    """A line for each figure of the only row."""
    row = table.rows[0]
    heads = ["figure", "this period", *(["before", "change"] if row.before else [])]
    heads += ["year before", "change"] if row.year_before else []
    lines = []
    for place, metric in enumerate(table.metrics):
        now = row.now[place]
        cells = [TableCell(shown(now, metric.unit))]
        for values in (row.before, row.year_before):
            if values:
                cells += [
                    TableCell(shown(values[place], metric.unit)),
                    TableCell(change(now, values[place], metric.unit)),
                ]
        lines.append(TableLine(table.head(metric, report.currency), tuple(cells)))
    charts, days = _day_charts(table, row, report)
    return ReportSection(
        table.name,
        table.title,
        tuple(heads),
        tuple(lines),
        charts=charts,
        chart_table=days,
        remarks=table.remarks,
    )


def _day_charts(
    table: Table, row: Row, report: FiguresReport
) -> tuple[tuple[ColumnChart, ...], ChartNumbers | None]:
    metrics = {metric.name: metric for metric in table.metrics}
    drawn = [metrics[name] for name in CHARTS if name in metrics and name in row.trends]
    if not drawn and row.trend:
        # A row without a chart of its own is shown by what its table says of days
        numbers, wide = merged([Decimal(each) for each in row.trend])
        labels = part_labels(report.period.first, len(numbers), wide, report.period.last)
        texts = [f"{number:,}" for number in numbers]
        chart = column_chart(f"{table.trend} by day", numbers, labels, texts)
        if chart is None:
            return (), None
        return (chart,), ChartNumbers(("days", table.trend), tuple(zip(labels, texts, strict=True)))
    charts, columns, labels = [], [], []
    for metric in drawn:
        numbers, wide = merged([Decimal(each or 0) for each in row.trends[metric.name]])
        labels = part_labels(report.period.first, len(numbers), wide, report.period.last)
        texts = [shown(int(number) if number == int(number) else number, metric.unit) for number in numbers]
        chart = column_chart(table.head(metric, report.currency), numbers, labels, texts)
        if chart is not None:
            charts.append(chart)
            columns.append((table.head(metric, report.currency), texts))
    if not charts:
        return (), None
    lines = [(label, *(texts[at] for _, texts in columns)) for at, label in enumerate(labels)]
    return tuple(charts), ChartNumbers(("days", *(title for title, _ in columns)), tuple(lines))


def part_labels(first: dt.date, count: int, wide: int, last: dt.date) -> list[str]:
    """What each of so many parts of `wide` days is called."""
    found = []
    for place in range(count):
        begin = first + dt.timedelta(days=place * wide)
        end = min(begin + dt.timedelta(days=wide - 1), last)
        found.append(begin.isoformat() if wide == 1 else f"{begin.isoformat()} to {end.isoformat()}")
    return found


def _lines(table: Table, report: FiguresReport) -> ReportSection:
    """A column for each figure."""
    has_trend = any(row.trend for row in table.rows)
    # the first column that is no share is drawn as bars, where no small line is
    barred = next((place for place, metric in enumerate(table.metrics) if metric.unit == "count"), None)
    if has_trend or table.measure is not None or table.is_of_parts:
        barred = None
    # bars of the same length say nothing
    if barred is not None and len({row.now[barred] for row in table.rows}) < 2:
        barred = None
    longest = max((_size(row.now[barred]) for row in table.rows), default=0) if barred is not None else 0
    darkest = (
        # in the first month of a cohort everybody orders: it would leave the others pale
        max((_size(value) for row in table.rows for value in row.now[2:]), default=0)
        if table.measure is not None else 0
    )  # fmt: skip
    lines = []
    for row in table.rows:
        cells = []
        for place, metric in enumerate(table.metrics):
            value = row.now[place]
            before = row.before[place] if row.before else None
            is_shaded = table.measure is not None and place > 0 and value is not None and darkest > 0
            cells.append(
                TableCell(
                    _rounded(value, metric.unit) if table.measure is not None else shown(value, metric.unit),
                    change(value, before, metric.unit) if metric.name in COMPARED and row.before else "",
                    round(100 * _size(value) / longest, 1) if place == barred and longest else None,
                    min(round(40 * _size(value) / darkest), 40) if is_shaded else None,
                )
            )
        lines.append(
            TableLine(
                row.label or "-", tuple(cells), spark_path(row.trend),
                _spark_words(row.trend, table.trend, report.period.first) if row.trend else "", row.note,
            )
        )  # fmt: skip
    charts = _part_charts(table, report) if table.is_of_parts else ()
    heads = (table.label, *(table.head(metric, report.currency) for metric in table.metrics))
    return ReportSection(
        table.name, table.full_title(report.currency), heads, tuple(lines),
        f"{table.trend} by day" if has_trend else "",
        (table.note or "remarks") if any(row.note for row in table.rows) else "", charts,
        remarks=table.remarks,
    )  # fmt: skip


def _part_charts(table: Table, report: FiguresReport) -> tuple[ColumnChart, ...]:
    """Of a table of parts of the period: its first figures, which its own lines are the numbers of."""
    found: list[ColumnChart] = []
    for place, metric in enumerate(table.metrics):
        if metric.unit in ("count", "money") and len(found) < 4 and 1 < len(table.rows) <= 400:
            numbers = [Decimal(row.now[place] or 0) for row in table.rows]
            texts = [shown(row.now[place], metric.unit) for row in table.rows]
            chart = column_chart(
                table.head(metric, report.currency), numbers, [row.label for row in table.rows], texts
            )
            if chart is not None:
                found.append(chart)
    return tuple(found)


def _rounded(value: Value, unit: Unit) -> str:
    """As `shown`; of money in a wide table whole units are enough."""
    return f"{value:,.0f}" if unit == "money" and value is not None else shown(value, unit)


def _size(value: Value) -> float:
    return max(float(value), 0.0) if value is not None else 0.0


def _spark_words(trend: Sequence[int], what: str, first: dt.date) -> str:
    highest = max(trend)
    if highest <= 0:
        return f"{what}: none"
    day = first + dt.timedelta(days=trend.index(highest))
    return f"{what} by day: {sum(trend):,} in all, at most {highest:,}, on {day.isoformat()}"
