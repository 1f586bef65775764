"""Sums of the table of daily counts."""

from __future__ import annotations

import datetime as dt
from typing import Literal, NamedTuple

from sqlalchemy import Connection

from engine.store.counting.daily_counts import EPOCH, What
from engine.store.sql import rows

Column = Literal["day", "journey", "step", "channel", "what", "why"]


class Sum(NamedTuple):
    """How many, and how much money in millionths."""

    n: int
    money: int


def sums(
    conn: Connection,
    first: dt.date,
    last: dt.date,
    by: tuple[Column, ...],
    journey: str | None = None,
    what: What | None = None,
) -> dict[tuple[str | int, ...], Sum]:
    """What was counted from a day to another one, both included, for every combination of these columns.
    `journey`, `what`: only of this one. Days are days since 1970 (`date_of`)."""
    columns = ", ".join(by)
    clause, values = "", [first.toordinal() - EPOCH, last.toordinal() - EPOCH]
    for name, wanted in (("journey", journey), ("what", what)):
        if wanted is not None:
            clause += f" AND {name} = ?"
            values.append(str(wanted))  # type: ignore[arg-type]
    found = rows(
        conn,
        f"SELECT {columns}, sum(n), sum(money) FROM daily WHERE day >= ? AND day <= ?{clause}"  # noqa: S608
        f" GROUP BY {columns}",
        tuple(values),
    )
    return {tuple(row[:-2]): Sum(int(row[-2]), int(row[-1])) for row in found}


def first_day(conn: Connection) -> dt.date | None:
    """The first day of which anything is counted."""
    found = rows(conn, "SELECT min(day) FROM daily")[0][0]
    return date_of(int(found)) if found is not None else None


def counted_journeys(conn: Connection) -> list[str]:
    """Every journey of which anything is counted, by name."""
    return [
        name for (name,) in rows(conn, "SELECT DISTINCT journey FROM daily WHERE journey <> '' ORDER BY 1")
    ]


def date_of(day: int) -> dt.date:
    """The date of a `day` of the table."""
    return dt.date.fromordinal(day + EPOCH)
