"""Figures as people read them."""

from __future__ import annotations

from decimal import Decimal

from engine.figures.metrics import Unit, Value
from engine.values import HOUR


def shown(value: Value, unit: Unit) -> str:
    """`1,234`, `12.3%`, `1,234.50`, `35 min`; `-` for what is not known."""
    if value is None:
        return "-"
    if unit == "share":
        return f"{100 * value:.1f}%"
    if unit == "money":
        # what a few messages cost is less than a cent
        return f"{value:,.4f}" if 0 < abs(Decimal(value)) < 1 else f"{value:,.2f}"
    if unit == "number":
        return f"{value:,.2f}"
    if unit == "parameter":
        return f"{float(value):.4g}"
    if unit == "hours":
        return f"{60 * value:.0f} min" if value < 1 else f"{value:,.1f} hours"
    if unit == "days":
        return f"{value:,.1f} days"
    return f"{value:,}"


def change(now: Value, before: Value, unit: Unit = "count") -> str:
    """`+12%` against the period before, of shares in points; nothing where there was nothing, and no loss
    where it is rounded to nothing."""
    if now is None or before is None:
        return ""
    if unit == "share":
        return f"{100 * (Decimal(now) - Decimal(before)):+z.1f} pt"
    if not before or Decimal(before) < 0:
        return ""
    percent = 100 * (Decimal(now) / Decimal(before) - 1)
    return f"{percent:+z.0f}%" if abs(percent) < 1000 else f"x{Decimal(now) / Decimal(before):.0f}"


def time_shown(length: int) -> str:
    """A length of time in milliseconds, in whole days or else in hours."""
    hours = length // HOUR
    many, unit = (hours // 24, "day") if hours % 24 == 0 else (hours, "hour")
    return f"{many:,} {unit}{'' if many == 1 else 's'}"
