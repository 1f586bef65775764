"""Conditions as SQL over the tables: the same answers as the closures of `engine.core.conditions.closure`,
for whole customer bases.

Positive forms never are NULL and never fail; `not` above them is a plain NOT. Both databases get one
expression.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from engine.core.conditions.condition import (
    AllOf,
    AnyOf,
    Can,
    Condition,
    Did,
    GoalReached,
    InSegment,
    InsideJourney,
    Not,
    Reacted,
)
from engine.core.facts.customer import ANY_PURPOSE
from engine.store.conditions.json_sql import NUMBERS, TEXTS, json_kind, json_number, json_text, json_truth
from engine.store.conditions.operands import Columns, Document, JsonDocument, NotInSqlError, Truth, number
from engine.store.conditions.value_sql import about_value
from engine.values import UTC, Instant, minus

__all__ = ["Columns", "NotInSqlError", "happened_after", "sql_condition"]


def sql_condition(condition: Condition, columns: Columns, now: Instant, zones: Iterable[str]) -> Truth:
    """The condition as a boolean expression over the row of a customer: never NULL, never an error.

    `zones`: every time zone that customers have (`SELECT DISTINCT zone`). Raises `NotInSqlError` for what is
    about a run (`trigger.x`, `code.x`, `since start`, `clicked`, `opened`, `goal`), for `product.x`, and for
    `contains`, `starts with`, `ends with` on the fields of events, which have no folded twin.
    """
    place = JsonDocument(columns, columns.attributes, columns.folded, now, tuple(sorted(set(zones))))
    return _truth(condition, place, "customer")


def _truth(condition: Condition, place: JsonDocument, source: str) -> Truth:
    match condition:
        case Not(inner):
            return sa.not_(_truth(inner, place, source))
        case AllOf(inners):
            return sa.and_(sa.true(), *(_truth(inner, place, source) for inner in inners))
        case AnyOf(inners):
            return sa.or_(sa.false(), *(_truth(inner, place, source) for inner in inners))
        case Did():
            return _did(condition, place)
        case InSegment(names):
            return sa.or_(
                sa.false(),
                *(json_kind(place.columns.customer.c.segments, name).is_not(None) for name in names),
            )
        case InsideJourney(journeys):
            # A run that has not ended; the index of open ones is by customer and journey
            customer, enrollment = place.columns.customer, place.columns.enrollment.alias()
            is_open = sa.select(sa.literal(1)).where(
                enrollment.c.bucket == customer.c.bucket,
                enrollment.c.customer == customer.c.id,
                enrollment.c.journey.in_(journeys),
                enrollment.c.ended_at.is_(None),
            )
            return is_open.correlate(customer).exists()
        case Can(channels, purpose):
            return sa.or_(
                sa.false(), *(_can(place.columns.customer.c.reach, each, purpose) for each in channels)
            )
        case Reacted() | GoalReached():
            raise NotInSqlError("clicked, opened and goal are about one run")
        case _:
            return about_value(condition, place, source)


def _did(form: Did, place: JsonDocument) -> Truth:
    """Counted from the customer's counters where they suffice, else from the rows of the event."""
    if form.since_start:
        raise NotInSqlError("since start is about one run")
    seen = place.columns.customer.c.seen
    if form.where is None and form.last is None:
        known = json_kind(seen, form.event, 0).in_(NUMBERS)
        times = sa.case((known, json_number(seen, form.event, 0)), else_=sa.literal(0))
        return _within(times, form)
    if form.where is None and form.last is not None and (form.low, form.high) in ((1, None), (0, 0)):
        lately = happened_after(seen, form.event, minus(place.now, form.last, UTC))
        return lately if form.low else sa.not_(lately)
    customer, event = place.columns.customer, place.columns.event.alias()
    fitting = [
        event.c.bucket == customer.c.bucket,
        event.c.customer == customer.c.id,
        event.c.name == form.event,
    ]
    if form.last is not None:
        fitting.append(event.c.occurred_at > minus(place.now, form.last, UTC))
    if form.where is not None:
        fitting.append(_truth(form.where, place.within(event.c.fields), "event"))
    count = sa.select(sa.func.count()).select_from(event).where(*fitting)
    return _within(count.correlate(customer).scalar_subquery(), form)


def happened_after(seen: Document, event: str, edge: Instant) -> Truth:
    """Whether the last event of a name came after a moment, by the counters of the customer."""
    known = json_kind(seen, event, 2).in_(NUMBERS)
    return sa.case((known, json_number(seen, event, 2) > number(edge)), else_=sa.false())


def _within(count: sa.ColumnElement[Any], form: Did) -> Truth:
    return count.between(form.low, form.high) if form.high is not None else count >= form.low


def _can(reach: Document, channel: str, purpose: str | None) -> Truth:
    """Address, no bounce, no suppression that covers the purpose, and the consent."""
    address = sa.case(
        (json_kind(reach, channel, "address").in_(TEXTS), json_text(reach, channel, "address") != "")
    )
    bounced = json_truth(reach, channel, "bounced")
    covers = ("all", purpose, ANY_PURPOSE) if purpose is not None else ("all",)
    suppressed = sa.case(
        (
            json_kind(reach, channel, "suppressed").in_(TEXTS),
            json_text(reach, channel, "suppressed").in_(covers),
        )
    )
    open_for_all = [
        sa.func.coalesce(address, sa.false()),
        sa.not_(sa.func.coalesce(bounced, sa.false())),
        sa.not_(sa.func.coalesce(suppressed, sa.false())),
    ]
    if purpose is None:
        return sa.and_(*open_for_all)
    consent = json_text(reach, channel, "consents", purpose) == "given"
    return sa.and_(*open_for_all, sa.func.coalesce(consent, sa.false()))
