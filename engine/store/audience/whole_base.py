"""The whole customer base by SQL: who fits a condition, who has a date near a day, rows for all of them at
once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

import sqlalchemy as sa

from engine.core.conditions.condition import Ref
from engine.core.conditions.dependencies import dependencies_of
from engine.core.facts.computed import windowed_value
from engine.core.facts.customer import Facts
from engine.core.journey import Question
from engine.core.journeys import Journeys
from engine.store.conditions.compiler import Columns, NotInSqlError, happened_after, sql_condition
from engine.store.conditions.json_sql import ExactNumber, json_kind, json_number, json_text, json_with
from engine.store.schema.tables import InboxRow
from engine.store.serialization import load_values, pack
from engine.values import DAY, Instant, Value, instant

Truth = sa.ColumnElement[bool]

COLUMNS = Columns.of()
CUSTOMER = COLUMNS.customer


@dataclass(frozen=True, slots=True)
class SqlQuestion:
    """A question over everybody. `fits`: who fits by SQL. `is_open`: of whom only its closure can tell, since
    a windowed fact is to be counted from their events; None: of nobody."""

    fits: Truth
    is_open: Truth | None = None

    @property
    def may_fit(self) -> Truth:
        """Who fits, and maybe some others."""
        return self.fits if self.is_open is None else sa.or_(self.is_open, self.fits)


def in_sql(question: Question, journeys: Journeys, now: Instant, zones: Iterable[str]) -> SqlQuestion | None:
    """A question as SQL over customers; None where only its closure can be asked. A windowed fact is that of
    no event, but for those whose last event is inside the window."""
    asked = dependencies_of(question.condition, journeys.index.rules).attributes
    windowed = [
        rule
        for rule in journeys.facts
        if rule.name in asked and rule.last is not None and not rule.is_nightly
    ]
    columns, is_open = COLUMNS, None
    if windowed:
        nobody = Facts("", values=journeys.first_values())
        without = pack({rule.name: windowed_value(rule, nobody, now) for rule in windowed})
        columns = replace(
            columns,
            attributes=json_with(columns.attributes, without),
            folded=json_with(columns.folded, dict.fromkeys(without)),  # nothing of it is a text
        )
        is_open = sa.or_(
            *(happened_after(CUSTOMER.c.seen, rule.event, rule.edges(now)[0]) for rule in windowed)
        )
    try:
        return SqlQuestion(sql_condition(question.condition, columns, now, zones), is_open)
    except NotInSqlError:
        return None


def pages(conn: sa.Connection, where: Truth, size: int) -> Iterator[tuple[int, list[str]]]:
    """Those who fit, bucket by bucket, `size` at a time."""
    key = sa.tuple_(CUSTOMER.c.bucket, CUSTOMER.c.id)
    query = sa.select(CUSTOMER.c.bucket, CUSTOMER.c.id).where(where).order_by(*key).limit(size)
    found = conn.execute(query).fetchall()
    while found:
        for bucket, group in groupby(found, key=lambda row: int(row[0])):
            yield bucket, [customer for _, customer in group]
        last = sa.tuple_(sa.literal(found[-1][0], sa.Integer), sa.literal(found[-1][1]))
        found = conn.execute(query.where(key > last)).fetchall()


def in_zone(name: str) -> Truth:
    """Customers of a zone."""
    return CUSTOMER.c.zone == name


_YEAR = 31_556_952_000
"""Milliseconds of a year of the Gregorian calendar, which has 365.2425 days on average. Over centuries the
same day of the year stays within three days of its multiples."""


def date_near(ref: Ref, days: Iterable[dt.date], *, yearly: bool = False) -> Truth:
    """Customers whose date, birthday or time may be one of these days (and some others); `yearly`: in
    whatever year."""
    wanted = sorted(days)
    attribute = CUSTOMER.c.attributes
    if ref.type.kind == "time":
        start = instant(dt.datetime.combine(wanted[0], dt.time.min, dt.UTC)) - DAY
        end = instant(dt.datetime.combine(wanted[-1], dt.time.min, dt.UTC)) + 2 * DAY
        is_number = json_kind(attribute, ref.name).in_(("integer", "real", "number"))
        at = json_number(attribute, ref.name)
        if yearly:
            # Twice the remainder: that of a negative number is negative.
            since = (at - sa.literal(start - 3 * DAY, ExactNumber())) % _YEAR
            return sa.and_(is_number, (since + _YEAR) % _YEAR <= end - start + 6 * DAY)
        return sa.and_(is_number, at.between(start, end))
    text = json_text(attribute, ref.name)
    if ref.type.kind == "birthday" or yearly:
        kept = {day.isoformat()[-5:] for day in wanted}
        return sa.func.substr(text, sa.func.length(text) - 4, 5).in_(
            sorted(kept | ({"02-29"} if kept & {"02-28", "03-01"} else set()))
        )
    return text.in_([day.isoformat() for day in wanted])


def slices(conn: sa.Connection, where: Truth, size: int) -> Iterator[Truth]:
    """Those who fit, `size` at a time: as many conditions as are needed, each about a stretch of the key."""
    key = sa.tuple_(CUSTOMER.c.bucket, CUSTOMER.c.id)
    fitting = (
        sa.select(CUSTOMER.c.bucket, CUSTOMER.c.id).where(where).order_by(CUSTOMER.c.bucket, CUSTOMER.c.id)
    )
    after: Truth = sa.true()
    while True:
        last = conn.execute(fitting.where(after).offset(size - 1).limit(1)).first()
        if last is None:
            yield after
            return
        up_to = sa.tuple_(sa.literal(last.bucket), sa.literal(last.id))
        yield after & (key <= up_to)
        after = key > up_to


def append_for_all(conn: sa.Connection, where: Truth, who: Truth, kind: str, body: str, now: Instant) -> int:
    """The same row of the inbox for every customer who fits, in one statement. How many."""
    fitting = sa.select(
        CUSTOMER.c.bucket, CUSTOMER.c.id, sa.literal(kind), sa.literal(now), sa.literal(body)
    ).where(where, who)
    columns = ["bucket", "customer", "kind", "received_at", "body"]
    statement = sa.insert(InboxRow).from_select(columns, fitting).execution_options(preserve_rowcount=True)
    return int(conn.execute(statement).rowcount)


def values_of(
    conn: sa.Connection, where: Truth, who: Truth, name: str
) -> Iterator[tuple[int, str, dict[str, Value]]]:
    """(bucket, customer, {name: its value}) of everybody who fits."""
    document = sa.cast(CUSTOMER.c.attributes, sa.Text())
    fitting = sa.select(CUSTOMER.c.bucket, CUSTOMER.c.id, document).where(where, who)
    for bucket, customer, attributes in conn.execute(fitting):
        yield bucket, customer, {name: load_values(attributes).get(name)}
