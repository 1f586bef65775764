"""Who belongs to which arm of an experiment, and what they did since: two statements for all experiments of a
shop, however many people there are.

A person belongs to the arm of their first run, whatever happened to them later: who starts again, is moved
by changed shares or turns out to be somebody with another id stays there. Who was erased is in none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from engine.core.enrollment import Enrollment
from engine.store.serialization import dump
from engine.store.sql import rows
from engine.values import Instant

HELD_OUT = "holdout"
TREATED = "journey"
"""The arms of a holdout, as they are called here."""

_PATHS = Enrollment.__struct_fields__.index("paths")


class ArmSource(NamedTuple):
    """Runs that an experiment is made of: those of `journey`, and of them that came to the split that is (or
    was) called `split`; "": all of them, divided by whether they are held out."""

    experiment: int
    journey: str
    split: str


class ArmMember(NamedTuple):
    """One person. `journey`, `at`: of their first run; `goal_at`: when a run of theirs of that journey first
    reached the goal since."""

    experiment: int
    arm: str
    journey: str
    customer: str
    zone: str
    at: Instant
    goal_at: Instant | None


class ArmOrder(NamedTuple):
    """An order of a person after they came in, in the currency of the shop, in millionths."""

    experiment: int
    customer: str
    at: Instant
    amount: int


def members(conn: Connection, sources: Iterable[ArmSource]) -> list[ArmMember]:
    """Everybody in some arm, by their first start."""
    wanted = list(sources)
    if not wanted:
        return []
    sql = (
        f"WITH {_first(conn)} SELECT f.experiment, f.arm, f.journey, f.customer, c.zone, f.at,"  # noqa: S608 - our own words
        " (SELECT min(g.goal_at) FROM enrollment g WHERE g.bucket = f.bucket AND g.customer = f.customer"
        " AND g.journey = f.journey AND g.goal_at >= f.at)"
        " FROM first f CROSS JOIN customer c WHERE c.bucket = f.bucket AND c.id = f.customer"
    )
    return [ArmMember(*row) for row in rows(conn, sql, (dump(wanted),))]


def orders(conn: Connection, sources: Iterable[ArmSource], currency: str) -> list[ArmOrder]:
    """Their orders since they came in; the one that brought them in is none of them."""
    wanted = list(sources)
    if not wanted:
        return []
    sql = (
        f"WITH {_first(conn)} SELECT f.experiment, f.customer, k.occurred_at, k.amount"  # noqa: S608 - our own words
        " FROM first f CROSS JOIN credit k WHERE k.bucket = f.bucket AND k.customer = f.customer"
        " AND k.occurred_at > f.at AND k.currency = ? ORDER BY 1, 2, 3, k.event"
    )
    return [ArmOrder(*row) for row in rows(conn, sql, (dump(wanted), currency))]


def _first(conn: Connection) -> str:
    """The first run of each person in each experiment."""
    if conn.dialect.name == "sqlite":
        paths = f"json_each(e.state, '$[{_PATHS}]') p"
        once = "AS MATERIALIZED"
    else:
        paths = f"LATERAL json_each_text(CAST(e.state AS json) -> {_PATHS}) p"
        once = "AS MATERIALIZED"
    return f"""
wanted {once} (SELECT CAST({{cell0}} AS INTEGER) AS experiment, {{cell1}} AS journey, {{cell2}} AS split
  FROM {{lines}}),
seen AS (
  SELECT w.experiment, e.bucket, e.customer, e.journey, e.started_at AS at, e.id,
      CASE WHEN e.holdout THEN '{HELD_OUT}' ELSE '{TREATED}' END AS arm
    FROM enrollment e CROSS JOIN wanted w WHERE w.journey = e.journey AND w.split = ''
  UNION ALL
  SELECT w.experiment, e.bucket, e.customer, e.journey, e.started_at, e.id, p.value
    FROM enrollment e CROSS JOIN {paths} CROSS JOIN wanted w
    WHERE w.journey = e.journey AND w.split = p.key AND NOT e.holdout
      AND e.journey IN (SELECT journey FROM wanted WHERE split <> '')),
first {once} (
  SELECT experiment, bucket, customer, journey, at, arm FROM (
    SELECT s.*, row_number() OVER (PARTITION BY experiment, bucket, customer ORDER BY at, id) AS place
      FROM seen s) r
    WHERE place = 1)"""  # noqa: S608 - words of our own
