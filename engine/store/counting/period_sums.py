"""Sums of the table of daily counts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

from sqlalchemy import Connection

from engine.store.counting.daily_counts import EPOCH, Count
from engine.store.sql import rows

Column = Literal["day", "journey", "step", "channel", "what", "why"]


class PeriodSum(NamedTuple):
    """How many, and how much money in millionths."""

    n: int
    money: int


def without_index(conn: Connection) -> str:
    """The column `what` of `daily d`, for a question about a good part of the rows of its days: SQLite would
    look up each of them by the index of this column, which takes longer than to read all of the days.
    PostgreSQL counts what costs less by itself."""
    return "+d.what" if conn.dialect.name == "sqlite" else "d.what"


_MANY = 5
"""Kinds of counts that are most rows of a day."""


def sums(
    conn: Connection,
    first: dt.date,
    last: dt.date,
    by: tuple[Column, ...],
    journey: str | None = None,
    what: Count | Sequence[Count] | None = None,
    *,
    of_journeys: bool = False,
) -> dict[tuple[str | int, ...], PeriodSum]:
    """What was counted from a day to another one, both included, for every combination of these columns.
    `journey`: only of this one; `what`: only this, or these; `of_journeys`: only what belongs to some
    journey, which orders of the shop do not. Days are days since 1970 (`date_of`)."""
    columns = ", ".join(by)
    clause, values = "", [first.toordinal() - EPOCH, last.toordinal() - EPOCH]
    if journey is not None:
        clause += " AND journey = ?"
        values.append(journey)  # type: ignore[arg-type]
    if of_journeys:
        clause += " AND journey <> ''"
    if what is not None:
        whats = [what] if isinstance(what, Count) else what
        column = without_index(conn) if len(whats) > _MANY else "what"
        clause += f" AND {column} IN ({', '.join('?' * len(whats))})"
        values += map(str, whats)  # type: ignore[arg-type]
    found = rows(
        conn,
        f"SELECT {columns}, sum(n), sum(money) FROM daily d WHERE day >= ? AND day <= ?{clause}"  # noqa: S608
        f" GROUP BY {columns}",
        tuple(values),
    )
    return {tuple(row[:-2]): PeriodSum(int(row[-2]), int(row[-1])) for row in found}


class DomainSum(NamedTuple):
    """What was counted of messages of one channel to one domain."""

    channel: str
    domain: str
    what: str
    why: str
    total: PeriodSum


def domain_sums(conn: Connection, first: dt.date, last: dt.date) -> list[DomainSum]:
    """What became of messages from a day to another one, both included, by channel and domain."""
    found = rows(
        conn,
        "SELECT channel, domain, what, why, sum(n), sum(money) FROM daily_domain WHERE day >= ? AND day <= ?"
        " GROUP BY channel, domain, what, why",
        (first.toordinal() - EPOCH, last.toordinal() - EPOCH),
    )
    return [
        DomainSum(channel, domain, what, why, PeriodSum(int(n), int(money)))
        for channel, domain, what, why, n, money in found
    ]


def cohort_sums(
    conn: Connection, first: str, last: str, until: dt.date
) -> dict[tuple[str, str, Count], PeriodSum]:
    """What customers did whose first order lies in these months (`2026-03`), until a day: by the month of
    their first order, that of what they did, and what (`COHORT_ORDER`, `COHORT_ACTIVE`)."""
    found = rows(
        conn,
        "SELECT why, day, what, sum(n), sum(money) FROM daily WHERE what IN (?, ?) AND day >= ? AND day <= ?"
        " AND why >= ? AND why <= ? GROUP BY 1, 2, 3",
        (
            Count.COHORT_ORDER.value, Count.COHORT_ACTIVE.value,
            dt.date.fromisoformat(f"{first}-01").toordinal() - EPOCH, until.toordinal() - EPOCH, first, last,
        ),
    )  # fmt: skip
    whole: dict[tuple[str, str, Count], PeriodSum] = {}
    for cohort, day, what, n, money in found:
        key = (str(cohort), f"{date_of(int(day)):%Y-%m}", Count(what))
        known = whole.get(key, PeriodSum(0, 0))
        whole[key] = PeriodSum(known.n + int(n), known.money + int(money))
    return whole


def first_day(conn: Connection, *whats: Count) -> dt.date | None:
    """The first day of which anything is counted, or one of these."""
    clause = f" WHERE what IN ({', '.join('?' * len(whats))})" if whats else ""
    found = rows(conn, f"SELECT min(day) FROM daily{clause}", tuple(map(str, whats)))[0][0]  # noqa: S608
    return date_of(int(found)) if found is not None else None


def last_day(
    conn: Connection, until: dt.date, whats: Collection[Count] = (), journey: str = ""
) -> dt.date | None:
    """The last day until then of which anything is counted; `whats`: one of these; `journey`: of this one."""
    clause, values = "", [until.toordinal() - EPOCH]
    if whats:
        clause += f" AND what IN ({', '.join('?' * len(whats))})"
        values += map(str, whats)  # type: ignore[arg-type]
    if journey:
        clause += " AND journey = ?"
        values.append(journey)  # type: ignore[arg-type]
    # what was counted and taken back again is nothing
    sql = f"SELECT max(day) FROM daily WHERE day <= ? AND n <> 0{clause}"  # noqa: S608
    found = rows(conn, sql, tuple(values))[0][0]
    return date_of(int(found)) if found is not None else None


def counted_journeys(conn: Connection) -> list[str]:
    """Every journey of which anything is counted, by name."""
    return [
        name for (name,) in rows(conn, "SELECT DISTINCT journey FROM daily WHERE journey <> '' ORDER BY 1")
    ]


def date_of(day: int) -> dt.date:
    """The date of a `day` of the table."""
    return dt.date.fromordinal(day + EPOCH)
