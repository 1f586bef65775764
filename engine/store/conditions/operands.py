"""Where a condition looks in SQL, and how it depends on the local day of a customer."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlmodel import SQLModel

from engine.store.conditions.json_sql import ExactNumber
from engine.store.schema import tables as rows
from engine.values import Instant, at_local, local_date, zone

Truth = sa.ColumnElement[bool]
Document = sa.ColumnElement[Any]
Day = TypeVar("Day")


class NotInSqlError(ValueError):
    """A condition that has no meaning, or no form, over the whole customer base; its closure has."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The tables that a condition looks at: `customer`, `event` and `enrollment` of
    `engine.store.schema.tables`, or aliases of them; and the attributes of a customer with the case-folded
    twins of their texts, as they are stored or with other values in them."""

    customer: sa.FromClause
    event: sa.FromClause
    enrollment: sa.FromClause
    attributes: Document
    folded: Document

    @classmethod
    def of(cls) -> Columns:
        """The tables themselves."""
        tables = SQLModel.metadata.tables
        names = (rows.CustomerRow, rows.EventRow, rows.EnrollmentRow)
        customer, event, enrollment = (tables[row.__tablename__] for row in names)
        return cls(customer, event, enrollment, customer.c.attributes, customer.c.folded)


@dataclass(frozen=True, slots=True)
class JsonDocument:
    """The JSON document whose names a question uses: the customer's attributes, or the fields of an event.
    `folded`: the case-folded twins of its texts, where there are some."""

    columns: Columns
    document: Document
    folded: Document | None
    now: Instant
    zones: tuple[str, ...]

    def of_customer(self) -> JsonDocument:
        """The attributes of the customer."""
        return JsonDocument(self.columns, self.columns.attributes, self.columns.folded, self.now, self.zones)

    def within(self, document: Document) -> JsonDocument:
        """Another document, without folded twins."""
        return JsonDocument(self.columns, document, None, self.now, self.zones)


def number(value: int | Decimal) -> sa.ColumnElement[Any]:
    """A number to compare with."""
    return sa.literal(value, ExactNumber())


def by_day(place: JsonDocument, on: Callable[[dt.date], Truth]) -> Truth:
    """A test that depends on the customer's local date."""
    return _by_zone(place, lambda name: local_date(place.now, zone(name)), on)


def by_bounds(place: JsonDocument, on: Callable[[tuple[Instant, Instant]], Truth]) -> Truth:
    """A test that depends on the first moments of the customer's local day and of the next."""

    def bounds(name: str) -> tuple[Instant, Instant]:
        tz = zone(name)
        day = local_date(place.now, tz)
        return at_local(day, dt.time.min, tz), at_local(day + dt.timedelta(days=1), dt.time.min, tz)

    return _by_zone(place, bounds, on)


def _by_zone(place: JsonDocument, day_of: Callable[[str], Day], on: Callable[[Day], Truth]) -> Truth:
    """One branch for each of the few days that it is now in the zones of the customers. A zone that was not
    named counts as those of the largest group; none named at all: UTC."""
    groups: defaultdict[Day, list[str]] = defaultdict(list)
    for name in place.zones or ("UTC",):
        groups[day_of(name)].append(name)
    *others, most = sorted(groups.items(), key=lambda group: len(group[1]))
    if not others:
        return on(most[0])
    branches = [(place.columns.customer.c.zone.in_(names), on(day)) for day, names in others]
    return sa.case(*branches, else_=on(most[0]))
