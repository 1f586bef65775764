"""Who belongs to which arm of an experiment, and what they did since: one statement for all experiments of a
shop, which reads each run once, however many people there are.

A person belongs to the arm of their first run, whatever happened to them later: who starts again, is moved
by changed shares or turns out to be somebody with another id stays there. Who was erased is in none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from engine.core.enrollment import Enrollment
from engine.store.serialization import dump
from engine.store.sql import stream
from engine.values import Instant

HELD_OUT = "holdout"
TREATED = "journey"
"""The arms of a holdout, as they are called here."""

_PATHS = Enrollment.__struct_fields__.index("paths")


class ArmSource(NamedTuple):
    """Runs that an experiment is made of: those of `journey`, and of them that came to the split that is (or
    was) called `split`; "": all of them, divided by whether they are held out. `longest`: so many
    milliseconds after they came in nobody is looked at any more."""

    experiment: int
    journey: str
    split: str
    longest: int = 0


class ArmOrder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An order in the currency of the shop, in millionths."""

    at: Instant
    amount: int


class ArmMember(msgspec.Struct, frozen=True, gc=False):
    """One person. `journey`, `at`: of their first run; `goal_at`: when a run of theirs of that journey first
    reached the goal since; `orders`: JSON of `ArmOrder`s, those since they came in, as long as anybody is
    looked at; the one that brought them in is none of them. None: they ordered nothing."""

    experiment: int
    arm: str
    journey: str
    customer: str
    zone: str
    at: Instant
    goal_at: Instant | None
    orders: str | None


def members(conn: Connection, sources: Iterable[ArmSource], currency: str) -> Iterator[ArmMember]:
    """Everybody in some arm, by their first start, with their orders in this currency; one after the other,
    since they may be everybody."""
    wanted = list(sources)
    if not wanted:
        return
    is_sqlite = conn.dialect.name == "sqlite"
    # Looked up by its name, so that a run is taken apart for the splits that are asked for and no other
    path = f"""json_extract(e.state, '$[{_PATHS}]."' || w.split || '"')""" if is_sqlite else (
        f"CAST(e.state AS json) -> {_PATHS} ->> w.split"
    )  # fmt: skip
    joined = "group_concat" if is_sqlite else "string_agg"
    # The journey as text: SQLite makes an index of what is wanted only where it compares texts with texts.
    # Divided by customer first, as the table is sorted: SQLite then sorts the few runs of each.
    sql = f"""
WITH wanted AS MATERIALIZED (
  SELECT CAST({{cell0}} AS INTEGER) AS experiment, CAST({{cell1}} AS TEXT) AS journey, {{cell2}} AS split,
      CAST({{cell3}} AS BIGINT) AS longest FROM {{lines}}),
seen AS (
  SELECT w.experiment, e.bucket, e.customer, e.journey, e.started_at AS at, e.id, w.longest,
      CASE WHEN w.split <> '' THEN CASE WHEN NOT e.holdout THEN {path} END
        WHEN e.holdout THEN '{HELD_OUT}' ELSE '{TREATED}' END AS arm
    FROM enrollment e CROSS JOIN wanted w WHERE w.journey = e.journey),
first AS (
  SELECT experiment, bucket, customer, journey, at, longest, arm FROM (
    SELECT s.*, row_number() OVER (PARTITION BY bucket, customer, experiment ORDER BY at, id) AS place
      FROM seen s WHERE arm IS NOT NULL) r
    WHERE place = 1)
SELECT f.experiment, f.arm, f.journey, f.customer, c.zone, f.at,
    (SELECT min(g.goal_at) FROM enrollment g WHERE g.bucket = f.bucket AND g.customer = f.customer
      AND g.journey = f.journey AND g.goal_at >= f.at),
    (SELECT '[' || {joined}('[' || k.occurred_at || ',' || k.amount || ']', ',') || ']' FROM credit k
      WHERE k.bucket = f.bucket AND k.customer = f.customer AND k.occurred_at > f.at
      AND k.occurred_at <= f.at + f.longest AND k.currency = ?)
  FROM first f CROSS JOIN customer c WHERE c.bucket = f.bucket AND c.id = f.customer"""  # noqa: S608 - our own words
    for row in stream(conn, sql, (dump(wanted), currency)):
        yield ArmMember(*row)
