"""What a report says, as records: the same for people, JSON and CSV."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from engine.figures.metrics import Metric, SumMetric, Totals, Value
from engine.figures.period import Granularity, Period


@dataclass(frozen=True, slots=True)
class Row:
    """One line: its figures, those of the period before and of the same period a year before, and one of them
    over the days of the period. `trends`: several of them over its parts, by name."""

    label: str
    now: tuple[Value, ...]
    before: tuple[Value, ...]
    trend: tuple[int, ...] = ()
    note: str = ""  # in words, beside the figures
    year_before: tuple[Value, ...] = ()
    trends: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """Lines with the same figures. `label`: what the lines are. `is_whole`: its only line is the whole of
    something, shown figure by figure; `is_of_parts`: its lines are the parts of the period, one after the
    other. `measure`: the one figure that all columns behind the first show, each at another time."""

    name: str
    title: str
    label: str
    metrics: tuple[Metric, ...]
    rows: tuple[Row, ...]
    trend: str = ""  # what the trend is of
    note: str = ""  # head of the notes
    remarks: tuple[str, ...] = ()  # in words, below the lines
    is_whole: bool = False
    is_of_parts: bool = False
    measure: Metric | None = None

    def row(self, label: str) -> Row:
        """The line with this label."""
        return next(row for row in self.rows if row.label == label)

    def head(self, metric: Metric, currency: str) -> str:
        """Of the column of a figure, with its currency where the title does not say it of all of them."""
        is_said = metric.unit == "money" and self.measure is None
        return f"{metric.title}, {currency}" if is_said else metric.title

    def full_title(self, currency: str) -> str:
        """Of the table, with the currency of what all its columns show."""
        is_money = self.measure is not None and self.measure.unit == "money"
        return f"{self.title}, {currency}" if is_money else self.title


@dataclass(frozen=True, slots=True)
class FiguresReport:
    """A whole one. `made_at`: ISO 8601 in UTC. `notes`: what whoever reads it has to know."""

    name: str
    title: str
    period: Period
    before: Period | None  # None: it is compared with none
    currency: str
    timezone: str
    made_at: str
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = field(default=())
    year_before: Period | None = None

    @property
    def is_compared(self) -> bool:
        """Whether anything stands beside the figures of the period."""
        return any(row.before for table in self.tables for row in table.rows)

    def metrics(self) -> tuple[Metric, ...]:
        """The figures that it holds, each once."""
        shown = (
            metric
            for table in self.tables
            for metric in ((table.metrics[0], table.measure) if table.measure is not None else table.metrics)
        )
        return tuple({metric.name: metric for metric in shown}.values())


def of_parts(by: Granularity, metrics: tuple[Metric, ...], lines: Iterable[Row]) -> Table:
    """The parts of a period."""
    return Table(f"by_{by.value}", f"By {by.value}", by.value, metrics, tuple(lines), is_of_parts=True)


def row(
    label: str, metrics: tuple[SumMetric, ...], now: Totals, before: Totals, trend: tuple[int, ...] = (),
    note: str = "",
) -> Row:  # fmt: skip
    """A line with the figures of both periods."""
    return Row(
        label,
        tuple(metric.value(now) for metric in metrics),
        tuple(metric.value(before) for metric in metrics),
        trend,
        note,
    )
