"""The geometry of the charts in reports: numbers become places, which the page writes as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

WIDTH, HEIGHT = 400, 150
"""Of a chart of columns, in units of its own; a page shows it about as wide: its words can be read."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 4, 4, 18, 20
MOST_COLUMNS = 62

SPARK_WIDTH, SPARK_HEIGHT = 120, 24


@dataclass(frozen=True, slots=True)
class ChartColumn:
    """One column, as a rectangle. `label`, `value`: what it says when it is pointed at."""

    x: float
    y: float
    width: float
    height: float
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class ColumnChart:
    """Columns over a stretch of time. `highest`: what the top line means; `baseline`: where nothing is."""

    title: str
    description: str
    highest: str
    first: str
    last: str
    columns: tuple[ChartColumn, ...]
    baseline: float
    top: float


def column_chart(
    title: str, numbers: Sequence[Decimal], labels: Sequence[str], shown: Sequence[str]
) -> ColumnChart | None:
    """A column for each number; below zero counts as nothing. None: there is nothing to be drawn."""
    highest = max(numbers, default=Decimal(0))
    if highest <= 0:
        return None
    place = numbers.index(highest)
    step = (WIDTH - _LEFT - _RIGHT) / len(numbers)
    gap = min(2.0, step / 5)
    high = HEIGHT - _TOP - _BOTTOM
    columns = []
    for index, (number, label, text) in enumerate(zip(numbers, labels, shown, strict=True)):
        size = float(max(number, Decimal(0)) / highest) * high
        columns.append(
            ChartColumn(
                round(_LEFT + index * step + gap / 2, 2), round(_TOP + high - size, 2), round(step - gap, 2),
                round(size, 2), label, text,
            )
        )  # fmt: skip
    description = (
        f"{len(numbers)} columns from {labels[0]} to {labels[-1]}; the highest is {shown[place]}, "
        f"{labels[place]}. The table below has every number."
    )
    return ColumnChart(
        title, description, shown[place], labels[0], labels[-1], tuple(columns), _TOP + high, _TOP
    )


def spark_path(numbers: Sequence[int | Decimal]) -> str:
    """A small line for a cell, as the `points` of a polyline; "": there is nothing to be drawn."""
    highest = max(numbers, default=0)
    if highest <= 0 or len(numbers) < 2:
        return ""
    step = (SPARK_WIDTH - 4) / (len(numbers) - 1)
    sizes = [float(max(number, 0) / highest) * (SPARK_HEIGHT - 6) for number in numbers]
    return " ".join(f"{2 + at * step:.1f},{SPARK_HEIGHT - 3 - size:.1f}" for at, size in enumerate(sizes))


def merged(numbers: Sequence[Decimal], most: int = MOST_COLUMNS) -> tuple[list[Decimal], int]:
    """Neighbours added up, so that there are not too many columns; and how many went into each."""
    wide = max(-(-len(numbers) // most), 1)
    return [sum(numbers[at : at + wide], Decimal(0)) for at in range(0, len(numbers), wide)], wide
