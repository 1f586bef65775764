"""How long customers take from one event to the next, asked of the database in one statement for a fact, and
those whose `next` is to be another moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import sqlalchemy as sa

from engine.core.facts.rule import LEAST_SECOND_EVENTS, FactRule, TypicalGaps
from engine.store.conditions.json_sql import NUMBERS, json_kind, json_number
from engine.store.conditions.operands import Columns

PAGE = 20_000
"""Customers per query: their rows are in memory at once."""


def typical(conn: sa.Connection, rule: FactRule) -> TypicalGaps:
    """The medians of the gaps of customers with one gap and with two, and of the first gap of everybody who
    has a second event. Of an even number of gaps the middle of the two in the middle."""
    moments = _moments(rule).where(_is_there(rule, 1)).cte()  # read once: four groups are made of it
    one, two, three = moments.c.first, moments.c.second, moments.c.third
    groups = [
        (0, two - one, sa.true()),
        (1, two - one, three.is_(None)),
        (2, two - one, sa.and_(three.is_not(None), moments.c.fourth.is_(None))),
        (2, three - two, sa.and_(three.is_not(None), moments.c.fourth.is_(None))),
    ]
    gaps = sa.union_all(
        *(sa.select(sa.literal_column(str(group)).label("of"), gap.label("gap")).where(fits)
          for group, gap, fits in groups)
    ).subquery()  # fmt: skip
    ranked = sa.select(
        gaps.c.of,
        gaps.c.gap,
        sa.func.row_number().over(partition_by=gaps.c.of, order_by=gaps.c.gap).label("place"),
        sa.func.count().over(partition_by=gaps.c.of).label("times"),
    ).subquery()
    # Of five the third, of six the third and the fourth.
    found = conn.execute(
        sa.select(ranked.c.of, ranked.c.times, ranked.c.gap)
        .where((ranked.c.place * 2).between(ranked.c.times, ranked.c.times + 2))
        .order_by(ranked.c.of, ranked.c.place)
    )
    medians: dict[int, int] = {}
    for group, rows in groupby(found, key=lambda row: int(row[0])):
        middle = [(int(times), int(gap)) for _, times, gap in rows]
        if group or middle[0][0] >= LEAST_SECOND_EVENTS:
            medians[group] = (middle[0][1] + middle[-1][1]) // 2
    return TypicalGaps(medians.get(0), medians.get(1), medians.get(2))


@dataclass(frozen=True, slots=True)
class OtherMoment:
    """A customer whose stored moment is another one than it is to be (`moment`; None: there is to be none).
    `events`: how many it is made from, one to three."""

    bucket: int
    customer: str
    events: int
    moment: int | None


def others(
    conn: sa.Connection, rule: FactRule, known: TypicalGaps, page: int = PAGE
) -> Iterator[OtherMoment]:
    """Everybody with one to three events whose stored moment is another one than `known` says."""
    customer = Columns.of().customer
    is_stored = json_kind(customer.c.attributes, rule.name).in_(NUMBERS)
    stored = sa.case((is_stored, json_number(customer.c.attributes, rule.name))).label("stored")
    few = sa.and_(_is_there(rule, 0), sa.not_(_is_there(rule, 3)))
    bucket, last = -1, ""
    while True:
        behind = sa.tuple_(customer.c.bucket, customer.c.id) > sa.tuple_(
            sa.literal(bucket, sa.Integer), sa.literal(last)
        )
        query = (
            _moments(rule).add_columns(customer.c.bucket, customer.c.id, stored)
            .where(few, behind).order_by(customer.c.bucket, customer.c.id).limit(page)
        )  # fmt: skip
        found = conn.execute(query).fetchall()
        for first, second, third, _, number, id_, value in found:
            moments = [int(at) for at in (first, second, third) if at is not None]
            gap = known.of(len(moments))
            expected = moments[-1] + gap if gap is not None else None
            if expected != (int(value) if value is not None else None):
                yield OtherMoment(int(number), str(id_), len(moments), expected)
        if len(found) < page:
            return
        bucket, last = int(found[-1][4]), str(found[-1][5])


def _place(rule: FactRule) -> tuple[str, ...]:
    """Where the state of a fact has its moments."""
    return (rule.memory, "total", "moments") if rule.less else (rule.memory,)


def _is_there(rule: FactRule, index: int) -> sa.ColumnElement[bool]:
    memory = Columns.of().customer.c.memory
    return sa.func.coalesce(json_kind(memory, *_place(rule), index).in_(NUMBERS), sa.false())


def _moments(rule: FactRule) -> sa.Select[tuple[object, ...]]:
    memory, names = Columns.of().customer.c.memory, ("first", "second", "third", "fourth")
    return sa.select(
        *(
            sa.case((_is_there(rule, index), json_number(memory, *_place(rule), index))).label(name)
            for index, name in enumerate(names)
        )
    )
