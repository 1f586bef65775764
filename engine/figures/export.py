"""Reports for programs: JSON with the definition of every figure, and CSV with one figure a line."""

from __future__ import annotations

import csv
import io
from typing import Any

from engine.figures.metrics import Metric, Value
from engine.figures.period import Period
from engine.figures.report import FiguresReport, Row, Table


def as_json(report: FiguresReport) -> dict[str, Any]:
    """The whole report. Shares are parts of one, money is in the currency; what is not known is null."""
    return {
        "report": report.name,
        "title": report.title,
        "period": _period(report.period),
        "before": _period(report.before) if report.before is not None else None,
        "year_before": _period(report.year_before) if report.year_before is not None else None,
        "currency": report.currency,
        "timezone": report.timezone,
        "made_at": report.made_at,
        "notes": list(report.notes),
        "tables": [_table(table) for table in report.tables],
        "definitions": {metric.name: definition(metric) for metric in report.metrics()},
    }


def definition(metric: Metric) -> dict[str, str]:
    """What a figure means, in words."""
    return {
        "title": metric.title,
        "unit": metric.unit,
        "formula": metric.formula,
        "counts": metric.counts,
        "day": metric.when,
        "of": metric.of,
    }


def as_csv(report: FiguresReport) -> str:
    """A line for each figure: table, line, figure, its value, those of the period before and a year before,
    from and to when."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("table", "line", "figure", "value", "before", "year_before", "unit", "from", "to"))
    days = (report.period.first.isoformat(), report.period.last.isoformat())
    for table in report.tables:
        for row in table.rows:
            # A name must not be taken for a formula by a spreadsheet
            label = f"'{row.label}" if row.label.startswith(("=", "+", "-", "@", "\t")) else row.label
            before = row.before or (None,) * len(row.now)
            year = row.year_before or (None,) * len(row.now)
            for metric, now, then, old in zip(table.metrics, row.now, before, year, strict=True):
                values = (_plain(now, ""), _plain(then, ""), _plain(old, ""))
                writer.writerow((table.name, label, metric.name, *values, metric.unit, *days))
    return text.getvalue()


def _period(period: Period) -> dict[str, str]:
    return {"from": period.first.isoformat(), "to": period.last.isoformat()}


def _table(table: Table) -> dict[str, Any]:
    return {
        "name": table.name,
        "title": table.title,
        "trend": table.trend,
        "rows": [_row(table, row) for row in table.rows],
        **({"remarks": list(table.remarks)} if table.remarks else {}),
    }


def _row(table: Table, row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {table.label: row.label}
    found |= {metric.name: _plain(value, None) for metric, value in zip(table.metrics, row.now, strict=True)}
    for name, values in (("before", row.before), ("year_before", row.year_before)):
        if values:
            found[name] = {
                metric.name: _plain(value, None) for metric, value in zip(table.metrics, values, strict=True)
            }
    if row.trend:
        found["trend"] = list(row.trend)
    if row.trends:
        found["by_day"] = {name: [_plain(each, None) for each in days] for name, days in row.trends.items()}
    if row.note:
        found["note"] = row.note
    return found


def _plain(value: Value, unknown: Any) -> Any:
    if value is None or isinstance(value, int):
        return unknown if value is None else value
    return float(value)
